// SPDX-License-Identifier: Apache-2.0
import CZlib

/// Deflates in zlib's numbering of formats: 31 gzip, 15 zlib, -15 bare.
func deflated(_ bytes: [UInt8], _ windowBits: Int32) -> [UInt8] {
    var stream = z_stream()
    var input = bytes
    var output = [UInt8](repeating: 0, count: bytes.count + 4096)
    let size = Int32(MemoryLayout<z_stream>.size)
    guard deflateInit2_(&stream, 9, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size) == Z_OK
    else { return [] }
    let (count, room) = (input.count, output.count)
    input.withUnsafeMutableBufferPointer { from in
        output.withUnsafeMutableBufferPointer { to in
            stream.next_in = from.baseAddress
            stream.avail_in = uInt(count)
            stream.next_out = to.baseAddress
            stream.avail_out = uInt(room)
            _ = deflate(&stream, Z_FINISH)
        }
    }
    output.removeLast(Int(stream.avail_out))
    deflateEnd(&stream)
    return output
}
