// SPDX-License-Identifier: Apache-2.0
// Encrypted messages of SMB 3: one transaction for each session says that there were some, how many and how long.
//
//     "smb":{"id":5,"dialect":"3.11","command":"SMB3_TRANSFORM","session_id":7,"encrypted":{"requests":12,"request_bytes":2048,
//            "responses":12,"response_bytes":90112}}
//
// The name of the command is our own. Nothing else can be known without the session's keys; the transaction is written at the
// flow's end.
internal import BeltwayWire

/// What is known of the encrypted messages of one session.
struct SMBEncrypted {
    /// Sessions of one connection whose messages are counted.
    static var mostSessions: Int { 16 }
    static var heldBytes: Int { 256 }

    var request: SMBRequest
    var requests: (count: UInt64, bytes: UInt64) = (0, 0)
    var answers: (count: UInt64, bytes: UInt64) = (0, 0)
}

extension SMBSession {
    /// Counts an encrypted message, of which the head is here.
    ///
    /// - Returns: False if the head is damaged.
    mutating func noteEncrypted(
        _ bytes: RawSpan,
        from sender: Sender,
        _ flow: inout ApplicationFlow,
        at time: Timestamp
    ) -> Bool {
        guard let head = SMB2Transform(bytes) else { return false }
        var place = encrypted.firstIndex { $0.request.sessionID == head.sessionID }
        if place == nil, encrypted.count < SMBEncrypted.mostSessions {
            var request = make(.encrypted, &flow, at: time)
            request.sessionID = head.sessionID
            place = encrypted.count
            encrypted.append(SMBEncrypted(request: request))
        }
        guard let place else { return true }
        if sender == .originator {
            encrypted[place].requests.count &+= 1
            encrypted[place].requests.bytes &+= UInt64(head.size)
        } else {
            encrypted[place].answers.count &+= 1
            encrypted[place].answers.bytes &+= UInt64(head.size)
        }
        return true
    }

    /// Writes what was counted of a session.
    func writeEncrypted(_ request: SMBRequest, _ output: inout TransactionStage) {
        guard let known = encrypted.first(where: { $0.request.id == request.id }) else { return }
        open(request, status: nil, &output)
        output.text.openObject("encrypted")
        output.text.member("requests", known.requests.count)
        output.text.member("request_bytes", known.requests.bytes)
        output.text.member("responses", known.answers.count)
        output.text.member("response_bytes", known.answers.bytes)
        output.text.closeObject()
        end(request, isAnswered: false, &output)
    }
}
