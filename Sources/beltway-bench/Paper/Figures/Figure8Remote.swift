// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayWire

// Figure 8: a ring in another host, by the strategies of section 4.4, over TCP on the loopback interface.

extension PaperFigure {
    static var remoteAccess: PaperFigure {
        PaperFigure(
            number: 8,
            title: "Zero-copy against copying, across a link",
            section: "section 4.4",
            measure: { try RemoteBenchmark.figure($0) }
        )
    }
}

/// Packets of 1500 bytes that are read through a connection, with 0, 1 or 2 accesses each.
enum RemoteBenchmark {
    static let accesses = [0, 1, 2]
    private static let packet = 1500

    static func name(_ strategy: RemoteStrategy) -> String {
        switch strategy {
        case .zeroCopy: "zero-copy"
        case .copyOnce: "copy once"
        case .cachedCopy: "cached copy"
        case .copyOnDemand: "copy on demand"
        }
    }

    static func figure(_ effort: Effort) throws -> FigureResult {
        var rates: [[Double]] = []
        var moved: [[Double]] = []
        let cells = RemoteStrategy.allCases.flatMap { strategy in accesses.map { (strategy, $0) } }
        for _ in cells {
            rates.append([])
            moved.append([])
        }
        for round in 0...effort.rounds {
            for (index, (strategy, accesses)) in cells.enumerated() {
                // A round trip an access: as few packets as make a round last as long as with the others.
                let isSlow = strategy == .zeroCopy && accesses > 0
                let count = effort.isQuick ? (isSlow ? 50 : 500) : (isSlow ? 1000 : 20_000)
                let reading = try read(strategy, accesses, packets: count)
                guard round > 0 else { continue }
                rates[index].append(reading.packetsPerSecond / 1e3)
                moved[index].append(reading.bytesPerPacket)
            }
        }
        func series(_ values: [[Double]]) -> [PlotSeries] {
            RemoteStrategy.allCases.map { strategy in
                PlotSeries(
                    name: name(strategy),
                    points: cells.enumerated().filter { $0.element.0 == strategy }.map {
                        PlotPoint(x: Double($0.element.1), y: Sample(values: values[$0.offset]))
                    }
                )
            }
        }
        let categories = ["no access", "1 access", "2 accesses"]
        let rate = PlotPanel(
            name: "a",
            title: "Packets of 1500 bytes read from a ring at the other end of a connection",
            x: PlotAxis(name: "Accesses per packet"),
            y: PlotAxis(name: "Thousand packets/s", scale: .logarithmic),
            style: .bars,
            categories: categories,
            series: series(rates)
        )
        let bytes = PlotPanel(
            name: "b",
            title: "What that moved over the connection",
            x: PlotAxis(name: "Accesses per packet"),
            y: PlotAxis(name: "Bytes received per packet", scale: .logarithmic),
            style: .bars,
            categories: categories,
            series: series(moved)
        )
        return FigureResult(paper: paper, method: method, panels: [rate, bytes], claims: claims(rate, bytes))
    }

    private static func read(
        _ strategy: RemoteStrategy,
        _ accesses: Int,
        packets: Int
    ) throws -> RemoteReading.Outcome {
        let buffer = try DataBuffer(
            name: "bench.0",
            number: 0,
            linkType: .ethernet,
            capacity: packets > 1000 ? 64 << 20 : 4 << 20,
            policy: .fastReader
        )
        let listener = try LoopbackListener()
        let client = try SocketChannel.connect(toLoopbackPort: listener.port)
        let server = Handover(try listener.accept(nanoseconds: 5_000_000_000))
        let serving = PeerThread {
            guard var session = try? RemoteSession(server.take()) else { return false }
            return session.run(stop: { false }, find: { _ in .ring(buffer) }).error == nil
        }
        var reading = RemoteReading(buffer, accesses: accesses, packets: packets, length: packet)
        let outcome: RemoteReading.Outcome
        do {
            outcome = try strategy.open(client, RemoteReaderOptions(), &reading)
        } catch {
            _ = serving.join()
            throw error
        }
        _ = serving.join()
        guard outcome.read == UInt64(packets), outcome.isRight else {
            throw FigureTrouble(
                description:
                    "\(name(strategy)): \(outcome.read) of \(packets) packets were read, \(outcome.lost) lost, "
                    + (outcome.isRight ? "whole" : "some wrong")
            )
        }
        return outcome
    }

