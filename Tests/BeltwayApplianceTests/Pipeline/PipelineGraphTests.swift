// SPDX-License-Identifier: Apache-2.0
import BeltwayAppliance
import BeltwayTestSupport
import Testing

@Suite struct `The graph of the pipeline` {
    private func graph(
        _ change: (inout RunConfiguration) -> Void,
        hasDetector: Bool = true
    ) throws -> PipelineGraph {
        var configuration = RunConfiguration()
        change(&configuration)
        return PipelineGraph(try PipelinePlan(configuration, hasDetector: hasDetector))
    }

    private func space(_ stage: String, _ graph: PipelineGraph) -> PipelineGraph.Space? {
        graph.stages.first { $0.name == stage }?.space
    }

    @Test func `has no index buffer where the one worker of a file is called`() throws {
        let graph = try graph {
            $0.captures = ["a.pcap"]
            $0.workers = 1
        }
        #expect(!graph.edges.contains { $0.crossing == .indexBuffer })
        #expect(space("worker.0 flow tracker", graph) == .captureThread("file.0"))
        #expect(space("worker.0 detector", graph) == .captureThread("file.0"))
        #expect(space("statistics", graph) == .captureThread("file.0"))
    }

    @Test func `has one index buffer per worker where they have threads of their own`() throws {
        let graph = try graph {
            $0.captures = ["a.pcap"]
            $0.workers = 3
        }
        let crossed = graph.edges.filter { $0.crossing == .indexBuffer }
        #expect(crossed.map(\.to) == (0..<3).map { "worker.\($0) decode" })
        #expect(space("worker.2 flow tracker", graph) == .thread("worker.2"))
    }

    @Test func `has one index buffer per queue and worker live, and statistics that walk descriptors`() throws
    {
        let graph = try graph {
            $0.interfaces = ["eth0"]
            $0.queues = 2
            $0.workers = 2
        }
        #expect(graph.edges.count { $0.crossing == .indexBuffer } == 4)
        #expect(graph.edges.filter { $0.to == "statistics" }.map(\.crossing) == [.descriptors, .descriptors])
        #expect(space("statistics", graph) == .thread("statistics"))
        #expect(graph.stages.count { $0.name.hasPrefix("capture ") } == 2)
    }

    @Test func `has no worker live where nobody would get its facts, unless one is asked for`() throws {
        func workers(_ change: (inout RunConfiguration) -> Void, hasDetector: Bool = false) throws -> Bool {
            let graph = try graph(
                {
                    $0.interfaces = ["eth0"]
                    $0.storesFlows = false
                    $0.writesEvents = false
                    change(&$0)
                },
                hasDetector: hasDetector
            )
            return graph.stages.contains { $0.name.hasPrefix("worker.") }
        }
        #expect(try !workers { _ in })
        #expect(try workers { $0.workers = 1 })
        #expect(try workers { $0.writesEvents = true })
        #expect(try workers({ _ in }, hasDetector: true))
    }

    @Test func `copies each packet once`() throws {
        for queues in 1...3 {
            let graph = try graph {
                $0.interfaces = ["eth0"]
                $0.queues = queues
            }
            #expect(graph.edges.count { $0.crossing == .copy } == queues)
        }
    }

    @Test func `leaves out what is turned off`() throws {
        let graph = try graph(
            {
                $0.captures = ["a.pcap"]
                $0.storesPackets = false
                $0.storesFlows = false
                $0.writesEvents = false
            },
            hasDetector: false
        )
        #expect(!graph.stages.contains { $0.name.contains("logger") || $0.name.contains("packets/") })
        #expect(!graph.stages.contains { $0.name.contains("SQLite") || $0.name.contains("eve.json") })
        #expect(!graph.stages.contains { $0.name.contains("detector") })
    }

