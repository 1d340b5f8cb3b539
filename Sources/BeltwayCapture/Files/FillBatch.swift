// SPDX-License-Identifier: Apache-2.0
// The loop that every packet of a file goes through.
import BeltwayBuffers
import BeltwayWire

/// Why a batch ended.
enum BatchOutcome: Equatable {
    /// It has as many records or bytes as a batch may have.
    case full
    /// Readers still need the room that this packet would take.
    case noRoom(FilePacket)
    /// This packet belongs to another buffer, or to an interface without a route.
    case otherRoute(FilePacket)
    /// What was read is used up.
    case needsBytes
    case end(CaptureFileReport.Ending)
}

/// Records of a batch, at most: few for a reader's latency, many for the cost of publishing.
private let batchRecords = 256
/// Bytes of a batch, at most.
private let batchBytes = 256 << 10

/// Appends packets of one section to one buffer until the batch is full or something else is due.
///
/// `pending` is a packet that the last step returned and nobody has taken, `slot` says which buffer the
/// producer writes, and `latest` is the latest time so far.
func fillBatch<Filter: PacketFilter>(
    _ pending: FilePacket?,
    from reader: inout CaptureFileReader,
    into producer: inout DataBufferProducer,
    slot: Int32,
    filter: inout Filter,
    routes: [BufferRoute],
    counts: inout CaptureCounts,
    latest: inout Timestamp
) -> BatchOutcome {
    let filters = Filter.self != AcceptEverything.self
    let section = reader.section
    let linkType = producer.buffer.linkType
    let snapLength = producer.buffer.geometry.snapLength
    var next = pending
    while true {
        let packet: FilePacket
        if let taken = next {
            packet = taken
            next = nil
        } else {
            do {
                switch try reader.step() {
                case .packet(let taken): packet = taken
                case .needsBytes: return .needsBytes
                case .end(let end): return .end(CaptureFileReport.Ending(end))
                }
            } catch {
                return .end(.failed(error))
            }
        }
        let index = Int(packet.interface)
        guard reader.section == section, index < routes.count, routes[index].slot == slot else {
            return .otherRoute(packet)
        }
        let bytes = reader.packetBytes
        if filters, !filter.accepts(bytes, originalLength: packet.originalLength, linkType: linkType) {
            counts.filtered &+= 1
            continue
        }
        guard
            producer.append(
                bytes,
                time: packet.time,
                originalLength: packet.originalLength,
                interface: routes[index].interface,
                flags: packet.flags
            )
        else { return .noRoom(packet) }
        counts.received &+= 1
        counts.bytes &+= UInt64(packet.originalLength)
        if bytes.byteCount > snapLength || packet.flags.contains(.truncated) { counts.truncated &+= 1 }
        if packet.time > latest { latest = packet.time }
        if producer.unpublished >= batchRecords || producer.unpublishedBytes >= batchBytes { return .full }
    }
}
