// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Testing

@testable import BeltwayAppliance

@Suite struct `A queue of packets that are in no ring` {
    private func packet(_ bytes: Int) -> CarriedPacket {
        let frame = FragmentFrame(
            headers: PacketHeaders(),
            hash: 0,
            time: .zero,
            originalLength: 0,
            ordinal: 0,
            buffer: 0,
            interface: 0
        )
        return CarriedPacket(frame: frame, bytes: [UInt8](repeating: 0, count: bytes), carries: .none)
    }

    @Test func `keeps the headers alone of what finds no room, live, and then nothing`() {
        let queue = CarriedQueue()
        for number in 1...CarriedQueue.mostHeaders + 1 {
            #expect(queue.send(packet(3), isLive: true) == UInt32(number))
        }
        for number in 1...CarriedQueue.mostHeaders {
            let found = queue.take(UInt32(number))
            #expect(found.missed == 0)
            #expect(found.packet?.bytes.count == (number <= CarriedQueue.mostLive ? 3 : 0))
        }
        #expect(queue.take(UInt32(CarriedQueue.mostHeaders + 1)).packet == nil)
        _ = queue.send(packet(3), isLive: true)
        #expect(queue.take(UInt32(CarriedQueue.mostHeaders + 2)).packet?.bytes.count == 3)
    }

    @Test func `has room again for what was taken, or passed over`() {
        let queue = CarriedQueue()
        for round in 0..<4 {
            for _ in 0..<CarriedQueue.mostLive { _ = queue.send(packet(1), isLive: true) }
            let last = UInt32((round + 1) * CarriedQueue.mostLive)
            let found = queue.take(last)
            #expect(found.packet?.bytes.count == 1)
            #expect(found.missed == UInt32(CarriedQueue.mostLive - 1))
        }
    }
}
