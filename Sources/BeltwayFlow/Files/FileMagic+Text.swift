// SPDX-License-Identifier: Apache-2.0
// Text: what its first word says it is, else what it is encoded in; what is no text is data.
internal import BeltwayWire

extension FileMagic {
    /// Names text, or `data`.
    static func text(_ start: RawSpan, isWhole: Bool) -> StaticString {
        var first = start
        if start.byteCount >= 2 {
            let mark = start.bigEndian16(at: 0)
            if mark == 0xfffe { return "Unicode text, UTF-16, little-endian text" }
            if mark == 0xfeff { return "Unicode text, UTF-16, big-endian text" }
            if mark == 0xefbb, start.byteCount >= 3, start.byte(at: 2) == 0xbf {
                first = start.field(3..<start.byteCount)
            }
        }
        guard let encoding = encoding(of: start, isWhole: isWhole) else { return "data" }
        var index = 0
        while index < first.byteCount, isBlank(first.byte(at: index)) { index += 1 }
        return document(first.field(index..<first.byteCount)) ?? encoding
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || 0x09...0x0d ~= byte }

    /// What the first word tells.
    private static func document(_ text: RawSpan) -> StaticString? {
        for word in ["<!doctype html", "<html", "<head", "<body", "<title", "<script", "<!-- "]
        where text.starts(ignoringCase: word) {
            return "HTML document text"
        }
        if text.starts(ignoringCase: "<svg") { return "SVG Scalable Vector Graphics image" }
        if text.starts(ignoringCase: "<?php") { return "PHP script text" }
        if text.starts(ignoringCase: "<?xml") {
            return text.byteCount > 60 && named(text, "<svg")
                ? "SVG Scalable Vector Graphics image"
                : "XML document text"
        }
        if text.starts(with: "#!") { return script(text) }
        if text.starts(ignoringCase: "@echo off") { return "DOS batch file text" }
        if text.starts(with: "From: ") || text.starts(with: "Received: ")
            || text.starts(with: "Return-Path: ")
        {
            return "SMTP mail text"
        }
        if text.starts(with: "BEGIN:VCARD") { return "vCard visiting card" }
        if text.starts(with: "BEGIN:VCALENDAR") { return "vCalendar calendar file" }
        if text.starts(with: "diff ") || text.starts(with: "--- a/") { return "unified diff output text" }
        return isJSON(text) ? "JSON text data" : nil
    }

    private static func script(_ text: RawSpan) -> StaticString {
        let line = text.field(0..<(text.firstIndex(of: 0x0a) ?? text.byteCount))
        let words: [(String, StaticString)] = [
            ("python", "Python script text executable"), ("perl", "Perl script text executable"),
            ("ruby", "Ruby script text executable"), ("node", "Node.js script text executable"),
            ("php", "PHP script text executable"), ("bash", "Bourne-Again shell script text executable"),
            ("sh", "POSIX shell script text executable"),
        ]
        for (name, words) in words where named(line, name) { return words }
        return "script text executable"
    }

    private static func named(_ text: RawSpan, _ word: String) -> Bool {
        for index in 0..<text.byteCount
        where text.field(index..<text.byteCount).starts(ignoringCase: word) {
            return true
        }
        return false
    }

    /// Whether text begins as an object with a member does, or as an array of values (RFC 8259).
    private static func isJSON(_ text: RawSpan) -> Bool {
        guard text.byteCount >= 2, text.byte(at: 0) == 0x7b || text.byte(at: 0) == 0x5b else { return false }
        let isObject = text.byte(at: 0) == 0x7b
        var index = 1
        while index < text.byteCount, isBlank(text.byte(at: index)) { index += 1 }
        guard index < text.byteCount else { return false }
        let next = text.byte(at: index)
        if isObject {
            guard next == 0x22 else { return next == 0x7d }
            // The name's end, then a colon.
            guard let end = text.firstIndex(of: 0x22, from: index + 1) else { return true }
            var after = end + 1
            while after < text.byteCount, isBlank(text.byte(at: after)) { after += 1 }
            return after >= text.byteCount || text.byte(at: after) == 0x3a
        }
        return next == 0x22 || next == 0x7b || next == 0x5b || next == 0x5d || next == 0x2d
            || 0x30...0x39 ~= next
    }

    /// ASCII, UTF-8, ISO-8859; nil where bytes are none that text has.
    private static func encoding(of bytes: RawSpan, isWhole: Bool) -> StaticString? {
        var hasHigh = false
        var hasControls = false
        var end = 0
        var hasReturns = false
        var hasLines = false
        for index in 0..<bytes.byteCount {
            let byte = bytes.byte(at: index)
            switch byte {
            case 0x0a: hasLines = true
            case 0x0d: hasReturns = true
            case 0x07, 0x08, 0x09, 0x0c, 0x1b, 0x20..<0x7f: break
            case 0x80...0xff:
                hasHigh = true
                if byte < 0xa0, byte != 0x85 { hasControls = true }
            default: return nil
            }
            // A character that is cut off at the end is no proof against UTF-8.
            if byte < 0x80 || byte >= 0xc0 { end = index }
        }
        if !hasHigh {
            if hasReturns, hasLines { return "ASCII text, with CRLF line terminators" }
            return hasLines ? "ASCII text" : "ASCII text, with no line terminators"
        }
        let isCutAtEnd = !isWhole && bytes.byte(at: end) >= 0xc0
        if TextBuffer.isUTF8(bytes.field(0..<(isCutAtEnd ? end : bytes.byteCount)), isWhole: true) {
            return "Unicode text, UTF-8 text"
        }
        return hasControls ? "Non-ISO extended-ASCII text" : "ISO-8859 text"
    }
}
