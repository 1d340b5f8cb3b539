// SPDX-License-Identifier: Apache-2.0
// What is known of one connection of SMB: requests that wait for their answers, opened files, connected trees.
//
//     TREE_CONNECT --> trees[session, tree]     CREATE --> files[id]     READ --> reads[message]
//                          `- share, is it a pipe?  `- name                  `- which file the answer's data is of
//
// Invariant. Every list is bounded by a number below and `heldBytes` is what all of them hold; what a list has no room
//            for is written without its answer, or not remembered.
internal import BeltwayWire

/// A request that waits for its answer.
struct SMBRequest {
    /// What its answer adds to the transaction.
    enum Kind: Equatable {
        case plain, negotiate, treeConnect, create, sessionSetup, transfer, call, rename, setInformation,
            encrypted
    }

    /// Number of its transaction in the connection, from 1.
    var id: UInt32 = 0
    var time = Timestamp.zero
    var isSMB2 = true
    var command: UInt16 = 0
    /// What its answer repeats: the message id, or multiplex and process id in SMB 1.
    var key: UInt64 = 0
    var sessionID: UInt64 = 0
    var treeID: UInt32 = 0
    var kind = Kind.plain
    /// What an answer that asks for patience said.
    var status: SMBStatus?
    /// What the request says, as JSON.
    var members = JSONFragment()
    /// Name of a file or path of a share.
    var name: [UInt8] = []
    var file = SMBIdentifier()
    /// Whether it is what was written to its file, and not what was read of it.
    var isWrite = false

    var heldBytes: Int { members.text.count + name.count + 192 }
}

/// How an answer says that something went well or not.
struct SMBStatus: Equatable {
    static let success = SMBStatus(value: 0)
    static let pending = SMBStatus(value: 0x103)
    static let bufferOverflow = SMBStatus(value: 0x8000_0005)

    var value: UInt32
    /// Whether it is a class and a code of DOS ([MS-CIFS], 2.2.2.4).
    var isDOS = false
}

/// An opened file, directory or pipe.
struct SMBFile {
    var name: [UInt8] = []
    var share: [UInt8] = []
    /// Bytes that it had when it was opened, if that is known.
    var size: UInt64?
    /// Transactions of what was read of it and written to it.
    var read: SMBRequest?
    var written: SMBRequest?

    var heldBytes: Int { name.count + share.count + 256 }
}

/// A READ that waits for its answer.
struct SMBRead {
    var file = SMBIdentifier()
    /// Where in the file.
    var offset: UInt64 = 0
}

/// A connected tree.
struct SMBTree {
    var share: [UInt8] = []
    var isPipe = false
}

/// Names a tree within a connection.
struct SMBTreeKey: Hashable {
    var sessionID: UInt64
    var treeID: UInt32
}

/// A call over a pipe that waits for its response.
struct SMBCall {
    var request = SMBRequest()
    var type: UInt8 = 0
    var callID: UInt32 = 0
    var operation: UInt16 = 0
    var context: UInt16 = 0
    var fragments: (request: UInt64, response: UInt64) = (0, 0)
    var argumentBytes: (request: UInt64, response: UInt64) = (0, 0)
    /// Type of the answer, nil while there is none.
    var response: UInt8?
}

/// An interface that a pipe's client is bound to.
struct SMBInterface {
    var context: UInt16
    var identifier: SMBIdentifier
    var major: UInt16
    var minor: UInt16
}

/// What is kept of one direction between two calls.
struct SMBSide {
    /// Bytes of a message whose head was read that are still to come.
    var passedOver = 0
    /// Bytes of the message that is waited for, and how many of them are here; 0 if none is.
    var awaited = 0
    var present = 0
    /// A file's data in the message that was read last.
    var data: SMBDataRest?
}

/// What is known of a connection.
struct SMBSession {
    static var mostPending: Int { 128 }
    static var mostFiles: Int { 4096 }
    static var mostTrees: Int { 256 }
    static var mostInterfaces: Int { 64 }

