// SPDX-License-Identifier: Apache-2.0
// Which data buffer, and which of its interfaces, the packets of a file's interface go to.
//
// One buffer holds one link type and 64 interfaces, so a file may need several behind the same producer
// thread: `file.0` for the first link type, `file.0-113` for a second one, `file.0-113.2` when 64 interfaces
// are not enough. Buffers are opened when their first packet comes: an interface without packets needs none.
import BeltwayBuffers
import BeltwayWire

/// Where an interface's packets go.
struct BufferRoute: BitwiseCopyable {
    /// Index of the buffer, or -1 if that is not known yet.
    var slot: Int32 = -1
    /// The interface's number in that buffer.
    var interface: UInt16 = 0
}

/// One buffer and its producer, which is taken out while it is written to.
final class BufferSlot {
    let linkType: LinkType
    var producer: DataBufferProducer?

    init(linkType: LinkType, producer: consuming DataBufferProducer) {
        self.linkType = linkType
        self.producer = consume producer
    }
}

/// All buffers of one producer thread and the routes of the current section's interfaces.
struct BufferRoutes {
    /// Buffers of one producer: a hostile file could ask for thousands.
    static let maximumBuffers = 32

    let ringName: String
    let openBuffer: (String, LinkType) throws(BufferError) -> DataBuffer
    private(set) var slots: [BufferSlot] = []
    private(set) var routes: [BufferRoute] = []

    init(ringName: String, openBuffer: @escaping (String, LinkType) throws(BufferError) -> DataBuffer) {
        self.ringName = ringName
        self.openBuffer = openBuffer
    }

    /// Forgets the interfaces, because a new section or file begins.
    mutating func beginSection() {
        routes.removeAll(keepingCapacity: true)
    }

    /// The route of an interface, unknown (slot -1) until ``open(_:named:linkType:)`` has found it.
    @inline(__always) func route(_ interface: UInt32) -> BufferRoute {
        let index = Int(interface)
        return index < routes.count ? routes[index] : BufferRoute()
    }

    /// Finds or opens a buffer for an interface; every producer must be in its slot.
    ///
    /// - Returns: The buffer, if it was opened just now.
    /// - Throws: The reason why there is none.
    mutating func open(
        _ interface: UInt32,
        named name: String,
        linkType: LinkType
    ) throws(BufferError) -> DataBuffer? {
        while routes.count <= Int(interface) { routes.append(BufferRoute()) }
        var sameType = 0
        for (index, slot) in slots.enumerated() where slot.linkType == linkType {
            sameType += 1
            guard let number = try slot.addInterface(name) else { continue }
            routes[Int(interface)] = BufferRoute(slot: Int32(index), interface: number)
            return nil
        }
        guard slots.count < BufferRoutes.maximumBuffers else {
            throw .tooManyBuffers(BufferRoutes.maximumBuffers)
        }
        var bufferName = slots.isEmpty ? ringName : "\(ringName)-\(linkType.rawValue)"
        if sameType > 0 { bufferName += ".\(sameType + 1)" }
        let buffer = try openBuffer(bufferName, linkType)
        var producer = buffer.makeProducer()
        let number = try producer.addInterface(named: name)
        routes[Int(interface)] = BufferRoute(slot: Int32(slots.count), interface: number)
        slots.append(BufferSlot(linkType: linkType, producer: producer))
        return buffer
    }
}

extension BufferSlot {
    /// Names an interface of this buffer; nil if it has no room for another.
    fileprivate func addInterface(_ name: String) throws(BufferError) -> UInt16? {
        do {
            return try producer?.addInterface(named: name)
        } catch {
            if error == .tooManyInterfaces { return nil }
            throw error
        }
    }
}
