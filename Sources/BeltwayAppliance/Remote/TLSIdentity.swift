// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import NIOCore
internal import NIOSSL

/// Who this end is, and whose certificates it believes: three PEM files.
struct TLSIdentity: Sendable {
    let context: NIOSSLContext
    /// The file with the authority's certificates, for messages.
    let authority: String

    /// Which end of a connection.
    enum Role {
        case client
        case server
    }

    /// Reads and checks the files.
    ///
    /// - Parameters:
    ///   - role: Which end this is.
    ///   - certificate: PEM: this end's certificate, and those between it and the authority.
    ///   - key: PEM: its private key, without a passphrase.
    ///   - authority: PEM: the certificates that the other end's must be signed by.
    ///   - option: The option that named `authority`, for messages.
    /// - Throws: ``ApplianceError`` with the file and what is the matter with it.
    init(
        _ role: Role,
        certificate: String?,
        key: String?,
        authority: String?,
        option: String
    ) throws(ApplianceError) {
        guard let certificate else { throw Self.missing("--certificate", "this end's certificate") }
        guard let key else { throw Self.missing("--key", "its private key") }
        guard let authority else {
            throw Self.missing(option, "the certificate of who signed the other end's")
        }
        self.authority = authority
        let chain = try Self.certificates(certificate, "--certificate")
        try Self.check(chain[0], certificate)
        _ = try Self.certificates(authority, option)
        let privateKey: NIOSSLPrivateKey
        try Self.checkReadable(key, "--key")
        do {
            privateKey = try NIOSSLPrivateKey(file: key, format: .pem)
        } catch {
            throw .failure("--key \(key) holds no private key in PEM (one with a passphrase is not taken)")
        }
        var configuration =
            role == .server
            ? TLSConfiguration.makeServerConfigurationWithMTLS(
                certificateChain: chain.map { .certificate($0) },
                privateKey: .privateKey(privateKey),
                trustRoots: .file(authority)
            ) : TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv13
        if role == .client {
            configuration.certificateChain = chain.map { .certificate($0) }
            configuration.privateKey = .privateKey(privateKey)
            configuration.trustRoots = .file(authority)
            configuration.certificateVerification = .fullVerification
        }
        configuration.shutdownTimeout = .seconds(2)
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw .failure("--key \(key) does not belong to --certificate \(certificate)")
        }
    }

    private static func missing(_ option: String, _ what: String) -> ApplianceError {
        .usage("rings cross a network under mutual TLS only: \(option) FILE is needed (\(what), PEM)")
    }

    private static func checkReadable(_ path: String, _ option: String) throws(ApplianceError) {
        do {
            _ = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw .failure("\(option) \(path): \(systemText((error as NSError).underlyingSystemError))")
        }
    }

    private static func certificates(
        _ path: String,
        _ option: String
    ) throws(ApplianceError) -> [NIOSSLCertificate] {
        try checkReadable(path, option)
        let found = (try? NIOSSLCertificate.fromPEMFile(path)) ?? []
        guard !found.isEmpty else { throw .failure("\(option) \(path) holds no certificate in PEM") }
        return found
    }

    /// A certificate of one's own that is not valid is refused here, before the other end does.
    private static func check(_ certificate: NIOSSLCertificate, _ path: String) throws(ApplianceError) {
        if let problem = validity(certificate) { throw .failure("--certificate \(path) \(problem)") }
    }

    /// What is wrong with a certificate's time, in words that follow its name; nil if it is valid now.
    static func validity(_ certificate: NIOSSLCertificate) -> String? {
        let now = time(nil)
        if certificate.notValidAfter < now { return "expired on \(date(certificate.notValidAfter))" }
        if certificate.notValidBefore > now { return "is valid from \(date(certificate.notValidBefore)) on" }
        return nil
    }

    private static func date(_ time: time_t) -> String {
        let formatter = ISO8601DateFormatter()
        return formatter.string(from: Date(timeIntervalSince1970: TimeInterval(time)))
    }
}

extension NSError {
    /// The error number of the system call behind it.
    fileprivate var underlyingSystemError: Int32 {
        if domain == NSPOSIXErrorDomain { return Int32(code) }
        if let under = userInfo[NSUnderlyingErrorKey] as? NSError { return under.underlyingSystemError }
        return code == NSFileReadNoSuchFileError ? ENOENT : EACCES
    }
}
