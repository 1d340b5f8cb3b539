// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Foundation
import Testing

/// A gzip of a run of bytes.
private func gzip(_ bytes: [UInt8]) -> [UInt8] { deflated(bytes, 31) }

/// Flows of one worker, each a request that is answered with a body in gzip.
private struct Worker: ~Copyable {
    private var stage: ApplicationStage
    private var sink = TransactionList()
    private var offsets: [UInt32: UInt64] = [:]

    init() {
        var settings = FileSettings()
        settings.hashes = []
        stage = ApplicationStage(files: settings)
    }

    var counters: FileCounters { stage.output.fileCounters }

    private mutating func hear(_ bytes: [UInt8], _ flow: UInt32, toResponder: Bool) {
        let packet =
            toResponder
            ? Packet.tcp(0x0a00_0001, 40_000, 0xc000_0235, 80, flags: 0x10, time: 1)
            : Packet.tcp(0xc000_0235, 80, 0x0a00_0001, 40_000, flags: 0x10, time: 1)
        var view = FlowView()
        view.slot = flow
        view.flowID = UInt64(flow) + 1
        view.toResponder = toResponder
        guard stage.wantsStream(view) else { return }
        let place = PacketPlace(time: packet.timestamp, number: 1, buffer: 0, interface: 0)
        stage.beginSegment(packet.headers, flow: view, packet: place)
        var stream = StreamView()
        stream.slot = flow
        stream.flowID = view.flowID
        stream.toResponder = toResponder
        stream.offset = toResponder ? 0 : offsets[flow, default: 0]
        if !toResponder { offsets[flow, default: 0] += UInt64(bytes.count) }
        stage.bytes(bytes.span.bytes, of: stream)
        stage.commit(into: &sink)
    }

    mutating func ask(_ flow: UInt32, bodyLength: Int) {
        hear(Array("GET /\(flow) HTTP/1.1\r\n\r\n".utf8), flow, toResponder: true)
        let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(bodyLength)\r\n\r\n"
        hear(Array(head.utf8), flow, toResponder: false)
    }

    mutating func answer(_ flow: UInt32, _ bytes: ArraySlice<UInt8>) {
        hear(Array(bytes), flow, toResponder: false)
    }

    /// Whether the file of a flow came whole, nil if it was not told.
    func isClosed(_ flow: UInt32) -> Bool? {
        let file = sink.transactions.last {
            $0.record.kind == .fileinfo && $0.record.flowID == UInt64(flow) + 1
        }
        return file.map { $0.body.contains("\"CLOSED\"") }
    }
}

@Suite struct `Inflating what a worker's flows carry` {
    private let text = gzip(Array(String(repeating: "some text, some more; ", count: 30).utf8))

    @Test func `goes on in the flows that were heard last, when too many stand still`() {
        var worker = Worker()
        for flow in UInt32(0)..<600 {
            worker.ask(flow, bodyLength: text.count)
            worker.answer(flow, text[..<10])
            // The first one says something now and then.
            if flow % 100 == 99 {
                worker.answer(0, text[(10 + Int(flow) / 100)...][..<(11 + Int(flow) / 100)])
            }
        }
        for flow in UInt32(1)..<600 { worker.answer(flow, text[10...]) }
        worker.answer(0, text[16...])
        #expect(worker.isClosed(0) == true)
        #expect(worker.isClosed(1) == false)
        #expect(worker.isClosed(599) == true)
        #expect(worker.counters.gaveWay == 88)
        #expect((1..<600).count { worker.isClosed($0) == true } == 511)
    }

    @Test func `is paid for by what comes in, and what is modest is always inflated`() {
        var worker = Worker()
        let zeros = gzip([UInt8](repeating: 0, count: 1_000_000))
        for flow in UInt32(0)..<100 {
            worker.ask(flow, bodyLength: zeros.count)
            worker.answer(flow, zeros[...])
        }
        #expect(worker.isClosed(0) == true)
        #expect(worker.isClosed(99) == false)
        #expect((20...40).contains(worker.counters.bombs), "64 MiB are free: \(worker.counters.bombs)")
        worker.ask(200, bodyLength: text.count)
        worker.answer(200, text[...])
        #expect(worker.isClosed(200) == true)
    }
}
