// SPDX-License-Identifier: Apache-2.0
// Whether somebody logged in over SSH 2, told by the lengths of packets that are encrypted: an inference.
//
//     client                        server                     bytes of the server's message (RFC 4252, RFC 4253)
//     SERVICE_REQUEST          -->
//                              <--  SERVICE_ACCEPT             17: a, with padding and MAC
//     USERAUTH_REQUEST "none"  -->
//                              <--  (USERAUTH_BANNER)
//                              <--  USERAUTH_FAILURE           6 and the names of methods: f, the same each time
//     USERAUTH_REQUEST         -->
//                              <--  USERAUTH_FAILURE           f again: an attempt that failed
//     USERAUTH_REQUEST         -->
//                              <--  USERAUTH_SUCCESS           1: a - 16, whatever cipher and MAC
//
// Padding fills a packet up to a multiple of 8 or 16 bytes and is at least 4: so a packet of 17 takes 16 more than one of
// 1 with either. What is taken for a packet is a packet where lengths are in clear (`SSHAlgorithms.clearTag`), and else a
// segment. The first failure answers `none`, by which a client asks for methods, and is not counted. The order of these
// steps, and that they are counted so, is that of Zeek's ssh.log, to which its detectors of guessing are tuned.
//
// It is fooled by servers that pad at random, by segments that were cut or joined on their way (lengths hidden), by
// clients that begin with a password instead of `none` (one attempt too few), by several packets in one segment, and by
// second factors (a partial success is a failure of another length: not counted). It says nothing where a side was not
// seen, where bytes are missing, and where compression begins before the login (`zlib`).
//
// Invariant. After `mostMessages` nothing more is looked at; what is kept does not grow.

/// What lengths say of a login.
struct SSHLogin: BitwiseCopyable {
    /// Messages of both sides that are looked at, at most; interactive sessions have more, logins do not.
    static var mostMessages: UInt16 { 512 }
    /// Longest SERVICE_ACCEPT: 32 bytes, a length of 4 and a MAC of 64.
    private static var longestAccept: Int { 100 }
    /// Messages after the last failure that leave it the last word: a question, a farewell.
    private static var mostAfterwards: UInt16 { 4 }

    private var accept = 0
    private var failure = 0
    /// The last answer, while the length of a failure is not sure.
    private var previous = 0
    private var messages: UInt16 = 0
    private var afterwards: UInt16 = 0
    private(set) var attempts: UInt16 = 0
    private var hasSucceeded = false
    private var hasClientSpoken = false
    /// Whether the client has spoken since the server's answer to its first request, so that this one is whole.
    private var isFailureKnown = false
    /// Whether a failure of that length came again.
    private var isConfirmed = false
    private var isBlind = false

    /// Whether nothing more is to be learnt.
    var isOver: Bool { hasSucceeded || isBlind || messages >= SSHLogin.mostMessages }

    /// How many attempts were seen and whether the last one succeeded, where that can be told; nil if nothing can.
    var outcome: (attempts: UInt16, hasSucceeded: Bool?)? {
        guard !isBlind, failure != 0 || hasSucceeded else { return nil }
        if hasSucceeded { return (attempts, true) }
        let isLast = afterwards <= SSHLogin.mostAfterwards
        if attempts == 0 { return isLast ? (0, nil) : nil }
        return (attempts, isLast ? false : nil)
    }

    /// Says that lengths tell nothing from here on, nor told before.
    mutating func giveUp() { isBlind = true }

    /// The client sent something encrypted.
    mutating func clientSpoke() {
        messages &+= 1
        hasClientSpoken = true
        if failure != 0 { isFailureKnown = true }
    }

    /// The server sent an encrypted packet, or segment, of `length` bytes.
    mutating func serverSpoke(_ length: Int) {
        // What it says on its own, before the client asks (EXT_INFO, RFC 8308), is not of the login.
        guard hasClientSpoken, !isOver else { return }
        messages &+= 1
        if accept == 0 {
            accept = length
            isBlind = length > SSHLogin.longestAccept || length < 24
        } else if length &+ 16 == accept {
            attempts &+= 1
            hasSucceeded = true
        } else if !isFailureKnown {
            // A banner may come before, in a segment of its own: the last one is the failure.
            failure = length
        } else if length == failure {
            fail()
        } else if !isConfirmed, length < failure, length == previous {
            // Twice the same, and shorter: the first answer was a banner and a failure in one segment.
            failure = length
            attempts = 1
            fail()
        } else {
            afterwards &+= 1
            previous = length
        }
    }

    private mutating func fail() {
        attempts &+= 1
        afterwards = 0
        isConfirmed = true
    }
}

/// The encrypted bytes of one side, taken for packets.
struct SSHPieces: BitwiseCopyable {
    /// Bytes behind each packet whose length is in clear; nil where a segment is taken for a packet.
    var clearTag: Int?
    /// Bytes of a packet that are still to come.
    private var rest = 0

    /// What `count` bytes, of which `length` would be the first four, begin or go on with.
    enum Piece: Equatable {
        /// So many bytes are done with.
        case part(Int)
        /// A packet of so many bytes begins, of which so many are done with.
        case packet(Int, done: Int)
        case needMore, malformed
    }

    /// Takes the bytes at the start of a segment.
    mutating func take(count: Int, length: UInt32?) -> Piece {
        guard let clearTag else { return .packet(count, done: count) }
        if rest > 0 {
            let done = min(rest, count)
            rest -= done
            return .part(done)
        }
        guard let length else { return .needMore }
        guard 8...UInt32(1 << 18) ~= length, length & 7 == 0 else { return .malformed }
        let whole = 4 &+ Int(length) &+ clearTag
        rest = max(0, whole &- count)
        return .packet(whole, done: min(whole, count))
    }
}
