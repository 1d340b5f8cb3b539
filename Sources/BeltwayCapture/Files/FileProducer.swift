// SPDX-License-Identifier: Apache-2.0
// Capture files into data buffers, one thread, several files in a row.
//
//    files --CaptureFileReader--> one packet in place --filter--> append (the one copy) --256--> publish, stage
//
// Invariant: packets reach the stage in the order of the files, whatever buffer they are in: a batch is
// published and processed before a packet goes to another buffer.
// Budget: read, parse and append within 0.20 us per packet of 640 bytes, the kernel's part included.
public import BeltwayBuffers
public import BeltwayWire

/// Reads capture files into data buffers and runs a stage on each batch, in the calling thread.
public struct FileProducer<Stage: BatchStage & ~Copyable, Filter: PacketFilter>: ~Copyable {
    /// The stage, which has seen every batch when ``run()`` returns.
    public var stage: Stage
    private var filter: Filter
    private var routes: BufferRoutes
    private let paths: [String]
    private let counters: CaptureCounters
    private let progress: ReadingProgress
    private let stop: StopFlag
    private var counts = CaptureCounts()

    /// Makes a producer; nothing is opened yet.
    ///
    /// - Parameters:
    ///   - paths: Capture files, read in this order; `-` is standard input.
    ///   - ringName: Name of the first buffer; further ones append `-` and their link type's number.
    ///   - filter: Which packets to keep.
    ///   - stage: What follows in this thread.
    ///   - counters: Where to count.
    ///   - progress: Where to say how far it is.
    ///   - stop: Ends the reading after the current batch.
    ///   - openBuffer: Makes the data buffer for a link type when its first packet comes.
    public init(
        paths: [String],
        ringName: String = "file.0",
        filter: Filter,
        stage: consuming Stage,
        counters: CaptureCounters = CaptureCounters(),
        progress: ReadingProgress = ReadingProgress(),
        stop: StopFlag = StopFlag(),
        openBuffer: @escaping (String, LinkType) throws(BufferError) -> DataBuffer
    ) {
        self.paths = paths
        self.filter = filter
        self.stage = stage
        self.counters = counters
        self.progress = progress
        self.stop = stop
        routes = BufferRoutes(ringName: ringName, openBuffer: openBuffer)
    }

    /// Reads every file to its end, closes the buffers and finishes the stage.
    ///
    /// A file that is damaged does not keep the next ones from being read.
    ///
    /// - Returns: What became of each file, in order; files after a stop are left out.
    public mutating func run() -> [CaptureFileReport] {
        progress.expect(paths.reduce(0) { $0 &+ storedLength(of: $1) })
        var reports: [CaptureFileReport] = []
        var bytesBefore: UInt64 = 0
        for (index, path) in paths.enumerated() where !stop.isRequested {
            progress.update(bytesRead: bytesBefore, fileIndex: index)
            let before = counters.counts
            var ending: CaptureFileReport.Ending
            do {
                var reader = try CaptureFileReader(path: path)
                ending = read(&reader, name: baseName(of: path), bytesBefore: bytesBefore, fileIndex: index)
            } catch {
                ending = .failed(error)
            }
            bytesBefore &+= storedLength(of: path)
            let after = counters.counts
            let packets = after.received &+ after.filtered &- before.received &- before.filtered
            reports.append(CaptureFileReport(path: path, packets: packets, ending: ending))
        }
        progress.update(bytesRead: bytesBefore, fileIndex: max(0, paths.count - 1))
        for slot in routes.slots { slot.producer?.close() }
        stage.finish()
        return reports
    }

    private enum Event {
        case packet(FilePacket)
        case end(CaptureFileReport.Ending)
    }

