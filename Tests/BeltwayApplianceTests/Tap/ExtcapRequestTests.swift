// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import BeltwayAppliance

/// What Wireshark calls, and what it reads.
@Suite struct `Extcap` {
    private func refusal(_ arguments: [String]) -> String? {
        do throws(ApplianceError) {
            _ = try ExtcapRequest(arguments: arguments)
            return nil
        } catch {
            return error.exitStatus == 2 ? error.description : "not a usage error"
        }
    }

    @Test func `each of Wireshark's calls is told from the others`() throws {
        let call = ["--extcap-interface", "beltway:eth0"]
        #expect(
            try ExtcapRequest(arguments: ["--extcap-interfaces", "--extcap-version=4.0"]).question
                == .interfaces
        )
        #expect(try ExtcapRequest(arguments: ["--extcap-dlts"] + call).question == .linkTypes)
        #expect(try ExtcapRequest(arguments: call + ["--extcap-config"]).question == .choices)
        #expect(
            try ExtcapRequest(arguments: call + ["--extcap-capture-filter", "tcp"]).question == .filterCheck
        )
        let capture = try ExtcapRequest(
            arguments: ["--capture"] + call + [
                "--fifo=/tmp/pipe", "--extcap-capture-filter", "tcp", "--filter", "port 80 or port 81",
                "--ring", "eth0.1", "--snap", "96", "--delay", "0", "--extcap-later", "thing",
                "--extcap-flag",
            ]
        )
        #expect(capture.question == .capture && capture.fifo == "/tmp/pipe" && capture.selection == "eth0.1")
        #expect(capture.expression == "(tcp) and (port 80 or port 81)")
        #expect(capture.snapLength == 96 && capture.delayMilliseconds == 0)
    }

    @Test func `an interface's name says which rings it is`() throws {
        func selection(_ interface: String, _ more: [String] = []) throws -> String? {
            try ExtcapRequest(arguments: ["--capture", "--extcap-interface", interface] + more).selection
        }
        #expect(try selection("beltway:eth0") == "eth0")
        #expect(try selection("beltway:eth0", ["--ring", "all"]) == "eth0")
        #expect(try selection("beltway") == nil)
        #expect(interfaceName(ofRing: "eth0.100.3") == "eth0.100")
        #expect(interfaceName(ofRing: "file") == "file")
    }

    @Test func `what makes no sense is refused in one line`() {
        let call = ["--extcap-interface", "beltway:eth0"]
        #expect(refusal([])?.contains("--install") == true)
        #expect(refusal(["--frobnicate"]) == "extcap does not know `--frobnicate`")
        #expect(refusal(["--capture", "--extcap-interface", "eth0"])?.contains("found `eth0`") == true)
        #expect(refusal(["--extcap-dlts"])?.contains("found `nothing`") == true)
        #expect(refusal(["--capture"] + call + ["--snap", "0"]) == "--snap takes 1 to 262144, not `0`")
        #expect(refusal(["--capture"] + call + ["--delay", "x"]) == "--delay takes 0 to 10000, not `x`")
        #expect(refusal(["--capture"] + call + ["--fifo"]) == "--fifo takes a value")
    }

    @Test func `sentences are those that extcap asks for, and no name breaks out of one`() {
        #expect(ExtcapText.interfaces(of: nil) == "extcap {version=1.0}{display=Beltway}")
        #expect(
            ExtcapText.linkTypes(of: [1, 101, 1]) == """
                dlt {number=1}{name=EN10MB}{display=Ethernet}
                dlt {number=12}{name=RAW}{display=Raw IP}
                """
        )
        let lines = ExtcapText.choices(for: ["eth0.0", "eth0}{x.1", "a\nb.0"], data: nil).split(
            separator: "\n"
        )
        #expect(lines.filter { $0.hasPrefix("arg ") }.count == 5)
        #expect(
            lines.filter { $0.hasPrefix("value ") } == [
                "value {arg=0}{value=all}{display=All, merged in order of time}{default=true}",
                "value {arg=0}{value=eth0.0}{display=eth0.0}{default=false}",
            ]
        )
        #expect(!ExtcapText.choices(for: [], data: "/somewhere").contains("--data"))
    }

    @Test func `the script quotes what a shell would take apart`() {
        let installation = ExtcapInstallation(
            folder: "/x",
            data: "/data of/o'clock",
            program: "/opt/bel tway"
        )
        #expect(
            installation.script.split(separator: "\n").last
                == "exec '/opt/bel tway' extcap --data '/data of/o'\\''clock' \"$@\""
        )
    }
}
