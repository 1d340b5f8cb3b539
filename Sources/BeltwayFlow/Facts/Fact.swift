// SPDX-License-Identifier: Apache-2.0

/// A row or event on its way from a worker (or the tracer) to the one writer.
///
/// Plain bits, so that the queue between them copies it without allocation or reference counts.
public enum Fact: Sendable, BitwiseCopyable {
    /// A flow ended.
    case flow(FlowRecord)
    /// A rule matched.
    case alert(AlertRecord)
    /// A transaction of an application protocol; its body travels beside it.
    case transaction(TransactionRecord)
}
