// SPDX-License-Identifier: Apache-2.0
// SSH: the event, and what only the log of connections shows.
internal import BeltwayWire

extension SSHParser {
    /// Writes the transaction unless it is written or there is nothing to say.
    static func finish(
        _ session: inout SSHSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        guard !session.isWritten, session.client.hasBanner || session.server.hasBanner else { return }
        session.isWritten = true
        writeEvent(session, &flow, &output)
        if output.wantsDetails { writeLog(session, &output) }
    }

    private static func writeEvent(
        _ session: SSHSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        let packet = output.packet
        if let told = session.told {
            (output.packet.time, output.packet.packet, output.packet.isFromFlowEnd) =
                (told.time, told.packet, false)
        }
        output.begin(.ssh, number: flow.transactions, object: "ssh")
        output.packet = packet
        write("client", session.client, software: 0, hassh: 2, &output)
        write("server", session.server, software: 1, hassh: 3, &output)
        if let outcome = session.login.outcome {
            output.text.member("auth_attempts")
            output.beginValue()
            output.text.append(decimal: UInt64(outcome.attempts))
            output.mark(4)
            if let hasSucceeded = outcome.hasSucceeded {
                output.text.member("auth_success")
                output.beginValue()
                output.text.append(hasSucceeded ? "true" : "false")
                output.mark(5)
            }
        }
        output.end()
        flow.transactions &+= 1
    }

    /// Writes the details as a record of their own.
    private static func writeLog(_ session: SSHSession, _ output: inout TransactionStage) {
        output.beginDetails(.ssh)
        output.details.append(.start, number: session.start.nanoseconds)
        output.details.append(session.client.details)
        output.details.append(session.server.details)
        if !session.hostKey.isEmpty { output.details.append(.hostKey, session.hostKey.rawBytes) }
        if let outcome = session.login.outcome {
            output.details.append(.loginAttempts, number: UInt64(outcome.attempts))
            if let hasSucceeded = outcome.hasSucceeded {
                output.details.append(.isLoggedIn, number: hasSucceeded ? 1 : 0)
            }
        }
        output.endDetails()
    }

    private static func write(
        _ name: StaticString,
        _ side: SSHSide,
        software: Int,
        hassh: Int,
        _ output: inout TransactionStage
    ) {
        guard side.hasBanner else { return }
        output.text.openObject(name)
        output.member("proto_version", side.protocolVersion.rawBytes)
        output.member("software_version", side.software.rawBytes, column: software)
        TLSParser.writeFingerprint("hassh", side.hassh, hassh, &output)
        output.text.closeObject()
    }

    static func details(_ banner: borrowing SSHBanner, from sender: Sender) -> [UInt8] {
        var line = Array("SSH-".utf8)
        line.append(copyOf: banner.protocolVersion)
        line.append(0x2d)
        line.append(copyOf: banner.softwareVersion)
        if banner.comment.byteCount > 0 {
            line.append(0x20)
            line.append(copyOf: banner.comment)
        }
        var writer = DetailWriter()
        writer.append(sender == .originator ? .clientBanner : .serverBanner, line.rawBytes)
        return writer.end()
    }

    static func details(_ lists: borrowing SSHKeyExchangeInit, from sender: Sender) -> [UInt8] {
        var writer = DetailWriter()
        for number in 0..<SSHKeyExchangeInit.listCount {
            writer.append(
                sender == .originator ? .clientList : .serverList,
                lists.list(number),
                most: 1000
            )
        }
        return writer.end()
    }
}
