// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// A picture in SVG 1.1, element by element; text is escaped here and nowhere else.
struct SVGDocument {
    private var body = ""
    let width: Double
    let height: Double
    let title: String

    init(width: Double, height: Double, title: String) {
        self.width = width
        self.height = height
        self.title = title
    }

    enum Anchor: String { case start, middle, end }

    mutating func rectangle(
        _ x: Double,
        _ y: Double,
        _ width: Double,
        _ height: Double,
        fill: String,
        opacity: Double = 1,
        hint: String? = nil
    ) {
        element(
            "rect",
            [
                ("x", number(x)), ("y", number(y)), ("width", number(max(0, width))),
                ("height", number(max(0, height))), ("fill", fill),
            ] + (opacity < 1 ? [("opacity", number(opacity))] : []),
            hint: hint
        )
    }

    mutating func line(
        _ x1: Double,
        _ y1: Double,
        _ x2: Double,
        _ y2: Double,
        stroke: String,
        width: Double = 1,
        dashes: String? = nil,
        opacity: Double = 1
    ) {
        element(
            "line",
            [
                ("x1", number(x1)), ("y1", number(y1)), ("x2", number(x2)), ("y2", number(y2)),
                ("stroke", stroke), ("stroke-width", number(width)),
            ] + (dashes.map { [("stroke-dasharray", $0)] } ?? [])
                + (opacity < 1 ? [("stroke-opacity", number(opacity))] : [])
        )
    }

    mutating func polyline(
        _ points: [(x: Double, y: Double)],
        stroke: String,
        width: Double,
        dashes: String? = nil
    ) {
        guard points.count > 1 else { return }
        element(
            "polyline",
            [
                ("points", points.map { "\(number($0.x)),\(number($0.y))" }.joined(separator: " ")),
                ("fill", "none"), ("stroke", stroke), ("stroke-width", number(width)),
                ("stroke-linejoin", "round"),
            ] + (dashes.map { [("stroke-dasharray", $0)] } ?? [])
        )
    }

    /// A marker round a point; shapes differ as well as colours, for readers who do not tell colours apart.
    mutating func marker(_ shape: Int, _ x: Double, _ y: Double, fill: String, hint: String? = nil) {
        let size = 4.2
        switch shape % 4 {
        case 0:
            element(
                "circle",
                [("cx", number(x)), ("cy", number(y)), ("r", number(size - 0.4)), ("fill", fill)],
                hint: hint
            )
        case 1:
            rectangle(x - size + 0.8, y - size + 0.8, 2 * size - 1.6, 2 * size - 1.6, fill: fill, hint: hint)
        case 2: polygon([(x, y - size), (x + size, y + size * 0.8), (x - size, y + size * 0.8)], fill, hint)
        default: polygon([(x, y - size), (x + size, y), (x, y + size), (x - size, y)], fill, hint)
        }
    }

    mutating func polygon(_ points: [(Double, Double)], _ fill: String, _ hint: String?) {
        let text = points.map { "\(number($0.0)),\(number($0.1))" }.joined(separator: " ")
        element("polygon", [("points", text), ("fill", fill)], hint: hint)
    }

    mutating func text(
        _ x: Double,
        _ y: Double,
        _ text: String,
        size: Double = 12,
        fill: String = "#333",
        anchor: Anchor = .start,
        weight: String? = nil,
        turned: Bool = false
    ) {
        var attributes = [("x", number(x)), ("y", number(y)), ("font-size", number(size)), ("fill", fill)]
        if anchor != .start { attributes.append(("text-anchor", anchor.rawValue)) }
        if let weight { attributes.append(("font-weight", weight)) }
        if turned { attributes.append(("transform", "rotate(-90 \(number(x)) \(number(y)))")) }
        body += "<text\(joined(attributes))>\(escaped(text))</text>\n"
    }

    /// The whole document.
    var text: String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(number(width)) \(number(height))" \
        width="\(number(width))" height="\(number(height))" \
        font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif" role="img">
        <title>\(escaped(title))</title>
        <rect x="0" y="0" width="\(number(width))" height="\(number(height))" fill="#ffffff"/>
        \(body)</svg>

        """
    }

    private mutating func element(_ name: String, _ attributes: [(String, String)], hint: String? = nil) {
        body += "<\(name)\(joined(attributes))"
        body += hint.map { "><title>\(escaped($0))</title></\(name)>\n" } ?? "/>\n"
    }

    private func joined(_ attributes: [(String, String)]) -> String {
        attributes.map { " \($0.0)=\"\(escaped($0.1))\"" }.joined()
    }

    private func number(_ value: Double) -> String {
        let text = String(format: "%.1f", value.isFinite ? value : 0)
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}

/// Text with the characters replaced that mean something in XML and HTML; control characters go.
func escaped(_ text: String) -> String {
    var result = ""
    for character in text.unicodeScalars {
        switch character {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        case _ where character.value < 32 && character != "\n" && character != "\t": continue
        default: result.unicodeScalars.append(character)
        }
    }
    return result
}
