// SPDX-License-Identifier: Apache-2.0
// The records of a DNS message: what Suricata shows of each type, and the same by type in `grouped`.
import BeltwayWire

extension DNSParser {
    static func writeRecords(
        _ message: DNSMessage,
        _ section: DNSSection,
        at offset: inout Int,
        as application: ApplicationProtocol,
        _ output: inout TransactionStage
    ) {
        let count = message.count(of: section)
        guard count > 0 else { return }
        switch section {
        case .answers: output.text.openArray("answers")
        case .authorities: output.text.openArray("authorities")
        case .additionals: output.text.openArray("additionals")
        }
        for index in 0..<count {
            guard let record = message.record(at: &offset) else { break }
            let marksData = section == .answers && index == 0
            guard record.type == 16, application == .dns else {
                guard output.hasRoom() else { continue }
                writeRecord(message, record, record.data, as: application, marksData, &output)
                continue
            }
            // Each string of a TXT record is an entry of its own (RFC 1035, 3.3.14).
            var isFirst = marksData
            forEachString(message, record.data) { string in
                guard output.hasRoom(4096) else { return }
                writeRecord(message, record, string, as: application, isFirst, &output)
                isFirst = false
            }
        }
        output.text.closeArray()
    }

    private static func writeRecord(
        _ message: DNSMessage,
        _ record: DNSRecord,
        _ data: Range<Int>,
        as application: ApplicationProtocol,
        _ marksData: Bool,
        _ output: inout TransactionStage
    ) {
        output.text.openObject()
        output.text.member("rrname")
        if writeName(message, at: record.name, &output) { output.text.member("rrname_truncated", true) }
        output.text.member("rrtype")
        output.text.append(0x22)
        appendType(record.type, lowercase: application != .dns, &output.text)
        output.text.append(0x22)
        output.text.member("ttl", UInt64(record.timeToLive))
        switch record.type {
        case 6: writeAuthority(message, data, &output)
        case 33: writeService(message, data, &output)
        case 44: writeFingerprint(message, data, &output)
        case 1, 2, 5, 10, 12, 15, 16, 28:
            // Multicast names the value by its type: `"a":"10.0.0.1"`.
            if application == .dns {
                output.text.member("rdata")
            } else {
                output.text.separate()
                output.text.append(0x22)
                appendType(record.type, lowercase: true, &output.text)
                output.text.append("\":")
            }
            output.beginValue()
            writeValue(message, record.type, data, &output)
            if marksData { output.mark(Column.data) }
        default: break
        }
        output.text.closeObject()
    }

    /// Writes what a record of a simple type holds as one JSON string.
    private static func writeValue(
        _ message: DNSMessage,
        _ type: UInt16,
        _ data: Range<Int>,
        _ output: inout TransactionStage
    ) {
        let bytes = message.bytes.extracting(data)
        switch (type, bytes.byteCount) {
        case (1, 4):
            output.text.append(0x22)
            output.text.append(dotted: bytes.bigEndian32(at: 0))
            output.text.append(0x22)
        case (28, 16):
            output.text.append(0x22)
            output.text.append(
                ipv6: IPAddress(high: bytes.bigEndian64(at: 0), low: bytes.bigEndian64(at: 8))
            )
            output.text.append(0x22)
        case (2, _), (5, _), (12, _): writeName(message, at: data.lowerBound, &output)
        case (15, 3...): writeName(message, at: data.lowerBound + 2, &output)
        default: output.text.append(wireString: bytes)
        }
    }

    private static func writeAuthority(
        _ message: DNSMessage,
        _ data: Range<Int>,
        _ output: inout TransactionStage
    ) {
        guard let names = message.endOfName(at: data.lowerBound),
            let numbers = message.endOfName(at: names), numbers + 20 <= data.upperBound
        else { return }
        output.text.openObject("soa")
        output.text.member("mname")
        writeName(message, at: data.lowerBound, &output)
        output.text.member("rname")
        writeName(message, at: names, &output)
        output.text.member("serial", UInt64(message.bytes.bigEndian32(at: numbers)))
        output.text.member("refresh", UInt64(message.bytes.bigEndian32(at: numbers + 4)))
        output.text.member("retry", UInt64(message.bytes.bigEndian32(at: numbers + 8)))
        output.text.member("expire", UInt64(message.bytes.bigEndian32(at: numbers + 12)))
        output.text.member("minimum", UInt64(message.bytes.bigEndian32(at: numbers + 16)))
        output.text.closeObject()
    }

