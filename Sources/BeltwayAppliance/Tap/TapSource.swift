// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayWire

/// One packet that a tap was offered.
typealias TapPacket = MergedPacket

/// One ring as a tap shows it: `published == read + lost`.
struct TapLedger: Equatable {
    var ring: String
    var published: UInt64 = 0
    var read: UInt64 = 0
    var lost: UInt64 = 0
}

/// What has become of what a tap reads.
enum TapState: Equatable {
    /// More may come.
    case running
    /// Every producer has ended and everything was taken.
    case ended
    /// Everything was taken, and this much is known of those that ended without saying so.
    case broken(String)
}

/// Where a tap's packets come from: rings of this machine (`LocalTapSource`), or of another one.
///
/// A tap takes a packet, uses its bytes in place, and then asks whether they were whole: only then does the result
/// count.
protocol TapSource: ~Copyable {
    /// How many rings there are; it never changes.
    var ringCount: Int { get }
    /// Link type of a ring's packets.
    func linkType(of ring: Int) -> LinkType
    /// Name of the interface that a packet came by.
    mutating func interfaceName(of packet: TapPacket) -> String
    /// Takes the next packet in order of time; nil if none is there, or an earlier one may still come.
    mutating func next() -> TapPacket?
    /// Lends the packet's captured bytes, which may change meanwhile.
    func withBytes<Result>(of packet: TapPacket, _ body: (RawSpan) -> Result) -> Result
    /// Whether the bytes just used were the packet's; if not, it is counted as lost.
    mutating func wasWhole(_ packet: TapPacket) -> Bool
    /// Sleeps until more may be there, at most so long.
    mutating func wait(nanoseconds: Int64)
    /// What has become of the producers; call it when ``next()`` gave nothing.
    mutating func state() -> TapState
    /// What each ring offered, and what became of it.
    var ledgers: [TapLedger] { get }
}
