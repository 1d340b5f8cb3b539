// SPDX-License-Identifier: Apache-2.0
// A log of Zeek's on the disk: a header where a file begins (TSV), lines, and a last line when it ends.
//
//     #separator \x09      #set_separator ,     #empty_field (empty)    #unset_field -
//     #path conn           #open 2026-11-22-15-05-12
//     #fields ts uid ..    #types time string ..
//     ...
//     #close 2026-11-22-15-06-12
//
// The file is rotated as eve.json is, and then begins with a header again; JSON has neither header nor end.
internal import BeltwayFlow
internal import BeltwayWire
internal import Glibc

/// One log, its writer and its file.
struct ZeekLog: ~Copyable {
    var writer: ZeekWriter
    private var file: EVEFile
    private let table: ZeekTable
    private var needsHeader: Bool
    /// Lines of headers that could not be written: they are no facts, and are written again.
    private var headerLinesLost: UInt64 = 0

    /// Opens `<folder>/<name>.log` for appending.
    init(_ table: ZeekTable, format: ZeekFormat, folder: String) throws(EVEFileError) {
        file = try EVEFile(path: "\(folder)/\(table.name).log")
        writer = ZeekWriter(format: format)
        self.table = table
        needsHeader = format == .tsv
    }

    /// Lines that were forgotten because they could not be written.
    var linesLost: UInt64 { file.eventsLost - headerLinesLost }

    /// Writes what there is if it is a buffer's worth, or in any case if `all` is true.
    mutating func drain(all: Bool) throws(EVEFileError) {
        let count = writer.lines.count
        guard count > 0, all || count >= file.limits.bufferInBytes else { return }
        if writer.format == .tsv, needsHeader || file.willRotate(for: count) {
            try drainWithHeader()
            return
        }
        try file.drain(lines: &writer.lines, all: true)
    }

    /// Writes a header and the lines behind it; what the disk did not take of the header is owed again.
    private mutating func drainWithHeader() throws(EVEFileError) {
        var text = TextBuffer(capacity: writer.lines.count + 1024)
        ZeekLog.appendHeader(table, at: ZeekLog.now(), to: &text)
        let header = text.copy()
        text.append(writer.lines.bytes)
        writer.lines.removeAll()
        let before = file.bytesWritten
        needsHeader = false
        do {
            try file.drain(lines: &text, all: true)
        } catch {
            let done = Int(clamping: file.bytesWritten - before)
            if done < header.count {
                headerLinesLost &+= EVEFile.lineFeeds(header.span, in: done..<header.count)
                needsHeader = true
            }
            throw error
        }
    }

    /// Writes everything, and that the log ends.
    mutating func close() throws(EVEFileError) {
        try drain(all: true)
        if writer.format == .tsv, !needsHeader {
            writer.lines.append("#close\t")
            ZeekLog.append(date: ZeekLog.now(), to: &writer.lines)
            writer.lines.append(0x0a)
            try file.drain(lines: &writer.lines, all: true)
        }
    }

    static func appendHeader(
        _ table: ZeekTable,
        at time: Timestamp,
        to text: inout TextBuffer
    ) {
        text.append("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t")
        for byte in table.name.utf8 { text.append(byte) }
        text.append("\n#open\t")
        append(date: time, to: &text)
        text.append("\n#fields")
        for field in table.fields {
            text.append(0x09)
            for byte in field.name.utf8 { text.append(byte) }
        }
        text.append("\n#types")
        for field in table.fields {
            text.append(0x09)
            for byte in field.type.utf8 { text.append(byte) }
        }
        text.append(0x0a)
    }

    /// `2026-11-22-15-05-12`: EVE's form with other separators, in UTC.
    private static func append(date: Timestamp, to text: inout TextBuffer) {
        var whole = TextBuffer(capacity: 64)
        whole.append(date)
        let bytes = whole.bytes
        for index in 0..<min(19, bytes.count) {
            let isDigit = bytes[index] >= 0x30 && bytes[index] <= 0x39
            text.append(isDigit && bytes[index] != 0x3a ? bytes[index] : 0x2d)
        }
    }

    private static func now() -> Timestamp { Timestamp(seconds: UInt64(max(0, Glibc.time(nil)))) }
}
