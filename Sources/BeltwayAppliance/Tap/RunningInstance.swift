// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers

/// The rings of an instance that runs on this machine.
struct RunningInstance {
    /// Its data directory.
    let data: String
    /// Names of the rings that it shares, sorted.
    let names: [String]

    private var folder: String { data + "/run" }

    /// Looks for an instance: the named one, else the one that runs where instances put their files.
    static func find(_ named: String?) throws(ApplianceError) -> RunningInstance {
        let data = try DataDirectory.running(named)
        let names: [String]
        do {
            names = try SharedBuffers.names(in: data + "/run")
        } catch {
            throw .failure("\(error)")
        }
        return RunningInstance(data: data, names: names)
    }

    /// The rings that a name means: one ring, all queues of an interface, or all there are.
    func select(_ ring: String?) throws(ApplianceError) -> [String] {
        guard let ring else {
            guard !names.isEmpty else {
                throw .failure(
                    "no ring is shared in \(folder): the instance shares none, or has none yet"
                )
            }
            return names
        }
        if names.contains(ring) { return [ring] }
        // Not by its beginning: the rings of `eth0.100` are not queues of `eth0`.
        let queues = names.filter { interfaceName(ofRing: $0) == ring }
        guard queues.isEmpty else { return queues }
        guard !names.isEmpty else { throw .failure("no ring is shared in \(folder)") }
        throw .failure(
            "no ring `\(excerpt(ring))` in \(folder); there are \(names.joined(separator: ", "))"
        )
    }

    /// Attaches to the rings that a name means.
    ///
    /// A socket that a crashed instance has left is passed over, and so is a ring of another kind that somebody shares
    /// in the same folder (an index of these packets), unless it was asked for.
    func attach(_ ring: String?, as reader: String) throws(ApplianceError) -> [AttachedBuffer] {
        var attached: [AttachedBuffer] = []
        var problem: SharingError?
        for name in try select(ring) {
            do {
                if name != ring, try !holdsPackets(name) { continue }
                attached.append(try AttachedBuffer(name, in: folder, as: reader))
            } catch {
                guard case .nobodyListens = error else { throw .failure("ring \(name): \(error)") }
                problem = problem ?? error
            }
        }
        if attached.isEmpty, let problem { throw .failure("\(problem)") }
        guard !attached.isEmpty else { throw .failure("no ring of packets is shared in \(folder)") }
        return attached
    }

    private func holdsPackets(_ name: String) throws(SharingError) -> Bool {
        UInt64(try SharedBuffers.describe(name, in: folder).kind) == BufferKind.described.rawValue
    }

    /// What the owner says of each ring; those at which nobody listens are left out.
    func describe(_ ring: String?) throws(ApplianceError) -> [RingDescription] {
        var rings: [RingDescription] = []
        for name in ring == nil && names.isEmpty ? [] : try select(ring) {
            do {
                rings.append(try SharedBuffers.describe(name, in: folder))
            } catch {
                if case .nobodyListens = error { continue }
                throw .failure("ring \(name): \(error)")
            }
        }
        return rings
    }
}
