// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BeltwayAppliance

struct Exec: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run an unmodified program with the rings of a running capture as devices of libpcap.",
        discussion: """
            beltway exec -- tcpdump -D                        the devices: beltway:eth0, beltway:eth0.1 ...
            beltway exec -- tcpdump -i beltway:eth0 port 53   all queues of eth0, in order of time
            beltway exec --instead -- argus -i eth0           for programs that know no device but interfaces
            """
    )

    @Option(help: ArgumentHelp("Data directory of the instance.", valueName: "folder"))
    var data: String?
    @Flag(help: "Read interfaces that are captured from their rings under their own names (argus, scapy).")
    var instead = false
    @Argument(parsing: .captureForPassthrough, help: "The program and its arguments, after --.")
    var command: [String] = []

    func run() throws {
        var request = ExecRequest(command: command.first == "--" ? Array(command.dropFirst()) : command)
        request.data = data
        request.isInstead = instead
        try exiting { () throws(ApplianceError) in try request.run() }
    }
}
