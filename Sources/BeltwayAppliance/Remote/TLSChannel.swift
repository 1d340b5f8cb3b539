// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// A connection under mutual TLS as the readers and the server of remote rings use it.
struct TLSChannel: ~Copyable, RemoteChannel {
    private let bridge: ChannelBridge

    /// Takes over a connection whose TLS is established.
    init(_ bridge: ChannelBridge) { self.bridge = bridge }

    deinit { bridge.close() }

    /// Bytes that are handed to the event loop at a time.
    private static var piece: Int { 262_144 }

    mutating func send(_ bytes: RawSpan, nanoseconds: Int64) throws(RemoteError) {
        var sent = 0
        while sent < bytes.byteCount {
            let count = min(Self.piece, bytes.byteCount - sent)
            var buffer = ByteBufferAllocator().buffer(capacity: count)
            // Borrowed for the copy.
            unsafe bytes.extracting(sent..<sent + count).withUnsafeBytes { source in
                _ = unsafe buffer.writeBytes(source)
            }
            try bridge.send(buffer, nanoseconds: nanoseconds)
            sent += count
        }
    }

    mutating func receive(
        into bytes: inout MutableRawSpan,
        nanoseconds: Int64
    ) throws(RemoteError) -> Int {
        let room = bytes.byteCount
        // Borrowed for the copy, which is bounded by the room.
        return try unsafe bytes.withUnsafeMutableBytes { target throws(RemoteError) in
            try bridge.receive(nanoseconds: nanoseconds) { buffer in
                let count = min(room, buffer.readableBytes)
                if let part = buffer.readSlice(length: count) {
                    unsafe part.withUnsafeReadableBytes { source in
                        unsafe UnsafeMutableRawBufferPointer(rebasing: target[..<count])
                            .copyMemory(from: source)
                    }
                }
                return count
            } ?? 0
        }
    }

    /// Connects to a server of rings.
    ///
    /// - Parameters:
    ///   - host: Name or address, which the server's certificate must be for.
    ///   - port: TCP port.
    ///   - identity: Who asks, and whom to believe.
    ///   - seconds: For the connection, and again for TLS.
    /// - Returns: The connection, TLS established.
    /// - Throws: ``RemoteError/transport(_:)`` with one line that says what is the matter.
    static func connect(
        host: String,
        port: Int,
        identity: TLSIdentity,
        seconds: Int = 10
    ) throws(RemoteError) -> TLSChannel {
        let place = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        let bridge: ChannelBridge
        do {
            let context = identity.context
            let name = isAddress(host) ? nil : host
            let bridges = Bridges()
            let channel = try connection(seconds).channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let tls = try NIOSSLClientHandler(context: context, serverHostname: name)
                    let bridge = ChannelBridge(channel, explain: { TLSTrouble.explain($0, ofServer: place) })
                    try channel.pipeline.syncOperations.addHandlers([tls, bridge])
                    bridges.ofChannels.withLock { $0[ObjectIdentifier(channel)] = bridge }
                }
            }.connect(host: host, port: port).wait()
            // Not asked of the pipeline: a connection whose TLS failed at once has an empty one by now.
            guard let made = bridges.ofChannels.withLock({ $0[ObjectIdentifier(channel)] }) else {
                throw RemoteError.closed
            }
            bridge = made
        } catch {
            throw TLSTrouble.explain(error, ofServer: place)
        }
        do throws(RemoteError) {
            try bridge.awaitHandshake(seconds: seconds)
        } catch {
            bridge.close()
            guard error == TLSTrouble.unverified(place) else { throw error }
            // The library does not say why a certificate was not believed: look at it.
            let certificate = CertificateProbe.certificate(host: host, port: port, identity: identity)
            throw TLSTrouble.unverified(place, certificate, identity)
        }
        return TLSChannel(bridge)
    }

    /// The bridges of the connections that are tried, one for each address of a host.
    private final class Bridges: Sendable {
        let ofChannels = Mutex<[ObjectIdentifier: ChannelBridge]>([:])
    }

    /// Connections as both ends want them: small requests at once, dead peers noticed.
    static func connection(_ seconds: Int) -> ClientBootstrap {
        ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(Int64(seconds)))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.writeBufferWaterMark, value: .init(low: 262_144, high: 1 << 20))
    }

    /// Whether a host is named by its address.
    static func isAddress(_ host: String) -> Bool {
        (try? SocketAddress(ipAddress: host, port: 0)) != nil
    }
}
