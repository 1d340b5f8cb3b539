// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

@Suite(
    .serialized,
    .enabled(if: BeltwayProgram.path != nil, "\(BeltwayProgram.absence)"),
    .enabled(
        if: Certificates.folder != nil,
        "openssl is not here to make certificates with README's commands"
    )
)
struct `A tap of another host` {
    private func bytes(_ path: String) -> Data { FileManager.default.contents(atPath: path) ?? Data() }

    @Test func `writes what a local tap writes, byte for byte, by every strategy`() throws {
        let served = try ServedCapture()
        let folder = served.capture.folder
        let local = try RunningProgram(
            [BeltwayProgram.path ?? "", "tap", "--data", folder / "data", "-w", folder / "local.pcapng"]
        )
        #expect(local.waitFor("tapping", seconds: 30))
        let strategies = ["cached", "demand", "once", "zero"]
        let taps = try strategies.map { try served.tap(["--strategy", $0, "-w", folder / "\($0).pcapng"]) }
        try served.capture.send(1..<1_500)
        served.capture.finish()
        #expect(local.wait().status == 0)
        let expected = bytes(folder / "local.pcapng")
        #expect(expected.count > 1_499 * 1_400)
        for (strategy, tap) in zip(strategies, taps) {
            let outcome = tap.wait()
            #expect(outcome.status == 0, "\(strategy): \(outcome.errors)")
            #expect(
                outcome.errors.contains("file.0: 1499 published = 1499 read + 0 lost"),
                "\(outcome.errors)"
            )
            #expect(bytes(folder / "\(strategy).pcapng") == expected, "\(strategy)")
        }
        served.server.signal(SIGINT)
        let server = served.server.wait()
        #expect(server.status == 0 && server.errors.contains("4 clients served"), "\(server.errors)")
    }

    /// The counter that the tap prints: bytes moved, and bytes of the ring among them.
    private func moved(_ errors: String) throws -> (all: Int, ring: Int) {
        let match = try #require(errors.firstMatch(of: /moved (\d+) bytes, (\d+) of them of the ring/))
        return (try #require(Int(match.1)), try #require(Int(match.2)))
    }

    @Test func `with a need for headers moves headers only`() throws {
        let served = try ServedCapture()
        let folder = served.capture.folder
        let headers = try served.tap(["--headers", "54", "-w", folder / "headers.pcapng"])
        let lines = try served.tap([])
        let whole = try served.tap(["-w", folder / "whole.pcapng"])
        try served.capture.send(1..<1_500)
        served.capture.finish()
        let everything = 1_499 * 1_400
        let little = headers.wait()
        #expect(little.status == 0, "\(little.errors)")
        // Blocks of 64 bytes, three at most for each packet, and 32 bytes of descriptor.
        #expect(try moved(little.errors).ring <= 1_499 * 192)
        #expect(try moved(little.errors).all < everything / 5, "\(little.errors)")
        // Lines show headers: 256 bytes of each packet are enough for them.
        let shown = lines.wait()
        #expect(shown.output.split(separator: "\n").count == 1_499)
        #expect(try moved(shown.errors).all < everything / 3, "\(shown.errors)")
        #expect(try moved(whole.wait().errors).ring >= everything)
    }

    @Test func `is told in one line whose certificate is not good, and why`() throws {
        let served = try ServedCapture()
        let ours = served.certificates
        let strangers = try #require(Certificates.strangers)
        func refused(_ identity: [String], host: String = "localhost") throws -> String {
            let outcome = try served.tap([], host: host, identity: identity).wait()
            #expect(outcome.status == 1 && outcome.errorLines.count == 1, "\(outcome.errors)")
            return outcome.errors
        }
        // The server's is signed by somebody else than --ca names.
        let unknown = try refused(ours.identity("client", authority: "--ca", of: strangers))
        #expect(unknown.contains("is not signed by --ca \(strangers / "ca.pem")"), "\(unknown)")
        // Ours is signed by somebody whom the server does not know.
        let foreign = try refused(strangers.identity("client", authority: "--ca", of: ours))
        #expect(foreign.contains("does not know who signed our certificate"), "\(foreign)")
        #expect(served.server.waitFor("the certificate of client 127.0.0.1 is not signed by --clients-ca"))
        // The server's is for localhost and 127.0.0.1: 127.0.0.2 reaches it by neither name.
        let identity = ours.identity("client", authority: "--ca")
        let misnamed = try refused(identity, host: "ip6-localhost.invalid")
        #expect(misnamed.contains("no host is called as in"), "\(misnamed)")
        // No certificate at all: a client that is not Beltway.
        let bare = try RunningProgram(
            [
                "openssl", "s_client", "-connect", "127.0.0.1:\(served.port)", "-quiet", "-CAfile",
                ours / "ca.pem",
            ]
        )
        #expect(
            served.server.waitFor("client 127.0.0.1 has no certificate", seconds: 20),
            "\(served.server.errors)"
        )
        bare.signal(SIGKILL)
        // Not even TLS.
        let plain = try RunningProgram([
            "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/\(served.port); echo GET / >&3; cat <&3",
        ])
        #expect(plain.wait().ranTooLong == false)
        // After all that it still serves.
        let good = try served.tap(["--count", "5"])
        try served.capture.send(1..<20)
        #expect(good.wait().status == 0)
    }

    /// Taps a server as soon as it listens.
    private func ask(_ tap: [String], _ place: String) throws -> ProgramOutcome {
        for _ in 0..<100 {
            let outcome = try BeltwayProgram.run(tap + ["--from", place])
            guard outcome.errors.contains("Connection refused") else { return outcome }
            usleep(100_000)
        }
        throw NotReady(description: "nobody listens at \(place)")
    }

    @Test func `refuses a server whose certificate has expired, or is for another name`() throws {
        let ours = try #require(Certificates.folder)
        let expired = try Certificates.expired(in: ours)
        usleep(1_100_000)
        func serve(_ certificate: String, _ port: Int) throws -> RunningProgram {
            let program = try RunningProgram(
                [
                    "openssl", "s_server", "-accept", "127.0.0.1:\(port)", "-cert", certificate, "-key",
                    ours / "server.key",
                    "-tls1_3", "-quiet",
                ]
            )
            return program
        }
        let port = Int.random(in: 20_000..<30_000)
        let old = try serve(expired, port)
        let tap = ["tap"] + ours.identity("client", authority: "--ca")
        let refused = try ask(tap, "127.0.0.1:\(port)")
        #expect(refused.status == 1 && refused.errorLines.count == 1)
        #expect(
            refused.errors.contains("the certificate of 127.0.0.1:\(port) expired on"),
            "\(refused.errors)"
        )
        old.signal(SIGKILL)
        // The client's certificate names no host: a server that shows it is not who it is asked to be.
        let other = try RunningProgram(
            [
                "openssl", "s_server", "-accept", "127.0.0.1:\(port + 1)", "-cert", ours / "client.pem",
                "-key",
                ours / "client.key", "-tls1_3", "-quiet",
            ]
        )
        let misnamed = try ask(tap, "localhost:\(port + 1)")
        #expect(misnamed.status == 1 && misnamed.errorLines.count == 1)
        #expect(
            misnamed.errors.contains("is for another name")
                || misnamed.errors.contains("could not be verified")
                || misnamed.errors.contains("is not signed by"),
            "\(misnamed.errors)"
        )
        other.signal(SIGKILL)
        // One's own is looked at before anything is sent.
        let own = try BeltwayProgram.run(
            [
                "serve", "127.0.0.1:0", "--certificate", expired, "--key", ours / "server.key",
                "--clients-ca", ours / "ca.pem",
            ]
        )
        #expect(own.status == 1 && own.errors.contains("expired on"), "\(own.errors)")
    }

    @Test func `is told what is missing or wrong in its options`() throws {
        let ours = try #require(Certificates.folder)
        func complaint(_ arguments: [String], status: Int32) throws -> String {
            let outcome = try BeltwayProgram.run(arguments)
            #expect(outcome.status == status && outcome.errorLines.count == 1, "\(outcome.errors)")
            return outcome.errors
        }
        let identity = ours.identity("client", authority: "--ca")
        #expect(
            try complaint(["tap", "--from", "localhost:1"], status: 2).contains(
                "--certificate FILE is needed"
            )
        )
        #expect(try complaint(["tap", "--from", "localhost"] + identity, status: 2).contains("has no port"))
        #expect(try complaint(["tap", "--from", "a:99999"] + identity, status: 2).contains("is no port"))
        #expect(try complaint(["tap", "--from", "::1:80"] + identity, status: 2).contains("in brackets"))
        #expect(
            try complaint(["tap", "--from", "a:1", "--strategy", "cache"] + identity, status: 2).contains(
                "`cached`"
            )
        )
        #expect(try complaint(["tap", "--strategy", "once"], status: 2).contains("goes with --from"))
        #expect(
            try complaint(["tap", "--from", "127.0.0.1:1"] + identity, status: 1).contains(
                "cannot connect to 127.0.0.1:1: Connection refused"
            )
        )
        let missing = [
            "--certificate", ours / "none.pem", "--key", ours / "client.key", "--ca", ours / "ca.pem",
        ]
        #expect(try complaint(["tap", "--from", "a:1"] + missing, status: 1).contains("No such file"))
        let swapped = [
            "--certificate", ours / "client.key", "--key", ours / "client.key", "--ca", ours / "ca.pem",
        ]
        #expect(
            try complaint(["tap", "--from", "a:1"] + swapped, status: 1).contains(
                "holds no certificate in PEM"
            )
        )
        let foreign = [
            "--certificate", ours / "client.pem", "--key", ours / "server.key", "--ca", ours / "ca.pem",
        ]
        #expect(try complaint(["tap", "--from", "a:1"] + foreign, status: 1).contains("does not belong to"))
    }

    @Test func `outlives no server, and a server outlives its clients`() throws {
        let served = try ServedCapture(clients: 2)
        let folder = served.capture.folder
        // A client that is killed leaves its place to the next.
        let first = try served.tap(["-w", folder / "first.pcapng"])
        let second = try served.tap(["-w", folder / "second.pcapng"])
        let third = try served.tap([]).wait()
        #expect(
            third.status == 1 && third.errors.contains("serves as many clients as it may"),
            "\(third.errors)"
        )
        first.signal(SIGKILL)
        #expect(served.server.waitFor("client 127.0.0.1 left file.0", seconds: 20))
        let fourth = try served.tap(["--count", "3", "-w", folder / "fourth.pcapng"])
        try served.capture.send(1..<30)
        #expect(fourth.wait().status == 0)
        // A server that is killed is told, with what was read so far.
        for _ in 0..<500
        where (try? FileManager.default.attributesOfItem(atPath: folder / "second.pcapng")[.size] as? Int)
            ?? 0 < 29 * 1_400
        {
            usleep(10_000)
        }
        served.server.signal(SIGKILL)
        let outcome = second.wait()
        #expect(
            outcome.status == 1 && outcome.errors.contains("the other end closed the connection"),
            "\(outcome.errors)"
        )
        #expect(outcome.errors.contains("29 published = 29 read + 0 lost"), "\(outcome.errors)")
    }

    @Test func `is told when the capture behind the server has died`() throws {
        let served = try ServedCapture()
        let tap = try served.tap(["-w", served.capture.folder / "out.pcapng"])
        try served.capture.send(1..<10)
        usleep(300_000)
        served.capture.run.signal(SIGKILL)
        let outcome = tap.wait()
        #expect(outcome.status == 1, "\(outcome.errors)")
        #expect(outcome.errors.contains("the capture that wrote the ring has died"), "\(outcome.errors)")
        #expect(outcome.errors.contains("9 published = 9 read + 0 lost"), "\(outcome.errors)")
    }
}
