// SPDX-License-Identifier: Apache-2.0
internal import BeltwayFlow
internal import BeltwayStore
internal import Yams

// `reassembly: {policies: [{net: 10.0.0.0/8, policy: linux}]}`: Suricata's `host-os-policy`, the other way round.

extension ConfigurationFile {
    /// Networks and how the systems there treat overlaps; `fragments` where that is not what the system's name says.
    mutating func hostPolicies(_ node: Node) throws(ApplianceError) {
        var hosts = HostPolicies()
        for item in try items(node) {
            guard let mapping = item.mapping else {
                throw .usage("\(place(item)): expected `net` and `policy`")
            }
            var networks: [AddressRange] = []
            var segments: OverlapPolicy?
            var fragments: FragmentPolicy?
            for (key, value) in mapping {
                switch key.string {
                case "net":
                    networks = try items(value).map { (item) throws(ApplianceError) in try network(item) }
                case "policy": segments = try system(value)
                case "fragments":
                    fragments = try choice(value, byName(FragmentPolicy.allCases.map { ($0.name, $0) }))
                default:
                    let name = key.string ?? ""
                    let nearest = nearestWord(to: name, among: ["net", "policy", "fragments"])
                    throw .usage(
                        "\(place(key)): unknown key `\(name)` in policies; did you mean `\(nearest)`?"
                    )
                }
            }
            guard let segments, !networks.isEmpty else {
                throw .usage("\(place(item)): a policy has a `net` and a `policy`")
            }
            let policy = HostPolicies.Policy(
                segments: segments,
                fragments: fragments ?? FragmentPolicy(ofSystem: segments)
            )
            for network in networks {
                hosts.add(
                    network.least,
                    length: network.prefixLength,
                    version: network.isV4 ? 4 : 6,
                    policy
                )
            }
        }
        configuration.hosts = hosts
    }

    private func network(_ node: Node) throws(ApplianceError) -> AddressRange {
        let text = try word(node)
        guard let range = AddressRange(text) else {
            throw .usage("\(place(node)): expected a network such as 10.0.0.0/8, found `\(text)`")
        }
        return range
    }

    private func system(_ node: Node) throws(ApplianceError) -> OverlapPolicy {
        if let policy = OverlapPolicy(name: node.scalar?.string ?? "") { return policy }
        return try choice(node, byName(OverlapPolicy.allCases.map { ($0.name, $0) }))
    }

    private func byName<Value>(_ values: [(String, Value)]) -> [String: Value] {
        Dictionary(uniqueKeysWithValues: values)
    }
}
