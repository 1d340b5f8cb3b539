// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayWire

/// What Wireshark asks of the program that shows it Beltway's rings as interfaces (extcap(4)).
///
///     --extcap-interfaces                          which interfaces are there
///     --extcap-interface I --extcap-dlts           what their packets begin with
///     --extcap-interface I --extcap-config         what a person may choose
///     --extcap-interface I --extcap-capture-filter F             whether F is a filter: silence says that it is
///     --extcap-interface I --capture --fifo P [choices]          packets, as pcapng, until it is told to stop
///
/// `beltway:eth0` is all queues of an interface merged in order of time, `beltway` all interfaces.
public struct ExtcapRequest: Sendable {
    /// What is asked.
    public enum Question: Equatable, Sendable {
        /// The list of interfaces.
        case interfaces
        /// What an interface's packets begin with.
        case linkTypes
        /// What a person may choose.
        case choices
        /// Whether the capture filter makes sense.
        case filterCheck
        /// Packets.
        case capture
    }

    /// What is asked.
    public var question: Question
    /// The interface that it is asked of.
    public var interface: String?
    /// The named pipe that packets go to.
    public var fifo: String?
    /// Data directory of the instance; nil to look for one that runs.
    public var data: String?
    /// One of the interface's rings; nil for all of them.
    public var ring: String?
    /// The capture filter of Wireshark's own field.
    public var captureFilter = ""
    /// The filter among our choices; packets must match both.
    public var filter = ""
    /// Bytes of each packet.
    public var snapLength: Int?
    /// Milliseconds to sleep once everything is read.
    public var delayMilliseconds = 10

    /// Answers the question on standard output, or captures.
    ///
    /// - Returns: Exit status.
    /// - Throws: ``ApplianceError`` if there is no such interface, or it cannot be captured from.
    public func run() throws(ApplianceError) -> Int32 {
        switch question {
        case .interfaces: print(ExtcapText.interfaces(of: try? RunningInstance.find(data).packetRings()))
        case .linkTypes: print(ExtcapText.linkTypes(of: try rings().map(\.linkType)))
        case .choices: print(ExtcapText.choices(for: try rings().map(\.name), data: data))
        case .filterCheck:
            do throws(ApplianceError) {
                try checkTapExpression(expression)
            } catch {
                print(error.description)
            }
        case .capture: return try capture()
        }
        return 0
    }

    /// Prints lines, if there are any.
    private func print(_ text: String) {
        if !text.isEmpty { Console().print(text) }
    }

    /// Both filters as one expression.
    var expression: String {
        let parts = [captureFilter, filter].filter { $0.contains { !$0.isWhitespace } }
        return parts.count > 1 ? "(\(parts[0])) and (\(parts[1]))" : parts.first ?? ""
    }

    /// The name of a ring or of an interface, as ``RunningInstance`` knows it; nil for all.
    var selection: String? {
        if let ring { return ring }
        guard let interface, interface != ExtcapText.everything else { return nil }
        return String(interface.dropFirst(ExtcapText.prefix.count))
    }

    private func rings() throws(ApplianceError) -> [RingDescription] {
        let instance = try RunningInstance.find(data)
        let names = Set(try instance.select(selection))
        return try instance.packetRings().filter { names.contains($0.name) }
    }

    private func capture() throws(ApplianceError) -> Int32 {
        guard let fifo else { throw .usage("--capture goes with --fifo PATH") }
        var request = TapRequest()
        request.origin = .instance(data: data)
        request.ring = selection
        request.output = fifo
        request.expression = expression
        request.snapLength = snapLength
        request.delayMilliseconds = delayMilliseconds
        // Wireshark shows what is said here as an error.
        request.isQuiet = true
        request.isInteractive = true
        return try request.run()
    }
}

extension RunningInstance {
    /// The rings of packets that it shares.
    func packetRings() throws(ApplianceError) -> [RingDescription] {
        try describe(nil).filter { UInt64($0.kind) == BufferKind.described.rawValue }
    }
}
