// SPDX-License-Identifier: Apache-2.0

// Who may attach to a buffer (paper, 3.8: "like files, we can restrict access to a specific UNIX group (gid) or user
// (uid); additionally, buffers can be shared based on process (pid)").
//
// The owner decides, by what the kernel says of the peer (SO_PEERCRED and SO_PEERGROUPS: as of its connect(2), not to
// be forged), before any descriptor is handed over. What was handed over cannot be taken back: a mapping stays.

/// Whom the kernel says is at the other end of a connection.
public struct PeerIdentity: Equatable, Sendable {
    /// Its process, as of the connection.
    public var process: Int32
    /// Its effective user.
    public var user: UInt32
    /// Its effective group.
    public var group: UInt32
    /// Its supplementary groups.
    public var groups: [UInt32]

    /// Makes an identity; for tests, and for policies that are tried out.
    public init(process: Int32, user: UInt32, group: UInt32, groups: [UInt32] = []) {
        self.process = process
        self.user = user
        self.group = group
        self.groups = groups
    }

    /// Whether it is in a group, in whichever way.
    public func isMember(of wanted: UInt32) -> Bool { group == wanted || groups.contains(wanted) }
}

/// Who may attach to a buffer: mode bits as a file's, and lists of those who may besides.
///
/// As with a file, one class alone decides among the mode bits: the owner's for the owner, else the group's for its
/// members, else the rest's. The lists only ever add. The superuser may always attach, as it may read every file.
public struct AccessPolicy: Equatable, Sendable {
    /// Whom the mode's first class speaks of.
    public var owner: UInt32
    /// Whom the mode's second class speaks of.
    public var group: UInt32
    /// Mode bits as a file's, of which the three for reading count: 0o400, 0o040, 0o004.
    public var mode: UInt16
    /// Users who may attach whatever the mode says.
    public var users: [UInt32]
    /// Groups whose members may attach whatever the mode says.
    public var groups: [UInt32]
    /// Processes that may attach whatever the mode says.
    public var processes: [Int32]

    /// Makes a policy.
    ///
    /// - Parameters:
    ///   - owner: User of the mode's first class.
    ///   - group: Group of the mode's second class.
    ///   - mode: Bits as a file's; without another choice owner and group may read.
    ///   - users: Further users.
    ///   - groups: Further groups.
    ///   - processes: Further processes.
    public init(
        owner: UInt32,
        group: UInt32,
        mode: UInt16 = 0o440,
        users: [UInt32] = [],
        groups: [UInt32] = [],
        processes: [Int32] = []
    ) {
        self.owner = owner
        self.group = group
        self.mode = mode & 0o777
        self.users = users
        self.groups = groups
        self.processes = processes
    }

    /// Whether a peer may attach.
    public func allows(_ peer: PeerIdentity) -> Bool {
        if peer.user == 0 || users.contains(peer.user) || processes.contains(peer.process) { return true }
        if groups.contains(where: { peer.isMember(of: $0) }) { return true }
        if peer.user == owner { return mode & 0o400 != 0 }
        if peer.isMember(of: group) { return mode & 0o040 != 0 }
        return mode & 0o004 != 0
    }

    /// Whether it lets in everybody whom another policy lets in, as far as that can be told from the two alone.
    func covers(_ other: AccessPolicy) -> Bool {
        owner == other.owner && group == other.group && other.mode & ~mode & 0o444 == 0
            && other.users.allSatisfy(users.contains) && other.groups.allSatisfy(groups.contains)
            && other.processes.allSatisfy(processes.contains)
    }

    /// Mode of the socket's file: who may not read may not even connect, where that can be said by a mode.
    var socketMode: UInt16 {
        guard users.isEmpty, groups.isEmpty, processes.isEmpty else { return 0o666 }
        // Connecting needs the right to write: every class that may read gets it.
        return mode & 0o444 | (mode & 0o444) >> 1
    }

    /// The policy in a few words: `rw-r-----`-like bits, owner and group, and how many more are let in.
    public var summary: String {
        var text = ""
        for bit in [0o400, 0o040, 0o004] { text += mode & UInt16(bit) != 0 ? "r" : "-" }
        text += " \(owner):\(group)"
        let more = users.count + groups.count + processes.count
        return more == 0 ? text : text + " +\(more)"
    }
}
