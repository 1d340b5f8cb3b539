// SPDX-License-Identifier: Apache-2.0
// A flow of which the answer was seen first: its sides exchanged, so that the originator is who asked.

extension FlowRecord {
    /// Whether its sides are exchanged: by its first packet, a SYN+ACK, or by ``exchanged``.
    public var isExchanged: Bool { history.count > 0 && history.letter(0) == 0x5e }

    /// The same flow with its sides exchanged; its history begins with "^", as Zeek's does then.
    public var exchanged: FlowRecord {
        var flow = self
        swap(&flow.originator, &flow.responder)
        swap(&flow.originatorPort, &flow.responderPort)
        swap(&flow.originatorFlags, &flow.responderFlags)
        swap(&flow.packetsToResponder, &flow.packetsToOriginator)
        swap(&flow.bytesToResponder, &flow.bytesToOriginator)
        swap(&flow.ipBytesToResponder, &flow.ipBytesToOriginator)
        swap(&flow.payloadBytesToResponder, &flow.payloadBytesToOriginator)
        flow.metered = (metered.responder, metered.originator)
        flow.connectionState = connectionState.exchanged
        flow.history = FlowHistory()
        flow.history.append("^", byOriginator: true)
        for index in 0..<Int(history.count) {
            let letter = history.letter(index)
            let isOriginators = letter >= 0x41 && letter <= 0x5a
            let upper = isOriginators ? letter : letter & ~0x20
            flow.history.append(Character(UnicodeScalar(upper)), byOriginator: !isOriginators)
        }
        return flow
    }
}

extension ConnectionState {
    /// How the connection stands for who takes the originator for the responder.
    ///
    /// A SYN settles who is who: the states that need one have no counterpart.
    public var exchanged: ConnectionState {
        switch self {
        case .s0: .halfByResponder
        case .half: .halfByResponder
        case .halfByResponder: .half
        case .s2: .s3
        case .s3: .s2
        case .resetByOriginator: .resetByResponder
        case .resetByResponder: .resetByOriginator
        case .resetAttempt: .resetHalf
        case .resetHalf: .resetAttempt
        case .other, .s1, .sf, .rejected: self
        }
    }
}
