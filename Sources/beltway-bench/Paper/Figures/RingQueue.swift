// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers

/// A ring of a kind that has its headers in line (p-, c- and v-DBuf), as a queue.
struct RingQueue<Layout: BlockLayout>: BlockQueue, ~Copyable {
    private var producer: RingProducer<Layout>
    private var reader: RingReader<Layout>

    init(_ options: RingOptions, as layout: Layout.Type, controller: ResizeController? = nil) throws {
        let ring = try Ring(name: "bench.0", options: options)
        reader = try RingReader(ring, as: layout)
        producer = ring.makeProducer(layout)
        producer.controller = controller
    }

    @inline(__always) mutating func put(_ block: RawSpan) {
        guard !producer.append(block) else { return }
        // The batch fills the ring. Refused again, the block is missed where it should be taken.
        producer.publish()
        _ = producer.append(block)
    }

    @inline(__always) mutating func publish() { producer.publish() }
    var lost: UInt64 { reader.lost }

    @inline(__always) mutating func take() -> UInt64 {
        guard let block = reader.next() else { return 0 }
        let sum = reader.withBytes(of: block) { $0.sumOfBytes }
        return reader.isWhole(block) ? sum : 0
    }

    /// Lets the producer have what was taken; after each turn where the policy protects readers.
    @inline(__always) mutating func release() { reader.release() }

    /// Changes the length, if the ring was opened so that it can.
    mutating func resize(to length: Int) { producer.resize(to: length) }
    /// Bytes that the ring uses at present.
    var length: Int { producer.ring.length }
}
