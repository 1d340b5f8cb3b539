// SPDX-License-Identifier: Apache-2.0
internal import BeltwayFlow
internal import BeltwayStore
internal import Glibc
internal import Synchronization

// Files that flows carry, on their way to the data directory: workers hand them over, one thread writes them.

extension RunSession {
    /// Starts the thread that writes files, if they are to be stored.
    func startFiles() throws(ApplianceError) {
        guard configuration.parsesProtocols, configuration.files.isOn, let data else { return }
        guard let limits = configuration.files.extraction else { return }
        let queue = FileQueue(limits, waits: configuration.isOffline)
        let (console, outcome) = (console, outcome)
        let parcel: Parcel<FileVault>
        do {
            parcel = Parcel(
                try FileVault(
                    folder: data.path + "/files",
                    queue: queue,
                    floor: configuration.freeFloor.map { UInt64($0) }
                ) { line in
                    console.note(line)
                    outcome.fail()
                }
            )
        } catch {
            // The capture goes on without them.
            return noteFailure("files are not stored: \(error)")
        }
        fileQueue = queue
        fileThread = try start("files") {
            var vault = parcel.open()
            var pause: UInt32 = 2000
            while let taken = vault.drain() {
                pause = taken > 0 ? 2000 : min(16_000, pause * 2)
                if taken == 0 { usleep(pause) }
            }
            vault.close()
        }
    }

    /// Writes what the workers, which have ended, have left.
    func finishFiles() {
        fileQueue?.close()
        fileThread?.join()
    }
}
