// SPDX-License-Identifier: Apache-2.0

/// What became of one capture file.
public struct CaptureFileReport: Equatable, Sendable, CustomStringConvertible {
    /// How the reading ended.
    public enum Ending: Equatable, Sendable {
        /// The last record was whole.
        case whole
        /// The file ends at byte `endsAt`, inside the record that begins at byte `recordAt`.
        case cut(recordAt: UInt64, endsAt: UInt64)
        /// The file makes no sense from some byte on, or could not be read.
        case failed(CaptureFileError)
        /// Somebody asked to stop before its end.
        case stopped
    }

    /// The file as it was named; `-` is standard input.
    public var path: String
    /// Packets read from it, those that the filter declined included.
    public var packets: UInt64
    /// How the reading ended.
    public var ending: Ending

    /// One line for people: what happened and where.
    public var description: String {
        let name = path == "-" ? "standard input" : path
        return switch ending {
        case .whole: "\(name): \(packets) packets"
        case .stopped: "\(name): stopped after \(packets) packets"
        case .failed(let error): "\(name): \(error) (\(packets) packets before)"
        case .cut(let recordAt, let endsAt):
            "\(name): ends at byte \(endsAt), inside the record that begins at byte \(recordAt); "
                + "the \(packets) packets before it were read"
        }
    }
}
