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
            PaperFigure(
                number: 10,
                title: "TCP reassembly, in place and by copying",
                section: "section 5.4",
                follows: "it needs reassembly, which is not built yet",
                measure: { _ in throw FigureTrouble(description: "reassembly is not built yet") }
            ),
            .pipes,
            .splicing,
            .taps,
            .exhaustionAvoidance,
        ]
    }
}
