// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayWire

/// Reads rings of a running instance on this machine, several of them merged in order of time (`MergedReader`).
struct LocalTapSource: TapSource, ~Copyable {
    private var reader: MergedReader
    /// Names of each ring's interfaces as far as they were asked for.
    private var interfaces: [[String]]

    /// Attaches to rings.
    ///
    /// - Parameters:
    ///   - attachments: At least one.
    ///   - coalescing: How the tap is woken.
    ///   - patience: How long a silent queue holds up the others.
    /// - Throws: ``BufferError`` if a producer waits for as many readers as it can.
    init(
        _ attachments: [AttachedBuffer],
        coalescing: Coalescing,
        patience: Duration = .milliseconds(250)
    ) throws(BufferError) {
        reader = try MergedReader(attachments, coalescing: coalescing, patience: patience)
        interfaces = Array(repeating: [], count: attachments.count)
    }

    var ringCount: Int { reader.ringCount }

    func linkType(of ring: Int) -> LinkType { reader.attachment(ring).buffer.linkType }

    mutating func interfaceName(of packet: TapPacket) -> String {
        let index = Int(packet.descriptor.interface)
        let buffer = reader.attachment(packet.ring).buffer
        if index >= interfaces[packet.ring].count { interfaces[packet.ring] = buffer.interfaces }
        let names = interfaces[packet.ring]
        return index < names.count ? names[index] : buffer.name
    }

    mutating func next() -> TapPacket? { reader.next() }

    func withBytes<Result>(of packet: TapPacket, _ body: (RawSpan) -> Result) -> Result {
        reader.withBytes(of: packet, body)
    }

    mutating func wasWhole(_ packet: TapPacket) -> Bool { reader.wasWhole(packet) }

    mutating func wait(nanoseconds: Int64) { reader.wait(nanoseconds: nanoseconds) }

    mutating func state() -> TapState {
        switch reader.state() {
        case .running: .running
        case .ended: .ended
        case .broken(let gone):
            .broken("no longer shared, its capture died: " + gone.joined(separator: ", "))
        }
    }

    var ledgers: [TapLedger] {
        reader.ledgers.map {
            TapLedger(ring: $0.ring, published: $0.published, read: $0.read, lost: $0.lost)
        }
    }
}
