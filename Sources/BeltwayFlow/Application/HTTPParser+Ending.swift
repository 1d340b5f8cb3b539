// SPDX-License-Identifier: Apache-2.0
// What a connection leaves behind: heads that never ended are shown as far as they came, as Suricata does.
//
//     GET /a HTTP/1.0 | Host: h | User-Ag <end>      a request to h, without what its last line would have said
internal import BeltwayWire

extension HTTPParser {
    /// The flow has ended: writes all that waits, what began of a head included.
    static func finish(
        _ state: StreamState,
        _ session: inout HTTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        for sender in [Sender.originator, .responder] {
            // A side that was given up carries nothing.
            guard !state[sender].isResyncing else { continue }
            let carry = state[sender].carry
            readCut(carry.rawBytes, from: sender, &session, &flow, &output)
        }
        writeAll(&session, &flow, &output)
    }

    /// Reads a head of which whole lines came, if one is due.
    private static func readCut(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout HTTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        guard case .head = sender == .originator ? session.client : session.server,
            HTTP1.probe(bytes, from: sender) == .yes
        else { return }
        var end = bytes.byteCount
        while end > 0, bytes.byte(at: end - 1) != 0x0a { end -= 1 }
        guard end > 0 else { return }
        let lines = bytes.field(0..<end)
        if sender == .originator {
            _ = request(lines, &session, flow, &output)
        } else if !session.pending.isEmpty {
            _ = answer(lines, &session, &flow, &output)
        }
    }
}
