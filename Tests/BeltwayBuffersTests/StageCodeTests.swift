// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Testing

#if DEBUG
private let isOptimised = false
#else
private let isOptimised = true
#endif

/// Counts bytes.
struct OctetCounter: RecordStage {
    var octets: UInt64 = 0
    mutating func take(_ entry: inout IndexEntry, _ packet: RawSpan) -> Bool {
        octets &+= UInt64(packet.byteCount)
        return true
    }
}

/// Lets through what goes to port 80: the paper's example of what is worth inlining.
struct PortGate: RecordStage {
    mutating func take(_ entry: inout IndexEntry, _ packet: RawSpan) -> Bool {
        packet.byteCount >= 38 && packet.bigEndian16(at: 36) == 80
    }
}

/// Adds up ordinals.
struct OrdinalSum: RecordStage {
    var sum: UInt64 = 0
    mutating func take(_ entry: inout IndexEntry, _ packet: RawSpan) -> Bool {
        sum &+= UInt64(entry.ordinal)
        return true
    }
}

typealias InlinedStages = StageChain<StageChain<OctetCounter, PortGate>, OrdinalSum>
typealias CalledStages = StageChain<StageChain<OctetCounter, PortGate>, CalledStage>

@inline(never) func walkInlined(
    _ pipeline: inout RecordPipeline<InlinedStages>,
    _ batch: PublishedBatch,
    _ buffer: DataBuffer
) { pipeline.process(batch, of: buffer) }

@inline(never) func walkCalling(
    _ pipeline: inout RecordPipeline<CalledStages>,
    _ batch: PublishedBatch,
    _ buffer: DataBuffer
) { pipeline.process(batch, of: buffer) }

/// Looks at the machine code of this very test program.
@Suite(
    .enabled(if: isOptimised, "What is inlined is settled by the release build: swift test -c release"),
    .enabled(if: FunctionCalls.hasTools, "objdump and nm (binutils) are not installed."),
    .timeLimit(.minutes(4))
)
struct `The machine code of stages` {
    private func calls(of parts: String...) throws -> FunctionCalls {
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return try FunctionCalls(in: program, of: parts)
    }

    @Test func `that were joined by then has no call to any of them`() throws {
        #expect(try pass(InlinedStages(OctetCounter().then(PortGate()), OrdinalSum())) == 60)
        let inlined = try calls(
            of: "14RecordPipelineV",
            "7process",
            "12OctetCounterV",
            "10OrdinalSumV",
            "Tg5"
        )
        #expect(inlined.indirect == 0)
        #expect(!inlined.has("4take"), "\(inlined.direct)")
    }

    @Test func `of which one is called has one call by address per record, and one per batch`() throws {
        #expect(try pass(CalledStages(OctetCounter().then(PortGate()), CalledStage(OrdinalSum()))) == 60)
        let called = try calls(of: "14RecordPipelineV", "7process", "12OctetCounterV", "Called", "Tg5")
        #expect(called.indirect == 2)
        #expect(!called.has("4take"), "\(called.direct)")
    }

    /// Passes one packet, so that the code is used; returns the bytes that were counted.
    private func pass(_ stages: consuming InlinedStages) throws -> UInt64 {
        var pipeline = RecordPipeline(stages)
        let (buffer, batch) = try published()
        walkInlined(&pipeline, batch, buffer)
        return pipeline.stage.first.first.octets
    }

    private func pass(_ stages: consuming CalledStages) throws -> UInt64 {
        var pipeline = RecordPipeline(stages)
        let (buffer, batch) = try published()
        walkCalling(&pipeline, batch, buffer)
        return pipeline.stage.first.first.octets
    }

    private func published() throws -> (DataBuffer, PublishedBatch) {
        let buffer = try DataBuffer(
            name: "one",
            number: 0,
            linkType: .ethernet,
            capacity: 32_768,
            policy: .fastReader
        )
        var producer = buffer.makeProducer()
        let interface = try producer.addInterface(named: "eth0")
        let packet = [UInt8](repeating: 0, count: 60)
        let isAppended = producer.append(
            packet.span.bytes,
            time: Timestamp(nanoseconds: 1),
            originalLength: 60,
            interface: interface,
            flags: []
        )
        #expect(isAppended)
        return (buffer, producer.publish())
    }
}
