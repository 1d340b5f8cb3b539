// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Foundation

/// The parts of a signature that no query compares, as JSON: `{"metadata":[["k",["v"]]],"references":["u"]}`.
///
/// Metadata is an array of pairs because their order is part of it.
enum SignatureDetails {
    static func json(_ signature: SignatureInfo) -> String {
        let metadata: [[Any]] = signature.metadata.map { [$0.key, $0.values] }
        let object: [String: Any] = ["metadata": metadata, "references": signature.references]
        guard let data = try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys]) else {
            return "{}"
        }
        return String(decoding: data, as: UTF8.self)
    }

    /// Puts the details into a signature; what a damaged file makes unreadable stays empty.
    static func apply(_ json: String, to signature: inout SignatureInfo) {
        guard let object = try? JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any] else {
            return
        }
        signature.references = object["references"] as? [String] ?? []
        signature.metadata = (object["metadata"] as? [[Any]] ?? []).compactMap { pair in
            guard pair.count == 2, let key = pair[0] as? String, let values = pair[1] as? [String] else {
                return nil
            }
            return (key: key, values: values)
        }
    }
}
