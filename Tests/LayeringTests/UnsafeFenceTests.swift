// SPDX-License-Identifier: Apache-2.0
import Testing

/// The files that may say `unsafe`, and why each must.
///
/// Two kinds. *memory*: the file holds a type over raw memory, and says above it why its interface is safe.
/// *call*: the file hands something of its own to a C function for the length of the call, and keeps no pointer.
/// Adding a line here is a decision to be reviewed: could the file use one of the types below instead?
private let fence: [String: String] = [
    // Wire
    "BeltwayWire/ByteLoads.swift": "memory: loads from a span without a second bounds check",
    // Buffers
    "BeltwayBuffers/Calls/CalledStage.swift": "memory: owns a stage whose type is settled at run time",
    "BeltwayBuffers/Calls/Signal.swift": "call: copies a record aside before a stage sees it",
    "BeltwayBuffers/DataBuffer/DataBuffer.swift": "memory: lends records in the ring as spans",
    "BeltwayBuffers/DataBuffer/DataBufferProducer+Append.swift":
        "memory: hands out room in the ring that it has reserved",
    "BeltwayBuffers/DataBuffer/RecordWriting.swift": "memory: lays blocks down in the ring",
    "BeltwayBuffers/DataBuffer/RingMemory.swift": "memory: addresses inside the mapped ring",
    "BeltwayBuffers/OwnedArray.swift": "memory: owns values that cannot be copied",
    "BeltwayBuffers/SharedMemory.swift": "memory: owns a memfd and its mapping",
    "BeltwayBuffers/Sharing/UnixSocket.swift":
        "call: sockets, whose messages and descriptors are owned as soon as they arrive",
    "BeltwayBuffers/Ring/BlockLayout.swift": "memory: lays blocks down and finds them",
    "BeltwayBuffers/Ring/DescribedRing.swift": "memory: a layout, and headers loaded from their ring",
    "BeltwayBuffers/Ring/Ring.swift": "memory: words of a mapped control page",
    "BeltwayBuffers/Ring/Ring+Epochs.swift": "memory: words of a mapped control page",
    "BeltwayBuffers/Ring/RingArea.swift": "memory: owns a memfd and its views",
    "BeltwayBuffers/Ring/RingProducer.swift": "memory: writes what it has reserved",
    "BeltwayBuffers/Ring/RingProducer+Room.swift": "memory: announces what it will write",
    "BeltwayBuffers/Ring/RingReader.swift": "memory: lends blocks as spans",
    "BeltwayBuffers/Ring/RingSpace.swift": "memory: addresses inside a mapped area",
    "BeltwayBuffers/Ring/SpanCopy.swift": "memory: copies a span to where its caller has room",
    "BeltwayBuffers/Remote/ByteStore.swift": "memory: owns what messages are built in and kept in",
    "BeltwayBuffers/Remote/SocketChannel.swift": "call: system calls on a socket of its own, and on spans",
    "BeltwayBuffers/Ring/RingProducer+InPlace.swift": "memory: lends what it has reserved",
    "BeltwayBuffers/Files/BufferFiles.swift":
        "memory: owns the table of descriptors and lends blocks in place",
    "BeltwayBuffers/Files/DescribedEnds.swift":
        "memory: copies and lends blocks that their reader has checked",
    "BeltwayBuffers/Files/EntryResolver.swift": "memory: blocks that entries point to, checked",
    "BeltwayBuffers/Files/IndexEnds.swift": "memory: copies and lends what the resolver has checked",
    "BeltwayBuffers/Files/Held.swift": "memory: owns a value and lends it to one call at a time",
    "BeltwayBuffers/Files/OpenReader.swift": "memory: passes on what it is lent",
    "BeltwayBuffers/Files/OpenWriter.swift": "memory: passes on what it is lent",
    "BeltwayBuffers/Files/ReadingEnd.swift": "memory: copies blocks out and lends them",
    "BeltwayBuffers/Files/ReadyWatcher.swift": "memory: futex words of rings that it keeps",
    "BeltwayBuffers/Files/Splicing.swift": "memory: hands the kernel what was peeked or reserved",
    "BeltwayBuffers/Files/WritingEnd.swift": "memory: lends room of the ring to be filled",
    "BeltwayBuffers/Waiting/Coordination.swift": "memory: atomics on cache lines of their own",
    "BeltwayBuffers/Waiting/WakeCall.swift": "memory: owns the word that a sleep ends by",
    "BeltwayBuffers/Waiting/ReaderCursor.swift": "memory: words on a page of another process",
    "BeltwayBuffers/Waiting/ReaderWatch.swift": "memory: futex flags of readers elsewhere",
    "BeltwayBuffers/Waiting/WaitForAny.swift": "memory: futex words of several buffers at once",
    "BeltwayBuffers/Waiting/WaitForBytes.swift": "memory: futex words of several buffers at once",
    "BeltwayBuffers/Waiting/WakeUp.swift": "memory: futex words",
    // C interface
    "BeltwayC/BlockReader.swift": "memory: hands out addresses of blocks that it keeps mapped",
    "BeltwayC/EntryReader.swift": "memory: hands out addresses of packets that it keeps mapped",
    "BeltwayC/Exports+Attaching.swift": "call: what C programs pass, checked as far as C allows",
    "BeltwayC/Exports+Reading.swift": "call: what C programs pass, checked as far as C allows",
    "BeltwayC/Failure.swift": "memory: one line of text per thread",
    "BeltwayC/Handles.swift": "call: pthread_atfork; handles are numbers in the shape of pointers",
    "BeltwayC/IndexHandle.swift": "call: clock and signal mask",
    "BeltwayC/PacketReader.swift": "memory: hands out addresses of packets that it keeps mapped",
    "BeltwayC/ReaderHandle.swift": "memory: keeps one packet's address, in memory that it keeps mapped",
    "BeltwayC/Source.swift": "call: a name into a C structure",
    // pcap interface
    "BeltwayPcap/Capture.swift": "memory: owns what a packet is copied into for its program",
    "BeltwayPcap/Capture+Reading.swift": "call: hands packets to the program's callback",
    "BeltwayPcap/Device.swift": "call: getenv",
    "BeltwayPcap/DumpBuffers.swift": "call: gives C's streams buffers, and writes to them",
    "BeltwayPcap/Exports+Opening.swift": "call: what programs pass, and the real library's functions",
    "BeltwayPcap/Exports+Options.swift": "call: what programs pass, and the real library's functions",
    "BeltwayPcap/Exports+Reading.swift": "call: what programs pass, and the real library's functions",
    "BeltwayPcap/Exports+Writing.swift": "call: what programs pass, and the real library's functions",
    "BeltwayPcap/Handles.swift": "memory: the table of handles, and what each keeps",
    "BeltwayPcap/PacketFilter.swift": "memory: owns a program of BPF, run on lent bytes",
    "BeltwayPcap/ReadyTimer.swift": "call: timerfd_settime and clock_gettime",
    "BeltwayPcap/RealLibrary.swift": "memory: addresses of the real library's functions",
    // Capture
    "BeltwayCapture/Files/ByteSource.swift": "call: read(2) into memory that the caller lends",
    "BeltwayCapture/Files/Inflater.swift": "memory: owns a z_stream and its input",
    "BeltwayCapture/Files/ReadWindow.swift": "memory: owns the buffer that a file is read through",
    "BeltwayCapture/Live/LibpcapHandle.swift":
        "memory: owns a handle of libpcap and lends its packets as spans",
    "BeltwayCapture/Live/PacketBlock.swift": "memory: walks a block that the kernel has handed over",
    "BeltwayCapture/Live/PacketSocket.swift": "memory: owns the kernel's packet ring",
    "BeltwayCapture/SystemLookups.swift": "call: names and numbers asked of the system",
    // Classify
    "BeltwayClassify/Filter.swift": "memory: owns a compiled BPF program",
    // Flow
    "BeltwayFlow/Facts/FactQueue.swift": "memory: owns the slots of a bounded queue",
    "BeltwayFlow/Facts/FactBodies.swift": "memory: owns the bytes of the bodies of facts",
    "BeltwayFlow/Files/BodyInflater.swift": "memory: owns a z_stream and the room for what comes out",
    "BeltwayFlow/CommunityID/CommunityID.swift": "call: the hash reads the bytes it is given",
    "BeltwayFlow/Files/FileDigests.swift": "call: hashes read the bytes they are given",
    "BeltwayFlow/Fingerprints/Digests.swift": "call: hashes read the bytes they are given",
    "BeltwayFlow/FlowTable/FlowTable.swift": "memory: owns the slab of flow entries",
    "BeltwayFlow/Fragments/DatagramInflater.swift": "memory: owns a z_stream and the room for what comes out",
    "BeltwayFlow/Fragments/PacketBytes.swift": "memory: lends an array as the bytes of a packet",
    "BeltwayFlow/Metering/TCPMeterTable.swift": "memory: owns the slab of TCP meters",
    "BeltwayFlow/Streams/SegmentCopies.swift": "memory: owns bytes copied out of the ring",
    "BeltwayFlow/Text/TextBuffer.swift": "memory: owns the block that text is written into",
    // Detect
    "BeltwayDetect/Compile/PrefilterAutomaton.swift": "memory: scans by a table that was checked when built",
    "BeltwayDetect/Match/PatternPool.swift": "memory: searches a span for a pattern",
    "BeltwayDetect/Match/RegularExpression.swift": "memory: owns compiled expressions of PCRE2",
    // Store
    "BeltwayStore/Files/FileAppending.swift": "call: writes an array to a path",
    "BeltwayStore/Flows/PartitionFiles.swift": "call: open(2) of a path",
    "BeltwayStore/Flows/RowStatement.swift": "memory: binds and reads rows of SQLite without boxing",
    "BeltwayStore/Packets/CaptureFileWriter.swift":
        "memory: owns the buffer that a capture file is written from",
    "BeltwayStore/Packets/FileSystem.swift": "call: system calls on paths",
    "BeltwayStore/Packets/FileWindow.swift": "memory: owns the window that a file is read through",
    "BeltwayStore/Packets/SegmentFile.swift": "call: pwrite(2) of pages that the ring lends",
    // Appliance
    "BeltwayAppliance/Configuration/DataDirectory.swift": "call: link and lock files by path",
    "BeltwayAppliance/Configuration/SystemText.swift": "call: strerror",
    "BeltwayAppliance/EVE/EVEFile.swift": "call: write(2) of a span",
    "BeltwayAppliance/EVE/EVEFile+Opening.swift": "call: open, rename, pread by path",
    "BeltwayAppliance/EVE/EVEFileError.swift": "call: strerror",
    "BeltwayAppliance/Pipeline/DataPlaneThread.swift":
        "call: pthread_create, whose argument is retained for the thread",
    "BeltwayAppliance/Pipe/PipeDescriptors.swift": "call: poll, read and write of an array",
    "BeltwayAppliance/Query/RowPrinter.swift": "call: write(2) of an array",
    "BeltwayAppliance/Tap/ExecRequest.swift": "call: execvp of an array, stat",
    "BeltwayAppliance/Run/Console.swift": "call: write(2) of an array",
    "BeltwayAppliance/Run/ResourceUse.swift": "call: getrusage into a variable",
    "BeltwayAppliance/Tap/NamedPipe.swift": "call: stat and open of a path",
    "BeltwayAppliance/Remote/PacketCopy.swift": "memory: owns the copy of one packet",
    "BeltwayAppliance/Remote/TLSChannel.swift": "call: copies spans to and from buffers of the event loop",
    "BeltwayAppliance/Streams/OutputFolder.swift": "call: openat and write of an array",
    "BeltwayAppliance/Streams/StreamDigests.swift": "call: hashes a span",
    // Benchmarks
    "beltway-bench/Live/LiveContest.swift": "memory: owns a word that C looks at; a ring of C's",
    "beltway-bench/Live/LiveNetwork.swift": "call: a name to ioctl",
    "beltway-bench/Live/LiveTraffic.swift": "call: the sender in C, which is lent frames",
    "beltway-bench/Paper/BlockBytes.swift": "memory: adds up the bytes of a span",
    "beltway-bench/Paper/Clock.swift": "call: clock_gettime into a variable",
    "beltway-bench/Paper/Figures/AllocatedQueue.swift": "memory: owns blocks of malloc",
    "beltway-bench/Paper/Figures/CopyingStream.swift": "memory: owns a window that segments are copied to",
    "beltway-bench/Paper/Figures/Figure12Splicing.swift": "call: reads into an array, writes what was shown",
    "beltway-bench/Paper/Figures/TwoThreads.swift": "memory: blocks of malloc that change threads",
    "beltway-bench/Paper/Pipes/PeerProcess.swift": "call: posix_spawn, and reports over a pipe",
    "beltway-bench/Paper/Pipes/PipeContest.swift": "call: pipe, socketpair, and a loop in C",
    "beltway-bench/Paper/Pipes/PipeEnds.swift": "memory: owns what a reader reads into; read and write",
    "beltway-bench/Paper/Report/MachineFacts.swift": "call: confstr into an array",
    "beltway-bench/Paper/Taps/TapNetwork.swift": "call: send(2) of an array",
    "beltway-bench/Paper/Taps/TapProgram.swift": "call: posix_spawn and waitpid",
    "beltway-bench/Ring/KindBenchmark.swift": "call: the loops in C that the rings are compared with",
    "beltway-bench/Ring/RingBenchmark.swift": "call: the loop in C that the ring is compared with",
    "beltway-bench/Run/MeasuredProcess.swift": "call: posix_spawn and wait4",
]

