// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Foundation
import Testing

/// What the reassembler would hand over of one flow between 10.0.0.1:40000 and 192.0.2.53.
enum Talk {
    case client([UInt8])
    case server([UInt8])
    /// Bytes that never come.
    case lost(UInt64, toResponder: Bool)
    /// A direction's FIN.
    case closed(toResponder: Bool)

    static func client(_ text: String) -> Talk { .client(Array(text.utf8)) }
    static func server(_ text: String) -> Talk { .server(Array(text.utf8)) }
}

/// One TCP flow through the parsers.
struct Conversation {
    var transactions: [(record: TransactionRecord, body: String)] = []
    /// Anomalies, which come beside what has them.
    var oddities: [(record: TransactionRecord, body: String)] = []
    /// Files among them have a list of their own, since they come beside what brought them.
    var files: [(record: TransactionRecord, body: String)] = []
    var counters = ApplicationCounters()
    var fileCounters = FileCounters()
    var tally = ApplicationTally()
    var application = ApplicationProtocol.unknown
    /// What it spoke before.
    var original = ApplicationProtocol.unknown
    /// The flow's record, as it leaves.
    var flow = FlowRecord()

    /// Lets the parsers hear a conversation.
    ///
    /// - Parameters:
    ///   - talk: What is said, in order.
    ///   - port: The server's.
    ///   - pieces: Bytes of a segment at most.
    ///   - isMidstream: Whether the beginning was not seen of either direction.
    ///   - hasSYN: Whether the client's SYN was seen all the same.
    ///   - events: What events say.
    ///   - queue: Where files go that are stored.
    ///   - overwritten: Numbers of segments, from 1, that turn out to be overwritten when they were looked at.
    ///   - wantsDetails: Whether transactions have details.
    init(
        _ talk: [Talk],
        port: UInt16 = 443,
        pieces: Int = 1448,
        isMidstream: Bool = false,
        hasSYN: Bool = false,
        events: EventSettings = EventSettings(),
        queue: FileQueue? = nil,
        overwritten: Set<UInt64> = [],
        wantsDetails: Bool = false
    ) {
        var settings = FileSettings()
        settings.queue = queue
        settings.hashes = [.md5, .sha1, .sha256]
        var stage = ApplicationStage(wantsDetails: wantsDetails, files: settings, events: events)
        var sink = TransactionList()
        var offsets: [UInt64] = [0, 0]
        var number: UInt64 = 0
        func hear(_ toResponder: Bool, _ body: (inout ApplicationStage, StreamView) -> Void) {
            number += 1
            let packet =
                toResponder
                ? Packet.tcp(0x0a00_0001, 40_000, 0xc000_0235, port, flags: 0x10, time: Double(number))
                : Packet.tcp(0xc000_0235, port, 0x0a00_0001, 40_000, flags: 0x10, time: Double(number))
            var flow = FlowView()
            flow.flowID = 7
            flow.toResponder = toResponder
            flow.isMidstream = isMidstream && !hasSYN
            guard stage.wantsStream(flow) else { return }
            let place = PacketPlace(time: packet.timestamp, number: number, buffer: 0, interface: 0)
            stage.beginSegment(packet.headers, flow: flow, packet: place)
            var view = StreamView()
            view.flowID = 7
            view.toResponder = toResponder
            view.offset = offsets[toResponder ? 0 : 1]
            view.isMidstream = isMidstream
            body(&stage, view)
            if overwritten.contains(number) {
                stage.overwritten(slot: 0, flowID: 7)
            } else {
                stage.commit(into: &sink)
            }
        }
        for item in talk {
            switch item {
            case .client(let bytes), .server(let bytes):
                var toResponder = false
                if case .client = item { toResponder = true }
                for start in stride(from: 0, to: bytes.count, by: pieces) {
                    let piece = Array(bytes[start..<min(start + pieces, bytes.count)])
                    hear(toResponder) { $0.bytes(piece.span.bytes, of: $1) }
                    offsets[toResponder ? 0 : 1] += UInt64(piece.count)
                }
            case .lost(let count, let toResponder):
                hear(toResponder) { $0.gap(count, of: $1) }
                offsets[toResponder ? 0 : 1] += count
            case .closed(let toResponder):
                hear(toResponder) { $0.directionEnded($1, .fin) }
            }
        }
        var record = FlowRecord()
        record.flowID = 7
        record.originator = IPAddress(v4: 0x0a00_0001)
        record.responder = IPAddress(v4: 0xc000_0235)
        record.originatorPort = 40_000
        record.responderPort = port
        record.transportProtocol = 6
        record.packetsToResponder = number
        stage.beginEnd(of: record)
        stage.ended(&record, slot: 0)
        stage.commit(into: &sink)
        flow = record
        application = record.application
        original = record.originalApplication
        counters = stage.counters
        fileCounters = stage.output.fileCounters
        transactions = sink.transactions.filter {
            $0.record.kind != .fileinfo && $0.record.kind != .anomaly
        }
        oddities = sink.transactions.filter { $0.record.kind == .anomaly }
        files = sink.transactions.filter { $0.record.kind == .fileinfo }
        tally = stage.tally
        #expect(stage.heldBytes == 0, "what a flow held is given back at its end")
    }

