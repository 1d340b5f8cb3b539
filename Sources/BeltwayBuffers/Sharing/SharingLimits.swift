// SPDX-License-Identifier: Apache-2.0

/// What one owner's sockets take; everything beyond is refused and counted.
public struct SharingLimits: Equatable, Sendable {
    /// Connections at one time, on all sockets together.
    public var connections = 400
    /// Connections at one time of one user, the owner's own and the superuser apart.
    public var connectionsPerUser = 256
    /// Connections that have not said hello; beyond it the oldest of them goes.
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
    /// Milliseconds that a reader may hold up a producer that waits for it, without moving.
    public var patienceMilliseconds = 5_000

    /// Makes the defaults.
    public init() {}
}
