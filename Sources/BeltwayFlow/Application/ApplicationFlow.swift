// SPDX-License-Identifier: Apache-2.0
internal import BeltwayWire

/// What is kept of every flow with payload.
@usableFromInline struct ApplicationFlow: BitwiseCopyable {
    @usableFromInline enum Phase: UInt8, BitwiseCopyable { case detecting, parsing, over }

    var flowID: UInt64 = 0
    /// Transactions so far: the number of the next one.
    var transactions: UInt32 = 0
    /// TCP: place of what is kept while it is parsed, 0 if there is nothing.
    var place: UInt32 = 0
    var application = ApplicationProtocol.unknown
    /// What it spoke before it went over to another protocol.
    var original = ApplicationProtocol.unknown
    var phase = Phase.detecting
    var hadPayload = false
    var tries: UInt8 = 0
    /// Whether its originator is taken for the one that answers, by what was said.
    var isTurned = false
    /// Whether the record too has its sides exchanged then: the answer is the first that was seen of the flow.
    var beginsWithAnswer = false

    /// Who sends towards a flow's responder, or from it: who asks, or who answers.
    func sender(toResponder: Bool) -> Sender { toResponder != isTurned ? .originator : .responder }

    /// Says what it speaks, and what it spoke before; and who asked, if that is not who spoke first.
    func tell(_ flow: inout FlowRecord) {
        if beginsWithAnswer, application != .unknown || original != .unknown { flow = flow.exchanged }
        guard application != .unknown else {
            // It went over to what nobody knows: that keeps the old one's name, and shows it as the original too.
            (flow.application, flow.originalApplication) = (original, original)
            return
        }
        flow.application = application
        flow.originalApplication = application == original ? .unknown : original
    }
}

/// What the parsers did.
public struct ApplicationCounters: Sendable, Equatable {
    /// Transactions that were recorded.
    public var transactions: UInt64 = 0
    /// Messages of a known protocol that could not be read.
    public var malformed: UInt64 = 0
    /// Flows that were no longer parsed, since all of them together held too much.
    public var cut: UInt64 = 0

    /// Makes counters of nothing.
    public init() {}
}
