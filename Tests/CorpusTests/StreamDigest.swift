// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// What goes from one end to another, by the keys of EVE.
protocol Directed {
    var src_ip: String { get }
    var src_port: Int { get }
    var dest_ip: String { get }
    var dest_port: Int { get }
}

extension Directed {
    /// Who asked, or spoke first, and whom.
    var ends: [Tuple.End] {
        [Tuple.End(src_ip, src_port), Tuple.End(dest_ip, dest_port)].compactMap(\.self)
    }
}

/// One line of `beltway streams --digest`.
struct StreamDigest: Decodable, Directed {
    struct Direction: Decodable {
        var bytes: Int
        var sha256: String
        var gaps: Int

        /// Whether these are the bytes of a digest, nil being the one of none, and all of them.
        func holds(_ digest: String?) -> Bool {
            guard let digest else { return bytes == 0 && gaps == 0 }
            return bytes > 0 && gaps == 0 && sha256 == digest
        }
    }
    var src_ip: String
    var src_port: Int
    var dest_ip: String
    var dest_port: Int
    var originator: Direction
    var responder: Direction
    var syn_seen: Bool

    /// The streams of a capture, in the order in which those of one pair of ends began.
    static func of(_ path: String, options: [String] = [], in folder: String) throws -> [StreamDigest] {
        let program = try #require(Program.beltway)
        let arguments = ["streams", "-r", path, "--digest"] + options
        let ending = Program.run(program, arguments, within: 60, in: folder)
        // 1: the file is damaged, and what is whole of it was read.
        #expect(ending.status == 0 || ending.status == 1, "\(path): \(ending.description)")
        return try ending.output.split(separator: 0x0a).map {
            try JSONDecoder().decode(StreamDigest.self, from: Data($0))
        }
    }
}
