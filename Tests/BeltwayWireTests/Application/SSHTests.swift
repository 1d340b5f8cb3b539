// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

@Suite struct `SSH` {
    /// A KEXINIT with ten lists.
    static var keyExchange: [UInt8] {
        let lists = ["kex1,kex2", "host", "c-aes", "s-aes,x", "c-mac", "s-mac", "none,zlib", "none", "", ""]
        let payload =
            [20] + [UInt8](repeating: 7, count: 16) + lists.flatMap { vector(Array($0.utf8), 4) }
            + [0, 0, 0, 0, 0]
        let padding = [UInt8](repeating: 0, count: 6)
        return vector([6] + payload + padding, 4)
    }

    @Test(
        arguments: [
            ("SSH-2.0-OpenSSH_9.6\r\n", "2.0", "OpenSSH_9.6", ""),
            ("SSH-1.99-Cisco-1.25\n", "1.99", "Cisco-1.25", ""),
            ("SSH-2.0-OpenSSH_7.2p2 Ubuntu-4 x\r\n", "2.0", "OpenSSH_7.2p2", "Ubuntu-4 x"),
            ("SSH-\n", "", "", ""),
            ("SSH-2.0\r\n", "2.0", "", ""),
        ]
    )
    func `banner has a protocol, a software, a comment`(
        line: String,
        version: String,
        software: String,
        comment: String
    ) throws {
        let bytes = Array((line + "next").utf8)
        #expect(SSHBanner.framing(of: bytes.span.bytes) == .complete(length: line.utf8.count))
        let banner = try SSHBanner(bytes.span.bytes)
        let found = [text(banner.protocolVersion), text(banner.softwareVersion), text(banner.comment)]
        #expect(found == [version, software, comment])
    }

    @Test func `banner is bounded`() {
        let bytes = Array("SSH-".utf8) + [UInt8](repeating: 0x61, count: 2_000)
        #expect(SSHBanner.framing(of: bytes.span.bytes) == .notThisProtocol)
    }

    @Test func `fingerprints are the lists of the side that sent them`() throws {
        let bytes = Self.keyExchange
        #expect(SSHPacket.framing(of: bytes.span.bytes) == .complete(length: bytes.count))
        let packet = try SSHPacket(bytes.span.bytes)
        #expect(packet.type == SSHPacket.keyExchangeInit)
        let lists = try SSHKeyExchangeInit(packet.payload)
        var (client, server): ([UInt8], [UInt8]) = ([], [])
        lists.appendHASSH(from: .originator, to: &client)
        lists.appendHASSH(from: .responder, to: &server)
        #expect(text(client) == "kex1,kex2;c-aes;c-mac;none,zlib")
        #expect(text(server) == "kex1,kex2;s-aes,x;s-mac;none")
    }

    @Test(arguments: [UInt64(1), 2])
    func `never reaches beyond its bytes`(seed: UInt64) {
        survives(Self.keyExchange, seed: seed) { span in
            var fingerprint: [UInt8] = []
            if let packet = try? SSHPacket(span), let lists = try? SSHKeyExchangeInit(packet.payload) {
                lists.appendHASSH(from: .responder, to: &fingerprint)
            }
            #expect(fingerprint.count <= span.byteCount)
            return SSHPacket.framing(of: span)
        }
        survives(Array("SSH-2.0-OpenSSH_9.6 comment\r\n".utf8), seed: seed) { span in
            if let banner = try? SSHBanner(span) {
                _ =
                    banner.comment.byteCount + banner.softwareVersion.byteCount
                    + banner.protocolVersion.byteCount
            }
            _ = SSHBanner.probe(span, from: .responder)
            return SSHBanner.framing(of: span)
        }
    }
}
