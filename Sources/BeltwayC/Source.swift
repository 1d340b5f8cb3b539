// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import CBeltway
internal import Glibc

/// What a reader is attached to: a ring of packets, or one of another kind.
enum Source {
    case packets(AttachedBuffer)
    case ring(AttachedRing)

    var name: String {
        switch self {
        case .packets(let attached): attached.buffer.name
        case .ring(let attached): attached.ring.name
        }
    }

    var generation: UInt64 {
        switch self {
        case .packets(let attached): attached.generation
        case .ring(let attached): attached.generation
        }
    }

    var owner: OwnerState {
        switch self {
        case .packets(let attached): attached.owner
        case .ring(let attached): attached.owner
        }
    }

    /// The packets' ring, if it is one.
    var packets: DataBuffer? {
        if case .packets(let attached) = self { attached.buffer } else { nil }
    }

    func description() throws(Failure) -> RingDescription {
        do throws(SharingError) {
            return switch self {
            case .packets(let attached): try attached.description()
            case .ring(let attached): try attached.description()
            }
        } catch {
            throw Failure(error)
        }
    }

    func reconnected() throws(Failure) -> Source {
        do throws(SharingError) {
            return switch self {
            case .packets(let attached): .packets(try attached.reconnected())
            case .ring(let attached): .ring(try attached.reconnected())
            }
        } catch {
            throw Failure(error)
        }
    }
}

extension ReaderHandle {
    /// Attaches to a ring of whatever kind.
    static func attach(
        _ ring: String,
        data: String,
        as name: String,
        holds: Bool
    ) throws(Failure) -> ReaderHandle {
        let folder = data + "/run"
        let source: Source
        do throws(SharingError) {
            // A ring of packets is by far the likeliest; the owner tells what it is else.
            let kind = try SharedBuffers.describe(ring, in: folder).kind
            source =
                UInt64(kind) == BufferKind.described.rawValue
                ? .packets(try AttachedBuffer(ring, in: folder, as: name, holds: holds))
                : .ring(try AttachedRing(ring, in: folder, as: name, holds: holds))
        } catch {
            throw Failure(error)
        }
        return try reader(of: source, holds: holds)
    }

    /// Makes the reader that suits a ring.
    static func reader(of source: Source, holds: Bool) throws(Failure) -> ReaderHandle {
        do throws(BufferError) {
            let handle: ReaderHandle =
                switch source {
                case .packets(let attached): try PacketReader(attached, holds: holds)
                case .ring(let attached):
                    switch attached.ring.kind {
                    case .slots: try BlockReader<SlotLayout>(attached, holds: holds)
                    case .stream: try BlockReader<StreamLayout>(attached, holds: holds)
                    case .marked: try BlockReader<MarkedLayout>(attached, holds: holds)
                    case .index: try EntryReader(attached, holds: holds)
                    case .described: throw .notABuffer("a ring of packets in the wrong place")
                    }
                }
            handle.coalescing = .relaxed
            return handle
        } catch {
            throw Failure(error)
        }
    }
}

extension beltway_ring {
    /// What an owner says of a ring.
    init(_ ring: RingDescription) {
        self.init()
        let name = Array(ring.name.utf8.prefix(79))
        unsafe withUnsafeMutableBytes(of: &self.name) { room in unsafe room.copyBytes(from: name) }
        kind = UInt32(ring.kind)
        policy = UInt32(ring.policy)
        link_type = UInt32(ring.linkType)
        number = UInt32(ring.number)
        capacity = ring.capacity
        generation = ring.generation
        published = ring.packets
        published_bytes = ring.tail
        owner = ring.process
        readers = ring.readerCount
        ended = ring.isClosed ? 1 : 0
    }
}