    private mutating func read(
        _ reader: inout CaptureFileReader,
        name: String,
        bytesBefore: UInt64,
        fileIndex: Int
    ) -> CaptureFileReport.Ending {
        var section = reader.section
        routes.beginSection()
        var event = firstEvent(&reader)
        while true {
            guard case .packet(let packet) = event, !stop.isRequested else { break }
            if section != reader.section {
                section = reader.section
                routes.beginSection()
            }
            let slot: BufferSlot
            do {
                slot = try self.slot(of: packet, in: reader, fileName: name)
            } catch {
                event = .end(.failed(.noBuffer(offset: reader.recordOffset, "\(error)")))
                break
            }
            guard var producer = slot.producer.take() else {
                preconditionFailure("a buffer's producer is in use while none of its packets is written")
            }
            event = pump(packet, &reader, &producer) { [progress] offset in
                progress.update(bytesRead: bytesBefore &+ offset, fileIndex: fileIndex)
            }
            slot.producer = consume producer
        }
        guard case .end(let ending) = event else { return .stopped }
        return ending
    }

    private mutating func slot(
        of packet: FilePacket,
        in reader: borrowing CaptureFileReader,
        fileName: String
    ) throws(BufferError) -> BufferSlot {
        if routes.route(packet.interface).slot < 0 {
            let interface = reader.interfaces[Int(packet.interface)]
            let opened = try routes.open(
                packet.interface,
                named: interface.name ?? fileName,
                linkType: interface.linkType
            )
            if let opened { stage.open(opened) }
        }
        return routes.slots[Int(routes.route(packet.interface).slot)]
    }

    /// Takes the first packet of a file.
    private mutating func firstEvent(_ reader: inout CaptureFileReader) -> Event {
        while true {
            do {
                switch try reader.step() {
                case .packet(let packet): return .packet(packet)
                case .end(let end): return .end(CaptureFileReport.Ending(end))
                case .needsBytes:
                    if let ending = refill(&reader, through: .zero) { return .end(ending) }
                }
            } catch {
                return .end(.failed(error))
            }
        }
    }

    /// Appends a packet and all that follow it into the same buffer; everything is published on return.
    private mutating func pump(
        _ first: FilePacket,
        _ reader: inout CaptureFileReader,
        _ producer: inout DataBufferProducer,
        _ report: (_ storedOffset: UInt64) -> Void
    ) -> Event {
        let slot = routes.route(first.interface).slot
        var pending: FilePacket? = first
        var latest = first.time
        while true {
            let outcome = fillBatch(
                pending,
                from: &reader,
                into: &producer,
                slot: slot,
                filter: &filter,
                routes: routes.routes,
                counts: &counts,
                latest: &latest
            )
            pending = nil
            if outcome == .needsBytes, !reader.mayWait {
                report(reader.storedOffset)
                if let ending = refill(&reader, through: latest) {
                    publish(&producer, latest)
                    return .end(ending)
                }
                continue
            }
            publish(&producer, latest)
            switch outcome {
            case .full: break
            case .noRoom(let packet):
                producer.waitForRoom()
                pending = packet
            case .otherRoute(let packet): return .packet(packet)
            case .end(let ending): return .end(ending)
            case .needsBytes:
                report(reader.storedOffset)
                if let ending = refill(&reader, through: latest) { return .end(ending) }
            }
            if stop.isRequested { return .end(.stopped) }
        }
    }

    private mutating func publish(_ producer: inout DataBufferProducer, _ latest: Timestamp) {
        counters.add(&counts)
        guard producer.unpublished > 0 else { return }
        let batch = producer.publish()
        producer.setTimeThrough(latest)
        stage.process(batch, of: producer.buffer)
    }

    /// Reads more; while a pipe's writer is silent the stage is told so.
    ///
    /// - Returns: How the file ended, if it did.
    private mutating func refill(
        _ reader: inout CaptureFileReader,
        through latest: Timestamp
    ) -> CaptureFileReport.Ending? {
        do {
            while try !reader.refill(waitingAtMost: 100) {
                if stop.isRequested { return .stopped }
                stage.idle(through: latest)
            }
            return nil
        } catch {
            return .failed(error)
        }
    }
}

extension CaptureFileReport.Ending {
    init(_ end: CaptureFileEnd) {
        switch end {
        case .whole: self = .whole
        case .cut(let recordAt, let endsAt): self = .cut(recordAt: recordAt, endsAt: endsAt)
        }
    }
}
