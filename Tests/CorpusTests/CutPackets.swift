// SPDX-License-Identifier: Apache-2.0
// Packets that were captured in part, through all that reads them: decoder, classifier, fragments, tracker, streams, parsers.
//
// A cut packet ends where a page begins that may not be touched: a read beyond it ends the process.
import BeltwayCapture
import BeltwayFlow
import BeltwayFlowTestSupport
import BeltwayWire
import Foundation
import Glibc

/// Memory behind which lies a page that may not be touched.
private final class FencedMemory {
    private let start: UnsafeMutableRawPointer
    private let length: Int
    private let fence = Int(sysconf(Int32(_SC_PAGESIZE)))

    init?(holding most: Int) {
        length = max(1, (most + fence - 1) / fence) * fence
        let kind = MAP_PRIVATE | MAP_ANONYMOUS
        guard let start = mmap(nil, length + fence, PROT_READ | PROT_WRITE, kind, -1, 0), start != MAP_FAILED,
            mprotect(start + length, fence, PROT_NONE) == 0
        else { return nil }
        self.start = start
    }

    deinit { munmap(start, length + fence) }

    /// Calls `body` with the first `count` bytes, which end where the fence begins.
    func lend<Result>(_ bytes: [UInt8], count: Int, _ body: (RawSpan) -> Result) -> Result {
        let place = UnsafeMutableRawBufferPointer(start: start + length - count, count: count)
        bytes.withUnsafeBytes { place.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        return body(UnsafeRawBufferPointer(place).bytes)
    }
}

/// Transactions, and what their events say, as JSON objects of their own.
private struct Transactions: FactSink {
    var count = 0
    var texts: [[UInt8]] = []
    /// So that nobody thinks reading them useless.
    var sum: UInt8 = 0

    mutating func record(_ fact: Fact) {}

    mutating func record(_ transaction: TransactionRecord, body: Span<UInt8>) {
        count += 1
        for column in 0..<TransactionRecord.mostMarks {
            if let place = transaction.mark(column) { sum &+= body[place.upperBound - 1] }
        }
        let details = body.count - Int(transaction.detailLength)
        var values = TransactionDetails(body.extracting(details..<body.count).bytes)
        while let value = values.next() { sum &+= UInt8(truncatingIfNeeded: value.place.count) }
        guard transaction.shownLength > 1 else { return }
        // It begins with the comma behind the head of an event.
        var text: [UInt8] = [0x7b]
        for index in 1..<transaction.shownLength { text.append(body[index]) }
        texts.append(text + [0x7d])
    }
}

/// One pass over a capture: a worker with its producer, in one thread.
private func pass() -> FlowPipeline<ParsingEnd<Transactions>> {
    var configuration = FlowConfiguration()
    configuration.capacity = 256
    var streams = StreamConfiguration()
    streams.copiedBytes = 1 << 20
    var events = EventSettings()
    events.anomalies = [.applayer, .decode, .stream]
    events.httpFields = [.requests, .responses]
    events.mailDigests = [.subject, .body]
    events.mailSchemes = [.http, .https, .ftp, .mailto]
    var files = FileSettings()
    files.hashes = [.md5, .sha1, .sha256]
    let stage = ApplicationStage(wantsDetails: true, files: files, events: events)
    return FlowPipeline(configuration, end: ParsingEnd(streams, stage, Transactions()))
}

/// Every pass over one capture, its packets cut to each length from 0 to the longest packet's.
struct CutPackets: Sendable {
    var passes = 0
    var packets = 0
    var flows = 0
    var transactions = 0
    /// Of these, those that have an event, which was read again as JSON.
    var texts = 0
    var seconds = 0.0
    var problems: [String] = []

    init(_ path: String) {
        let began = Date()
        let whole = wholePackets(path).packets
        let longest = whole.map(\.bytes.count).max() ?? 0
        guard let memory = FencedMemory(holding: longest) else {
            problems = ["no memory for packets"]
            return
        }
        // Whether the cut before showed an IP header: a longer one has to.
        var showedIP = [Bool](repeating: false, count: whole.count)
        for length in 0...longest {
            var pass = pass()
            for (index, packet) in whole.enumerated() {
                let isIP = memory.lend(packet.bytes, count: min(length, packet.bytes.count)) {
                    pass.take(
                        $0,
                        packet.linkType,
                        time: packet.packet.time,
                        originalLength: packet.packet.originalLength
                    )
                }
                if showedIP[index], !isIP { note("cut to \(length): packet \(index) is no longer IP") }
                showedIP[index] = isIP
            }
            pass.finishParsing()
            for text in pass.end.sink.texts
            where (try? JSONSerialization.jsonObject(with: Data(text))) as? [String: Any] == nil {
                pass.expect(false, "no JSON: \(String(decoding: text, as: UTF8.self))")
            }
            if let problem = pass.problem { note("cut to \(length): \(problem)") }
            passes += 1
            packets += whole.count
            flows += pass.end.flows
            transactions += pass.end.sink.count
            texts += pass.end.sink.texts.count
        }
        seconds = Date().timeIntervalSince(began)
    }

    private mutating func note(_ problem: String) {
        if problems.count < 4 { problems.append(problem) }
    }
}
