// SPDX-License-Identifier: Apache-2.0
internal import BeltwayFlow
internal import Yams

// `flow:` and `reassembly:`: flow tables, streams and fragments.

extension ConfigurationFile {
    var flowKeys: [String: Setter] {
        [
            "capacity": { (f, n) throws(ApplianceError) in
                f.configuration.flow.capacity = try f.number(n, 1024...(1 << 30))
            },
            "midstream": { (f, n) throws(ApplianceError) in f.configuration.flow.midstream = try f.flag(n) },
            "tcp": { (f, n) throws(ApplianceError) in
                f.configuration.flow.tcp = try f.timeouts(n, f.configuration.flow.tcp)
            },
            "tcp-attempt": { (f, n) throws(ApplianceError) in
                f.configuration.flow.attempt = UInt32(try f.number(n, 0...604_800))
            },
            "udp": { (f, n) throws(ApplianceError) in
                f.configuration.flow.udp = try f.timeouts(n, f.configuration.flow.udp)
            },
            "icmp": { (f, n) throws(ApplianceError) in
                f.configuration.flow.icmp = try f.timeouts(n, f.configuration.flow.icmp)
            },
            "other": { (f, n) throws(ApplianceError) in
                f.configuration.flow.other = try f.timeouts(n, f.configuration.flow.other)
            },
        ]
    }

    var reassemblyKeys: [String: Setter] {
        let overlaps = Dictionary(uniqueKeysWithValues: OverlapPolicy.allCases.map { ($0.name, $0) })
        let fragments = Dictionary(uniqueKeysWithValues: FragmentPolicy.allCases.map { ($0.name, $0) })
        return [
            "overlap": { (f, n) throws(ApplianceError) in
                f.configuration.streams.overlap = try f.choice(n, overlaps)
            },
            "policies": { (f, n) throws(ApplianceError) in try f.hostPolicies(n) },
            "depth": { (f, n) throws(ApplianceError) in
                f.configuration.streams.depth = UInt64(try f.size(n))
            },
            "copies": { (f, n) throws(ApplianceError) in
                f.configuration.streams.copiedBytes = try f.size(n)
            },
            "fragments": { (f, n) throws(ApplianceError) in
                f.configuration.flow.fragments.policy = try f.choice(n, fragments)
            },
            "fragment-timeout": { (f, n) throws(ApplianceError) in
                f.configuration.flow.fragments.timeout = UInt32(try f.number(n, 1...3600))
            },
            "fragment-memory": { (f, n) throws(ApplianceError) in
                f.configuration.flow.fragments.budget = try f.size(n)
            },
        ]
    }

    /// `tcp: {new: 60, established: 600, closed: 60}`: seconds of silence after which a flow is over.
    private func timeouts(
        _ node: Node,
        _ defaults: FlowConfiguration.Timeouts
    ) throws(ApplianceError) -> FlowConfiguration.Timeouts {
        guard let mapping = node.mapping else {
            throw .usage("\(place(node)): expected `new`, `established`, `closed`, `active`")
        }
        var result = defaults
        for (key, value) in mapping {
            let seconds = UInt32(try number(value, (key.string == "active" ? 0 : 1)...604_800))
            switch key.string {
            case "new": result.new = seconds
            case "established": result.established = seconds
            case "closed": result.closed = seconds
            case "active": result.active = seconds
            default:
                let name = key.string ?? ""
                let nearest = nearestWord(to: name, among: ["new", "established", "closed", "active"])
                throw .usage("\(place(key)): unknown key `\(name)` in time-outs; did you mean `\(nearest)`?")
            }
        }
        return result
    }
}
