// SPDX-License-Identifier: Apache-2.0
// Types of files as Zeek names them, from the words of `magic`: MIME types (RFC 6838), with an `x-` where Zeek has one.

enum ZeekFileTypes {
    /// Beginnings of words and what they are called; the first that fits counts.
    private static let types: [(words: String, type: String)] = [
        ("HTML document", "text/html"), ("JSON text", "text/json"), ("XML document", "application/xml"),
        ("SVG ", "image/svg+xml"), ("PHP script", "text/x-php"), ("Python script", "text/x-python"),
        ("Perl script", "text/x-perl"), ("Ruby script", "text/x-ruby"),
        ("POSIX shell", "text/x-shellscript"), ("Bourne-Again", "text/x-shellscript"),
        ("SMTP mail", "message/rfc822"), ("Rich Text", "text/rtf"), ("PostScript", "application/postscript"),
        ("PDF", "application/pdf"), ("PNG", "image/png"), ("JPEG", "image/jpeg"), ("GIF", "image/gif"),
        ("TIFF", "image/tiff"), ("MS Windows icon", "image/x-icon"), ("PC bitmap", "image/x-ms-bmp"),
        ("Adobe Photoshop", "image/vnd.adobe.photoshop"),
        ("RIFF (little-endian) data, Web/P", "image/webp"),
        ("RIFF (little-endian) data, AVI", "video/x-msvideo"),
        ("RIFF (little-endian) data, WAVE", "audio/x-wav"), ("gzip", "application/x-gzip"),
        ("bzip2", "application/x-bzip2"), ("XZ", "application/x-xz"), ("RAR", "application/x-rar"),
        ("7-zip", "application/x-7z-compressed"), ("Microsoft Cabinet", "application/vnd.ms-cab-compressed"),
        ("Microsoft Word", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("Microsoft Excel", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("Microsoft PowerPoint", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
        ("Java archive", "application/java-archive"), ("Zip", "application/zip"),
        ("POSIX tar", "application/x-tar"), ("Composite Document", "application/msword"),
        ("PE32", "application/x-dosexec"), ("MS-DOS executable", "application/x-dosexec"),
        ("ELF 32-bit shared", "application/x-sharedlib"), ("ELF 64-bit shared", "application/x-sharedlib"),
        ("ELF 32-bit relocatable", "application/x-object"),
        ("ELF 64-bit relocatable", "application/x-object"), ("ELF", "application/x-executable"),
        ("Mach-O", "application/x-mach-o-executable"), ("compiled Java", "application/x-java-applet"),
        ("Macromedia Flash Video", "video/x-flv"), ("Macromedia Flash", "application/x-shockwave-flash"),
        ("ISO Media, MP4", "video/mp4"), ("ISO Media, Apple", "video/quicktime"),
        ("Matroska", "video/x-matroska"), ("Ogg", "application/ogg"), ("MPEG ADTS", "audio/mpeg"),
        ("Audio file with ID3", "audio/mpeg"), ("Web Open Font", "application/font-woff"),
        ("TrueType", "application/x-font-ttf"), ("pcap capture", "application/vnd.tcpdump.pcap"),
        ("unified diff", "text/x-diff"), ("vCard", "text/vcard"), ("vCalendar", "text/calendar"),
        ("ASCII text", "text/plain"), ("Unicode text", "text/plain"), ("ISO-8859 text", "text/plain"),
        ("Non-ISO", "text/plain"), ("DOS batch", "text/plain"), ("script text", "text/plain"),
    ]

    /// The type of what has these words; empty if Zeek would not tell either.
    static func type(of words: String) -> [UInt8] {
        types.first { words.hasPrefix($0.words) }.map { Array($0.type.utf8) } ?? []
    }
}
