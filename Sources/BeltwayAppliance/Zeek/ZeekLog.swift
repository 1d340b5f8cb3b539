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
    private let name: String
    private let fields: [(name: String, type: String)]
    private var needsHeader: Bool

    /// Opens `<folder>/<name>.log` for appending.
    init(
        _ name: String,
        fields: [(name: String, type: String)],
        format: ZeekFormat,
        folder: String
    ) throws(EVEFileError) {
        file = try EVEFile(path: "\(folder)/\(name).log")
        writer = ZeekWriter(format: format)
        self.name = name
        self.fields = fields
        needsHeader = format == .tsv
    }

    /// Lines that were forgotten because they could not be written.
    var linesLost: UInt64 { file.eventsLost }

    /// Takes a flow that ended.
    mutating func append(_ flow: FlowRecord) { ZeekConnections.append(flow, to: &writer) }

    /// Writes what there is if it is a buffer's worth, or in any case if `all` is true.
    mutating func drain(all: Bool) throws(EVEFileError) {
        let count = writer.lines.count
        guard count > 0, all || count >= file.limits.bufferInBytes else { return }
        if writer.format == .tsv, needsHeader || file.willRotate(for: count) {
            needsHeader = false
            var text = TextBuffer(capacity: count + 1024)
            ZeekLog.appendHeader(name, fields, at: ZeekLog.now(), to: &text)
            text.append(writer.lines.bytes)
            writer.lines.removeAll()
            try file.drain(lines: &text, all: true)
            return
        }
        try file.drain(lines: &writer.lines, all: true)
    }

    /// Writes everything, and that the log ends.
    mutating func close() throws(EVEFileError) {
        if writer.format == .tsv, !needsHeader || writer.lines.count > 0 {
            try drain(all: true)
            writer.lines.append("#close\t")
            ZeekLog.append(date: ZeekLog.now(), to: &writer.lines)
            writer.lines.append(0x0a)
        }
        try drain(all: true)
    }

    static func appendHeader(
        _ name: String,
        _ fields: [(name: String, type: String)],
        at time: Timestamp,
        to text: inout TextBuffer
    ) {
        text.append("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t")
        for byte in name.utf8 { text.append(byte) }
        text.append("\n#open\t")
        append(date: time, to: &text)
        text.append("\n#fields")
        for field in fields {
            text.append(0x09)
            for byte in field.name.utf8 { text.append(byte) }
        }
        text.append("\n#types")
        for field in fields {
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
