// SPDX-License-Identifier: Apache-2.0
// The other process of tests that kill or stop one: it does one thing until a signal ends it.
//
//     beltway-peer idle FOLDER holds|lets      attaches to ring test.0, and then reads nothing
//     beltway-peer owner FOLDER GENERATION     owns ring test.0 and writes it, a packet at a time
//
// A program of its own, and no exit test: a test that waits in one of the few threads that Swift Testing runs its tests
// in must not depend on another of them to start the process that it waits for.

import BeltwayBuffers
import BeltwayTestSupport
import BeltwayWire
import Foundation

@main struct BeltwayPeer {
    static func main() throws {
        let words = CommandLine.arguments
        switch words.count == 4 ? words[1] : "" {
        case "idle": try idle(in: words[2], holds: words[3] == "holds")
        case "owner": try own(in: words[2], generation: UInt64(words[3]) ?? 0)
        default:
            print("usage: beltway-peer idle FOLDER holds|lets | owner FOLDER GENERATION")
            exit(2)
        }
    }

    private static func idle(in folder: String, holds: Bool) throws {
        let attached = try AttachedBuffer("test.0", in: folder, as: "idle", holds: holds)
        let reader = try DescriptorReader(attached.buffer)
        sleep(100)
        reader.release()
    }

    private static func own(in folder: String, generation: UInt64) throws {
        let ring = try DataBuffer(
            name: "test.0",
            number: 3,
            linkType: .ethernet,
            capacity: 262_144,
            policy: .fastReader,
            generation: generation
        )
        let server = try BufferServer(folder: folder)
        try server.share(ring, policy: AccessPolicy(owner: geteuid(), group: getegid()))
        var producer = ring.makeProducer()
        var words: [UInt64] = []
        // Ends by itself after two minutes and more, should nobody kill it.
        for ordinal in UInt64(0)..<1_000_000 {
            while !producer.append(checked: ordinal, &words) { producer.publish() }
            producer.publish()
            usleep(100)
        }
    }
}