    private static func claims(_ rate: PlotPanel, _ bytes: PlotPanel) -> [Claim] {
        func ratio(_ panel: PlotPanel, _ a: RemoteStrategy, _ b: RemoteStrategy, _ accesses: Int) -> Double? {
            guard let a = panel.sample(name(a), at: Double(accesses)),
                let b = panel.sample(name(b), at: Double(accesses))
            else { return nil }
            return a.ratio(to: b)
        }
        var claims = [1, 2].map { accesses in
            let faster = ratio(rate, .copyOnce, .zeroCopy, accesses)
            return Claim(
                text: "copy once against zero-copy, \(accesses) access\(accesses > 1 ? "es" : "") per packet",
                paper: "whenever any data is touched, DMA wins",
                goal: "faster",
                measured: faster.map { "\(numberLabel($0))x" } ?? "-",
                holds: faster.map { $0 > 1 }
            )
        }
        let untouched = ratio(rate, .zeroCopy, .copyOnce, 0)
        claims.append(
            Claim(
                text: "zero-copy against copy once, no access",
                paper: "zero-copy wins only where nothing is touched",
                goal: "faster",
                measured: untouched.map { "\(numberLabel($0))x" } ?? "-",
                holds: untouched.map { $0 > 1 }
            )
        )
        let less = ratio(bytes, .copyOnce, .cachedCopy, 1)
        claims.append(
            Claim(
                text: "bytes that copy once moves against cached copy, one access per packet",
                paper: "cached copy fetches blocks only when requested",
                goal: "5x and more",
                measured: less.map { "\(numberLabel($0))x" } ?? "-",
                holds: less.map { $0 >= 5 }
            )
        )
        return claims
    }

    private static let paper = [
        "Programmed I/O (zero-copy: every access crosses the PCI bus) against DMA (copy once: all data crosses it, unasked) for "
            + "packets received by an IXP2400 network processor, with 0, 1 or 2 accesses per packet. \"Whenever any data is "
            + "touched, DMA wins.\" The paper adds two strategies that it does not plot: cached copy, which fetches blocks of a "
            + "replica when they are first touched and is its choice for network links, and copy on demand."
    ]

    private static let method = [
        "The crossing is a TCP connection over the loopback interface instead of a bus, the ring's owner a second thread that "
            + "serves it; the protocol is that of beltway serve, without TLS. Packets of 1500 bytes are published after the reader "
            + "has attached, as many as the ring holds; then it reads their descriptors and of each packet nothing, 8 "
            + "bytes of its head, or those and 8 bytes from its middle. Time runs from the first publication until all "
            + "packets have been seen.",
        "Zero-copy pays a round trip for every access; over a real link it would be more than here.",
    ]
}

/// Publishes packets and reads them through whichever reader.
private struct RemoteReading: RemoteReaderUse {
    struct Outcome {
        var packetsPerSecond: Double
        var bytesPerPacket: Double
        var read: UInt64
        var lost: UInt64
        var isRight: Bool
    }

    private let buffer: DataBuffer
    private let accesses: Int
    private let packets: Int
    private let block: [UInt8]

    init(_ buffer: DataBuffer, accesses: Int, packets: Int, length: Int) {
        self.buffer = buffer
        self.accesses = accesses
        self.packets = packets
        block = blockOfBytes(length)
    }

    mutating func use<Reader: RemoteRecordReader & ~Copyable>(_ reader: inout Reader) -> Outcome {
        var producer = buffer.makeProducer()
        let start = wallSeconds()
        for number in 0..<packets {
            _ = producer.append(
                block.rawSpan,
                time: Timestamp(nanoseconds: UInt64(number)),
                originalLength: UInt32(block.count),
                interface: 0,
                flags: []
            )
            if number % 32 == 31 { producer.publish() }
        }
        producer.publish()
        producer.close()
        let middle = block.count / 2 & ~7
        let expected = [0, middle].prefix(accesses).reduce(UInt64(0)) {
            $0 &+ block.rawSpan.littleEndian64(at: $1)
        }
        var sum: UInt64 = 0
        let deadline = start + 30
        while !reader.isAtEnd, reader.failure == nil {
            guard let descriptor = reader.next() else {
                if wallSeconds() > deadline { break }
                reader.wait(nanoseconds: 10_000_000)
                continue
            }
            if accesses > 0 { sum &+= word(&reader, descriptor, 0) }
            if accesses > 1 { sum &+= word(&reader, descriptor, middle) }
        }
        let seconds = wallSeconds() - start
        return Outcome(
            packetsPerSecond: Double(packets) / seconds,
            bytesPerPacket: Double(reader.counters.bytesReceived) / Double(packets),
            read: reader.read,
            lost: reader.lost,
            isRight: sum == expected &* UInt64(packets)
        )
    }

    @inline(__always)
    private func word<Reader: RemoteRecordReader & ~Copyable>(
        _ reader: inout Reader,
        _ descriptor: Descriptor,
        _ offset: Int
    ) -> UInt64 {
        (try? reader.withBytes(of: descriptor, offset: offset, length: 8) { $0.littleEndian64(at: 0) }) ?? 0
    }
}
