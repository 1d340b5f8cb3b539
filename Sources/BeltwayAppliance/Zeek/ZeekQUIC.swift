// SPDX-License-Identifier: Apache-2.0
internal import BeltwayFlow
internal import BeltwayWire

/// Joins the two hellos of QUIC to a line of ssl.log.
///
/// At most `mostWaiting` clients' hellos wait; when there are more, all of them are written without an answer.
struct ZeekQUIC: ~Copyable {
    private static var mostWaiting: Int { 16_384 }

    private struct Hello {
        var record: TransactionRecord
        var details: [UInt8]
    }

    private var waiting: [UInt64: Hello] = [:]

    /// Takes a hello.
    mutating func append(_ record: TransactionRecord, _ details: TransactionDetails, to log: inout ZeekWriter)
    {
        guard details.number(.cipher) != nil else {
            if waiting.count >= ZeekQUIC.mostWaiting { flushAll(to: &log) }
            let bytes = (0..<details.bytes.byteCount).map { details.bytes.byte(at: $0) }
            if let older = waiting.updateValue(Hello(record: record, details: bytes), forKey: record.flowID) {
                ZeekQUIC.write(older, nil, to: &log)
            }
            return
        }
        var answer = (0..<details.bytes.byteCount).map { details.bytes.byte(at: $0) }
        answer += ZeekQUIC.history("Cs")
        let hello = waiting.removeValue(forKey: record.flowID) ?? Hello(record: record, details: [])
        ZeekQUIC.write(hello, answer, to: &log)
    }

    /// Writes a flow's hello that was not answered.
    mutating func ended(_ flowID: UInt64, to log: inout ZeekWriter) {
        if let hello = waiting.removeValue(forKey: flowID) { ZeekQUIC.write(hello, nil, to: &log) }
    }

    /// Writes all hellos that were not answered.
    mutating func flushAll(to log: inout ZeekWriter) {
        for hello in waiting.values { ZeekQUIC.write(hello, nil, to: &log) }
        waiting.removeAll()
    }

    private static func write(_ hello: Hello, _ answer: [UInt8]?, to log: inout ZeekWriter) {
        let answer = answer ?? history("C")
        let client = TransactionDetails(hello.details.rawBytes)
        ZeekTLS.append(hello.record, client, TransactionDetails(answer.rawBytes), to: &log)
    }

    private static func history(_ letters: String) -> [UInt8] {
        [TransactionDetail.history.rawValue, UInt8(letters.utf8.count), 0] + letters.utf8
    }
}
