// SPDX-License-Identifier: Apache-2.0
// The event `fileinfo` (Suricata 8): the object of the protocol that brought the file, then the file.
//
//     ,"http":{..},"app_proto":"http","fileinfo":{"filename":..,"magic":..,"gaps":..,"state":..,"sha256":..,"size":..}
internal import BeltwayWire

/// The table `fileinfo`, and what writes its rows.
public enum FileEvents {
    /// Columns of the table.
    public static let columns = [
        TransactionColumn("filename", .text), TransactionColumn("size", .number),
        TransactionColumn("magic", .text), TransactionColumn("state", .text),
        TransactionColumn("md5", .text), TransactionColumn("sha1", .text),
        TransactionColumn("sha256", .text), TransactionColumn("app_proto", .text),
        TransactionColumn("stored", .text),
    ]

    enum Column {
        static var filename: Int { 0 }
        static var size: Int { 1 }
        static var magic: Int { 2 }
        static var state: Int { 3 }
        static var digests: Range<Int> { 4..<7 }
        static var protocolName: Int { 7 }
        static var stored: Int { 8 }
    }

    /// A name off the wire as the JSON string that it will be.
    static func name(_ bytes: RawSpan) -> [UInt8] {
        guard bytes.byteCount > 0 else { return [] }
        var text = TextBuffer(capacity: 256)
        text.append(wireString: bytes, most: 1024)
        return text.copy()
    }
}

extension TransactionStage {
    /// Closes the object of the protocol, which was opened by `begin(.fileinfo, ..)`, and writes the file behind it.
    ///
    /// - Parameters:
    ///   - file: The file.
    ///   - application: What brought it, as EVE's `app_proto`.
    ///   - number: Number of the transaction that brought it.
    mutating func endFile(
        _ file: borrowing FileTracker,
        application: StaticString,
        number: UInt32
    ) {
        text.closeObject()
        text.member("app_proto")
        beginValue()
        text.append(0x22)
        text.append(application)
        text.append(0x22)
        mark(FileEvents.Column.protocolName)
        text.openObject("fileinfo")
        let copy = file.preparedCopy()
        if wantsDetails, file.audience != .events { file.write(details: &details) }
        file.write(number: number, storedAs: copy?.identifier, &self)
        if file.audience == .logs {
            keepForLogs()
            end()
            return
        }
        guard end() else {
            // What no event tells of is not kept.
            if copy != nil { files.queue?.noteIncomplete() }
            return
        }
        if let copy { endedCopies.append(copy) }
        fileCounters.files &+= 1
        fileCounters.bytes &+= file.size
        if !file.isClosed { fileCounters.truncated &+= 1 }
        if file.hasGaps { fileCounters.withGaps &+= 1 }
        if file.size > files.largest { fileCounters.tooLarge &+= 1 }
    }

    /// Appends the members of a fragment whose columns are of another kind.
    mutating func append(members fragment: borrowing JSONFragment) {
        guard !fragment.text.isEmpty else { return }
        text.separate()
        text.append(fragment.text.span)
    }
}
