// SPDX-License-Identifier: Apache-2.0
// Digests of a file as its bytes come by. MD5 and SHA-1 are what lists of known files name them by; they protect nothing.
//
// Safe: the hashes read the bytes during the call and keep no pointer.
internal import BeltwayWire
internal import Crypto

/// Up to three digests of the same bytes.
struct FileDigests {
    /// What a session counts for them: contexts of BoringSSL with their allocations.
    static var heldBytes: Int { 512 }

    private var md5: Insecure.MD5?
    private var sha1: Insecure.SHA1?
    private var sha256: Crypto.SHA256?

    init(_ hashes: FileSettings.Hashes) {
        if hashes.contains(.md5) { md5 = Insecure.MD5() }
        if hashes.contains(.sha1) { sha1 = Insecure.SHA1() }
        if hashes.contains(.sha256) { sha256 = Crypto.SHA256() }
    }

    mutating func update(_ bytes: RawSpan) {
        unsafe bytes.withUnsafeBytes { memory in
            unsafe md5?.update(bufferPointer: memory)
            unsafe sha1?.update(bufferPointer: memory)
            unsafe sha256?.update(bufferPointer: memory)
        }
    }

    /// Writes the members `md5`, `sha1` and `sha256`, and marks their columns.
    func write(columns: Range<Int>, _ output: inout TransactionStage) {
        if let md5 { FileDigests.write("md5", md5, columns.lowerBound, &output) }
        if let sha1 { FileDigests.write("sha1", sha1, columns.lowerBound + 1, &output) }
        if let sha256 { FileDigests.write("sha256", sha256, columns.lowerBound + 2, &output) }
    }

    /// Writes the MD5 alone, under a name of its own.
    func write(md5As name: StaticString, _ output: inout TransactionStage) {
        guard let md5 else { return }
        output.text.member(name)
        output.text.append(0x22)
        for byte in md5.finalize() { output.text.append(hexadecimal: byte) }
        output.text.append(0x22)
    }

    private static func write(
        _ name: StaticString,
        _ hash: some HashFunction,
        _ column: Int,
        _ output: inout TransactionStage
    ) {
        output.text.member(name)
        output.beginValue()
        output.text.append(0x22)
        for byte in hash.finalize() { output.text.append(hexadecimal: byte) }
        output.text.append(0x22)
        output.mark(column)
    }
}

/// The SHA-256 (FIPS 180-4) that a stored file is named by.
public struct ContentDigest {
    private var hash = Crypto.SHA256()

    /// Makes the digest of nothing.
    public init() {}

    /// Adds the next bytes.
    public mutating func update(_ bytes: [UInt8]) { hash.update(data: bytes) }

    /// All bytes so far, as 64 lower-case hexadecimal digits.
    public var name: String {
        var text = TextBuffer(capacity: 128)
        for byte in hash.finalize() { text.append(hexadecimal: byte) }
        return String(decoding: text.copy(), as: UTF8.self)
    }
}
