// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BeltwayAppliance
internal import Foundation

struct Extcap: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show running captures to Wireshark and tshark as interfaces.",
        discussion: """
            beltway extcap --install FOLDER [--data FOLDER]      once; `tshark -G folders` names the folder
            tshark -D                                            then lists beltway:eth0
            tshark -i beltway:eth0 -f 'udp port 53'

            Everything else is what Wireshark itself calls (extcap(4)).
            """
    )

    @Argument(parsing: .captureForPassthrough) var rest: [String] = []

    func run() throws {
        if rest.first == "--install" {
            try install()
            return
        }
        let rest = rest
        try exiting { () throws(ApplianceError) in try ExtcapRequest(arguments: rest).run() }
    }

    private func install() throws {
        let isNamed = rest.count == 4 && rest[2] == "--data"
        guard rest.count == 2 || isNamed else {
            throw ValidationError("expected --install FOLDER, or --install FOLDER --data FOLDER")
        }
        let program = Bundle.main.executableURL?.resolvingSymlinksInPath().path ?? CommandLine.arguments[0]
        let installation = ExtcapInstallation(
            folder: rest[1],
            data: isNamed ? rest[3] : nil,
            program: program
        )
        try exiting { () throws(ApplianceError) in try installation.run() }
    }
}
