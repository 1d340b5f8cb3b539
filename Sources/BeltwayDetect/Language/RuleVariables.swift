// SPDX-License-Identifier: Apache-2.0
// What `$NAME` means in a rule's header. Defaults are those of Suricata's own configuration file.

/// The variables of rule headers and what they stand for.
public enum RuleVariables {
    /// Names without the dollar sign, and the text they stand for.
    public static let defaults: [String: String] = [
        "HOME_NET": "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]",
        "EXTERNAL_NET": "!$HOME_NET",
        "HTTP_SERVERS": "$HOME_NET",
        "SMTP_SERVERS": "$HOME_NET",
        "SQL_SERVERS": "$HOME_NET",
        "DNS_SERVERS": "$HOME_NET",
        "TELNET_SERVERS": "$HOME_NET",
        "AIM_SERVERS": "$EXTERNAL_NET",
        "DC_SERVERS": "$HOME_NET",
        "DNP3_SERVER": "$HOME_NET",
        "DNP3_CLIENT": "$HOME_NET",
        "MODBUS_CLIENT": "$HOME_NET",
        "MODBUS_SERVER": "$HOME_NET",
        "ENIP_CLIENT": "$HOME_NET",
        "ENIP_SERVER": "$HOME_NET",
        "HTTP_PORTS": "80",
        "SHELLCODE_PORTS": "!80",
        "ORACLE_PORTS": "1521",
        "SSH_PORTS": "22",
        "DNP3_PORTS": "20000",
        "MODBUS_PORTS": "502",
        "FILE_DATA_PORTS": "[$HTTP_PORTS,110,143]",
        "FTP_PORTS": "21",
        "GENEVE_PORTS": "6081",
        "VXLAN_PORTS": "4789",
        "TEREDO_PORTS": "3544",
        "SIP_PORTS": "[5060, 5061]",
    ]
}

/// Turns header expressions into sets, each distinct one once.
struct HeaderResolver {
    /// Variables refer to each other at most so deep; a cycle ends here with an error.
    private static let deepest = 16

    private let variables: [String: String]
    private(set) var addressSets: [RangeSet<UInt128>] = [.all]
    private(set) var portSets: [RangeSet<UInt16>] = [.all]
    private var addressByText: [[UInt8]: Int] = [:]
    private var portByText: [[UInt8]: Int] = [:]
    private var addressBySet: [RangeSet<UInt128>: Int] = [.all: 0]
    private var portBySet: [RangeSet<UInt16>: Int] = [.all: 0]

    /// Takes Suricata's defaults with `overrides` on top.
    init(overrides: [String: String]) {
        variables = RuleVariables.defaults.merging(overrides) { _, new in new }
    }

    /// The number of the set that `text` means; 0 is everything.
    mutating func addresses(_ text: ArraySlice<UInt8>, offset: Int) throws(RuleSyntaxError) -> Int {
        if let known = addressByText[Array(text)] { return known }
        let set = try addressSet(ListExpression(text, base: offset), depth: 0)
        guard !set.isEmpty else { throw RuleSyntaxError(offset: offset, reason: "no address matches this") }
        let number = addressBySet[set] ?? addressSets.count
        if number == addressSets.count { addressSets.append(set) }
        addressBySet[set] = number
        addressByText[Array(text)] = number
        return number
    }

    /// The number of the set that `text` means; 0 is everything.
    mutating func ports(_ text: ArraySlice<UInt8>, offset: Int) throws(RuleSyntaxError) -> Int {
        if let known = portByText[Array(text)] { return known }
        let set = try portSet(ListExpression(text, base: offset), depth: 0)
        guard !set.isEmpty else { throw RuleSyntaxError(offset: offset, reason: "no port matches this") }
        let number = portBySet[set] ?? portSets.count
        if number == portSets.count { portSets.append(set) }
        portBySet[set] = number
        portByText[Array(text)] = number
        return number
    }

    private func addressSet(
        _ expression: ListExpression,
        depth: Int
    ) throws(RuleSyntaxError) -> RangeSet<UInt128> {
        try expression.evaluate(
            item: { (text, offset) throws(RuleSyntaxError) in
                guard let range = addressRange(text) else {
                    throw RuleSyntaxError(
                        offset: offset,
                        reason: "expected an address, a network or a range, found '\(text)'"
                    )
                }
                return range
            },
            variable: { (name, offset) throws(RuleSyntaxError) in
                try inside(name, offset) { () throws(RuleSyntaxError) in
                    try addressSet(definition(of: name, depth: depth), depth: depth + 1)
                }
            }
        )
    }

    private func portSet(
        _ expression: ListExpression,
        depth: Int
    ) throws(RuleSyntaxError) -> RangeSet<UInt16> {
        try expression.evaluate(
            item: { (text, offset) throws(RuleSyntaxError) in
                guard let range = portRange(text) else {
                    throw RuleSyntaxError(
                        offset: offset,
                        reason: "expected a port or a range of ports, found '\(text)'"
                    )
                }
                return range
            },
            variable: { (name, offset) throws(RuleSyntaxError) in
                try inside(name, offset) { () throws(RuleSyntaxError) in
                    try portSet(definition(of: name, depth: depth), depth: depth + 1)
                }
            }
        )
    }

    private func definition(of name: String, depth: Int) throws(RuleSyntaxError) -> ListExpression {
        guard depth < Self.deepest else {
            throw RuleSyntaxError(offset: 0, reason: "it refers to itself")
        }
        guard let text = variables[name] else {
            throw RuleSyntaxError(offset: 0, reason: "it is not defined")
        }
        return try ListExpression(Array(text.utf8)[...], base: 0)
    }

    /// Moves what is wrong with a variable's text to the place that refers to the outermost one.
    private func inside<Bound>(
        _ name: String,
        _ offset: Int,
        _ body: () throws(RuleSyntaxError) -> RangeSet<Bound>
    ) throws(RuleSyntaxError) -> RangeSet<Bound> {
        do {
            return try body()
        } catch {
            let isNamed = error.reason.hasPrefix("variable ")
            throw RuleSyntaxError(
                offset: offset,
                reason: isNamed ? error.reason : "variable '$\(name)': \(error.reason)"
            )
        }
    }
}
