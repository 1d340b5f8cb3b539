// SPDX-License-Identifier: Apache-2.0
// The connections of QUIC that a worker still looks at, by flow; few at a time, since two hellos end it.
//
//     packet --> session (a copy) --parsed--> staged --settle--> kept: the packet was whole
//                                               `--discard--> as if the packet had been lost
//
// Invariant. All together hold at most `mostBytes` and `mostSessions`: what would go beyond is forgotten and counted,
//            and its next packets begin anew.

/// Sessions by flow, with the one that the last packet changed apart.
struct QUICSessions {
    private var sessions: [UInt64: QUICSession] = [:]
    private var heldBytes = 0
    private var staged: (flowID: UInt64, session: QUICSession?)?
    /// Sessions that were forgotten for want of room.
    private(set) var cut: UInt64 = 0

    /// Bytes that all of them may hold.
    static var mostBytes: Int { 16 << 20 }
    /// Sessions that there may be.
    static var mostSessions: Int { 1 << 16 }

    /// Sessions in use.
    var count: Int { sessions.count }

    /// The session of a flow, new if it has none; call ``settle()`` first.
    subscript(flowID: UInt64) -> QUICSession { sessions[flowID] ?? QUICSession() }

    /// Notes what the packet that is being looked at makes of its flow's session: nil if nothing more is wanted of it.
    mutating func stage(_ session: QUICSession?, of flowID: UInt64) { staged = (flowID, session) }

    /// Keeps what the last packet made of its session: it was whole.
    mutating func settle() {
        guard let (flowID, session) = staged else { return }
        staged = nil
        heldBytes -= sessions[flowID]?.heldBytes ?? 0
        guard let session else {
            sessions[flowID] = nil
            return
        }
        if heldBytes + session.heldBytes > QUICSessions.mostBytes
            || sessions.count >= QUICSessions.mostSessions && sessions[flowID] == nil
        {
            cut &+= 1
            sessions[flowID] = nil
            return
        }
        heldBytes += session.heldBytes
        sessions[flowID] = session
    }

    /// Forgets what the last packet made of its session: it was overwritten.
    mutating func discard() { staged = nil }

    /// Forgets the session of a flow that has ended.
    mutating func ended(_ flowID: UInt64) {
        settle()
        guard !sessions.isEmpty, let session = sessions.removeValue(forKey: flowID) else { return }
        heldBytes -= session.heldBytes
    }
}
