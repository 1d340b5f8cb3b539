// SPDX-License-Identifier: Apache-2.0
// SOCKS: what a client asks of a proxy; once it is granted, the stream is the peer's.
//
//     version 4, 4a    client 4 1 port ip user 0 [name 0]     server 0 90 ........
//     version 5        methods | [login] | request            method | [status] | reply     (RFC 1928, RFC 1929)
internal import BeltwayWire

extension HandoverParser {
    /// A whole request of version 4: its texts end where the segment ends.
    static func isSOCKS4(_ bytes: RawSpan) -> Bool {
        guard bytes.byteCount >= 9, bytes.byteCount <= 600, bytes.byte(at: 0) == 4,
            1...2 ~= bytes.byte(at: 1), let user = bytes.firstIndex(of: 0, from: 8)
        else { return false }
        if user == bytes.byteCount - 1 { return true }
        // Version 4a: an address 0.0.0.x says that a name follows.
        return bytes.bigEndian32(at: 4) >> 8 == 0 && bytes.byte(at: 7) != 0
            && bytes.firstIndex(of: 0, from: user + 1) == bytes.byteCount - 1
    }

    /// The methods of version 5, and nothing else.
    static func isSOCKS5(_ bytes: RawSpan) -> Bool {
        guard bytes.byteCount >= 3, bytes.byte(at: 0) == 5, 1...16 ~= bytes.byte(at: 1),
            bytes.byteCount == 2 + Int(bytes.byte(at: 1))
        else { return false }
        for index in 2..<bytes.byteCount where 0x0a..<0x80 ~= bytes.byte(at: index) { return false }
        return true
    }

    static func socks(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout HandoverSession
    ) -> ParserStep {
        let isClients = session.step == .hello || session.step == .login || session.step == .request
        // What comes before its turn waits: a client may go on before it was answered.
        guard isClients == (sender == .originator) else {
            return bytes.byteCount < mostLine ? .needMore : .flowOver
        }
        guard bytes.byteCount >= 2 else { return .needMore }
        let second = Int(bytes.byte(at: 1))
        switch session.step {
        case .hello where bytes.byte(at: 0) == 4:
            session.isVersion4 = true
            session.step = .reply
            return isSOCKS4(bytes) ? .consumed(bytes.byteCount) : .flowOver
        case .hello:
            guard bytes.byteCount >= 2 + second else { return .needMore }
            session.step = .method
            return .consumed(2 + second)
        case .method:
            guard bytes.byte(at: 0) == 5, second == 0 || second == 2 else { return .flowOver }
            session.step = second == 0 ? .request : .login
            return .consumed(2)
        case .login:
            guard bytes.byteCount >= 3 + second else { return .needMore }
            let length = 3 + second + Int(bytes.byte(at: 2 + second))
            guard bytes.byteCount >= length else { return .needMore }
            session.step = .status
            return .consumed(length)
        case .status:
            guard second == 0 else { return .flowOver }
            session.step = .request
            return .consumed(2)
        case .request:
            guard let length = addressEnd(bytes) else { return bytes.byteCount < 7 ? .needMore : .flowOver }
            // Only a connection is what follows; a binding or datagrams are not.
            guard second == 1, bytes.byte(at: 0) == 5 else { return .flowOver }
            guard bytes.byteCount >= length else { return .needMore }
            session.step = .reply
            return .consumed(length)
        case .reply where session.isVersion4:
            guard bytes.byteCount >= 8 else { return .needMore }
            return bytes.byte(at: 0) == 0 && second == 90 ? .upgraded(8) : .flowOver
        case .reply:
            guard let length = addressEnd(bytes) else { return bytes.byteCount < 7 ? .needMore : .flowOver }
            guard second == 0 else { return .flowOver }
            return bytes.byteCount >= length ? .upgraded(length) : .needMore
        }
    }

    /// Where a message with an address ends (RFC 1928, 4 and 6); nil if its kind is not known (yet).
    private static func addressEnd(_ bytes: RawSpan) -> Int? {
        guard bytes.byteCount >= 5 else { return nil }
        return switch bytes.byte(at: 3) {
        case 1: 10
        case 3: 7 + Int(bytes.byte(at: 4))
        case 4: 22
        default: nil
        }
    }
}