    private static func writeService(
        _ message: DNSMessage,
        _ data: Range<Int>,
        _ output: inout TransactionStage
    ) {
        guard data.count >= 7 else { return }
        let bytes = message.bytes.extracting(data)
        output.text.openObject("srv")
        output.text.member("priority", UInt64(bytes.bigEndian16(at: 0)))
        output.text.member("weight", UInt64(bytes.bigEndian16(at: 2)))
        output.text.member("port", UInt64(bytes.bigEndian16(at: 4)))
        output.text.member("name")
        writeName(message, at: data.lowerBound + 6, &output)
        output.text.closeObject()
    }

    private static func writeFingerprint(
        _ message: DNSMessage,
        _ data: Range<Int>,
        _ output: inout TransactionStage
    ) {
        guard data.count >= 2 else { return }
        let bytes = message.bytes.extracting(data)
        output.text.openObject("sshfp")
        output.text.member("fingerprint")
        output.text.append(0x22)
        for index in 2..<min(bytes.byteCount, 66) {
            if index > 2 { output.text.append(0x3a) }
            output.text.append(hexadecimal: bytes.byte(at: index))
        }
        output.text.append(0x22)
        output.text.member("algo", UInt64(bytes.byte(at: 0)))
        output.text.member("type", UInt64(bytes.byte(at: 1)))
        output.text.closeObject()
    }

    /// Hands the strings of a TXT record to `body`, as places in the message.
    private static func forEachString(
        _ message: DNSMessage,
        _ data: Range<Int>,
        _ body: (Range<Int>) -> Void
    ) {
        var offset = data.lowerBound
        while offset < data.upperBound {
            let end = offset + 1 + Int(message.bytes.byte(at: offset))
            body(offset + 1..<min(end, data.upperBound))
            offset = end
        }
    }

    /// Types that `grouped` lists, in the order of their names.
    private static var groupedTypes: InlineArray<9, UInt16> { [1, 28, 5, 15, 2, 10, 12, 16, 33] }

    /// Writes `"grouped":{"A":[..],..}` of the answers from `offset` on.
    static func writeGroups(_ message: DNSMessage, at offset: inout Int, _ output: inout TransactionStage) {
        let count = message.count(of: .answers)
        guard count > 0 else { return }
        let types = groupedTypes
        let first = offset
        var seen: UInt32 = 0
        for _ in 0..<count {
            guard let record = message.record(at: &offset) else { break }
            for index in types.indices where types[index] == record.type { seen |= 1 << UInt32(index) }
        }
        guard seen != 0 else { return }
        output.text.openObject("grouped")
        for index in types.indices where seen & 1 << UInt32(index) != 0 {
            let type = types[index]
            output.text.separate()
            output.text.append(0x22)
            appendType(type, lowercase: false, &output.text)
            output.text.append("\":[")
            var position = first
            for _ in 0..<count {
                guard let record = message.record(at: &position) else { break }
                if record.type == type { writeGrouped(message, record, &output) }
            }
            output.text.closeArray()
        }
        output.text.closeObject()
    }

    private static func writeGrouped(
        _ message: DNSMessage,
        _ record: DNSRecord,
        _ output: inout TransactionStage
    ) {
        guard output.hasRoom() else { return }
        switch record.type {
        case 16:
            forEachString(message, record.data) { string in
                guard output.hasRoom() else { return }
                output.text.separate()
                output.text.append(wireString: message.bytes.extracting(string))
            }
        case 33:
            guard record.data.count >= 7 else { return }
            output.text.separate()
            writeName(message, at: record.data.lowerBound + 6, &output)
        default:
            output.text.separate()
            writeValue(message, record.type, record.data, &output)
        }
    }
}
