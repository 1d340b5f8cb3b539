// SPDX-License-Identifier: Apache-2.0
internal import BeltwayFlow
internal import Yams

// `files:`: what is computed of files that flows carry, and which are stored.

extension ConfigurationFile {
    /// `files: off`, or what is computed of them.
    mutating func files(_ node: Node) throws(ApplianceError) {
        if let text = node.scalar?.string {
            guard ["off", "on"].contains(text) else {
                throw .usage(
                    "\(place(node)): expected on, off, or `hashes`, `largest`, `extract`, found `\(text)`"
                )
            }
            configuration.files.isOn = text == "on"
        } else {
            try apply(node, fileKeys, in: "`files`")
            // A stored file is found by it.
            if configuration.files.extraction != nil { configuration.files.hashes.insert(.sha256) }
        }
    }

    /// `extract: yes` or `no`, or within which limits.
    private mutating func extraction(_ node: Node) throws(ApplianceError) {
        if node.scalar != nil {
            configuration.files.extraction = try flag(node) ? FileExtraction() : nil
        } else {
            configuration.files.extraction = FileExtraction()
            try apply(node, extractionKeys, in: "`extract`")
        }
    }

    private var fileKeys: [String: Setter] {
        let names: [String: FileSettings.Hashes] = ["md5": .md5, "sha1": .sha1, "sha256": .sha256]
        return [
            "hashes": { (f, n) throws(ApplianceError) in
                f.configuration.files.hashes = []
                for item in try f.items(n) {
                    f.configuration.files.hashes.insert(try f.choice(item, names))
                }
            },
            "largest": { (f, n) throws(ApplianceError) in
                f.configuration.files.largest = UInt64(try f.size(n))
            },
            "extract": { (f, n) throws(ApplianceError) in try f.extraction(n) },
        ]
    }

    private var extractionKeys: [String: Setter] {
        [
            "largest": { (f, n) throws(ApplianceError) in
                let value = UInt64(try f.size(n))
                f.configuration.files.extraction?.largest = value
            },
            "total": { (f, n) throws(ApplianceError) in
                let value = UInt64(try f.size(n))
                f.configuration.files.extraction?.total = value
            },
            "count": { (f, n) throws(ApplianceError) in
                let value = try f.number(n, 1...100_000_000)
                f.configuration.files.extraction?.count = value
            },
            "pending": { (f, n) throws(ApplianceError) in
                let value = try f.size(n)
                f.configuration.files.extraction?.pending = value
            },
            "partial": { (f, n) throws(ApplianceError) in
                let value = try f.flag(n)
                f.configuration.files.extraction?.keepsPartial = value
            },
        ]
    }
}
