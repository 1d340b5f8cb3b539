// SPDX-License-Identifier: Apache-2.0
// http.log: a line for each request with its answer (base/protocols/http/main.zeek of Zeek 8).
//
// Users and passwords are not told, which Zeek does not log either unless it is asked to.
internal import BeltwayFlow
internal import BeltwayWire

enum ZeekHTTP {
    /// Files of a message that are named (`max_files_orig`, `max_files_resp`).
    private static var mostFiles: Int { 15 }

    static let table = ZeekTable(
        "http",
        "trans_depth count,method string,host string,uri string,referrer string,version string,"
            + "user_agent string,origin string,request_body_len count,response_body_len count,"
            + "status_code count,status_msg string,info_code count,info_msg string,tags set[enum],"
            + "username string,password string,proxied set[string],orig_fuids vector[string],"
            + "orig_filenames vector[string],orig_mime_types vector[string],resp_fuids vector[string],"
            + "resp_filenames vector[string],resp_mime_types vector[string]"
    )

    static func append(
        _ record: TransactionRecord,
        _ details: TransactionDetails,
        _ files: [ZeekFiles.File],
        to log: inout ZeekWriter
    ) {
        log.beginLine(record, start: details.number(.start))
        log.number("trans_depth", UInt64(record.number) + 1)
        log.text("method", .method, of: details)
        log.text("host", .host, of: details)
        log.text("uri", .target, of: details)
        log.text("referrer", .referrer, of: details)
        log.text("version", .version, of: details)
        log.text("user_agent", .agent, of: details)
        log.text("origin", .origin, of: details)
        log.number("request_body_len", details.number(.requestLength) ?? 0)
        log.number("response_body_len", details.number(.answerLength) ?? 0)
        if details.number(.status) == nil, details.number(.answerLength) != nil {
            // An answer of HTTP/0.9 is a body alone.
            log.number("status_code", 0)
            log.text("status_msg", literal: "<empty>")
        } else {
            log.number("status_code", .status, of: details)
            log.text("status_msg", .reason, of: details)
        }
        log.number("info_code", .informationStatus, of: details)
        log.text("info_msg", .informationReason, of: details)
        log.emptyList("tags")
        log.unset("username")
        log.unset("password")
        log.texts("proxied", .proxied, of: details)
        let asked = Array(files.filter(\.isFromOriginator).prefix(mostFiles))
        identifiers("orig_fuids", asked, &log)
        texts("orig_filenames", asked.map(\.name), &log)
        texts("orig_mime_types", asked.map(\.type), &log)
        let answered = Array(files.filter { !$0.isFromOriginator }.prefix(mostFiles))
        identifiers("resp_fuids", answered, &log)
        texts("resp_filenames", answered.map(\.name), &log)
        texts("resp_mime_types", answered.map(\.type), &log)
        log.endLine()
    }

    private static func identifiers(
        _ name: StaticString,
        _ files: [ZeekFiles.File],
        _ log: inout ZeekWriter
    ) {
        if files.isEmpty { return log.unset(name) }
        log.beginList(name)
        for (index, file) in files.enumerated() {
            if index > 0 { log.separateElements() }
            log.element(ofFile: file.identifier)
        }
        log.endList()
    }

    /// A field of those texts that are not empty.
    private static func texts(_ name: StaticString, _ texts: [[UInt8]], _ log: inout ZeekWriter) {
        let known = texts.filter { !$0.isEmpty }
        if known.isEmpty { return log.unset(name) }
        log.beginList(name)
        for (index, text) in known.enumerated() {
            if index > 0 { log.separateElements() }
            log.element(text.rawBytes)
        }
        log.endList()
    }
}
