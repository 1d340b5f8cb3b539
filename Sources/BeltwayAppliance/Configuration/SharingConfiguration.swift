// SPDX-License-Identifier: Apache-2.0
public import BeltwayBuffers
internal import Foundation

/// Who may attach to the rings of a run.
public struct SharingConfiguration: Equatable, Sendable {
    /// Whether the rings are shared at all.
    public var isOn = true
    /// Mode bits as a file's, of which those for reading count.
    public var mode: UInt16 = 0o440
    /// The owner; nil for whoever runs the program.
    public var user: UInt32?
    /// The group; nil for that of whoever runs the program.
    public var group: UInt32?
    /// Users who may attach besides.
    public var users: [UInt32] = []
    /// Groups whose members may attach besides.
    public var groups: [UInt32] = []

    /// Shares with owner and group.
    public init() {}

    /// The policy of every ring.
    public var policy: AccessPolicy {
        AccessPolicy(
            owner: user ?? geteuid(),
            group: group ?? getegid(),
            mode: mode,
            users: users,
            groups: groups
        )
    }
}
