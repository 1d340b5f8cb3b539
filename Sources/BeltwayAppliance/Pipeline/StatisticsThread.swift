// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayTrace
internal import BeltwayWire
internal import Foundation
internal import Synchronization

/// Where a thread that walks rings finds their readers, also of rings that are opened while it runs.
final class ReaderInbox: Sendable {
    private let waiting = Mutex<[Parcel<DescriptorReader>]>([])
    private let isClosed = Atomic<Bool>(false)

    /// Attaches a reader to a ring; call it before the ring's first packet, so that none is missed.
    func add(_ ring: DataBuffer) throws(BufferError) {
        let parcel = Parcel(try DescriptorReader(ring))
        waiting.withLock { $0.append(parcel) }
    }

    /// No ring will be opened any more.
    func close() { isClosed.store(true, ordering: .releasing) }  // partner: `hasAll`

    /// Whether everything was put in; load it before ``take()``.
    fileprivate var hasAll: Bool { isClosed.load(ordering: .acquiring) }

    fileprivate func take() -> [Parcel<DescriptorReader>] {
        waiting.withLock { parcels in
            defer { parcels.removeAll() }
            return parcels
        }
    }
}

/// The statistics in a thread of their own, walking the descriptors of every ring.
struct StatisticsThread: ~Copyable {
    private var stage: StatisticsStage
    private let inbox: ReaderInbox
    private var readers = OwnedArray<DescriptorReader>(capacity: 1)

    init(stage: consuming StatisticsStage, inbox: ReaderInbox) {
        self.stage = stage
        self.inbox = inbox
    }

    /// Runs until every ring has ended.
    mutating func run() {
        while true {
            var isAtEnd = inbox.hasAll
            for parcel in inbox.take() { readers.append(parcel.open()) }
            var taken = 0
            var lost: UInt64 = 0
            var lag = ConsumerLag()
            var through = Timestamp.zero
            for index in 0..<readers.count {
                taken += drain(index)
                if !readers[index].isAtEnd { isAtEnd = false }
                lost += readers[index].lost
                lag.bytes += readers[index].lagInBytes
                lag.packets += readers[index].backlog
                through = max(through, readers[index].memory.timeThrough)
            }
            stage.showProgress(lost: lost, lag: lag, through: through)
            if isAtEnd { break }
            if taken == 0 { sleep() }
        }
        stage.finish()
    }

    /// Sleeps on a ring that has not ended: waiting for one whose interface is gone returns at once.
    ///
    /// Nobody waits for statistics, so some thirty looks a second are enough: where the producer does not wait for it
    /// either, the thread sleeps some time before it asks to be woken. A producer that does wait, for a ring other than
    /// the one slept on, gets a look in five milliseconds.
    private mutating func sleep() {
        var ring = 0
        while ring < readers.count, readers[ring].isAtEnd { ring += 1 }
        guard ring < readers.count else {
            usleep(5000)
            return
        }
        let isWaitedFor = readers.count > 1 && readers[ring].buffer.policy == .blocking
        if readers[ring].buffer.policy == .fastReader {
            readers[ring].coalescing = Coalescing(delayNanoseconds: Self.napNanoseconds(readers[ring].buffer))
        }
        readers[ring].wait(nanoseconds: isWaitedFor ? 5_000_000 : 50_000_000)
    }

    /// At most 30 ms, and less on a small ring: half of what it lasts at 10 Gbit/s.
    private static func napNanoseconds(_ ring: DataBuffer) -> Int64 {
        min(30_000_000, Int64(ring.geometry.capacity) * 2 / 5)
    }

    private mutating func drain(_ index: Int) -> Int {
        let linkType = readers[index].buffer.linkType
        stage.select(linkType)
        var taken = 0
        while taken < 1024, let descriptor = readers[index].next() {
            taken += 1
            do {
                let headers = try readers[index].packet(descriptor) {
                    PacketDecoder.decode($0, linkType: linkType)
                }
                stage.account(headers, originalLength: descriptor.originalLength, time: descriptor.time)
            } catch { continue }
        }
        readers[index].release()
        return taken
    }
}