    @Test func `shows other processes at every ring, unless nothing is shared`() throws {
        let shared = try graph {
            $0.interfaces = ["eth0"]
            $0.queues = 2
        }
        #expect(shared.edges.filter { $0.to == "taps" }.map(\.from) == ["ring eth0.0", "ring eth0.1"])
        #expect(space("taps", shared) == .processes)
        let alone = try graph {
            $0.interfaces = ["eth0"]
            $0.sharing.isOn = false
        }
        #expect(!alone.stages.contains { $0.name == "taps" })
        let lean = try graph {
            $0.captures = ["a.pcap"]
            ($0.storesPackets, $0.storesFlows, $0.writesEvents) = (false, false, false)
        }
        #expect(!lean.stages.contains { $0.name == "taps" }, "no data directory, no sockets")
    }

    @Test func `places the filter where it runs`() throws {
        let live = try graph {
            $0.interfaces = ["eth0"]
            $0.filter = "tcp"
        }
        #expect(space("filter eth0.0", live) == .kernel)
        let file = try graph {
            $0.captures = ["a.pcap"]
            $0.filter = "tcp"
        }
        #expect(space("filter file.0", file) == .captureThread("file.0"))
        // There it stands between the capture and the ring: what it rejects is never copied.
        #expect(file.edges.filter { $0.to == "ring file.0" }.map(\.from) == ["filter file.0"])
    }

    @Test func `has no cycle, and no edge to a stage that it does not have`() throws {
        for (isLive, workers, tracer) in [
            (true, 2, true), (true, 1, false), (false, 1, true), (false, 4, false),
        ] {
            let graph = try graph {
                if isLive { $0.interfaces = ["eth0", "eth1"] } else { $0.captures = ["a.pcap"] }
                $0.workers = workers
                $0.trace = tracer ? "tcp" : nil
                $0.filter = "ip"
            }
            let names = graph.stages.map(\.name)
            #expect(Set(names).count == names.count)
            #expect(graph.edges.allSatisfy { names.contains($0.from) && names.contains($0.to) })
            // Takes away stages that nothing leads to, until none is left.
            var (left, edges) = (Set(names), graph.edges)
            while let first = left.first(where: { name in !edges.contains { $0.to == name } }) {
                left.remove(first)
                edges.removeAll { $0.from == first }
            }
            #expect(left.isEmpty)
        }
    }

    @Test func `says in text and in Graphviz's language the same`() throws {
        let graph = try graph {
            $0.captures = ["a.pcap"]
            $0.workers = 2
        }
        #expect(graph.dot.hasPrefix("digraph "))
        #expect(graph.dot.hasSuffix("}"))
        let arrows = { (text: String) in text.split(separator: "\n").count { $0.contains("->") } }
        #expect(arrows(graph.dot) == graph.edges.count)
        #expect(arrows(graph.text) == graph.edges.count)
        for stage in graph.stages {
            #expect(graph.text.contains("\(stage.name)  [\(stage.space)]"))
            #expect(graph.dot.contains("\"\(stage.name)\" [label="))
        }
        for edge in graph.edges {
            #expect(!edge.reason.isEmpty)
            #expect(
                graph.text.contains("-> \(edge.to)  (\(edge.crossing.rawValue): \(edge.crossing.cost))")
            )
            #expect(graph.text.contains("       \(edge.reason)"))
            #expect(graph.dot.contains("\(edge.crossing.cost); \(edge.reason)"))
        }
    }

    @Test(.enabled(if: isInstalled("dot"), "Graphviz is not installed."), arguments: [1, 2])
    func `is taken by Graphviz without a word`(workers: Int) throws {
        let graph = try graph {
            $0.interfaces = ["eth0", "we\"ird"]
            $0.workers = workers
            $0.trace = "port == 1"
            $0.filter = "tcp and len < 5 & 6"
        }
        let folder = TemporaryFolder()
        let file = try folder.write(graph.dot, to: "graph.dot")
        let outcome = try RunningProgram(["dot", "-Tsvg", file]).wait(seconds: 20)
        #expect(outcome.status == 0)
        #expect(outcome.errors == "")
        for stage in graph.stages where !stage.name.contains("\"") {
            #expect(outcome.output.contains("<title>\(stage.name)</title>"), "\(stage.name)")
        }
    }
}
