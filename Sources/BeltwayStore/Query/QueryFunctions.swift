// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Foundation
import GRDB

/// The SQL functions that conditions use: the same code that evaluates an expression in memory.
enum QueryFunctions {
    /// Registers the functions with a connection.
    static func add(to db: Database) {
        db.add(
            function: DatabaseFunction("beltway_glob", argumentCount: 2, pure: true) { values in
                guard let pattern = String.fromDatabaseValue(values[0]),
                    let text = String.fromDatabaseValue(values[1])
                else { return false }
                return Glob(pattern).matches(text)
            }
        )
        db.add(
            function: DatabaseFunction("beltway_community_id", argumentCount: 5, pure: true) { values in
                guard let source = address(values[1]), let destination = address(values[2]) else { return "" }
                return CommunityID.make(
                    source: source.address,
                    destination: destination.address,
                    sourcePort: UInt16(truncatingIfNeeded: number(values[3])),
                    destinationPort: UInt16(truncatingIfNeeded: number(values[4])),
                    protocol: UInt8(truncatingIfNeeded: number(values[0])),
                    ipVersion: source.isV4 ? 4 : 6
                )
            }
        )
    }

    private static func number(_ value: DatabaseValue) -> Int64 { Int64.fromDatabaseValue(value) ?? 0 }

    /// An address as columns hold it; nil in a damaged file.
    private static func address(_ value: DatabaseValue) -> (address: IPAddress, isV4: Bool)? {
        switch value.storage {
        case .int64(let number): return (IPAddress(v4: UInt32(truncatingIfNeeded: number)), true)
        case .blob(let bytes) where bytes.count == 16:
            let high = bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let low = bytes.suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return (IPAddress(high: high, low: low), false)
        default: return nil
        }
    }
}
