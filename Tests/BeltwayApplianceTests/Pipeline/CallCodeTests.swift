// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Testing

#if DEBUG
private let isOptimised = false
#else
private let isOptimised = true
#endif

/// Checks the words of `--explain` against the program's machine code.
@Suite(
    .enabled(if: isOptimised, "What is inlined is settled by the release build: swift test -c release"),
    .enabled(if: BeltwayProgram.path != nil, "\(BeltwayProgram.absence)"),
    .enabled(if: FunctionCalls.hasTools, "objdump and nm (binutils) are not installed."),
    .timeLimit(.minutes(4))
)
struct `The machine code of the pipeline` {
    private func calls(of parts: String...) throws -> FunctionCalls {
        let program = try #require(BeltwayProgram.path)
        return try FunctionCalls(in: program, of: parts)
    }

    private static let decoder = "13PacketDecoderO6decode"
    private static let classifier = "16PacketClassifierV8classify"
    /// Specialised for the queue of facts: `Tg5` is how the compiler marks that.
    private static let tracker = "TrackerV5track"
    private static let detector = "8DetectorV7inspect"
    private static let statistics = "10StatisticsV7account"

    @Test func `has the classifier inlined, and decoder, tracker, detector and statistics called directly`()
        throws
    {
        let calls = try self.calls(of: "12CaptureStageV7process", "CtF")
        #expect(calls.has(Self.decoder))
        #expect(!calls.has(Self.classifier), "inlined")
        // One call leads to the worker, who is specialised for the queue of facts and calls its stages.
        let worker = try self.calls(of: "6WorkerV", "7consume_4hash", "12FactProducerV", "Tg5")
        #expect(calls.direct.contains { $0.contains("7consume_4hash") && $0.hasSuffix("Tg5") })
        #expect(worker.direct.contains { $0.contains(Self.tracker) && $0.hasSuffix("Tg5") })
        #expect(worker.has(Self.detector))
        #expect(worker.indirect == 0)
        #expect(calls.has(Self.statistics))
        #expect(!calls.has("forEachPacket"), "the loop over the batch is here")
        #expect(!calls.has("19IndexBufferProducerV6append"), "an entry is stored here")
        #expect(calls.indirect == 0, "no call by address: \(calls.indirect)")
        #expect(!calls.has("WOg"), "no call that asks what an optional holds: \(calls.direct)")
    }

    @Test func `calls a worker's stages directly in its own thread`() throws {
        let calls = try self.calls(of: "10WorkerLaneV5drain", "0C0V", "12FactProducerV", "Tg5")
        #expect(calls.has(Self.decoder))
        #expect(calls.direct.contains { $0.contains(Self.tracker) && $0.hasSuffix("Tg5") })
        #expect(calls.has(Self.detector))
        #expect(!calls.has("6WorkerV7consume"))
        #expect(calls.indirect == 0)
    }

    @Test func `reaches the stage behind a capture by one call by address per batch`() throws {
        #expect(try calls(of: "12FileProducerV", "7publish").indirect == 1)
    }

    @Test func `asks a filter that runs in the capture thread by a call by address`() throws {
        let calls = try self.calls(of: "14BeltwayCapture9fillBatch")
        #expect(calls.indirect >= 1)
        #expect(calls.has("18DataBufferProducerV6append"), "the copy")
    }
}
