// SPDX-License-Identifier: Apache-2.0
// Messages of DNS that streams of HTTP/2 carry (RFC 8484): in a body, or in the path of what is asked.
internal import BeltwayWire

extension HTTP2Stream {
    /// Writes the message of DNS that it carried: what was answered, which repeats the question, else what was asked.
    func writeMessage(number: UInt32, _ output: inout TransactionStage) {
        for sender in [Sender.responder, .originator] where !self[sender].message.isEmpty {
            let isWhole = DNSParser.message(
                self[sender].message.rawBytes,
                as: .dns,
                number: number,
                toResponder: sender == .originator,
                &output
            )
            if isWhole { return }
        }
        writeAsked(number: number, &output)
    }

    /// Writes the question that a path asks: `/dns-query?dns=` and the message in base64url (RFC 8484, 4.1).
    private func writeAsked(number: UInt32, _ output: inout TransactionStage) {
        let path = path.rawBytes
        guard path.starts(with: "/dns-query?"), path.byteCount < 1024 else { return }
        var start: Int? = path.firstIndex(of: 0x3f)
        while let before = start {
            let end = path.firstIndex(of: 0x26, from: before + 1) ?? path.byteCount
            let parameter = path.field(before + 1..<end)
            if parameter.starts(with: "dns=") {
                let message = HTTP2Stream.decoded(parameter.field(4..<parameter.byteCount))
                _ = DNSParser.message(message.rawBytes, as: .dns, number: number, toResponder: true, &output)
                return
            }
            start = end < path.byteCount ? end : nil
        }
    }

    /// Base64url without padding (RFC 4648, section 5); empty if it is none.
    static func decoded(_ text: RawSpan) -> [UInt8] {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for index in 0..<text.byteCount {
            let byte = text.byte(at: index)
            if byte == 0x3d { continue }
            guard let digit = byte.base64Value(last: (0x2d, 0x5f)) else { return [] }
            bits = bits << 6 | UInt32(digit)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return bytes
    }
}
