// SPDX-License-Identifier: Apache-2.0
/// What the parsers did, by protocol and by transport: what Suricata counts as `app_layer`.
///
/// Plain numbers at fixed places, so that counting is an addition; copied to whoever shows them once per batch.
public struct ApplicationTally: Sendable {
    /// What is counted.
    public enum Count: Int, Sendable, CaseIterable {
        /// Flows whose protocol was found, or `failed` for those whose payload is none.
        case flows
        /// Messages that could not be read.
        case malformed
    }

    /// Flows that were no longer parsed, since all of them together held too much.
    public var cut: UInt64 = 0
    /// What was done with files.
    public var files = FileCounters()
    /// Additions since the start: says whether a copy is new.
    public private(set) var changes: UInt64 = 0
    private var protocols = InlineArray<128, UInt64>(repeating: 0)
    private var kinds = InlineArray<64, UInt64>(repeating: 0)

    /// Makes a tally of nothing.
    public init() {}

    /// Adds one of a protocol.
    mutating func add(_ count: Count, _ application: ApplicationProtocol, transport: UInt8) {
        protocols[ApplicationTally.place(count, application, isDatagram: transport != 6)] &+= 1
        changes &+= 1
    }

    /// Adds a transaction.
    mutating func add(_ record: TransactionRecord) {
        let place = Int(record.kind.rawValue & 31) * 2 + (record.transportProtocol == 6 ? 0 : 1)
        kinds[place] &+= 1
        changes &+= 1
    }

    /// Adds another tally to the sum.
    public mutating func add(_ other: ApplicationTally) {
        cut &+= other.cut
        files.add(other.files)
        changes &+= other.changes
        for index in protocols.indices { protocols[index] &+= other.protocols[index] }
        for index in kinds.indices { kinds[index] &+= other.kinds[index] }
    }

    /// How many of a protocol, over TCP or over datagrams.
    public func count(_ count: Count, _ application: ApplicationProtocol, isDatagram: Bool) -> UInt64 {
        protocols[ApplicationTally.place(count, application, isDatagram: isDatagram)]
    }

    /// How many transactions of a kind, over TCP or over datagrams.
    public func transactions(_ kind: TransactionKind, isDatagram: Bool) -> UInt64 {
        kinds[Int(kind.rawValue & 31) * 2 + (isDatagram ? 1 : 0)]
    }

    /// All messages that could not be read.
    public var malformed: UInt64 {
        var sum: UInt64 = 0
        for application in ApplicationProtocol.allCases {
            sum &+= count(.malformed, application, isDatagram: false)
            sum &+= count(.malformed, application, isDatagram: true)
        }
        return sum
    }

    private static func place(_ count: Count, _ application: ApplicationProtocol, isDatagram: Bool) -> Int {
        count.rawValue * 64 + Int(application.rawValue & 31) * 2 + (isDatagram ? 1 : 0)
    }
}

extension ApplicationTally: Equatable {
    /// Whether all numbers are equal.
    public static func == (a: ApplicationTally, b: ApplicationTally) -> Bool {
        a.cut == b.cut && a.files == b.files && a.changes == b.changes
            && a.protocols.indices.allSatisfy { a.protocols[$0] == b.protocols[$0] }
            && a.kinds.indices.allSatisfy { a.kinds[$0] == b.kinds[$0] }
    }
}
