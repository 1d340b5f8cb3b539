// SPDX-License-Identifier: Apache-2.0
internal import Glibc

// Readers in a child process: it inherits descriptors from the owner, which need no socket and no policy, since who
// starts a process decides what it gets.
//
//      owner    let reader = try ring.makeInheritedReader(holds: true)      descriptors: control, area, cursor, bell
//               spawn with reader.descriptors as 3, 4, 5, 6
//      child    let ring = try Ring(inheriting: [3, 4, 5, 6], name: "...")
//
// Safe as attaching by a socket is: the child maps control and area read-only (they are sealed), and writes its own
// cursor and the bell alone. For rings of fixed size, or whose parts are used: they have one area.

/// The place of one reader in a child process, kept by the owner; the child is forgotten when this goes.
public final class InheritedReader: Sendable {
    /// Control memory, area, cursor page, bell page: in this order for ``Ring/init(inheriting:name:)``.
    ///
    /// Open as long as this object lives; close-on-exec, so only what the owner hands on is inherited.
    public let descriptors: [Int32]
    private let ring: Ring
    private let cursor: ReaderCursor
    private let id: UInt64
    private let area: Int32

    fileprivate init(_ ring: Ring, holds: Bool) throws(BufferError) {
        guard let area = ring.areaDescriptor(0) else { throw .notABuffer("its memory was replaced") }
        self.ring = ring
        self.area = area
        _ = fcntl(area, F_SETFD, FD_CLOEXEC)
        do throws(BufferError) {
            cursor = try ReaderCursor()
            id = try ring.coordination.attach(cursor, holds: holds, at: { ring.beginning }).id
        } catch {
            close(area)
            throw error
        }
        descriptors = [
            ring.controlDescriptor, area, cursor.page.descriptor, ring.coordination.bell.descriptor,
        ]
    }

    deinit {
        ring.coordination.detach(id)
        close(area)
    }
}

extension Ring {
    /// Makes a place for a reader in a child process.
    ///
    /// - Parameter holds: Whether a producer whose policy protects readers waits, or drops, for it.
    /// - Returns: What the child has to inherit.
    /// - Throws: ``BufferError`` for want of memory or descriptors, or with 256 readers attached already.
    public func makeInheritedReader(holds: Bool) throws(BufferError) -> InheritedReader {
        try InheritedReader(self, holds: holds)
    }

    /// Attaches by descriptors that the owner's ``InheritedReader`` named and this process inherited.
    ///
    /// - Parameters:
    ///   - descriptors: Control memory, area, cursor page, bell page; duplicated where they are needed longer.
    ///   - name: As the owner calls the ring.
    /// - Throws: ``BufferError/notABuffer(_:)`` unless there are four, and they are what they should be.
    public convenience init(inheriting descriptors: [Int32], name: String) throws(BufferError) {
        guard descriptors.count == 4 else {
            throw .notABuffer("\(descriptors.count) descriptors instead of 4")
        }
        let area = descriptors[1]
        try self.init(
            attachingTo: name,
            controlDescriptor: descriptors[0],
            cursorDescriptor: descriptors[2],
            bellDescriptor: descriptors[3],
            areaSource: { number in
                guard number == 0 else { return nil }
                let own = dup(area)
                return own >= 0 ? own : nil
            }
        )
    }
}

/// The place of one reader of a ring with headers out of band in a child process.
public final class InheritedDescribedReader: Sendable {
    /// Those of the blocks' ring, then those of the headers': in this order for ``DescribedRing/init(inheriting:name:)``.
    public var descriptors: [Int32] { bodies.descriptors + headers.descriptors }
    private let bodies: InheritedReader
    private let headers: InheritedReader

    fileprivate init(_ ring: DescribedRing, holds: Bool) throws(BufferError) {
        // The blocks first: see the invariant of ``DescribedRing``.
        bodies = try ring.bodies.makeInheritedReader(holds: holds)
        headers = try ring.headers.makeInheritedReader(holds: holds)
    }
}

extension DescribedRing {
    /// Makes a place for a reader in a child process; see ``Ring/makeInheritedReader(holds:)``.
    public func makeInheritedReader(holds: Bool) throws(BufferError) -> InheritedDescribedReader {
        try InheritedDescribedReader(self, holds: holds)
    }

    /// Attaches by descriptors that the owner's ``InheritedDescribedReader`` named and this process inherited.
    ///
    /// - Throws: ``BufferError/notABuffer(_:)`` unless there are eight, and they are what they should be.
    public convenience init(inheriting descriptors: [Int32], name: String) throws(BufferError) {
        guard descriptors.count == 8 else {
            throw .notABuffer("\(descriptors.count) descriptors instead of 8")
        }
        try self.init(
            headers: Ring(inheriting: Array(descriptors[4...]), name: name + ".headers"),
            bodies: Ring(inheriting: Array(descriptors[..<4]), name: name)
        )
    }
}
