// SPDX-License-Identifier: Apache-2.0
internal import Yams

// `sharing:`: who may attach to the rings of a run.

extension ConfigurationFile {
    /// `sharing: off`, or who may attach.
    mutating func sharing(_ node: Node) throws(ApplianceError) {
        // YAML 1.1 reads a bare `off` as the boolean false; its text is what counts.
        if let text = node.scalar?.string {
            guard ["off", "on"].contains(text) else {
                throw .usage("\(place(node)): expected on, off, or `mode`, `user`, `group`, found `\(text)`")
            }
            configuration.sharing.isOn = text == "on"
        } else {
            try apply(node, sharingKeys, in: "`sharing`")
        }
    }

    /// A file's mode in octal, as chmod takes it.
    private func mode(_ node: Node) throws(ApplianceError) -> UInt16 {
        guard let mode = UInt16(node.scalar?.string ?? "", radix: 8), mode <= 0o777 else {
            throw .usage(
                "\(place(node)): expected a mode in octal such as 0440, found `\(node.string ?? "a list or mapping")`"
            )
        }
        return mode
    }

    private func user(_ node: Node) throws(ApplianceError) -> UInt32 {
        let name = try word(node)
        guard let number = userNumber(name) else {
            throw .usage("\(place(node)): there is no user `\(name)`")
        }
        return number
    }

    private func group(_ node: Node) throws(ApplianceError) -> UInt32 {
        let name = try word(node)
        guard let number = groupNumber(name) else {
            throw .usage("\(place(node)): there is no group `\(name)`")
        }
        return number
    }

    private var sharingKeys: [String: Setter] {
        [
            "mode": { (f, n) throws(ApplianceError) in f.configuration.sharing.mode = try f.mode(n) },
            "user": { (f, n) throws(ApplianceError) in f.configuration.sharing.user = try f.user(n) },
            "group": { (f, n) throws(ApplianceError) in f.configuration.sharing.group = try f.group(n) },
            "users": { (f, n) throws(ApplianceError) in
                f.configuration.sharing.users = try f.items(n).map { (item) throws(ApplianceError) in
                    try f.user(item)
                }
            },
            "groups": { (f, n) throws(ApplianceError) in
                f.configuration.sharing.groups = try f.items(n).map { (item) throws(ApplianceError) in
                    try f.group(item)
                }
            },
        ]
    }
}
