// SPDX-License-Identifier: Apache-2.0
import BeltwayCapture
import BeltwayTestSupport
import Testing

/// How many packets a file gives, and how it ends, where either differs from the corpus's index.
private struct Difference {
    var name: String
    var packets: Int
    var end: End
    var why: String

    enum End { case whole, cut, error }

    init(_ name: String, _ packets: Int, _ end: End, _ why: String) {
        self.name = name
        self.packets = packets
        self.end = end
        self.why = why
    }
}

private let cutRecord = "ends inside a record; the index counts the same packets before it"
private let wildLength = "a record claims far more bytes than any capture keeps; read up to it"
private let unknownToOracle = "capinfos does not know its link type and gives no count; the records are whole"
private let fuzzed = "malformed/pcapplusplus/clusterfuzz-testcase-"

private let differences: [Difference] = [
    Difference("formats/scapy/bad_rsn_parsing_overrides_ssid.pcap", 1, .cut, cutRecord),
    Difference("malformed/gopacket/be/test901.pcapng", 1, .error, "its second section is of version 2.0"),
    Difference("malformed/gopacket/le/test901.pcapng", 1, .error, "its second section is of version 2.0"),
    Difference("malformed/libpcap/filter/brcm-tag-stp.pcap", 4, .whole, unknownToOracle),
    Difference("malformed/libpcap/filter/brcm-tag.pcap", 15, .whole, unknownToOracle),
    Difference("malformed/libpcap/pcap-invalid-version-1.pcap", 0, .error, "version 1.4"),
    Difference("malformed/libpcap/pcapng-invalid-vers-1.pcapng", 0, .error, "version 0.1"),
    Difference("malformed/libpcap/pcapng-invalid-vers-2.pcapng", 0, .error, "version 1.1"),
    Difference("malformed/ndpi/fuzz-2021-10-13.pcap", 1, .cut, cutRecord),
    Difference(fuzzed + "FuzzTarget-5781142119907328", 1, .error, wildLength),
    Difference(fuzzed + "FuzzTarget-6207688043397120", 1, .cut, cutRecord),
    Difference(fuzzed + "minimized-FuzzTarget-5165538295939072", 1, .error, wildLength),
    Difference(fuzzed + "minimized-FuzzTarget-5204104585674752", 1, .error, wildLength),
    Difference(fuzzed + "minimized-FuzzTarget-5643903448645632", 1, .cut, cutRecord),
    Difference(fuzzed + "minimized-FuzzTarget-5685520970809344", 0, .error, "link type 2105376"),
    Difference(fuzzed + "minimized-FuzzTarget-5717750942269440", 2, .error, wildLength),
    Difference(fuzzed + "minimized-FuzzTarget-5723611632762880", 1, .error, wildLength),
    Difference(fuzzed + "minimized-FuzzTarget-5755755617189888", 2, .error, wildLength),
    Difference(fuzzed + "minimized-FuzzTarget-5757531338309632", 1, .cut, cutRecord),
    Difference(fuzzed + "minimized-FuzzTarget-5758569646653440", 1, .error, wildLength),
    Difference(
        fuzzed + "minimized-FuzzTarget-5766899836387328",
        1,
        .whole,
        "version 2.3 with the lengths the other way round: libpcap and we swap them, capinfos does not"
    ),
    Difference("malformed/pcapplusplus/crash-81dba690a3f67ee41a41390a625db732fa1413a1", 11, .cut, cutRecord),
    Difference("malformed/pcapplusplus/crash-8534c61cdf5987482365d7877ade12eef5aaf8b7", 2, .cut, cutRecord),
    Difference(
        "malformed/pcapplusplus/crash-exception-cast-constructed-record",
        2,
        .error,
        "capinfos guesses at 24-byte record headers and sees one packet; libpcap sees two, as we do"
    ),
    Difference("malformed/pcapplusplus/crash-invalid-asn-record-len", 1, .cut, cutRecord),
    Difference("malformed/pcapplusplus/crash-pcapng-epb-unbounded-length", 0, .error, wildLength),
    Difference("malformed/pcapplusplus/igmplayer", 2, .error, wildLength),
    Difference("malformed/pcapplusplus/radiuslayer", 5, .error, wildLength),
    Difference("malformed/tcpdump/dsa-high-vid.pcap", 4, .whole, unknownToOracle),
    Difference("malformed/tcpdump/edsa-high-vid.pcap", 4, .whole, unknownToOracle),
    Difference("malformed/tcpdump/juniper_es_oobr.pcap", 1, .whole, unknownToOracle),
    Difference("malformed/tcpdump/juniper_monitor_invalid_cookie_length.pcap", 1, .whole, unknownToOracle),
    Difference("malformed/tcpdump/kday6.pcap", 1, .whole, unknownToOracle),
    Difference("malformed/tcpdump/vtp_asan-2.pcap", 1, .whole, unknownToOracle),
    Difference("malformed/tcpdump/vtp_asan-3.pcap", 1, .whole, unknownToOracle),
    Difference("malformed/tcpdump/vtp_asan.pcap", 5, .whole, unknownToOracle),
]

@Suite struct `The corpus's odd and malformed captures` {
    @Test(.enabled(if: Corpus.root != nil, Comment(rawValue: Corpus.absence)))
    func `give as many packets as the index says, every difference explained`() {
        let known = Dictionary(uniqueKeysWithValues: differences.map { ($0.name, $0) })
        let captures = Corpus.captures.filter {
            ($0.name.hasPrefix("formats/") || $0.name.hasPrefix("malformed/"))
        }
        #expect(captures.count > 300)
        for capture in captures {
            var packets = 0
            var end = Difference.End.error
            do {
                var reader = try CaptureFileReader(path: capture.path)
                reading: while true {
                    switch try reader.next() {
                    case .packet: packets += 1
                    case .needsBytes: continue
                    case .end(.whole):
                        end = .whole
                        break reading
                    case .end(.cut):
                        end = .cut
                        break reading
                    }
                }
            } catch {}
            #expect(packets == known[capture.name]?.packets ?? capture.packets, "\(capture.name)")
            #expect(end == known[capture.name]?.end ?? .whole, "\(capture.name)")
        }
    }
}
