// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import Testing

/// Random calls of one writer and three readers, against the list of all bytes ever written.
///
/// A reader that says it is at position p must get exactly the bytes from p on, or be told that they have left the
/// window; whatever it gets, `published == read + lost`.
@Suite struct `A buffer as a file, against its model` {
    @Test(
        arguments: [BufferFlags.blocking, .slowReader, .mediumReader, .fastReader],
        [BufferFlags.stream, .marked, .slots, .described]
    )
    func `returns what was written at each place, or says why not`(
        policy: BufferFlags,
        kind: BufferFlags
    ) throws {
        for resizing in [[], .resizesWithin, .replacesMemory] as [BufferFlags] {
            for seed in 1...4 as ClosedRange<UInt64> {
                try walk([policy, kind, resizing], kind, seed: seed &* 1_000 &+ UInt64(resizing.rawValue))
            }
        }
    }

    /// Byte n of the stream, or byte n of every block but its first two, which say its number.
    private func byte(_ n: Int) -> UInt8 { UInt8(truncatingIfNeeded: n &* 131 &+ n / 251) }

    private func walk(_ flags: BufferFlags, _ kind: BufferFlags, seed: UInt64) throws {
        var random = RandomSource(seed: seed &+ UInt64(flags.rawValue))
        let files = BufferFiles()
        let writer = try files.open("x", flags.union([.writing, .nonBlocking]), size: 32_768)
        var readers: [Int32] = []
        var starts: [Int32: Int] = [:]
        var (written, blocks) = (0, 0)
        for _ in 0..<1_500 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0 where readers.count < 3:
                let reader = try files.open("x", [.reading, .nonBlocking])
                readers.append(reader)
                starts[reader] = blocks
            case 1 where readers.count > 1 && random.oneIn(20):
                try files.close(readers.removeFirst())
            case 0...4:
                let length = Int.random(in: 1...(random.oneIn(10) ? 2_000 : 300), using: &random)
                if kind == .stream {
                    let bytes = (written..<written + length).map(byte)
                    written += (try? files.write(writer, bytes)) ?? 0
                } else {
                    var block = (0..<length + 2).map(byte)
                    block[0] = UInt8(truncatingIfNeeded: blocks)
                    block[1] = UInt8(truncatingIfNeeded: blocks >> 8)
                    if (try? files.write(writer, block)) != nil { blocks += 1 }
                }
            case 5 where !readers.isEmpty && (kind == .stream || kind == .described):
                let reader = readers[Int.random(in: 0..<readers.count, using: &random)]
                let target =
                    kind == .stream
                    ? Int64(written) - Int64.random(in: 0...40_000, using: &random)
                    : Int64(blocks) - Int64.random(in: -1...300, using: &random)
                do throws(BufferFileError) { try files.lseek(reader, target, .start) } catch {
                    if case .leftWindow(_, let oldest, let end) = error {
                        #expect(target < Int64(oldest) || target >= Int64(end), "seed \(seed)")
                    } else {
                        #expect(target < 0, "seed \(seed): \(error)")
                    }
                }
            default:
                guard !readers.isEmpty else { continue }
                let reader = readers[Int.random(in: 0..<readers.count, using: &random)]
                try check(files, reader, kind, from: starts[reader] ?? 0, seed, &random)
            }
        }
        for reader in readers {
            let counts = try files.counts(reader)
            #expect(counts.published == counts.read + counts.lost, "seed \(seed)")
        }
        #expect(kind == .stream ? written > 20_000 : blocks > 50, "seed \(seed)")
    }

    private func check(
        _ files: BufferFiles,
        _ reader: Int32,
        _ kind: BufferFlags,
        from start: Int,
        _ seed: UInt64,
        _ random: inout RandomSource
    ) throws {
        let before = try files.counts(reader)
        do throws(BufferFileError) {
            let limit = kind == .stream ? Int.random(in: 1...3_000, using: &random) : 4_000
            let bytes: [UInt8]
            if random.oneIn(3) {
                bytes =
                    try files.withPeeked(reader, atMost: limit) { span in
                        (0..<span.byteCount).map { span.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
                    } ?? []
            } else {
                bytes = try files.read(reader, count: limit)
            }
            if kind == .stream {
                let place = Int(try files.lseek(reader, 0, .current)) - bytes.count
                #expect(bytes == (place..<place + bytes.count).map(byte), "seed \(seed) at \(place)")
            } else {
                #expect(bytes.count > 2 && bytes[2...] == (2..<bytes.count).map(byte)[...], "seed \(seed)")
                let number = Int(bytes[0]) | Int(bytes[1]) << 8
                // A block's place is its number; where there are no such places, everything offered lies before it.
                let expected =
                    kind == .described
                    ? Int(try files.lseek(reader, 0, .current)) - 1
                    : start + Int(try files.counts(reader).published) - 1
                #expect(number == expected & 0xffff, "seed \(seed)")
            }
        } catch {
            switch error {
            case .wouldBlock: break
            case .leftWindow(let lost, _, _):
                let now = try files.counts(reader)
                #expect(now.lost == before.lost + lost && now.read == before.read, "seed \(seed)")
            default: Issue.record("seed \(seed): \(error)")
            }
        }
    }
}
