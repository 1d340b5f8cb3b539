// SPDX-License-Identifier: Apache-2.0

/// What parsers keep of flows, one kind of session in one array; places are used again.
///
/// Places count from 1, so that 0 says "none".
struct SessionPool<Session> {
    private var sessions: [Session] = []
    private var free: [UInt32] = []

    /// Sessions in use.
    var count: Int { sessions.count - free.count }

    /// Keeps a new session, and says where.
    mutating func take(_ session: Session) -> UInt32 {
        if let place = free.popLast() {
            sessions[Int(place) - 1] = session
            return place
        }
        sessions.append(session)
        return UInt32(sessions.count)
    }

    /// Forgets a session; `empty` stands in its place, so that what it held is given back at once.
    mutating func giveBack(_ place: UInt32, _ empty: Session) {
        sessions[Int(place) - 1] = empty
        free.append(place)
    }

    subscript(place: UInt32) -> Session {
        // A session is large: it is read where it lies.
        @inline(__always) _read { yield sessions[Int(place) - 1] }
        @inline(__always) _modify { yield &sessions[Int(place) - 1] }
    }
}
