// SPDX-License-Identifier: Apache-2.0
// LDAP: messages of ASN.1, until a client asks for TLS and gets it.
//
//     client: 30 n | 02 1 id | 77 n | 80 22 "1.3.6.1.4.1.1466.20037"     server: 30 n | 02 1 id | 78 n | 0a 1 0 ..
//     (RFC 4511, 4.14)                                                                          TLS follows
internal import BeltwayWire

extension HandoverParser {
    /// Whether bytes begin with a message of LDAP (RFC 4511, 4.1.1) that a client begins with.
    static func isLDAP(_ bytes: RawSpan, isOnPort: Bool) -> Bool {
        guard let message = LDAPMessage(bytes) else { return false }
        switch message.operation {
        // A bind says its version; an extended request has a name.
        case 0x60:
            return bytes.field(message.content).starts(with: [2, 1, 2])
                || bytes.field(message.content).starts(with: [2, 1, 3])
        case 0x77: return bytes.field(message.content).starts(with: [0x80])
        case 0x63: return isOnPort
        default: return false
        }
    }

    static func ldap(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout HandoverSession
    ) -> ParserStep {
        guard let message = LDAPMessage(bytes) else {
            return bytes.byteCount < 10 ? .needMore : .flowOver
        }
        guard bytes.byteCount >= message.length else {
            return message.length <= StreamState.mostCarried ? .needMore : .flowOver
        }
        let content = bytes.field(message.content)
        if sender == .originator {
            session.messages &+= 1
            if session.messages > mostMessages { return .flowOver }
            if message.operation == 0x77, content.byteCount >= 24,
                content.field(2..<24).starts(with: "1.3.6.1.4.1.1466.20037")
            {
                session.isAsked = true
            }
        } else if session.isAsked, message.operation == 0x78 {
            session.isAsked = false
            // resultCode: an enumeration, success is 0.
            if content.starts(with: [0x0a, 1, 0]) { return .upgraded(message.length) }
        }
        return .consumed(message.length)
    }
}

/// Where the parts of a message of LDAP lie.
private struct LDAPMessage {
    /// Bytes of the message.
    let length: Int
    /// Tag of its operation.
    let operation: UInt8
    /// What the operation says, as far as it is here.
    let content: Range<Int>

    /// Reads the head of a message; nil if these bytes are none, or too few.
    init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= 7, bytes.byte(at: 0) == 0x30,
            let outer = BERLength(bytes, at: 1), outer.content + 3 < bytes.byteCount,
            bytes.byte(at: outer.content) == 2
        else { return nil }
        let digits = Int(bytes.byte(at: outer.content + 1))
        let tag = outer.content + 2 + digits
        guard 1...4 ~= digits, tag < bytes.byteCount, let inner = BERLength(bytes, at: tag + 1) else {
            return nil
        }
        length = outer.end
        guard length <= 1 << 24, inner.end <= length else { return nil }
        operation = bytes.byte(at: tag)
        content = min(inner.content, bytes.byteCount)..<min(inner.end, bytes.byteCount)
    }
}
