// SPDX-License-Identifier: Apache-2.0
// BPF expressions, compiled by libpcap and run on packets in place: the one file of this module that says
// `unsafe`.
//
// Why the interface is safe: the program is copied out of libpcap into memory that the filter owns alone
// until its `deinit`, it never changes after `init`, `bpf_validate` has accepted it (jumps only forward,
// inside the program), and `bpf_filter` reads a packet only below the length it is given, which is the span's
// own.

public import BeltwayWire
import CPcap
import Synchronization

/// Why a filter expression was refused.
public struct FilterError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The expression as it was given.
    public let expression: String
    /// What libpcap says is wrong with it.
    public let message: String

    /// One line for people.
    public var description: String { "filter expression \"\(expression)\" is refused by libpcap: \(message)" }
}

/// One instruction of a classic BPF program, laid out as the kernel's `struct sock_filter`.
@frozen public struct FilterInstruction: Equatable, Sendable, BitwiseCopyable {
    /// Operation.
    public var code: UInt16
    /// Instructions to skip if a condition holds.
    public var jt: UInt8
    /// Instructions to skip if it does not.
    public var jf: UInt8
    /// Operand.
    public var k: UInt32

    /// Makes an instruction.
    @inlinable public init(code: UInt16, jt: UInt8, jf: UInt8, k: UInt32) {
        self.code = code
        self.jt = jt
        self.jf = jf
        self.k = k
    }
}

/// Says of packets whether a BPF expression (pcap-filter(7)) matches them.
///
/// The program is for packets of one link type as captured in files: VLAN tags in place, no kernel metadata.
public struct Filter: ~Copyable, Sendable {
    /// The expression that was compiled.
    public let expression: String
    /// What packets begin with.
    public let linkType: LinkType
    @safe let program: Program

    /// The longest expression that is compiled, in bytes: libpcap's optimiser takes long over longer ones.
    public static let greatestLength = 16_384

    /// Compiles `expression`; an empty one matches every packet.
    ///
    /// - Parameters:
    ///   - expression: As tcpdump takes it.
    ///   - linkType: What packets begin with.
    ///   - snapLength: The most bytes of a packet that will be there.
    /// - Throws: ``FilterError`` with libpcap's own message.
    public init(expression: String, linkType: LinkType, snapLength: Int = 262_144) throws(FilterError) {
        func refusal(_ message: String) -> FilterError {
            FilterError(expression: expression, message: message)
        }
        guard !expression.utf8.contains(0) else { throw refusal("it contains a NUL character") }
        guard expression.utf8.count <= Filter.greatestLength else {
            throw refusal("it has \(expression.utf8.count) bytes, the limit is \(Filter.greatestLength)")
        }
        // Before libpcap 1.8 the compiler kept its state in global variables.
        let compiled = Filter.compiler.withLock { _ in
            Filter.compile(expression, linkType: linkType, snapLength: snapLength)
        }
        switch compiled {
        case .success(let instructions): program = Program(instructions)
        case .failure(let reason): throw refusal(reason.text)
        }
        self.expression = expression
        self.linkType = linkType
    }

    /// Whether the expression matches.
    ///
    /// - Parameters:
    ///   - packet: The captured bytes; a load beyond them makes the answer no.
    ///   - originalLength: Bytes on the wire, for `len`, `greater` and `less`.
    /// - Returns: Whether the packet is one of those that the expression speaks of.
    public func matches(_ packet: RawSpan, originalLength: UInt32) -> Bool {
        unsafe packet.withUnsafeBytes { bytes in
            // An empty span may have no address; libpcap reads nothing of a packet of length 0.
            let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            let length = UInt32(clamping: bytes.count)
            return unsafe bpf_filter(program.start, start, originalLength, length) != 0
        }
    }

    /// The compiled program, to attach it to a socket.
    public var instructions: [FilterInstruction] { program.instructions }

    /// Calls `body` with the compiled program.
    ///
    /// - Parameter body: Is given the instructions, which it cannot keep.
    /// - Returns: What `body` returned.
    /// - Throws: What `body` threw.
    public borrowing func withInstructions<Result, Failure: Error>(
        _ body: (Span<FilterInstruction>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(program.instructions.span)
    }

    private static let compiler = Mutex(())
}

extension Filter {
    struct Refusal: Error { let text: String }

    private static func compile(
        _ expression: String,
        linkType: LinkType,
        snapLength: Int
    ) -> Result<[FilterInstruction], Refusal> {
        guard let handle = unsafe pcap_open_dead(dataLinkType(linkType), Int32(clamping: snapLength)) else {
            return .failure(Refusal(text: "libpcap has no memory to compile it"))
        }
        defer { unsafe pcap_close(handle) }
        var compiled = unsafe bpf_program()
        let unknownNetmask = UInt32.max
        guard unsafe pcap_compile(handle, &compiled, expression, 1, unknownNetmask) == 0 else {
            return .failure(Refusal(text: unsafe String(cString: pcap_geterr(handle))))
        }
        defer { unsafe pcap_freecode(&compiled) }
        guard unsafe bpf_validate(compiled.bf_insns, Int32(clamping: compiled.bf_len)) != 0 else {
            return .failure(Refusal(text: "its compiled program is not valid"))
        }
        let instructions = unsafe UnsafeBufferPointer(start: compiled.bf_insns, count: Int(compiled.bf_len))
        return .success(
            unsafe instructions.map {
                FilterInstruction(code: $0.code, jt: $0.jt, jf: $0.jf, k: $0.k)
            }
        )
    }

    /// The number by which libpcap knows a link type in memory (DLT_), where it differs from the one in
    /// files.
    private static func dataLinkType(_ linkType: LinkType) -> Int32 {
        switch linkType {
        case .raw, .rawAsStoredByOpenBSD: DLT_RAW
        case LinkType(rawValue: 100): DLT_ATM_RFC1483
        case LinkType(rawValue: 102): DLT_SLIP_BSDOS
        case LinkType(rawValue: 103): DLT_PPP_BSDOS
        case LinkType(rawValue: 106): DLT_ATM_CLIP
        default: Int32(linkType.rawValue)
        }
    }

    /// The instructions, in memory that does not move.
    @safe struct Program: ~Copyable, @unchecked Sendable {
        let start: UnsafeMutablePointer<bpf_insn>
        let instructions: [FilterInstruction]

        init(_ instructions: [FilterInstruction]) {
            self.instructions = instructions
            unsafe start = .allocate(capacity: instructions.count)
            for (index, instruction) in instructions.enumerated() {
                unsafe (start + index).initialize(
                    to: bpf_insn(
                        code: instruction.code,
                        jt: instruction.jt,
                        jf: instruction.jf,
                        k: instruction.k
                    )
                )
            }
        }

        deinit { unsafe start.deallocate() }
    }
}
