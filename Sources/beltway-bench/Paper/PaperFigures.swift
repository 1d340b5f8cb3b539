// SPDX-License-Identifier: Apache-2.0

extension PaperFigure {
    /// The figures of the paper that hold measurements, in its order.
    static var all: [PaperFigure] {
        [
            .resizing,
            .ringImplementations,
            .streamSizes,
            .remoteAccess,
            .callIndirection,
            .reassembly,
            .pipes,
            .splicing,
            .taps,
            .exhaustionAvoidance,
        ]
    }
}
