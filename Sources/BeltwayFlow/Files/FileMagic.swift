// SPDX-License-Identifier: Apache-2.0
// What a file is, from its first bytes: the signatures that matter for what is seen on a network, in the words that
// libmagic's `file` begins with. What has no signature is a kind of text, or data.
//
// Sources: the formats' own documents (PE/COFF, ELF gABI, ISO 32000, APPNOTE.TXT, RFC 1952, ISO 14496-12, RFC 3533 and
// so on); the order is from what is certain to what is likely.
internal import BeltwayWire

/// The kind of a file.
struct FileMagic: Equatable {
    /// First bytes that are looked at.
    static var mostBytes: Int { 1024 }

    /// What libmagic would begin with.
    let words: StaticString

    /// What cannot be told, since the first bytes are missing.
    static var unknown: FileMagic { FileMagic() }

    private init() { words = "data" }

    /// Looks at the first bytes of a file.
    ///
    /// - Parameters:
    ///   - start: The first bytes, more than ``mostBytes`` or all there are.
    ///   - isWhole: Whether these are all.
    init(_ start: RawSpan, isWhole: Bool) {
        words =
            start.byteCount == 0
            ? "empty" : FileMagic.signed(start) ?? FileMagic.text(start, isWhole: isWhole)
    }

    static func == (left: FileMagic, right: FileMagic) -> Bool { "\(left.words)" == "\(right.words)" }

    /// Bytes at a place that tell a format.
    private struct Signature {
        let offset: Int
        let bytes: [UInt8]
        let words: StaticString

        init(_ bytes: [UInt8], _ words: StaticString, at offset: Int = 0) {
            (self.offset, self.bytes, self.words) = (offset, bytes, words)
        }

        init(_ text: String, _ words: StaticString, at offset: Int = 0) {
            self.init(Array(text.utf8), words, at: offset)
        }

        func matches(_ start: RawSpan) -> Bool {
            guard start.byteCount >= offset + bytes.count else { return false }
            for index in bytes.indices where start.byte(at: offset + index) != bytes[index] { return false }
            return true
        }
    }

