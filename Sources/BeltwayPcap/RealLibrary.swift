// SPDX-License-Identifier: Apache-2.0
internal import CPcap
internal import Glibc

// The real libpcap, beside which this library is loaded.
//
// What this library defines wins over the real library's functions of the same names, also inside this library. So those
// are asked for by address, as the next of their name after this library (dlsym(3), RTLD_NEXT). Functions that this
// library does not define (pcap_open_dead, bpf_validate, ...) are called by their names, and are the real ones.
//
// All addresses are looked up at once, by the first call that opens anything: pcap_breakloop may be called by a signal
// handler, where nothing can be looked up.
//
// Safe because each address is used with the type that <pcap/pcap.h> declares for its name, and because a name that the
// real library does not have gives nil, which its users check.

/// A handle of the real library's.
typealias RealHandle = OpaquePointer

/// Functions of the real library that this one stands in front of.
@safe struct RealLibrary: @unchecked Sendable {
    typealias Bytes = UnsafePointer<UInt8>
    typealias Text = UnsafePointer<CChar>
    typealias ErrorText = UnsafeMutablePointer<CChar>
    typealias OneHandle = @convention(c) (RealHandle?) -> Int32
    typealias HandleAndNumber = @convention(c) (RealHandle?, Int32) -> Int32
    typealias Reading =
        @convention(c) (RealHandle?, Int32, pcap_handler?, UnsafeMutablePointer<UInt8>?) -> Int32

    let create: (@convention(c) (Text?, ErrorText?) -> RealHandle?)?
    let openLive: (@convention(c) (Text?, Int32, Int32, Int32, ErrorText?) -> RealHandle?)?
    let close: (@convention(c) (RealHandle?) -> Void)?
    let findAllDevices:
        (@convention(c) (UnsafeMutablePointer<UnsafeMutablePointer<pcap_if_t>?>?, ErrorText?) -> Int32)?
    let lookUpNet:
        (
            @convention(c) (Text?, UnsafeMutablePointer<UInt32>?, UnsafeMutablePointer<UInt32>?, ErrorText?)
                -> Int32
        )?
    let activate, canSetRFMon, getPrecision, snapshot, fileNumber, selectable: OneHandle?
    let setSnapLength, setPromiscuous, setRFMon, setTimeout, setTimestampType, setImmediate: HandleAndNumber?
    let setBufferSize, setPrecision, setProtocol: HandleAndNumber?
    let setDirection: (@convention(c) (RealHandle?, pcap_direction_t) -> Int32)?
    let loop, dispatch: Reading?
    let next: (@convention(c) (RealHandle?, UnsafeMutablePointer<pcap_pkthdr>?) -> Bytes?)?
    let nextEx:
        (
            @convention(c) (
                RealHandle?, UnsafeMutablePointer<UnsafeMutablePointer<pcap_pkthdr>?>?,
                UnsafeMutablePointer<Bytes?>?
            ) -> Int32
        )?
    let breakLoop: (@convention(c) (RealHandle?) -> Void)?
    let stats: (@convention(c) (RealHandle?, UnsafeMutablePointer<pcap_stat>?) -> Int32)?
    let setFilter: (@convention(c) (RealHandle?, UnsafeMutablePointer<bpf_program>?) -> Int32)?
    let getNonBlocking: (@convention(c) (RealHandle?, ErrorText?) -> Int32)?
    let setNonBlocking: (@convention(c) (RealHandle?, Int32, ErrorText?) -> Int32)?
    let compile:
        (@convention(c) (RealHandle?, UnsafeMutablePointer<bpf_program>?, Text?, Int32, UInt32) -> Int32)?
    let dumpOpen, dumpOpenAppend: (@convention(c) (RealHandle?, Text?) -> OpaquePointer?)?
    let dump: (@convention(c) (UnsafeMutablePointer<UInt8>?, UnsafePointer<pcap_pkthdr>?, Bytes?) -> Void)?
    let dumpClose: (@convention(c) (OpaquePointer?) -> Void)?
    let dumpToFile: (@convention(c) (RealHandle?, UnsafeMutablePointer<FILE>?) -> OpaquePointer?)?
    let selectTimeout: (@convention(c) (RealHandle?) -> UnsafePointer<timeval>?)?
    let inject: (@convention(c) (RealHandle?, UnsafeRawPointer?, Int) -> Int32)?
    let sendPacket: (@convention(c) (RealHandle?, Bytes?, Int32) -> Int32)?

    /// All of them.
    static let functions = RealLibrary()

    private init() {
        func find<Function>(_ name: String) -> Function? {
            // RTLD_NEXT, a macro that Swift does not see: ((void *) -1).
            unsafe dlsym(UnsafeMutableRawPointer(bitPattern: -1), name).map {
                unsafe unsafeBitCast($0, to: Function.self)
            }
        }
        unsafe create = find("pcap_create")
        unsafe openLive = find("pcap_open_live")
        unsafe close = find("pcap_close")
        unsafe findAllDevices = find("pcap_findalldevs")
        unsafe lookUpNet = find("pcap_lookupnet")
        unsafe activate = find("pcap_activate")
        unsafe canSetRFMon = find("pcap_can_set_rfmon")
        unsafe getPrecision = find("pcap_get_tstamp_precision")
        unsafe snapshot = find("pcap_snapshot")
        unsafe fileNumber = find("pcap_fileno")
        unsafe selectable = find("pcap_get_selectable_fd")
        unsafe setSnapLength = find("pcap_set_snaplen")
        unsafe setPromiscuous = find("pcap_set_promisc")
        unsafe setRFMon = find("pcap_set_rfmon")
        unsafe setTimeout = find("pcap_set_timeout")
        unsafe setTimestampType = find("pcap_set_tstamp_type")
        unsafe setImmediate = find("pcap_set_immediate_mode")
        unsafe setBufferSize = find("pcap_set_buffer_size")
        unsafe setPrecision = find("pcap_set_tstamp_precision")
        unsafe setProtocol = find("pcap_set_protocol_linux")
        unsafe setDirection = find("pcap_setdirection")
        unsafe loop = find("pcap_loop")
        unsafe dispatch = find("pcap_dispatch")
        unsafe next = find("pcap_next")
        unsafe nextEx = find("pcap_next_ex")
        unsafe breakLoop = find("pcap_breakloop")
        unsafe stats = find("pcap_stats")
        unsafe setFilter = find("pcap_setfilter")
        unsafe getNonBlocking = find("pcap_getnonblock")
        unsafe setNonBlocking = find("pcap_setnonblock")
        unsafe compile = find("pcap_compile")
        unsafe dumpOpen = find("pcap_dump_open")
        unsafe dumpOpenAppend = find("pcap_dump_open_append")
        unsafe dump = find("pcap_dump")
        unsafe dumpClose = find("pcap_dump_close")
        unsafe dumpToFile = find("pcap_dump_fopen")
        unsafe selectTimeout = find("pcap_get_required_select_timeout")
        unsafe inject = find("pcap_inject")
        unsafe sendPacket = find("pcap_sendpacket")
    }
}
