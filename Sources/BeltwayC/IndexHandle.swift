// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import CBeltway
internal import Glibc

// What an index's handle stands for: an index ring that this process owns, and the server of its socket.

/// A selection of packets that a C program publishes.
final class IndexHandle {
    private let server: BufferServer
    private let policy: BufferPolicy
    private var entries: RingProducer<EntryLayout>
    /// The rings that its entries may point into, of one run each.
    private let rings: [UInt16: DataBuffer]

    /// Makes the ring and opens its socket.
    init(
        _ name: String,
        data: String,
        rings: [DataBuffer],
        entries count: Int,
        policy: BufferPolicy
    ) throws(Failure) {
        var known: [UInt16: DataBuffer] = [:]
        for ring in rings {
            if let other = known[ring.number], other.generation != ring.generation || other.name != ring.name
            {
                throw Failure(ESTALE, "rings \(other.name) and \(ring.name) are both called \(ring.number)")
            }
            known[ring.number] = ring
        }
        self.rings = known
        self.policy = policy
        let options = RingOptions(kind: .index, policy: policy, capacity: count * 32)
        let generation = UInt64(bitPattern: wallClockNanoseconds())
        do throws(BufferError) {
            let ring = try Ring(name: name, options: options, generation: generation)
            entries = ring.makeProducer(EntryLayout.self)
        } catch {
            throw Failure(error)
        }
        let server: BufferServer
        do throws(SharingError) {
            let before = blockSignals()
            defer { restoreSignals(before) }
            server = try BufferServer(folder: data + "/run")
        } catch {
            throw Failure(error)
        }
        self.server = server
        do throws(SharingError) {
            try server.share(
                entries.ring,
                naming: Array(known.values),
                policy: AccessPolicy(owner: geteuid(), group: getegid())
            )
        } catch {
            throw Failure(error)
        }
    }

    deinit { server.stop() }

    /// See `beltway_index_append`.
    func append(
        _ packet: beltway_packet,
        flowHash: UInt32,
        classification: UInt32
    ) throws(Failure) {
        guard let ring = unsafe rings[packet.buffer] else {
            throw Failure(EINVAL, "the index has no ring called \(unsafe packet.buffer)")
        }
        let entry = unsafe IndexEntry(
            position: Position(packet.position),
            flowHash: flowHash,
            ordinal: UInt32(truncatingIfNeeded: packet.ordinal),
            length: packet.record_length,
            buffer: packet.buffer,
            interface: packet.interface_number,
            classification: Classification(rawValue: classification)
        )
        guard ring.memory.descriptor(of: entry) != nil else {
            throw Failure(ESTALE, "the packet has been overwritten, or is none of \(ring.name)")
        }
        if entries.append(entry) { return }
        // What was not published yet fills the ring.
        if policy == .fastReader {
            entries.publish()
            if entries.append(entry) { return }
        }
        throw Failure.noRoom
    }

    /// See `beltway_index_publish`.
    func publish() { entries.publish() }

    /// See `beltway_index_wait`.
    func waitForRoom() {
        if policy == .blocking { entries.waitForRoom() }
    }

    /// See `beltway_index_close`.
    func close() { entries.close() }
}

extension Failure {
    /// Readers still need the room; made once, as it is no failure.
    static let noRoom = Failure(EAGAIN, "readers of the index still need the room")
}

/// Nanoseconds since 1970.
private func wallClockNanoseconds() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Blocks all signals in this thread; one that it starts meanwhile never runs a handler of the host program.
private func blockSignals() -> sigset_t {
    var (all, before) = (sigset_t(), sigset_t())
    unsafe sigfillset(&all)
    unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
    return before
}

private func restoreSignals(_ before: sigset_t) {
    var before = before
    unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
}
