// SPDX-License-Identifier: Apache-2.0
// libFuzzer: what a flow carries, through the whole application stage: detection, parsers, bodies and files.
//
//     input    port 1 | step | step ..     port: which of `ports`; its high bit says UDP, bit 6 begins with the opening
//                                          of the protocol that the run is about (see `Selection`)
//     step     what 1 | length 1 | bytes   what: bit 0 who speaks, bits 1 to 3 what happens (see `Step`), bits 4 to 7
//                                          which hand-over comes before (see `Handovers`)

import BeltwayBuffers
import BeltwayFlow
import BeltwayWire

private let ports: [UInt16] = [80, 443, 445, 25, 21, 22, 53, 139, 5353, 5355, 67, 123, 8080, 4433, 20, 9999]

/// Takes all that is recorded, and reads each byte of it.
private struct Reader: FactSink {
    var sum: UInt8 = 0
    mutating func record(_ fact: Fact) {}
    mutating func record(_ transaction: TransactionRecord, body: Span<UInt8>) {
        for index in 0..<body.count { sum &+= body[index] }
        for column in 0..<TransactionRecord.mostMarks {
            if let place = transaction.mark(column) { sum &+= body[place.upperBound - 1] }
        }
        var details = TransactionDetails(
            body.extracting(body.count - Int(transaction.detailLength)..<body.count).bytes
        )
        while let value = details.next() { sum &+= UInt8(truncatingIfNeeded: value.place.count) }
    }
}

private enum Step: UInt8 {
    case bytes, moreBytes, longBytes, otherFlow, gap, ended, overwritten, flowEnded
}

/// One worker's flows.
private struct Worker: ~Copyable {
    private var stage: ApplicationStage
    private let queue: FileQueue
    private var reader = Reader()
    private var offsets: [UInt64] = [0, 0, 0, 0]
    private let isDatagram: Bool
    private var headers: [PacketHeaders] = []

    init(port: UInt16, isDatagram: Bool) {
        var limits = FileExtraction()
        limits.largest = 4096
        limits.total = 16_384
        limits.keepsPartial = port & 1 == 0
        queue = FileQueue(limits, waits: false)
        var settings = FileSettings()
        settings.queue = queue
        let events = Selection.current?.events ?? EventSettings()
        stage = ApplicationStage(wantsDetails: true, files: settings, events: events)
        self.isDatagram = isDatagram
        for (source, destination) in [(UInt16(40_000), port), (port, 40_000)] {
            var packet = [UInt8](repeating: 0, count: 14 + 20 + 20)
            packet.replaceSubrange(12..<16, with: [8, 0, 0x45, 0])
            packet[17] = 40
            packet[22] = 64
            packet[23] = isDatagram ? 17 : 6
            packet[29] = source == port ? 2 : 1
            packet[33] = source == port ? 1 : 2
            packet[34] = UInt8(source >> 8)
            packet[35] = UInt8(source & 0xff)
            packet[36] = UInt8(destination >> 8)
            packet[37] = UInt8(destination & 0xff)
            if isDatagram { packet[39] = 20 } else { packet[46] = 0x50 }
            var decoded = PacketHeaders()
            PacketDecoder.decode(packet.span.bytes, linkType: .ethernet, into: &decoded)
            headers.append(decoded)
        }
    }

