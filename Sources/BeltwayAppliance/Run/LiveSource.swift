// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayCapture
internal import BeltwayFlow
internal import BeltwayWire

/// One queue of an interface, opened by whatever means this machine has.
struct LiveSource {
    private enum Means {
        case socket(PacketSocket)
        case libpcap(Parcel<LibpcapHandle>, PacketSocketOptions)
    }

    private let means: Means
    /// `eth0.0`: interface, queue.
    let ringName: String
    /// Of every packet.
    let linkType: LinkType

    /// A queue of a packet socket's fan-out group.
    init(socket: PacketSocket) {
        ringName = "\(socket.interface.name).\(socket.queue)"
        linkType = socket.interface.linkType
        means = .socket(socket)
    }

    /// An interface through libpcap: one queue.
    init(handle: consuming LibpcapHandle, options: PacketSocketOptions) {
        ringName = "\(handle.interface).0"
        linkType = handle.linkType
        means = .libpcap(Parcel(handle), options)
    }

    /// Makes the producer and returns what its thread does.
    ///
    /// - Parameters:
    ///   - ring: Where the packets go.
    ///   - stage: What follows in the producer's thread.
    ///   - filter: BPF expression; asked where the kernel has not decided.
    ///   - counters: Where to count.
    ///   - stop: Ends the capture.
    ///   - padsToPages: Whether a packet logger wants whole pages once a second.
    /// - Throws: ``BufferError`` if the ring has no room for the interface's name.
    /// - Returns: Captures until it is stopped, and says why it ended.
    func prepare(
        ring: DataBuffer,
        stage: consuming CaptureStage,
        filter: String?,
        counters: CaptureCounters,
        stop: StopFlag,
        padsToPages: Bool
    ) throws(BufferError) -> @Sendable () -> LiveCaptureEnd {
        switch means {
        case .socket(let socket):
            let parcel = Parcel(
                try PacketSocketProducer(
                    socket: socket,
                    buffer: ring,
                    filter: CaptureFilter(filter),
                    stage: stage,
                    counters: counters,
                    stop: stop,
                    padsToPages: padsToPages
                )
            )
            return {
                var producer = parcel.open()
                return producer.run()
            }
        case .libpcap(let handle, let options):
            let parcel = Parcel(
                try LibpcapProducer(
                    handle: handle.open(),
                    options: options,
                    buffer: ring,
                    filter: CaptureFilter(filter),
                    stage: stage,
                    counters: counters,
                    stop: stop,
                    padsToPages: padsToPages
                )
            )
            return {
                var producer = parcel.open()
                return producer.run()
            }
        }
    }
}
