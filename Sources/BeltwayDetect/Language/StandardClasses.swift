// SPDX-License-Identifier: Apache-2.0

extension RuleClasses {
    /// The classes that public rule sets use, for when no classification.config is given.
    ///
    /// The same table ships
    /// as rules/classification.config; a test compares the two.
    public static let standard = RuleClasses([
        ("not-suspicious", "Not Suspicious Traffic", 3),
        ("unknown", "Unknown Traffic", 3),
        ("bad-unknown", "Potentially Bad Traffic", 2),
        ("attempted-recon", "Attempted Information Leak", 2),
        ("successful-recon-limited", "Information Leak", 2),
        ("successful-recon-largescale", "Large Scale Information Leak", 2),
        ("attempted-dos", "Attempted Denial of Service", 2),
        ("successful-dos", "Denial of Service", 2),
        ("attempted-user", "Attempted User Privilege Gain", 1),
        ("unsuccessful-user", "Unsuccessful User Privilege Gain", 1),
        ("successful-user", "Successful User Privilege Gain", 1),
        ("attempted-admin", "Attempted Administrator Privilege Gain", 1),
        ("successful-admin", "Successful Administrator Privilege Gain", 1),
        ("rpc-portmap-decode", "RPC Query", 2),
        ("shellcode-detect", "Executable Code", 1),
        ("string-detect", "Suspicious String", 3),
        ("suspicious-filename-detect", "Suspicious File Name", 2),
        ("suspicious-login", "Login with a Suspicious User Name", 2),
        ("system-call-detect", "System Call", 2),
        ("tcp-connection", "TCP Connection", 4),
        ("trojan-activity", "Network Trojan", 1),
        ("unusual-client-port-connection", "Unusual Client Port", 2),
        ("network-scan", "Network Scan", 3),
        ("denial-of-service", "Denial of Service Attack", 2),
        ("non-standard-protocol", "Non-Standard Protocol or Event", 2),
        ("protocol-command-decode", "Protocol Command", 3),
        ("web-application-activity", "Access to a Vulnerable Web Application", 2),
        ("web-application-attack", "Web Application Attack", 1),
        ("misc-activity", "Miscellaneous Activity", 3),
        ("misc-attack", "Miscellaneous Attack", 2),
        ("icmp-event", "ICMP Event", 3),
        ("policy-violation", "Policy Violation", 1),
        ("default-login-attempt", "Login with Default Credentials", 2),
        ("targeted-activity", "Targeted Malicious Activity", 1),
        ("exploit-kit", "Exploit Kit Activity", 1),
        ("external-ip-check", "Query of the External Address", 2),
        ("domain-c2", "Domain Used for Command and Control", 1),
        ("pup-activity", "Possibly Unwanted Program", 2),
        ("credential-theft", "Credential Theft", 1),
        ("social-engineering", "Social Engineering", 2),
        ("coin-mining", "Cryptocurrency Mining", 2),
        ("command-and-control", "Command and Control Activity", 1),
    ])
}
