// SPDX-License-Identifier: Apache-2.0
// Calls of DCE/RPC over named pipes: a transaction each, from its first fragment to the last of its response.
//
//     WRITE bind | READ bind ack     WRITE request, request ... | READ response, response     or both in one IOCTL
internal import BeltwayWire

extension SMBSession {
    /// Takes what is written to a pipe.
    ///
    /// - Parameters:
    ///   - data: The bytes written.
    ///   - origin: Which command wrote them, to which file; not numbered yet.
    ///   - flow: The connection.
    ///   - output: Takes the oldest call if too many wait.
    mutating func call(
        _ data: RawSpan,
        _ origin: SMBRequest,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        guard let message = DCERPCMessage(data) else { return }
        if message.type == DCERPCMessage.request, !message.isFirst {
            guard
                let index = calls.firstIndex(where: {
                    $0.callID == message.callID && $0.request.file == origin.file
                })
            else { return }
            calls[index].fragments.request += 1
            calls[index].argumentBytes.request += UInt64(message.argumentCount)
            return
        }
        var call = SMBCall()
        call.request = make(.call, &flow, at: output.packet.time)
        call.request.isSMB2 = origin.isSMB2
        call.request.command = origin.command
        call.request.key = origin.key
        call.request.sessionID = origin.sessionID
        call.request.treeID = origin.treeID
        call.request.file = origin.file
        call.type = message.type
        call.callID = message.callID
        if message.type == DCERPCMessage.request {
            call.fragments.request = 1
            call.argumentBytes.request = UInt64(message.argumentCount)
            call.operation = message.operation?.number ?? 0
            call.context = message.operation?.context ?? 0
        } else if message.type == DCERPCMessage.bind {
            var list: [SMBInterface] = []
            message.interfaces { context, identifier, major, minor in
                guard list.count < SMBSession.mostInterfaces else { return }
                list.append(
                    SMBInterface(context: context, identifier: identifier, major: major, minor: minor)
                )
            }
            interfaces = list
        }
        if let oldest = wait(call) {
            write(oldest, status: oldest.request.status, isAnswered: false, &output)
        }
    }

    /// Takes what is read from a pipe.
    ///
    /// - Parameters:
    ///   - data: The bytes read.
    ///   - key: The message whose answer brings them, if the call went out in the same one.
    ///   - file: The pipe, if not.
    ///   - status: What the answer says.
    ///   - output: Takes the call if this is the end of its response.
    mutating func response(
        _ data: RawSpan,
        key: UInt64?,
        _ file: SMBIdentifier?,
        _ status: SMBStatus,
        _ output: inout TransactionStage
    ) {
        guard let message = DCERPCMessage(data),
            let index = calls.firstIndex(where: {
                $0.callID == message.callID
                    && (key.map { [request = $0.request] key in request.key == key } ?? true)
                    && (file.map { [request = $0.request] file in request.file == file } ?? true)
            })
        else { return }
        calls[index].response = message.type
        if message.type == DCERPCMessage.response {
            calls[index].fragments.response += 1
            calls[index].argumentBytes.response += UInt64(message.argumentCount)
            guard message.isLast else { return }
        }
        let call = takeCall(at: index)
        var results: [(UInt16, UInt16)] = []
        if message.type == DCERPCMessage.bindAcknowledge {
            while results.count < interfaces.count, let result = message.result(results.count) {
                results.append((result.result, result.reason))
            }
        }
        write(call, status: status, isAnswered: true, results: results, &output)
    }

    /// Writes the transaction of a call.
    func write(
        _ call: SMBCall,
        status: SMBStatus?,
        isAnswered: Bool,
        results: [(result: UInt16, reason: UInt16)] = [],
        _ output: inout TransactionStage
    ) {
        open(call.request, status: status, &output)
        output.text.openObject("dcerpc")
        output.text.member("request")
        output.text.append(callType: call.type)
        output.text.member("response")
        if let type = call.response {
            output.text.append(callType: type)
        } else {
            output.text.append("\"UNREPLIED\"")
        }
        if call.type == DCERPCMessage.request {
            output.text.member("opnum", UInt64(call.operation))
            output.text.openObject("req")
            output.text.member("frag_cnt", call.fragments.request)
            output.text.member("stub_data_size", call.argumentBytes.request)
            output.text.closeObject()
        }
        if call.type == DCERPCMessage.request || call.type == DCERPCMessage.bind {
            writeInterfaces(of: call, results, &output)
        }
        if call.response == DCERPCMessage.response {
            output.text.openObject("res")
            output.text.member("frag_cnt", call.fragments.response)
            output.text.member("stub_data_size", call.argumentBytes.response)
            output.text.closeObject()
        }
        output.text.member("call_id", UInt64(call.callID))
        output.text.closeObject()
        end(call.request, isAnswered: isAnswered, &output)
    }

    private func writeInterfaces(
        of call: SMBCall,
        _ results: [(result: UInt16, reason: UInt16)],
        _ output: inout TransactionStage
    ) {
        let isBind = call.type == DCERPCMessage.bind
        guard interfaces.contains(where: { isBind || $0.context == call.context }) else { return }
        output.text.openArray("interfaces")
        for (index, interface) in interfaces.enumerated() where isBind || interface.context == call.context {
            output.text.openObject()
            output.text.member("uuid")
            output.text.append(interface: interface.identifier)
            output.text.member("version")
            output.text.append(0x22)
            output.text.append(decimal: UInt64(interface.major))
            output.text.append(0x2e)
            output.text.append(decimal: UInt64(interface.minor))
            output.text.append(0x22)
            if isBind, index < results.count {
                output.text.member("ack_result", UInt64(results[index].result))
                output.text.member("ack_reason", UInt64(results[index].reason))
            }
            output.text.closeObject()
        }
        output.text.closeArray()
    }
}