    mutating func step(_ step: Step, isForward: Bool, _ bytes: RawSpan) {
        let slot = step == .otherFlow ? 1 : 0
        var flow = FlowView()
        flow.slot = UInt32(slot)
        flow.flowID = UInt64(slot) + 7
        flow.toResponder = isForward
        let place = PacketPlace(time: Timestamp(seconds: 1), number: 1, buffer: 0, interface: 0)
        if step == .flowEnded { return end(slot: 0) }
        if isDatagram {
            stage.datagram(bytes, headers: headers[isForward ? 0 : 1], flow: flow, packet: place)
            if step == .overwritten { stage.discard() } else { stage.commit(into: &reader) }
            return
        }
        guard stage.wantsStream(flow) else { return }
        stage.beginSegment(headers[isForward ? 0 : 1], flow: flow, packet: place)
        var view = StreamView()
        view.slot = flow.slot
        view.flowID = flow.flowID
        view.toResponder = isForward
        let side = slot * 2 + (isForward ? 0 : 1)
        view.offset = offsets[side]
        switch step {
        case .bytes, .moreBytes, .otherFlow:
            stage.bytes(bytes, of: view)
            offsets[side] += UInt64(bytes.byteCount)
        case .longBytes:
            // The same again and again: what is long is more than an input holds.
            for _ in 0..<16 {
                view.offset = offsets[side]
                stage.bytes(bytes, of: view)
                offsets[side] += UInt64(bytes.byteCount)
            }
        case .gap:
            let length = UInt64(bytes.byteCount) << (bytes.byteCount & 7)
            if length > 0 { stage.gap(length, of: view) }
            offsets[side] += length
        case .ended: stage.directionEnded(view, .fin)
        case .overwritten:
            stage.bytes(bytes, of: view)
            return stage.overwritten(slot: flow.slot, flowID: flow.flowID)
        case .flowEnded: break
        }
        stage.commit(into: &reader)
    }

    /// Question and answer of a hand-over, with what follows in the same segment as the last of them, or as the question.
    mutating func handOver(_ number: Int, isForward: Bool, _ rest: [UInt8]) {
        let (question, answer) = Handovers.all[number % Handovers.all.count]
        step(.bytes, isForward: true, (isForward ? question + rest : question).span.bytes)
        step(.bytes, isForward: false, (isForward ? answer : answer + rest).span.bytes)
    }

    mutating func end(slot: Int) {
        var record = FlowRecord()
        record.flowID = UInt64(slot) + 7
        record.originatorPort = headers[0].sourcePort
        record.responderPort = headers[0].destinationPort
        record.transportProtocol = isDatagram ? 17 : 6
        stage.beginEnd(of: record)
        stage.ended(&record, slot: UInt32(slot))
        stage.commit(into: &reader)
    }

    /// Everything has ended: nothing may be left.
    consuming func finish() {
        end(slot: 0)
        end(slot: 1)
        precondition(stage.heldBytes == 0, "what a flow held is given back at its end")
        var open: Set<UInt64> = []
        for piece in queue.take() ?? [] {
            queue.done(piece.count)
            switch piece {
            case .bytes(let number, _): open.insert(number)
            case .end(let number, _), .dropped(let number): open.remove(number)
            }
        }
        precondition(open.isEmpty, "a file that was begun ends")
    }
}

/// One input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    guard let start, count > 1 else { return 0 }
    // A copy of its own length, so that the sanitizer sees a read beyond it.
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    let selection = Selection.current
    let isDatagram =
        switch selection?.transport ?? .both {
        case .datagrams: true
        case .streams: false
        case .both: input[0] & 0x80 != 0
        }
    var worker = Worker(port: selection?.port ?? ports[Int(input[0] & 15)], isDatagram: isDatagram)
    if let selection, input[0] & 0x40 != 0, !isDatagram {
        for said in selection.opening {
            worker.step(.bytes, isForward: said.isForward, said.bytes.span.bytes)
        }
    }
    var index = 1
    while index + 2 <= input.count {
        let what = input[index]
        let end = min(index + 2 + Int(input[index + 1]), input.count)
        let bytes = Array(input[index + 2..<end])
        if what >> 4 != 0, !isDatagram {
            worker.handOver(Int(what >> 4), isForward: what & 1 == 0, bytes)
        } else {
            worker.step(Step(rawValue: what >> 1 & 7) ?? .bytes, isForward: what & 1 == 0, bytes.span.bytes)
        }
        index = end
    }
    worker.finish()
    return 0
}
