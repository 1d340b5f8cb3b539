// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayFlow
internal import BeltwayStore
internal import BeltwayTrace
internal import BeltwayWire

/// Where a tap's packets go.
///
/// A packet is written while its bytes may change, and taken back if they did.
protocol TapSink: AnyObject {
    /// Whether the other end wants to see packets as they come.
    var isInteractive: Bool { get }
    /// Whether the interface of a packet has been named to it.
    func knows(_ interface: TapInterface) -> Bool
    /// Names an interface; false once nothing can be written any more.
    func name(_ interface: TapInterface, _ name: String, _ linkType: LinkType) -> Bool
    /// Writes one packet, of at most 262,144 bytes and an interface that was named; false once nothing can be written
    /// any more.
    func write(_ packet: RawSpan, _ about: TapPacket, linkType: LinkType) -> Bool
    /// Takes back the packet written last.
    func takeBackLast()
    /// Lets go of what was written so far; false once nothing can be written any more.
    func flush() -> Bool
    /// Ends the output.
    func finish() -> Bool
    /// Why nothing can be written, if that is an error and not just a reader that has had enough.
    var problem: String? { get }
}

/// An interface as a sink tells it from others.
struct TapInterface: Hashable {
    let ring: Int
    let number: UInt16
}

extension TapPacket {
    /// Where the packet came by.
    var interface: TapInterface { TapInterface(ring: ring, number: descriptor.interface) }
}

/// A pcapng file, or standard output.
final class TapFile: TapSink {
    private let writer: CaptureFileWriter
    private let snapLength: Int
    /// The file's numbers of interfaces.
    private var numbers: [TapInterface: Int] = [:]
    /// The one that was asked for last: mostly the one that is asked for next.
    private var last = (interface: TapInterface(ring: -1, number: 0), number: -1)
    private var failure: PacketStoreError? { didSet { hasFailed = failure != nil } }
    /// Asked per packet: the error itself is costly to look at.
    private var hasFailed = false
    let isInteractive: Bool

    init(_ path: String, snapLength: Int, isInteractive: Bool) throws(PacketStoreError) {
        writer = try CaptureFileWriter(path: path)
        self.snapLength = snapLength
        self.isInteractive = isInteractive
    }

    func knows(_ interface: TapInterface) -> Bool { number(of: interface) != nil }

    private func number(of interface: TapInterface) -> Int? {
        if last.interface == interface { return last.number }
        guard let number = numbers[interface] else { return nil }
        last = (interface, number)
        return number
    }

    func name(_ interface: TapInterface, _ name: String, _ linkType: LinkType) -> Bool {
        do throws(PacketStoreError) {
            numbers[interface] = try writer.number(of: StoredInterface(name: name, linkType: linkType))
            return true
        } catch {
            failure = error
            return false
        }
    }

    func write(_ packet: RawSpan, _ about: TapPacket, linkType: LinkType) -> Bool {
        guard !hasFailed, let number = number(of: about.interface) else { return false }
        let descriptor = about.descriptor
        do throws(PacketStoreError) {
            try writer.write(
                packet.extracting(first: snapLength),
                StoredPacket(
                    time: descriptor.time,
                    interface: number,
                    originalLength: descriptor.originalLength,
                    flags: descriptor.flags.blockFlags
                ),
                number: number
            )
            return true
        } catch {
            failure = error
            return false
        }
    }

    func takeBackLast() { if !hasFailed { writer.takeBackLast() } }

    func flush() -> Bool {
        guard failure == nil else { return false }
        do { try writer.flush() } catch { failure = error }
        return failure == nil
    }

    func finish() -> Bool {
        guard failure == nil else { return false }
        do { try writer.finish() } catch { failure = error }
        return failure == nil
    }

    var problem: String? {
        guard let failure, !failure.isClosedPipe else { return nil }
        return "\(failure)"
    }
}

/// One line per packet on standard output.
final class TapText: TapSink {
    private let console: Console
    private var text = TextBuffer(capacity: 1 << 16)
    private var lineStart = 0
    private var isOpen = true
    private var headers = PacketHeaders()
    private var names: [TapInterface: [UInt8]] = [:]
    let isInteractive = true
    var problem: String? { nil }

    init(_ console: Console) { self.console = console }

    func knows(_ interface: TapInterface) -> Bool { names[interface] != nil }

    func name(_ interface: TapInterface, _ name: String, _ linkType: LinkType) -> Bool {
        names[interface] = Array(name.utf8)
        return isOpen
    }

    func write(_ packet: RawSpan, _ about: TapPacket, linkType: LinkType) -> Bool {
        if text.count > 1 << 16, !flush() { return false }
        let descriptor = about.descriptor
        let name = names[about.interface] ?? []
        PacketDecoder.decode(packet, linkType: linkType, into: &headers)
        lineStart = text.count
        text.append(
            line: headers,
            originalLength: descriptor.originalLength,
            time: descriptor.time,
            interface: name.span
        )
        return isOpen
    }

    func takeBackLast() { text.truncate(to: lineStart) }

    func flush() -> Bool {
        if !text.isEmpty {
            isOpen = console.print(text.bytes) && isOpen
            text.removeAll()
            lineStart = 0
        }
        return isOpen
    }

    func finish() -> Bool { flush() }
}

extension RecordFlags {
    /// The flags as pcapng writes them (`epb_flags`, 4.3.1).
    var blockFlags: UInt32 {
        var bits: UInt32 = 0
        if contains(.inbound) { bits |= 1 }
        if contains(.outbound) { bits |= 2 }
        if contains(.checksumNotReady) { bits |= 1 << 9 }
        return bits
    }
}
