// SPDX-License-Identifier: Apache-2.0

/// A condition on flows or alerts, as people write it.
public struct QueryExpression: Sendable {
    var condition: SQLCondition { .all }
}