    private static let signatures: [Signature] = [
        Signature("%PDF-", "PDF document"),
        Signature([0x1f, 0x8b], "gzip compressed data"),
        Signature([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], "PNG image data"),
        Signature([0xff, 0xd8, 0xff], "JPEG image data"),
        Signature("GIF87a", "GIF image data, version 87a"),
        Signature("GIF89a", "GIF image data, version 89a"),
        Signature("II*\0", "TIFF image data, little-endian"),
        Signature("MM\0*", "TIFF image data, big-endian"),
        Signature([0, 0, 1, 0], "MS Windows icon resource"),
        Signature("8BPS", "Adobe Photoshop Image"),
        Signature("Rar!\u{1a}\u{7}\u{1}", "RAR archive data, v5"),
        Signature("Rar!\u{1a}\u{7}", "RAR archive data"),
        Signature([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], "7-zip archive data"),
        Signature([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], "XZ compressed data"),
        Signature([0x28, 0xb5, 0x2f, 0xfd], "Zstandard compressed data"),
        Signature([0x04, 0x22, 0x4d, 0x18], "LZ4 compressed data"),
        Signature("BZh", "bzip2 compressed data"),
        Signature([0x1f, 0x9d], "compress'd data"),
        Signature("MSCF\0\0\0\0", "Microsoft Cabinet archive data"),
        Signature([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1], "Composite Document File V2 Document"),
        Signature([0x7b, 0x5c, 0x72, 0x74, 0x66], "Rich Text Format data"),
        Signature("%!PS-Adobe", "PostScript document text"),
        Signature([0x78, 0x9f, 0x3e, 0x22], "Transport Neutral Encapsulation Format (TNEF)"),
        Signature([0x4c, 0, 0, 0, 1, 0x14, 2, 0], "MS Windows shortcut"),
        Signature("ITSF", "MS Windows HtmlHelp Data"),
        Signature("OggS", "Ogg data"),
        Signature("ID3", "Audio file with ID3"),
        Signature("fLaC", "FLAC audio bitstream data"),
        Signature("FLV\u{1}", "Macromedia Flash Video"),
        Signature("FWS", "Macromedia Flash data"),
        Signature("CWS", "Macromedia Flash data (compressed)"),
        Signature("ZWS", "Macromedia Flash data (lzma compressed)"),
        Signature([0x1a, 0x45, 0xdf, 0xa3], "Matroska data"),
        Signature([0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11], "Microsoft ASF"),
        Signature([0, 0, 1, 0xba], "MPEG sequence, v2, program multiplex"),
        Signature("wOFF", "Web Open Font Format"),
        Signature("wOF2", "Web Open Font Format (Version 2)"),
        Signature("OTTO", "OpenType font data"),
        Signature([0, 1, 0, 0, 0], "TrueType Font data"),
        Signature([0, 0x61, 0x73, 0x6d], "WebAssembly (wasm) binary module"),
        Signature("dex\n", "Dalvik dex file"),
        Signature("!<arch>\ndebian", "Debian binary package"),
        Signature("!<arch>\n", "current ar archive"),
        Signature([0xed, 0xab, 0xee, 0xdb], "RPM"),
        Signature("SQLite format 3\0", "SQLite 3.x database"),
        Signature([0xd4, 0xc3, 0xb2, 0xa1], "pcap capture file, microsecond ts (little-endian)"),
        Signature([0x0a, 0x0d, 0x0d, 0x0a], "pcapng capture file"),
        Signature("ustar", "POSIX tar archive", at: 257),
        Signature("-----BEGIN CERTIFICATE-----", "PEM certificate"),
        Signature("-----BEGIN PGP", "PGP message"),
        Signature("-----BEGIN", "PEM data"),
        Signature("X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "EICAR virus test files"),
    ]

    private static func signed(_ start: RawSpan) -> StaticString? {
        for signature in signatures where signature.matches(start) { return signature.words }
        return executable(start) ?? archive(start) ?? media(start)
    }

    /// Programs, whose headers say for what.
    private static func executable(_ start: RawSpan) -> StaticString? {
        guard start.byteCount >= 20 else { return start.starts(with: "MZ") ? "MS-DOS executable" : nil }
        switch start.bigEndian32(at: 0) {
        case 0x7f45_4c46: return elf(start)
        case 0xfeed_face, 0xcefa_edfe: return "Mach-O executable"
        case 0xfeed_facf, 0xcffa_edfe: return "Mach-O 64-bit executable"
        case 0xcafe_babe:
            // A class's version lies where a fat binary counts its few architectures.
            return start.bigEndian32(at: 4) < 30 ? "Mach-O universal binary" : "compiled Java class data"
        default: break
        }
        guard start.starts(with: "MZ") else { return nil }
        guard start.byteCount >= 64 else { return "MS-DOS executable" }
        let header = Int(start.littleEndian32(at: 60))
        guard header + 96 <= start.byteCount, start.bigEndian32(at: header) == 0x5045_0000 else {
            return "MS-DOS executable"
        }
        let isWide = start.littleEndian16(at: header + 24) == 0x20b
        let isLibrary = start.littleEndian16(at: header + 22) & 0x2000 != 0
        switch (isWide, isLibrary, start.littleEndian16(at: header + 92)) {
        case (false, true, _): return "PE32 executable (DLL) for MS Windows"
        case (true, true, _): return "PE32+ executable (DLL) for MS Windows"
        case (false, _, 3): return "PE32 executable (console) for MS Windows"
        case (true, _, 3): return "PE32+ executable (console) for MS Windows"
        case (false, _, _): return "PE32 executable (GUI) for MS Windows"
        case (true, _, _): return "PE32+ executable (GUI) for MS Windows"
        }
    }

    private static func elf(_ start: RawSpan) -> StaticString {
        let isLittle = start.byte(at: 5) == 1
        let kind = isLittle ? start.littleEndian16(at: 16) : start.bigEndian16(at: 16)
        switch (start.byte(at: 4) == 2, kind) {
        case (true, 1): return "ELF 64-bit relocatable"
        case (true, 2): return "ELF 64-bit executable"
        case (true, 3): return "ELF 64-bit shared object"
        case (true, _): return "ELF 64-bit"
        case (false, 1): return "ELF 32-bit relocatable"
        case (false, 2): return "ELF 32-bit executable"
        case (false, 3): return "ELF 32-bit shared object"
        case (false, _): return "ELF 32-bit"
        }
    }

    /// ZIP and what is made of it, told by the name of the first entries.
    private static func archive(_ start: RawSpan) -> StaticString? {
        guard start.byteCount >= 4, start.bigEndian16(at: 0) == 0x504b else { return nil }
        if start.bigEndian16(at: 2) == 0x0506 { return "Zip archive data (empty)" }
        guard start.bigEndian16(at: 2) == 0x0304, start.byteCount > 30 else { return "Zip archive data" }
        let name = start.field(30..<min(30 + Int(start.littleEndian16(at: 26)), start.byteCount))
        if name.starts(with: "mimetype") {
            let content = start.field(38..<start.byteCount)
            if content.starts(with: "application/epub+zip") { return "EPUB document" }
            if content.starts(with: "application/vnd.oasis.opendocument.text") { return "OpenDocument Text" }
            if content.starts(with: "application/vnd.oasis.opendocument.sp") {
                return "OpenDocument Spreadsheet"
            }
            if content.starts(with: "application/vnd.oasis.opendocument") { return "OpenDocument" }
        }
        if name.starts(with: "META-INF/") { return "Java archive data (JAR)" }
        if name.starts(with: "AndroidManifest.xml") { return "Android package (APK)" }
        for (folder, words) in offices
        where name.starts(with: folder) || isOffice(name) && contains(start, folder) {
            return words
        }
        return isOffice(name) ? "Microsoft OOXML" : "Zip archive data"
    }

    private static let offices: [(String, StaticString)] = [
        ("word/", "Microsoft Word 2007+"), ("xl/", "Microsoft Excel 2007+"),
        ("ppt/", "Microsoft PowerPoint 2007+"),
    ]

    private static func isOffice(_ name: RawSpan) -> Bool {
        name.starts(with: "[Content_Types].xml") || name.starts(with: "_rels/")
            || name.starts(with: "docProps/")
    }

    private static func contains(_ bytes: RawSpan, _ text: String) -> Bool {
        for index in 0..<max(bytes.byteCount - text.utf8.count, 0)
        where bytes.byte(at: index) == text.utf8.first ?? 0
            && bytes.field(index..<bytes.byteCount).starts(with: text)
        {
            return true
        }
        return false
    }

    /// Pictures, sound and films in containers.
    private static func media(_ start: RawSpan) -> StaticString? {
        if start.byteCount >= 12, start.starts(with: "RIFF") {
            let kind = start.field(8..<12)
            if kind.starts(with: "WEBP") { return "RIFF (little-endian) data, Web/P image" }
            if kind.starts(with: "WAVE") { return "RIFF (little-endian) data, WAVE audio" }
            if kind.starts(with: "AVI ") { return "RIFF (little-endian) data, AVI" }
            return "RIFF (little-endian) data"
        }
        if start.byteCount >= 12, start.field(4..<8).starts(with: "ftyp") {
            let brand = start.field(8..<12)
            if brand.starts(with: "qt  ") { return "ISO Media, Apple QuickTime movie" }
            if brand.starts(with: "hei") || brand.starts(with: "mif1") { return "ISO Media, HEIF Image" }
            if brand.starts(with: "avif") { return "ISO Media, AVIF Image" }
            return "ISO Media, MP4"
        }
        guard start.byteCount >= 14 else { return nil }
        if start.starts(with: "BM"), start.littleEndian32(at: 6) == 0, start.littleEndian32(at: 10) < 0x10000
        {
            return "PC bitmap"
        }
        // MPEG audio: a frame's sync word, layer III, neither a bit rate nor a sampling rate that does not exist.
        let frame = start.bigEndian32(at: 0)
        if frame & 0xffe6_0000 == 0xffe2_0000, frame & 0xf000 != 0xf000, frame & 0xc00 != 0xc00 {
            return "MPEG ADTS, layer III"
        }
        if start.byte(at: 0) == 0x47, start.byteCount > 188, start.byte(at: 188) == 0x47 {
            return "MPEG transport stream data"
        }
        return nil
    }
}
