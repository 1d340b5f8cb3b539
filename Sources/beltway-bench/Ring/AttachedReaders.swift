// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayWire

/// In the second process: readers of one ring, each attached by the ring's socket and in a thread of its own.
enum AttachedReaders {
    /// What a reader does between packets.
    enum Manner {
        /// Sleeps until the ring ends.
        case asleep
        /// Reads every packet's descriptor and first bytes; sleeps a millisecond after each drain.
        case keepingUp
        /// The same; sleeps until 16 MiB are there or a tenth of a second is over, as taps and programs of libpcap do.
        case inBatches
    }

    /// Attaches all of them, says so, and waits for their ends.
    static func run(_ count: Int, _ manner: Manner, ring: String, folder: String, report: Int32) throws {
        let attached = try (0..<count).map { try AttachedBuffer(ring, in: folder, as: "bench.\($0)") }
        let threads = try attached.map { attached in
            // Here and not in the thread: what is published after the report is offered to all of them.
            let place = Handover(try DescriptorReader(attached.buffer))
            return PeerThread {
                var reader = place.take()
                return read(&reader, manner)
            }
        }
        PeerProcess.say([1], on: report)
        var sum = PeerReport(end: UInt64(wallSeconds() * 1e9))
        for thread in threads {
            let outcome = thread.join()
            sum.bytes += outcome.bytes
            sum.checksum &+= outcome.checksum
            sum.nanoseconds += outcome.nanoseconds
            sum.lost += outcome.lost
        }
        // Until here: who lets go of the attachment is woken no more.
        withExtendedLifetime(attached) {}
        PeerProcess.say(sum.words, on: report)
    }

    private static func read(_ reader: inout DescriptorReader, _ manner: Manner) -> PeerReport {
        let start = threadSeconds()
        var report = PeerReport(end: 0)
        switch manner {
        case .asleep:
            reader.coalescing = Coalescing(bytes: 1 << 50)
            while !reader.memory.isClosed { reader.wait(nanoseconds: 60_000_000_000) }
        case .keepingUp:
            reader.coalescing = .relaxed
            report.checksum = readAll(&reader, nanoseconds: 50_000_000)
        case .inBatches:
            reader.coalescing = Coalescing(bytes: 16 << 20)
            report.checksum = readAll(&reader, nanoseconds: 100_000_000)
        }
        report.nanoseconds = UInt64((threadSeconds() - start) * 1e9)
        report.bytes = reader.read
        report.lost = reader.lost
        return report
    }

    @inline(never)
    private static func readAll(_ reader: inout DescriptorReader, nanoseconds: Int64) -> UInt64 {
        var sum: UInt64 = 0
        while !reader.isAtEnd {
            while let descriptor = reader.next() {
                sum &+= (try? reader.packet(descriptor) { $0.littleEndian64(at: 0) }) ?? 0
            }
            reader.wait(nanoseconds: nanoseconds)
        }
        return sum
    }
}
