// SPDX-License-Identifier: Apache-2.0

/// Why bytes could not be read as the format they claim to be.
public enum WireError: Error, Equatable, Sendable {
    /// Fewer bytes than the format needs.
    case truncated(need: Int, have: Int)
    /// A field that names a length, version or type holds a value that the format does not allow.
    case invalid(field: StaticFieldName, value: UInt64)
}

/// The name of a header field in an error: a closed set, so that an error carries no string on a hot path.
public enum StaticFieldName: String, Sendable {
    case version, headerLength, totalLength, blockLength, blockType, byteOrder, capturedLength, interfaceID
    case extensionHeader, magic, timestamp, linkType, optionLength
    case messageType, messageLength, fieldLength, recordLength, tag, time, startLine, headerLine, chunkSize
}
