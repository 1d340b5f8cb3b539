// SPDX-License-Identifier: Apache-2.0

/// Where a worker's stages put their facts; specialised away on the hot path.
///
/// The appliance's sink is the bounded queue to the writer; a test's sink is an array.
public protocol FactSink: ~Copyable {
    /// Takes one fact. May block (offline) or count it as dropped (live); never fails.
    mutating func record(_ fact: Fact)
}