    var client = SMBSide()
    var server = SMBSide()
    /// Transactions so far.
    var count: UInt32 = 0
    /// Dialect of SMB 2 and 3, 0 before it is known.
    var dialect: UInt16 = 0
    /// Dialect of SMB 1, empty before it is known.
    var dialectName: [UInt8] = []
    /// Dialects that an SMB 1 client offered, each ended by a zero.
    var offered: [UInt8] = []
    var maximum: (read: UInt32, write: UInt32) = (0, 0)
    var pending: [SMBRequest] = []
    var calls: [SMBCall] = []
    var reads: [UInt64: SMBRead] = [:]
    var files: [SMBIdentifier: SMBFile] = [:]
    /// What came of files that are open, and the bytes that it holds.
    var contents: [SMBContentKey: FileInPieces] = [:]
    var contentHeld = 0
    var trees: [SMBTreeKey: SMBTree] = [:]
    var interfaces: [SMBInterface] = []
    /// What was encrypted, by session.
    var encrypted: [SMBEncrypted] = []
    /// The file that the compound's CREATE before this answer opened.
    var openedLast = SMBIdentifier()
    /// Bytes of requests, calls, files and trees.
    private var held = 0

    @inline(__always) var heldBytes: Int {
        held + contentHeld + reads.count * 48 + interfaces.count * 32 + dialectName.count + offered.count
            + encrypted.count * SMBEncrypted.heldBytes
    }

    subscript(sender: Sender) -> SMBSide {
        @inline(__always) _read {
            if sender == .originator { yield client } else { yield server }
        }
        _modify {
            if sender == .originator { yield &client } else { yield &server }
        }
    }

    /// A new request, numbered; its transaction comes when it is answered.
    mutating func make(_ kind: SMBRequest.Kind, _ flow: inout ApplicationFlow, at time: Timestamp)
        -> SMBRequest
    {
        count &+= 1
        flow.transactions = count
        var request = SMBRequest()
        request.id = count
        request.time = time
        request.kind = kind
        return request
    }

    /// Lets a request wait.
    ///
    /// - Returns: The oldest one instead, if too many wait.
    mutating func wait(_ request: SMBRequest) -> SMBRequest? {
        held += request.heldBytes
        pending.append(request)
        return pending.count > SMBSession.mostPending ? take(at: 0) : nil
    }

    /// Takes a request out of those that wait.
    mutating func take(at index: Int) -> SMBRequest {
        let request = pending.remove(at: index)
        held -= request.heldBytes
        return request
    }

    /// The place of the request that an answer belongs to.
    func index(of key: UInt64, isSMB2: Bool) -> Int? {
        pending.firstIndex { $0.key == key && $0.isSMB2 == isSMB2 }
    }

    /// Remembers an opened file.
    mutating func open(_ id: SMBIdentifier, _ file: SMBFile) {
        if let old = files[id] {
            held -= old.heldBytes
            // Its closing was not seen: what comes now is of another file.
            for isWrite in [false, true] { dropContent(SMBContentKey(file: id, isWrite: isWrite)) }
        } else if files.count >= SMBSession.mostFiles {
            return
        }
        held += file.heldBytes
        files[id] = file
    }

    /// Forgets a file.
    mutating func close(_ id: SMBIdentifier) -> SMBFile? {
        guard let file = files.removeValue(forKey: id) else { return nil }
        held -= file.heldBytes
        return file
    }

    /// Remembers a tree.
    mutating func connect(_ key: SMBTreeKey, _ tree: SMBTree) {
        guard trees.count < SMBSession.mostTrees || trees[key] != nil else { return }
        held += tree.share.count + 64 - (trees[key].map { $0.share.count + 64 } ?? 0)
        trees[key] = tree
    }

    /// Forgets a tree.
    mutating func disconnect(_ key: SMBTreeKey) {
        if let tree = trees.removeValue(forKey: key) { held -= tree.share.count + 64 }
    }

    /// Lets a call wait.
    ///
    /// - Returns: The oldest one instead, if too many wait.
    mutating func wait(_ call: SMBCall) -> SMBCall? {
        held += call.request.heldBytes + 64
        calls.append(call)
        return calls.count > SMBSession.mostPending ? takeCall(at: 0) : nil
    }

    /// Takes a call out of those that wait.
    mutating func takeCall(at index: Int) -> SMBCall {
        let call = calls.remove(at: index)
        held -= call.request.heldBytes + 64
        return call
    }
}