    /// The bodies as JSON objects of their own; a body that is no JSON is a failure.
    var objects: [[String: Any]] { Conversation.objects(transactions) }

    /// The bodies of files as JSON objects of their own.
    var fileObjects: [[String: Any]] { Conversation.objects(files) }

    private static func objects(
        _ list: [(record: TransactionRecord, body: String)]
    ) -> [[String: Any]] {
        list.compactMap { transaction in
            // Details are behind the JSON.
            let count = Int(transaction.record.bodyLength) - Int(transaction.record.detailLength)
            let body = String(decoding: Array(transaction.body.utf8).prefix(count), as: UTF8.self)
            let text = "{" + body.dropFirst() + "}"
            let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
            if object == nil { Issue.record("no JSON: \(text)") }
            return object
        }
    }

    /// The object `fileinfo` of a file.
    func file(_ index: Int = 0) -> [String: Any] {
        index < files.count ? fileObjects[index]["fileinfo"] as? [String: Any] ?? [:] : [:]
    }

    /// The object that is named like the kind of a transaction.
    func object(_ index: Int = 0) -> [String: Any] {
        guard index < transactions.count else { return [:] }
        let name = "\(transactions[index].record.kind.name)"
        return objects[index][name] as? [String: Any] ?? [:]
    }

    /// The values of a transaction's columns, as JSON.
    func columns(_ index: Int = 0) -> [String: String] {
        guard index < transactions.count else { return [:] }
        let (record, body) = transactions[index]
        let bytes = Array(body.utf8)
        var values: [String: String] = [:]
        for (column, definition) in record.kind.columns.enumerated() {
            values[definition.name] = record.mark(column).map { String(decoding: bytes[$0], as: UTF8.self) }
        }
        return values
    }
}

/// The same bytes again and again with seeded damage: none may trap, hang, or give what is no JSON.
func damage(
    _ talk: [Talk],
    rounds: Int,
    seed: UInt64,
    port: UInt16,
    events: EventSettings = EventSettings()
) {
    var state = seed
    func next() -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33)
    }
    func damaged(_ bytes: [UInt8]) -> [UInt8] {
        guard !bytes.isEmpty else { return bytes }
        var bytes = bytes
        for _ in 0..<next() % 4 { bytes[next() % bytes.count] = UInt8(next() & 0xff) }
        if next() % 8 == 0 { bytes.removeLast(next() % bytes.count) }
        return bytes
    }
    for _ in 0..<rounds {
        let other = talk.map { item in
            switch item {
            case .client(let bytes): Talk.client(damaged(bytes))
            case .server(let bytes): Talk.server(damaged(bytes))
            case .lost, .closed: item
            }
        }
        let pieces = [1, 7, 100, 1448][next() % 4]
        let talk = Conversation(other, port: port, pieces: pieces, events: events)
        _ = talk.objects.count + talk.fileObjects.count
    }
}
