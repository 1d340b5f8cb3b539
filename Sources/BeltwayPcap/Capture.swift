// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayWire
internal import CPcap
internal import Glibc

// An activated handle: reads rings for one program.
//
//     ring(s), in place ──> filter, in place ──> copy of what is wanted ──> still whole? ──> callback
//                             0: next packet                                  no: lost, next packet
//
// The copy is what a program of libpcap's needs: it has no way of asking afterwards whether the bytes were still there.
// A packet that the filter rejects is not copied. Budget: 75 ns per packet that is handed over, 30 for one that is
// rejected, filter included.
//
// Safe because `bytes` has room for the longest record, lengths are cut to it, and both addresses live as long as this.

/// What one look for the next packet gave.
enum Look {
    /// A packet lies in the buffer.
    case packet
    /// Nothing more is there.
    case drained
    /// Many packets were passed over, and more are there.
    case passedOver
    /// pcap_breakloop was called.
    case called
}

/// What one handle reads.
@safe struct Capture: ~Copyable {
    var reader: MergedReader
    var options: CaptureOptions
    var filter: PacketFilter?
    /// Flags that a packet must not have, for pcap_setdirection.
    var unwanted: RecordFlags = []
    /// A handle of the real library's with this capture's link type, snap length and precision: compiles filters and
    /// writes the heads of files.
    let model: RealHandle
    /// The packet that is handed over.
    let bytes: UnsafeMutableRawPointer
    /// Its header.
    let header: UnsafeMutablePointer<pcap_pkthdr>
    /// Ends sleeps and loops.
    let call: WakeCall
    /// Packets that passed the filter, whole.
    private(set) var accepted: UInt64 = 0
    /// What a poller polls; nil until it asks.
    var timer: ReadyTimer?
    /// Bytes taken since the reader was last found empty.
    var bytesSinceDrained = 0
    /// Whether anything was taken since the last sleep: what sleeps in vain looks after its producer.
    var tookSomething = true
    /// Why reading has failed for good.
    var failure: Failure?

    private static let mostPassedOver = 16_384

    init(
        _ attached: [AttachedBuffer],
        _ options: CaptureOptions,
        model: RealHandle,
        call: WakeCall
    ) throws(Failure) {
        do throws(BufferError) {
            reader = try MergedReader(attached)
        } catch {
            throw Failure(.error, error.description)
        }
        self.options = options
        unsafe self.model = model
        self.call = call
        unsafe bytes = .allocate(byteCount: CaptureOptions.greatestSnapLength, alignment: 64)
        unsafe header = .allocate(capacity: 1)
        unsafe header.initialize(to: pcap_pkthdr())
    }

    deinit {
        // The owner keeps the last ledger that it was shown.
        _ = reader.ledgers
        unsafe bytes.deallocate()
        unsafe header.deallocate()
        unsafe RealLibrary.functions.close?(model)
    }

    /// Packets that were overwritten before they could be taken.
    var lost: UInt64 { reader.lost }

    /// Looks for the next packet that is wanted.
    mutating func look() -> Look {
        let snapLength = options.snapLength
        var passedOver = 0
        while let packet = reader.next() {
            bytesSinceDrained &+= Int(packet.descriptor.recordLength)
            var length = 0
            if packet.descriptor.flags.isDisjoint(with: unwanted) {
                let original = packet.descriptor.originalLength
                length = reader.withBytes(of: packet) { span in
                    var length = min(span.byteCount, snapLength)
                    if let wanted = filter?.wanted(span, originalLength: original) {
                        if wanted == 0 { return -1 }
                        length = min(length, wanted)
                    }
                    unsafe span.withUnsafeBytes { source in
                        if let start = source.baseAddress {
                            unsafe self.bytes.copyMemory(from: start, byteCount: length)
                        }
                    }
                    return length
                }
            } else {
                length = -1
            }
            let isWhole = reader.wasWhole(packet)
            guard length >= 0, isWhole else {
                passedOver &+= 1
                if passedOver & 63 == 0 {
                    if call.isRaised { return .called }
                    if passedOver >= Self.mostPassedOver {
                        tookSomething = true
                        return .passedOver
                    }
                }
                continue
            }
            tookSomething = true
            accepted &+= 1
            fillHeader(packet.descriptor, length)
            return .packet
        }
        if passedOver > 0 { tookSomething = true }
        return .drained
    }

    @inline(__always)
    private func fillHeader(_ descriptor: Descriptor, _ length: Int) {
        let time = descriptor.time.nanoseconds
        let seconds = time / 1_000_000_000
        let rest = time &- seconds &* 1_000_000_000
        unsafe header.pointee.ts.tv_sec = Int(truncatingIfNeeded: seconds)
        unsafe header.pointee.ts.tv_usec = Int(
            truncatingIfNeeded: options.isInNanoseconds ? rest : rest / 1_000
        )
        unsafe header.pointee.caplen = UInt32(truncatingIfNeeded: length)
        unsafe header.pointee.len = descriptor.originalLength
    }
}
