// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayStore
import BeltwayWire
import Foundation
import Testing

@Suite struct `A flow store` {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func `gives back every field of every flow and alert`() throws {
        var generator = SeededGenerator(state: 7)
        let written = (0..<3000).map { _ in Sample.randomFlow(&generator) }.sorted { $0.start < $1.start }
        let store = try FlowStore(directory: directory.path)
        for (buffer, interface) in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)] as [(UInt16, UInt16)] {
            store.setInterface(buffer: buffer, interface: interface, name: "eth\(buffer).\(interface)")
        }
        store.setSignatures(Sample.signatures)
        for (number, record) in written.enumerated() {
            store.insert(record)
            store.insert(Sample.alert(on: record, signature: UInt32(number % 2)))
        }
        store.close()

        let read = try flows(in: directory)
        #expect(read.map { description(of: $0.record) } == written.map { description(of: $0) })
        #expect(read.allSatisfy { $0.interface == "eth\($0.record.buffer).\($0.record.interface)" })
        let raised = try alerts(in: directory)
        let expected = written.enumerated().map { Sample.alert(on: $1, signature: UInt32($0 % 2)) }
        #expect(raised.map { description(of: $0.alert) } == expected.map { description(of: $0) })
        #expect(raised.allSatisfy { $0.signature == Sample.signatures[Int($0.alert.signature)] })
        #expect(store.counters.flows == 3000)
        #expect(store.counters.alerts == 3000)
        #expect(store.counters.rowsLost == 0)
    }

    @Test func `begins a new partition when one is full, and queries see one log`() throws {
        var configuration = FlowStore.Configuration()
        configuration.rowsPerPartition = 1000
        configuration.rowsPerTransaction = 500
        let store = try FlowStore(directory: directory.path, configuration: configuration)
        var generator = SeededGenerator(state: 11)
        let order = (0..<5000).map { $0 / 700 * 700 + Int(generator.next() % 700) }
        for number in order { store.insert(Sample.flow(number)) }
        store.close()

        #expect(directory.partitions.count == 5)
        #expect(store.takeErrors().isEmpty)
        let starts = try flows(in: directory).map(\.record.start)
        #expect(starts == order.sorted().map { Sample.flow($0).start })
    }

    @Test func `a limit keeps the newest rows, oldest of them first`() throws {
        var configuration = FlowStore.Configuration()
        configuration.rowsPerPartition = 1000
        configuration.rowsPerTransaction = 500
        let store = try FlowStore(directory: directory.path, configuration: configuration)
        for number in 0..<3100 { store.insert(Sample.flow(number)) }
        store.commit()
        let ids = try flows(in: directory, limit: 1200).map(\.record.flowID)
        #expect(ids == Array(1901...3100))
        #expect(try flows(in: directory, limit: 0).isEmpty)
        store.close()
        #expect(try flows(in: directory, limit: 1200).map(\.record.flowID) == ids)
    }

    @Test func `shows what is committed while it is open, and nothing else`() throws {
        let store = try FlowStore(directory: directory.path)
        for number in 0..<1000 { store.insert(Sample.flow(number)) }
        #expect(try flows(in: directory).isEmpty)
        store.commit()
        #expect(try flows(in: directory).count == 1000)
        for number in 1000..<2000 { store.insert(Sample.flow(number)) }
        #expect(try flows(in: directory).count == 1000)
        store.close()
        #expect(try flows(in: directory).count == 2000)
    }

    @Test func `leaves no file behind if nothing was inserted`() throws {
        try FlowStore(directory: directory.path).close()
        #expect(directory.partitions.isEmpty)
        #expect(try flows(in: directory).isEmpty)
    }
}
