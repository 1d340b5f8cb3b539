// SPDX-License-Identifier: Apache-2.0

/// One connection.
final class ServedConnection {
    let socket: UnixSocket
    let peer: PeerIdentity
    let ring: SharedRing
    /// Until when it must have said hello; nil once it is attached.
    var deadline: ContinuousClock.Instant?
    /// Why it will be refused whatever it says.
    var refusal: (reason: RefusalReason, text: String)?
    var reader: AttachedReader?
    /// Whether it has been given the buffer's memory, as a reader or to follow entries.
    var isAttached = false
    var isOver = false

    init(_ socket: UnixSocket, _ peer: PeerIdentity, _ ring: SharedRing, deadline: ContinuousClock.Instant) {
        self.socket = socket
        self.peer = peer
        self.ring = ring
        self.deadline = deadline
    }
}
