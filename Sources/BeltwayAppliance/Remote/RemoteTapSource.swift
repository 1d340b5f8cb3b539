// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayWire

/// One ring of another host as a tap reads it.
struct RemoteLane<Reader: RemoteRecordReader & ~Copyable>: ~Copyable {
    var reader: Reader
    /// A packet that was taken and whose turn has not come; its bytes are in `copy`.
    var pending: Descriptor?
    var copy = PacketCopy()
    let name: String
    let linkType: LinkType

    init(_ reader: consuming Reader) {
        name = reader.ring.name
        linkType = reader.ring.linkType
        self.reader = reader
    }

    /// Fills `pending` with the next packet that is still whole, moving at most so many of its bytes.
    mutating func look(_ bytes: Int) {
        while pending == nil, var descriptor = reader.next() {
            let length = min(bytes, Int(descriptor.capturedLength))
            do throws(Lapped) {
                try reader.withBytes(of: descriptor, offset: 0, length: length) { copy.take($0) }
            } catch {
                continue  // counted as lost
            }
            descriptor.capturedLength = UInt32(length)
            pending = descriptor
        }
    }
}

/// What a remote tap moved, for its last lines: written by the source, read once the tap has ended.
final class RemoteTapTotals {
    var lines: [String] = []
}

/// Reads rings of another host, merged in order of time as those of this one are (`LocalTapSource`).
///
/// A packet's bytes are fetched when it is taken, as many as are wanted, and copied aside: what is lent is whole.
struct RemoteTapSource<Reader: RemoteRecordReader & ~Copyable>: TapSource, ~Copyable {
    private var lanes: OwnedArray<RemoteLane<Reader>>
    private var lent = PacketCopy()
    /// Bytes of each packet that are moved.
    private let bytes: Int
    private let totals: RemoteTapTotals
    /// How long a ring that says nothing holds up the others.
    private let patience: Duration
    private var waitingSince: ContinuousClock.Instant?

    init(
        _ lanes: consuming OwnedArray<RemoteLane<Reader>>,
        bytes: Int,
        totals: RemoteTapTotals,
        patience: Duration = .milliseconds(500)
    ) {
        self.lanes = lanes
        self.bytes = bytes
        self.totals = totals
        self.patience = patience
    }

    var ringCount: Int { lanes.count }

    func linkType(of ring: Int) -> LinkType { lanes[ring].linkType }

    mutating func interfaceName(of packet: TapPacket) -> String {
        let names = lanes[packet.ring].reader.ring.interfaces
        let index = Int(packet.descriptor.interface)
        return index < names.count ? names[index] : lanes[packet.ring].name
    }

    mutating func next() -> TapPacket? {
        var first = -1
        var firstTime = Timestamp.distantFuture
        var silentThrough = Timestamp.distantFuture
        for index in 0..<lanes.count {
            lanes[index].look(bytes)
            if let time = lanes[index].pending?.time {
                if first < 0 || time < firstTime { (first, firstTime) = (index, time) }
            } else if !lanes[index].reader.isAtEnd {
                silentThrough = min(silentThrough, lanes[index].reader.timeThrough)
            }
        }
        guard first >= 0, let descriptor = lanes[first].pending else { return nil }
        if silentThrough < firstTime {
            let since = waitingSince ?? .now
            waitingSince = since
            if ContinuousClock.now - since < patience { return nil }
        } else {
            waitingSince = nil
        }
        lanes[first].pending = nil
        swap(&lent, &lanes[first].copy)
        return TapPacket(ring: first, descriptor: descriptor)
    }

    func withBytes<Result>(of packet: TapPacket, _ body: (RawSpan) -> Result) -> Result {
        lent.withBytes(body)
    }

    mutating func wasWhole(_ packet: TapPacket) -> Bool { true }

    mutating func wait(nanoseconds: Int64) {
        let share = lanes.count == 1 ? nanoseconds : min(nanoseconds, 2_000_000)
        for index in 0..<lanes.count where lanes[index].pending == nil {
            lanes[index].reader.wait(nanoseconds: share)
        }
    }

    mutating func state() -> TapState {
        var failed: [String] = []
        for index in 0..<lanes.count {
            guard lanes[index].pending == nil, lanes[index].reader.isAtEnd else { return .running }
            if let failure = lanes[index].reader.failure { failed.append("\(lanes[index].name): \(failure)") }
        }
        return failed.isEmpty ? .ended : .broken(failed.joined(separator: "; "))
    }

    var ledgers: [TapLedger] {
        var (all, ring, messages) = (UInt64(0), UInt64(0), UInt64(0))
        var packets: UInt64 = 0
        for index in 0..<lanes.count {
            let counters = lanes[index].reader.counters
            all += counters.bytesReceived
            ring += counters.ringBytesReceived
            messages += counters.messagesSent
            packets += lanes[index].reader.read
        }
        totals.lines = [
            "moved \(all) bytes, \(ring) of them of the ring, for \(packets) packets (\(messages) requests)"
        ]
        return (0..<lanes.count).map { index in
            TapLedger(
                ring: lanes[index].name,
                published: lanes[index].reader.published,
                read: lanes[index].reader.read,
                lost: lanes[index].reader.lost
            )
        }
    }
}
