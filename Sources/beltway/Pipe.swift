// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BeltwayAppliance

struct Pipe: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A pipe with a name, one writer and any number of readers, in shared memory.",
        discussion: """
            producer | beltway pipe write NAME
            beltway pipe read NAME | consumer      each reader gets every byte from when it came
            """,
        subcommands: [PipeWrite.self, PipeRead.self]
    )
}

struct PipeWrite: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "write",
        abstract: "Write standard input to a pipe; ends when readers have taken all of it."
    )

    @Option(help: ArgumentHelp("Data directory.", valueName: "folder"))
    var data: String?
    @Option(help: ArgumentHelp("Size of the ring, such as 64K or 1M. Default: 256K.", valueName: "size"))
    var size: String?
    @Option(
        help: ArgumentHelp(
            "blocking: wait for the slowest reader; slow, medium: drop what finds no room; fast: overwrite.",
            valueName: "policy"
        )
    )
    var policy: String = "blocking"
    @Option(help: ArgumentHelp("Begin when so many readers have come.", valueName: "number"))
    var readers: Int = 1
    @Option(help: ArgumentHelp("Who may read, as chmod has it.", valueName: "mode"))
    var mode: String = "600"
    @Option(
        help: ArgumentHelp("Seconds that a stopped reader may hold up the writer.", valueName: "seconds")
    )
    var patience: Int = 5
    @Flag(help: "Let the ring grow and shrink with use.")
    var resize = false
    @Flag(help: "Go on when all readers have gone.")
    var keepOn = false
    @Argument(help: "Name of the pipe.")
    var name: String

    func run() throws {
        var request = PipeRequest(name: name)
        request.data = data
        if let size {
            guard let bytes = ByteSize(size)?.bytes else {
                throw ValidationError("--size takes a number with K, M or G, not `\(size.prefix(40))`")
            }
            request.size = bytes
        }
        request.policy = policy
        request.readers = readers
        request.mode = mode
        request.patience = patience
        request.resizes = resize
        request.keepsOn = keepOn
        try exiting { () throws(ApplianceError) in try request.write() }
    }
}

struct PipeRead: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "read",
        abstract: "Write what comes through a pipe to standard output; waits for the writer."
    )

    @Option(help: ArgumentHelp("Data directory.", valueName: "folder"))
    var data: String?
    @Argument(help: "Name of the pipe.")
    var name: String

    func run() throws {
        var request = PipeRequest(name: name)
        request.data = data
        try exiting { () throws(ApplianceError) in try request.read() }
    }
}
