// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayCapture
internal import Foundation

/// What one of four taps beside a capture does, or a fifth that comes and goes.
enum LiveDisturbance: String, CaseIterable {
    case none = "all of them read"
    case stopped = "one is stopped"
    case killed = "one is killed"
    case slow = "one is slow"
    case visits = "a fifth comes, goes"
}

/// Taps of a running capture, one of which may be a nuisance.
final class LiveCrowd {
    private var taps: [Process] = []
    private var visitor: PeerThread<Int>?
    private var drain: PeerThread<Int>?
    private let ended = StopFlag()
    /// How often somebody comes and goes.
    static let mostVisits = 1000

    /// Attaches four taps; returns when all of them are there.
    ///
    /// - Parameters:
    ///   - program: The program `beltway`.
    ///   - folder: The capture's data folder.
    ///   - ring: The ring that they read.
    ///   - slow: Whether the last one is.
    /// - Throws: ``LiveTrouble`` if one does not attach.
    init(program: String, folder: String, ring: String, slow: Bool) throws {
        let tap = [program, "tap", "--data", folder, "--ring", ring, "-w"]
        do {
            for number in 1...4 { try attach(tap, isSlow: slow && number == 4) }
        } catch {
            _ = end()
            throw error
        }
    }

    /// Starts one of them, and waits until it reads.
    private func attach(_ tap: [String], isSlow: Bool) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["setpriv", "--pdeathsig=KILL"] + tap + [isSlow ? "-" : "/dev/null"]
        let (output, errors) = (Pipe(), Pipe())
        process.standardError = errors
        process.standardOutput = isSlow ? output : FileHandle.nullDevice
        try process.run()
        taps.append(process)
        if isSlow { drainSlowly(output.fileHandleForReading) }
        var said = ""
        while !said.contains("tapping") {
            let more = errors.fileHandleForReading.availableData
            guard !more.isEmpty else { throw LiveTrouble(description: "no tap: \(said)") }
            said += String(decoding: more, as: UTF8.self)
        }
    }

    /// Takes what a tap writes 64 KiB at a time, ten times a second: at 600,000 packets a second 1 % of frames of 64 bytes.
    private func drainSlowly(_ output: FileHandle) {
        let ended = ended
        drain = PeerThread {
            var taken = 0
            while !ended.isRequested, let data = try? output.read(upToCount: 65_536), !data.isEmpty {
                taken += data.count
                usleep(100_000)
            }
            return taken
        }
    }

    /// Begins to be a nuisance.
    func disturb(_ disturbance: LiveDisturbance, folder: String, ring: String) {
        switch disturbance {
        case .none, .slow: break
        case .stopped: kill(taps[3].processIdentifier, SIGSTOP)
        case .killed:
            kill(taps[3].processIdentifier, SIGKILL)
            taps[3].waitUntilExit()
        case .visits:
            let ended = ended
            visitor = PeerThread {
                var visits = 0
                while visits < LiveCrowd.mostVisits, !ended.isRequested {
                    guard let visit = try? AttachedBuffer(ring, in: folder + "/run", as: "visitor"),
                        var reader = try? DescriptorReader(visit.buffer)
                    else { break }
                    _ = reader.next()
                    reader.release()
                    visits += 1
                }
                return visits
            }
        }
    }

    /// Sends everybody away.
    ///
    /// - Returns: How often somebody came and went.
    func end() -> Int {
        ended.request()
        let visits = visitor?.join() ?? 0
        for tap in taps where tap.isRunning {
            kill(tap.processIdentifier, SIGCONT)
            kill(tap.processIdentifier, SIGKILL)
            tap.waitUntilExit()
        }
        _ = drain?.join()
        return visits
    }
}
