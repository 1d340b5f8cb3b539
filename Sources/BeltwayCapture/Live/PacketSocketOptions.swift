// SPDX-License-Identifier: Apache-2.0

/// One instruction of a classic BPF program, as libpcap's compiler makes it and the kernel runs it.
@frozen public struct KernelInstruction: Equatable, Sendable, BitwiseCopyable {
    /// What to do.
    public var code: UInt16
    /// Instructions to skip if a comparison holds.
    public var jumpTrue: UInt8
    /// Instructions to skip if it does not.
    public var jumpFalse: UInt8
    /// The operand.
    public var operand: UInt32

    /// Makes an instruction.
    @inlinable public init(code: UInt16, jumpTrue: UInt8 = 0, jumpFalse: UInt8 = 0, operand: UInt32) {
        self.code = code
        self.jumpTrue = jumpTrue
        self.jumpFalse = jumpFalse
        self.operand = operand
    }
}

/// How to capture an interface.
public struct PacketSocketOptions: Equatable, Sendable {
    /// Sockets that share the interface's packets, both directions of a flow to the same one; 1 to 256.
    public var queues = 1
    /// Bytes of kernel memory that hold packets until they are taken, per queue; rounded up to whole blocks.
    public var ringBytes = 64 << 20
    /// Milliseconds after which the kernel hands over a block that is not full.
    public var blockTimeout: UInt32 = 10
    /// Whether to see packets that are for other hosts.
    public var isPromiscuous = true
    /// A program that the kernel runs on each packet; empty keeps all.
    ///
    /// The kernel runs it on the packet without its outer VLAN tag (see ``letsTaggedPass``), and on cooked
    /// interfaces without a link header: there, leave it empty and give the producer a ``PacketFilter``.
    public var filter: [KernelInstruction] = []
    /// Whether `filter` judges untagged packets only, and the producer's ``PacketFilter`` the others.
    ///
    /// Give both the same expression: then a packet with a VLAN tag is judged with its tag, as it is in a
    /// file, and the kernel still declines what is not wanted of the rest.
    public var letsTaggedPass = false

    /// Makes the default options.
    public init() {}
}
