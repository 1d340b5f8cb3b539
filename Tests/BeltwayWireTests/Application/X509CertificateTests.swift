// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

/// A certificate made for these tests (ECDSA P-256), its names and times chosen to show the forms.
let sampleCertificate = bytes(
    """
    308201e43082018aa00302010202090097e647098eeac9b4300a06082a8648ce3d0403023078310b3009060355040613
    024652310c300a06035504080c0349444631163014060355040a0c0d42656c747761792c20496e632e311c301a06092a
    864886f70d010901160d61406578616d706c652e6f726731173015060a0992268993f22c64011916076578616d706c65
    310c300a06035504610c035641543020170d3939313233313233353935385a180f32303532303232393031303230335a
    30233121300b060355040b0c04756e6974301206035504030c0b6f6e652e6578616d706c653059301306072a8648ce3d
    020106082a8648ce3d030107034200048e533b6fa0bf7b4625bb30667c01fb607ef9f8b8a80fef5b300628703187b2a3
    73eb1dbde03318366d069f83a6f5900053c73633cb041b21c55e1a86c1f400b4a350304e300c0603551d130101ff0402
    3000303e0603551d1104373035820b6f6e652e6578616d706c658704c0000207810d6d406578616d706c652e6f726786
    11687474703a2f2f752e6578616d706c652f300a06082a8648ce3d0403020348003045022100abeba5129bc8f092ea71
    5e3957326100cfe168f64f73c353c21449c5c84789c002207e30ad0dfd57eeb585df5be2954639e31118214ca1bc9aaf
    5b5cc21b2e2ff34f
    """
)

@Suite struct `An X.509 certificate` {
    @Test func `shows its names as Suricata writes them`() throws {
        let certificate = try X509Certificate(sampleCertificate.span.bytes)
        var (subject, issuer, serial): ([UInt8], [UInt8], [UInt8]) = ([], [], [])
        certificate.appendSubject(to: &subject)
        certificate.appendIssuer(to: &issuer)
        certificate.appendSerial(to: &serial)
        #expect(text(subject) == "OU=unit + CN=one.example")  // DER sorts sets
        #expect(
            text(issuer) == "C=FR, ST=IDF, O=Beltway, Inc., Email=a@example.org, DC=example, 2.5.4.97=VAT"
        )
        #expect(text(serial) == "00:97:E6:47:09:8E:EA:C9:B4")
        #expect(certificate.length == sampleCertificate.count)
    }

    @Test func `shows its validity in seconds, also after 2049`() throws {
        let certificate = try X509Certificate(sampleCertificate.span.bytes)
        #expect(certificate.notBefore == 946_684_798)  // 1999-12-31T23:59:58Z
        #expect(certificate.notAfter == 2_592_781_323)  // 2052-02-29T01:02:03Z
    }

    @Test func `shows its alternative names`() throws {
        let certificate = try X509Certificate(sampleCertificate.span.bytes)
        var names = certificate.alternativeNames
        var found: [String] = []
        while let name = names.next() {
            switch name {
            case .dns(let range): found.append("dns " + text(names.bytes.field(range)))
            case .address(let range): found.append("address \(range.count)")
            case .mail(let range): found.append("mail " + text(names.bytes.field(range)))
            case .uri(let range): found.append("uri " + text(names.bytes.field(range)))
            }
        }
        #expect(found == ["dns one.example", "address 4", "mail m@example.org", "uri http://u.example/"])
    }

    @Test func `cut anywhere is refused`() {
        for count in 0..<sampleCertificate.count {
            let isRefused = withExactCopy(of: sampleCertificate, count: count) { span in
                do { _ = try X509Certificate(span) } catch { return true }
                return false
            }
            #expect(isRefused, "cut to \(count)")
        }
    }
}
