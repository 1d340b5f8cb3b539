// SPDX-License-Identifier: Apache-2.0
// Opens QUIC's Initial packets (RFC 9001, 5): their keys follow from the connection id that the client chose first.
//
//     salt of the version --HKDF-Extract(connection id)--> secret --Expand--> client in, server in
//                                                                     `--Expand--> key, vector, header protection
//
// HKDF-Expand to 32 bytes or fewer is one HMAC (RFC 5869, 2.3), and HKDF-Extract is one too.
internal import BeltwayWire
internal import Crypto

/// The keys of one side's Initial packets.
struct QUICKeys {
    private let key: SymmetricKey
    private let vector: [UInt8]
    private let header: AES128Block

    /// Derives the keys, or nil for a version whose salt is not known.
    ///
    /// - Parameters:
    ///   - version: The version of the client's first packet.
    ///   - connectionID: That packet's destination connection id.
    ///   - sender: Whose packets are to be opened.
    init?(version: UInt32, connectionID: [UInt8], sender: Sender) {
        guard let salt = QUICVersion.salt(ofVersion: version) else { return nil }
        let initial = QUICKeys.hmac(connectionID, key: salt.indices.map { salt[$0] })
        let side = sender == .originator ? "client in" : "server in"
        let secret = QUICKeys.expand(initial, side, 32)
        let labels = QUICVersion.labels(ofVersion: version)
        key = SymmetricKey(data: QUICKeys.expand(secret, labels.key, 16))
        vector = QUICKeys.expand(secret, labels.vector, 12)
        header = AES128Block(key: QUICKeys.expand(secret, labels.header, 16))
    }

    private static func hmac(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
        // RFC 2104, keys of at most one block; swift-crypto's own protects the key's memory, which costs ten times this.
        precondition(key.count <= 64, "salts and secrets are shorter than a block")
        func hash(_ pad: UInt8, _ text: [UInt8]) -> [UInt8] {
            var block = [UInt8](repeating: pad, count: 64)
            for index in key.indices { block[index] ^= key[index] }
            block += text
            return Array(Crypto.SHA256.hash(data: block))
        }
        return hash(0x5c, hash(0x36, message))
    }

    private static func expand(_ secret: [UInt8], _ label: String, _ count: Int) -> [UInt8] {
        let info = QUICVersion.info(label: label, length: UInt16(count)) + [1]
        return Array(hmac(info, key: secret).prefix(count))
    }

    /// The frames of a packet, or nil if these are not its keys or it was changed on its way.
    func open(_ packet: borrowing QUICLongHeader) -> [UInt8]? {
        guard let sampleOffset = packet.sampleOffset else { return nil }
        let sample = QUICKeys.copy(packet.bytes.extracting(sampleOffset..<sampleOffset + 16))
        let mask = header.encrypt(sample).prefix(5).reduce(0) { $0 << 8 | UInt64($1) }
        guard let plain = packet.unprotect(mask: mask) else { return nil }
        let start = packet.packetNumberOffset + plain.packetNumberLength
        guard packet.length - start >= 16 else { return nil }
        // The additional data: the header as it was before protection.
        var authenticated = QUICKeys.copy(packet.bytes.extracting(0..<start))
        authenticated[0] = plain.firstByte
        for index in 0..<plain.packetNumberLength {
            let shift = UInt32(8 * (plain.packetNumberLength - 1 - index))
            authenticated[packet.packetNumberOffset + index] =
                UInt8(truncatingIfNeeded: plain.packetNumber >> shift)
        }
        var nonce = vector
        for index in 0..<4 {
            nonce[8 + index] ^= UInt8(truncatingIfNeeded: plain.packetNumber >> UInt32(24 - 8 * index))
        }
        let end = packet.length - 16
        guard let nonce = try? AES.GCM.Nonce(data: nonce),
            let box = try? AES.GCM.SealedBox(
                nonce: nonce,
                ciphertext: QUICKeys.copy(packet.bytes.extracting(start..<end)),
                tag: QUICKeys.copy(packet.bytes.extracting(end..<packet.length))
            ),
            let opened = try? AES.GCM.open(box, using: key, authenticating: authenticated)
        else { return nil }
        return Array(opened)
    }

    static func copy(_ bytes: RawSpan) -> [UInt8] {
        var copy: [UInt8] = []
        copy.append(copyOf: bytes)
        return copy
    }
}
