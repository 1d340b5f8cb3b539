// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayWire
internal import Glibc

// What programs call a ring.
//
//     beltway:eth0      all queues of interface eth0 that an instance captures, merged in order of time
//     beltway:eth0.1    one ring: queue 1
//     beltway-eth0      the same as beltway:eth0, for programs that mean something by a colon (softflowd, argus)
//
// With BELTWAY_INSTEAD in the environment (`beltway exec --instead`) an interface that is captured is a device of ours
// under its own name: for programs that ask the kernel about the interface before they open it.
//
// The instance is the one whose data directory the environment names in BELTWAY_DATA (`beltway exec` sets it), else
// /var/lib/beltway.

/// A ring, or all queues of an interface, as a device of libpcap's.
struct Device {
    static let word = "beltway"
    static let prefix = "beltway:"

    /// What programs call it.
    let name: String
    /// The ring or interface.
    let target: String

    /// Reads a device's name; nil if it is none of ours.
    init?(_ name: String) {
        if unsafe getenv("BELTWAY_INSTEAD") != nil,
            Self.rings().contains(where: { $0.name.interface == name })
        {
            self.name = name
            target = name
            return
        }
        guard name.hasPrefix(Self.word), let mark = name.utf8.dropFirst(Self.word.utf8.count).first,
            mark == UInt8(ascii: ":") || mark == UInt8(ascii: "-")
        else { return nil }
        self.name = name
        target = String(name.dropFirst(Self.word.count + 1))
    }

    /// Where the instance's sockets are.
    static var folder: String {
        let named = unsafe getenv("BELTWAY_DATA").flatMap { unsafe String(validatingCString: $0) }
        return (named.flatMap { $0.isEmpty ? nil : $0 } ?? "/var/lib/beltway") + "/run"
    }

    /// Every ring of packets that the instance shares now, with what is known of it.
    static func rings() -> [(name: RingName, ring: RingDescription)] {
        guard let names = try? SharedBuffers.names(in: folder) else { return [] }
        return names.compactMap { name in
            guard let parts = RingName(name), let ring = try? SharedBuffers.describe(name, in: folder),
                UInt64(ring.kind) == BufferKind.described.rawValue
            else { return nil }
            return (parts, ring)
        }
    }

    /// The devices that there are, with a sentence for each.
    static func all() -> [(name: String, description: String)] {
        let rings = rings()
        var devices: [(name: String, description: String)] = []
        for interface in Set(rings.map(\.name.interface)).sorted() {
            let queues = rings.filter { $0.name.interface == interface }
            devices.append(
                (
                    prefix + interface,
                    queues.count == 1
                        ? "Packets of \(interface) that Beltway captures"
                        : "Packets of \(interface) that Beltway captures, all queues in order of time"
                )
            )
            for queue in queues {
                devices.append((prefix + queue.ring.name, "Ring \(queue.ring.name) of Beltway"))
            }
        }
        return devices
    }

    /// The rings that the device stands for: of one link type, since a device has one; those of another link type are
    /// devices of their own.
    private var names: [String] {
        let rings = Self.rings()
        if let one = rings.first(where: { $0.ring.name == target }) { return [one.ring.name] }
        let queues = rings.filter { $0.name.interface == target }
        return queues.filter { $0.ring.linkType == queues[0].ring.linkType }.map(\.ring.name)
    }

    /// Link type of the device's packets; nil if there is no such device.
    var linkType: UInt16? {
        let rings = Self.rings()
        return (rings.first { $0.ring.name == target } ?? rings.first { $0.name.interface == target })?.ring
            .linkType
    }

    /// Attaches to the rings.
    ///
    /// - Parameter program: What the reader calls itself.
    /// - Returns: At least one.
    /// - Throws: ``Failure``, with libpcap's number for it.
    func attach(as program: String) throws(Failure) -> [AttachedBuffer] {
        var attached: [AttachedBuffer] = []
        for name in names {
            do throws(SharingError) {
                attached.append(try AttachedBuffer(name, in: Self.folder, as: program))
            } catch {
                if case .nobodyListens = error { continue }
                throw Failure(error, name)
            }
        }
        guard let first = attached.first else {
            throw Failure(
                .noSuchDevice,
                "no ring \(excerpt) is shared in \(Self.folder); beltway rings lists them"
            )
        }
        return attached.filter { $0.buffer.linkType == first.buffer.linkType }
    }

    private var excerpt: String { String(target.prefix(80)) }
}
