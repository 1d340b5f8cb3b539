// SPDX-License-Identifier: Apache-2.0

/// What one owner's sockets take; everything beyond is refused and counted.
public struct SharingLimits: Equatable, Sendable {
    /// Connections at one time, on all sockets together.
    public var connections = 400
    /// Connections at one time of one user, the owner's own and the superuser apart: a part of ``connections``, and of
    /// the 256 readers of one buffer, so that no one user, nor three together, keeps others out.
    public var connectionsPerUser = 64
    /// Connections that have not said hello; beyond it one of them goes: one that is refused anyway, else the oldest of
    /// the user who has most of them.
    public var silentConnections = 64
    /// Milliseconds within which a connection must have said hello.
    public var helloMilliseconds = 2_000
    /// Accepts, messages and hang-ups that are handled in one window of ``windowMilliseconds``; then the service pauses
    /// until the window ends, so that a flood costs a bounded share of one processor.
    public var eventsPerWindow = 512
    /// See ``eventsPerWindow``.
    public var windowMilliseconds = 50
    /// Ledgers of readers that have gone that are kept; beyond it they are only counted.
    public var formerReaders = 1_024
    /// Milliseconds within which a reader that holds up a producer has to let go of a 64th of the buffer, or it loses
    /// its hold.
    public var patienceMilliseconds = 5_000

    /// Makes the defaults.
    public init() {}
}
