// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import Foundation
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// What goes wrong with TLS and connections, in one line each that says whose certificate it is about.
enum TLSTrouble {
    /// An error at the client's end.
    static func explain(_ error: any Error, ofServer place: String) -> RemoteError {
        if let known = error as? RemoteError { return known }
        let text = describe(error)
        if text.contains("failedToValidateHostname") || text.contains("serverHostnameImpossibleToMatch") {
            return .transport(
                "the certificate of \(place) is for another name: connect by a name or address that it has"
            )
        }
        if text.contains("CERTIFICATE_VERIFY_FAILED") { return unverified(place) }
        if let answer = alert(in: text) { return .transport("\(place) \(answer)") }
        if text.contains("WRONG_VERSION_NUMBER") || text.contains("UNSUPPORTED_PROTOCOL") {
            return .transport("\(place) does not speak TLS 1.3")
        }
        if error is NIOSSLError || error is BoringSSLError {
            return text.contains("uncleanShutdown")
                ? .closed : .transport("TLS with \(place) failed: \(text)")
        }
        return .transport(connection(error, place) ?? "cannot connect to \(place): \(text)")
    }

    /// An error at the server's end: for its log.
    static func explain(_ error: any Error, ofClient place: String) -> RemoteError {
        if let known = error as? RemoteError { return known }
        let text = describe(error)
        if text.contains("PEER_DID_NOT_RETURN_A_CERTIFICATE") {
            return .transport("client \(place) has no certificate")
        }
        if text.contains("CERTIFICATE_VERIFY_FAILED") {
            return .transport(
                "the certificate of client \(place) is not signed by --clients-ca, or not valid now"
            )
        }
        if let answer = alert(in: text) { return .transport("client \(place) \(answer)") }
        if ["HTTP_REQUEST", "WRONG_VERSION_NUMBER", "UNSUPPORTED_PROTOCOL"].contains(where: text.contains) {
            return .transport("client \(place) does not speak TLS 1.3")
        }
        if error is NIOSSLError || error is BoringSSLError {
            if text.contains("uncleanShutdown") || text.contains("EOF") { return .closed }
            return .transport("TLS with client \(place) failed: \(text)")
        }
        if let failure = error as? IOError, failure.errnoCode == ECONNRESET { return .closed }
        return .transport("connection of client \(place): \(text)")
    }

    /// The server's certificate was not believed; why is not known yet.
    static func unverified(_ place: String) -> RemoteError {
        .transport("the certificate of \(place) could not be verified")
    }

    /// The same, with what a look at the certificate showed.
    static func unverified(
        _ place: String,
        _ certificate: NIOSSLCertificate?,
        _ identity: TLSIdentity
    ) -> RemoteError {
        guard let certificate else { return unverified(place) }
        if let problem = TLSIdentity.validity(certificate) {
            return .transport("the certificate of \(place) \(problem)")
        }
        return .transport("the certificate of \(place) is not signed by --ca \(identity.authority)")
    }

    /// What the other end said of our certificate.
    private static func alert(in text: String) -> String? {
        let answers = [
            ("ALERT_UNKNOWN_CA", "does not know who signed our certificate"),
            // Another authority of the same name: the name is found, its key does not fit.
            ("ALERT_DECRYPT_ERROR", "does not know who signed our certificate"),
            ("ALERT_CERTIFICATE_EXPIRED", "says that our certificate has expired"),
            ("ALERT_CERTIFICATE_REQUIRED", "wants a certificate of its clients"),
            ("ALERT_BAD_CERTIFICATE", "does not accept our certificate"),
            ("ALERT_CERTIFICATE_UNKNOWN", "does not accept our certificate"),
            ("ALERT_UNSUPPORTED_CERTIFICATE", "does not accept our certificate for this use"),
            ("ALERT_CERTIFICATE_REVOKED", "says that our certificate was revoked"),
            ("ALERT_HANDSHAKE_FAILURE", "found nothing that both ends can speak"),
            ("ALERT_PROTOCOL_VERSION", "does not speak TLS 1.3"),
        ]
        return answers.first { text.contains($0.0) }?.1
    }

    private static func connection(_ error: any Error, _ place: String) -> String? {
        if let failure = error as? NIOConnectionError {
            if let first = failure.connectionErrors.first {
                return connection(first.error, place)
            }
            if failure.dnsAError != nil || failure.dnsAAAAError != nil {
                return "no host is called as in \(place)"
            }
        }
        if let failure = error as? IOError {
            return "cannot connect to \(place): \(systemText(failure.errnoCode))"
        }
        if case .connectTimeout? = error as? ChannelError { return "\(place) does not answer" }
        if error is SocketAddressError { return "no host is called as in \(place)" }
        return nil
    }

    /// The library's own words, on one line, without the places in its source where they were said.
    private static func describe(_ error: any Error) -> String {
        "\(error)".split(whereSeparator: \.isWhitespace).filter { !$0.hasPrefix("/") }.joined(separator: " ")
    }
}

/// Looks at a server's certificate without believing it: only to say what is wrong with it.
///
/// The handshake is failed once the certificate was seen, so nothing is ever said to, or heard from, such a server.
enum CertificateProbe {
    static func certificate(host: String, port: Int, identity: TLSIdentity) -> NIOSSLCertificate? {
        let seen = Seen()
        let (context, name) = (identity.context, TLSChannel.isAddress(host) ? nil : host)
        let channel = try? TLSChannel.connection(5).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let tls = try NIOSSLClientHandler(
                    context: context,
                    serverHostname: name,
                    customVerificationCallback: { certificates, answer in
                        seen.certificate.withLock { $0 = certificates.first }
                        answer.succeed(.failed)
                    }
                )
                try channel.pipeline.syncOperations.addHandlers([tls, Ender()])
            }
        }.connect(host: host, port: port).wait()
        guard let channel else { return nil }
        let limit = channel.eventLoop.scheduleTask(in: .seconds(5)) { channel.close(promise: nil) }
        _ = try? channel.closeFuture.wait()
        limit.cancel()
        return seen.certificate.withLock { $0 }
    }

    private final class Seen: Sendable {
        let certificate = Mutex<NIOSSLCertificate?>(nil)
    }

    /// Closes a connection at its first error.
    private final class Ender: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
