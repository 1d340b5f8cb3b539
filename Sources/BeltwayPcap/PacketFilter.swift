// SPDX-License-Identifier: Apache-2.0
internal import CPcap
internal import Glibc

// A program's filter, run by the real library's interpreter on the ring's memory, before anything is copied.
//
// The bytes may be overwritten while the interpreter looks at them. That cannot hurt:
// - Where it reads is checked against the length that is handed in, and that length comes from our own copy of the
//   descriptor, never from the bytes. An address that is computed from packet bytes (`ldb [x + k]`, `ldx 4*([k]&0xf)`)
//   is computed in the interpreter's registers A and X, and what was checked there is what is used: the load is not
//   repeated, as A and X live on over the next instructions.
// - The program was validated (bpf_validate: known instructions, scratch memory in range, the last one returns), and
//   BPF jumps forward only, so it ends after at most as many steps as it has instructions, whatever it reads.
// - Its result counts only if the record was whole afterwards (`MergedReader.wasWhole`).
//
// Safe because the instructions are a copy that belongs to this value, and are freed with it.

/// A filter: which packets a reader wants, and how much of each.
@safe struct PacketFilter: ~Copyable {
    private let instructions: UnsafeMutablePointer<bpf_insn>
    private let count: Int
    /// How much of every packet it lets through, if it is one instruction, as an empty expression is.
    let constant: Int?

    /// Copies a program's instructions.
    ///
    /// - Throws: ``Failure`` if it is no program that can be run.
    init(_ program: bpf_program) throws(Failure) {
        let length = unsafe Int(program.bf_len)
        guard length > 0, let given = unsafe program.bf_insns, unsafe bpf_validate(given, Int32(length)) != 0
        else { throw Failure(.error, "this is no valid BPF program") }
        unsafe instructions = .allocate(capacity: length)
        unsafe instructions.update(from: given, count: length)
        count = length
        // BPF_RET | BPF_K
        constant = unsafe length == 1 && given[0].code == 0x06 ? Int(given[0].k) : nil
    }

    deinit { unsafe instructions.deallocate() }

    /// How many bytes of a packet are wanted; 0 if it is not.
    @inline(__always)
    func wanted(_ packet: RawSpan, originalLength: UInt32) -> Int {
        if let constant { return constant }
        return unsafe packet.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return 0 }
            let address = unsafe start.assumingMemoryBound(to: UInt8.self)
            return unsafe Int(bpf_filter(instructions, address, originalLength, UInt32(bytes.count)))
        }
    }
}
