// SPDX-License-Identifier: Apache-2.0

/// Modbus over TCP (Modbus Messaging on TCP/IP 1.0b, 3.1.3): what its messages are known by; nothing of them is read.
///
///     transaction 2 | protocol 2 (0) | length 2 | unit 1 | function 1 | ..        the length counts what follows it
public enum ModbusMessage {
    /// Whether bytes are one or more messages and nothing else; hardly a bit is fixed, so the port has to agree.
    public static func areMessages(_ bytes: RawSpan) -> Bool {
        var place = 0
        while place + 8 <= bytes.byteCount {
            let length = Int(bytes.bigEndian16(at: place + 4))
            let function = bytes.byte(at: place + 7) & 0x7f
            guard bytes.bigEndian16(at: place + 2) == 0, 2...254 ~= length, function != 0 else {
                return false
            }
            place += 6 + length
        }
        return place > 0 && place == bytes.byteCount
    }
}