@Suite struct `The unsafe fence` {
    @Test func `holds every file that says unsafe`() throws {
        for file in try filesThatSayUnsafe() {
            #expect(
                fence[file] != nil,
                "\(file) says unsafe: use a type that is fenced, or add it with its reason"
            )
        }
    }

    @Test func `holds no file that has become safe`() throws {
        let found = Set(try filesThatSayUnsafe())
        for file in fence.keys.sorted() { #expect(found.contains(file), "\(file) no longer says unsafe") }
    }

    @Test func `gives each file a reason of a known kind`() {
        for (file, reason) in fence {
            #expect(reason.hasPrefix("memory: ") || reason.hasPrefix("call: "), "\(file)")
        }
    }

    @Test func `asks each file to say why it is safe`() throws {
        for file in fence.keys.sorted() where fence[file]?.hasPrefix("memory") == true {
            let comments = try Repository.text("Sources/\(file)").split(separator: "\n")
                .filter { $0.contains("//") }.joined(separator: " ").lowercased()
            #expect(comments.contains("safe") || comments.contains("invariant"), "\(file) gives no reason")
        }
    }

    private func filesThatSayUnsafe() throws -> [String] {
        try Repository.files(in: "Sources", ending: ".swift").filter { file in
            try Repository.code(file).contains { line in
                line.split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == "@") }.contains("unsafe")
            }
        }.map { String($0.dropFirst("Sources/".count)) }
    }
}
