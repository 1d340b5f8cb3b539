// SPDX-License-Identifier: Apache-2.0

/// An Interface Description Block, as a value.
public struct PcapngInterface: Equatable, Sendable {
    /// What the interface's packets begin with.
    public var linkType: LinkType
    /// Bytes of a packet that the capture was to keep; 0 means no limit.
    public var snapLength: UInt32
    /// if_name, if it is there and not empty.
    public var name: String?
    /// if_description, if it is there and not empty.
    public var description: String?
    /// if_tsresol and if_tsoffset.
    public var resolution: TimeResolution

    /// Makes an interface.
    public init(
        linkType: LinkType,
        snapLength: UInt32,
        name: String? = nil,
        description: String? = nil,
        resolution: TimeResolution = .microseconds
    ) {
        self.linkType = linkType
        self.snapLength = snapLength
        self.name = name
        self.description = description
        self.resolution = resolution
    }

    /// Reads an Interface Description Block.
    ///
    /// - Parameters:
    ///   - block: The whole block.
    ///   - order: The section's byte order.
    /// - Throws: `truncated` below 20 bytes, or `invalid` for an option that runs past the block.
    public init(_ block: RawSpan, _ order: ByteOrder) throws(WireError) {
        guard block.byteCount >= 20 else { throw .truncated(need: 20, have: block.byteCount) }
        linkType = LinkType(rawValue: block.integer16(at: 8, order))
        snapLength = block.integer32(at: 12, order)
        var resolution: UInt8 = 6
        var offset: UInt64 = 0
        var options = PcapngOptions(block.extracting(16..<(block.byteCount &- 4)), order)
        while let option = try options.next() {
            switch option.code {
            case 2: name = options.text(option)
            case 3: description = options.text(option)
            case 9: resolution = options.firstByte(option) ?? resolution
            case 14: offset = options.integer64(option) ?? offset
            default: break
            }
        }
        if name?.isEmpty == true { name = nil }
        if description?.isEmpty == true { description = nil }
        self.resolution = TimeResolution(rawValue: resolution, offsetSeconds: Int64(bitPattern: offset))
    }
}
