/* SPDX-License-Identifier: Apache-2.0 */
/*
 * beltway.h: read the packets of a running Beltway in place, and publish selections of them, from C.
 *
 *     beltway run -i eth0 ----> [ ring eth0.0 ] ----> this library: next, wait, confirm      (no copy, no system call)
 *                                     ^                       |
 *                                     |                       v
 *                                     `---- entries ---- [ index ring "suspects" ] ----> other programs: attach, next
 *
 * Link with -lbeltway. The host program needs no Swift runtime. C99, C++, and anything that can call C.
 *
 * Reading. A ring belongs to one producer, who never waits for a reader unless both agreed to it (BELTWAY_HOLD). A
 * packet is handed out as a pointer into the ring, and the producer may overwrite it at any time. So: read, compute,
 * then ask beltway_confirm() whether the packet was whole all the time, and only then let the result count. What was
 * overwritten first is counted, exactly: published == read + lost, since the reader attached.
 *
 *     beltway_packet packets[256];
 *     size_t count, gone;
 *     for (;;) {
 *         int code = beltway_next_batch(reader, packets, 256, &count);
 *         if (code == EAGAIN) code = beltway_wait(reader, 1000000000);
 *         ...
 *     }
 *
 * Errors. Functions return 0, or an error number of <errno.h>; they do not touch errno. beltway_error() says in a
 * sentence what was expected and what was found. The numbers that every call may return:
 *     EINVAL     an argument is NULL or out of range, or the handle is one of another kind
 *     EBADF      the handle is none, or was closed, or was opened before a fork() in the parent
 *     EBUSY      another thread is using the handle at this moment
 * and those with a meaning of their own:
 *     EAGAIN     nothing is published at present (or a signal, or the time-out, came first)
 *     ENODATA    the producer has ended, and everything was taken
 *     EOWNERDEAD the producer's process is gone without an end, and everything was taken; see beltway_reconnect()
 *     ESTALE     overwritten, or of an earlier run of the producer
 *
 * Threads. Any thread may call anything; one handle is used by one thread at a time (EBUSY otherwise). Different
 * handles have nothing in common: a thread with a reader of its own is never delayed by others.
 *
 * Memory. Pointers into a ring are valid until that reader is detached or reconnected; in rings that are no packets'
 * until the next call of beltway_next(), _next_batch(), _peek() or _read(). The memory is mapped read-only: writing to
 * it ends the program with SIGSEGV. A handle is a number in the shape of a pointer: it points to nothing.
 *
 * Time is in nanoseconds since 1970-01-01 UTC, lengths are in bytes.
 *
 * Versions. The major number changes when a program must be built again; it is part of the soname. Structures keep
 * their size and the meaning of their fields within a major version; fields called reserved are 0.
 */
#ifndef BELTWAY_H
#define BELTWAY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Version of this header: major << 16 | minor. */
#define BELTWAY_VERSION 0x00010000u

/* Version of the library that is loaded; its major number is that of the header, or it would not have been loaded. */
uint32_t beltway_version(void);

/* What the last call of this thread that failed had to say, one line; "" if none has. Valid until this thread's next
 * call of the library. */
const char *beltway_error(void);

/* ---- Rings ---------------------------------------------------------------------------------------------------- */

/* How blocks lie in a ring: what beltway_ring.kind says. */
#define BELTWAY_KIND_SLOTS 1u     /* blocks of at most one size */
#define BELTWAY_KIND_STREAM 2u    /* bytes without borders */
#define BELTWAY_KIND_MARKED 3u    /* blocks of any size */
#define BELTWAY_KIND_PACKETS 4u   /* packets, with time, lengths and interface */
#define BELTWAY_KIND_INDEX 5u     /* entries that point to packets of other rings */

/* Who gives way when a reader is slow: what beltway_ring.policy says. */
#define BELTWAY_POLICY_FAST 1u    /* the producer overwrites, readers notice */
#define BELTWAY_POLICY_BLOCK 2u   /* the producer waits for readers that hold the ring */
#define BELTWAY_POLICY_SLOW 3u    /* new blocks are dropped while a reader that holds the ring needs the room */
#define BELTWAY_POLICY_MEDIUM 4u  /* as SLOW, against one read pointer that all readers share */

/* What the owner of a ring says of it. */
typedef struct beltway_ring {
    char name[80];             /* "eth0.0": interface and queue; UTF-8, ends with NUL */
    uint32_t kind;             /* BELTWAY_KIND_... */
    uint32_t policy;           /* BELTWAY_POLICY_... */
    uint32_t link_type;        /* LINKTYPE_... of its packets: 1 is Ethernet; 0 if it holds none */
    uint32_t number;           /* what index entries call it */
    uint64_t capacity;         /* bytes of memory */
    uint64_t generation;       /* differs between runs of the producer */
    uint64_t published;        /* packets, blocks or entries (bytes in a stream) since it was made */
    uint64_t published_bytes;  /* the same in bytes, with what surrounds them */
    int32_t owner;             /* process id of the producer */
    uint32_t readers;          /* attached readers, threads of the producer's own process included */
    uint32_t ended;            /* 1 if the producer has ended */
    uint32_t reserved[5];
} beltway_ring;

/* Lists the rings of the instance that runs on a data directory; those whose owner does not answer are left out.
 *
 *   data      the directory that `beltway run --data` was given
 *   rings     room for `capacity` of them; may be NULL if that is 0
 *   count     how many there are, which may be more than there was room for
 *
 * Returns ENOENT if there is no such directory, or it has never been one of Beltway's. The owners are asked one by one,
 * and given 5 s each for an answer: not for a loop. */
int beltway_list(const char *data, beltway_ring *rings, size_t capacity, size_t *count);

/* ---- Readers -------------------------------------------------------------------------------------------------- */

typedef struct beltway_reader beltway_reader;

/* Flag of beltway_attach(): ask the producer to wait, or to drop, for this reader. Honoured where the ring's policy is
 * not FAST and its owner lets strangers hold it; never by the packet rings of a live capture. */
#define BELTWAY_HOLD 1u

/* Attaches to a ring at its end: what is published from now on is offered.
 *
 *   data      the directory that `beltway run --data` was given
 *   ring      the ring's name, from beltway_list(), or `beltway rings`
 *   name      what the reader is called in lists of readers; NULL: the program's name
 *   flags     0 or BELTWAY_HOLD
 *   reader    receives the handle; give it back with beltway_detach()
 *
 * Returns ENOENT (no instance runs there, or it has no such ring), EACCES (the ring's policy does not let this user
 * in), EMFILE (too many handles or descriptors here), EUSERS (too many readers there), ETIMEDOUT, EPROTO. */
int beltway_attach(const char *data, const char *ring, const char *name, uint32_t flags, beltway_reader **reader);

/* Detaches, and invalidates the handle and every pointer that came by it. */
int beltway_detach(beltway_reader *reader);

/* What the owner says of the ring; asks it, within 5 s. */
int beltway_describe(beltway_reader *reader, beltway_ring *ring);

/* The name of one of the interfaces of a packet ring, cut to `capacity` with its NUL; ENOENT if there is none. */
int beltway_interface(beltway_reader *reader, uint32_t interface_number, char *name, size_t capacity);

/* Flags of a packet. */
#define BELTWAY_CHECKSUM_NOT_READY 1u  /* sent by this host, its checksums still to be computed by the card */
#define BELTWAY_OUTBOUND 2u            /* sent by this host */
#define BELTWAY_INBOUND 4u             /* received by this host */
#define BELTWAY_TRUNCATED 8u           /* cut, being longer than the ring takes */

/* A packet, or a block of a ring without packets (then of bytes, captured_length, ordinal and position). */
typedef struct beltway_packet {
    const void *bytes;         /* in place, read-only; NULL: see beltway_next() on index rings */
    uint64_t time;             /* when it was captured */
    uint64_t ordinal;          /* its running number in its ring; of a stream's block, that of its first byte */
    uint64_t position;         /* where it lies in its ring, counted in bytes since the ring was made */
    uint64_t entry;            /* index rings: the entry's running number; else equal to ordinal */
    uint32_t captured_length;  /* bytes there are */
    uint32_t original_length;  /* bytes there were on the wire */
    uint32_t record_length;    /* bytes that it takes in the ring */
    uint32_t flow_hash;        /* index rings: equal for both directions of a flow; else 0 */
    uint32_t classification;   /* index rings: what the classifier said, the kind in the low byte; else 0 */
    uint32_t offset;           /* index rings: where in the packet's record the entry points; 0: to the packet itself */
    uint16_t buffer;           /* number of the packet's ring */
    uint16_t interface_number; /* see beltway_interface() */
    uint16_t link_type;        /* LINKTYPE_...: 1 is Ethernet */
    uint16_t flags;            /* BELTWAY_... as above */
    uint64_t reserved;
} beltway_packet;

/* Takes the next packet, in place.
 *
 * On an index ring, the packet that the next entry points to. One that has been overwritten already is counted as
 * lost, and passed over. If its ring cannot be had (its owner does not let this user in, or runs anew) `bytes` is NULL,
 * captured_length is 0 and everything that the entry itself says is there.
 *
 * Returns 0, EAGAIN or ENODATA; whether the producer's process is still there is found out by beltway_wait(). */
int beltway_next(beltway_reader *reader, beltway_packet *packet);

/* Takes as many packets as there are, at most `capacity`, with one call: 0 and at least one, or as beltway_next(). */
int beltway_next_batch(beltway_reader *reader, beltway_packet *packets, size_t capacity, size_t *count);

/* The next packet without taking it: it is the next one again. beltway_counts() does not count it yet. */
int beltway_peek(beltway_reader *reader, beltway_packet *packet);

/* Whether no byte of a packet has been overwritten since it was taken: 0, or ESTALE, and then it is counted as lost
 * instead of read; once, if packets are asked after in the order in which they were taken. EINVAL: it was not taken
 * from this reader. */
int beltway_confirm(beltway_reader *reader, const beltway_packet *packet);

/* The same for a batch, as it was taken: `*gone` of them, the first ones, were overwritten and are counted as lost. */
int beltway_confirm_batch(beltway_reader *reader, const beltway_packet *packets, size_t count, size_t *gone);

/* Takes the next packet and copies its bytes out, cut to `capacity`; packet->bytes is then `buffer`, and no
 * beltway_confirm() is needed: what was overwritten while it was copied is counted as lost, and the next one taken.
 * Bytes copied are the smaller of capacity and captured_length. Returns as beltway_next(). */
int beltway_read(beltway_reader *reader, beltway_packet *packet, void *buffer, size_t capacity);

/* Lets a producer that waits, or drops, for this reader overwrite everything taken so far, and shows the owner how far
 * this reader has come (for `beltway status`). beltway_wait() does it too. */
int beltway_release(beltway_reader *reader);

/* Sleeps until something more is published, at most so long; negative: as long as it takes.
 *
 * Returns 0 if there is something, EAGAIN after the time-out or a signal, ENODATA, EOWNERDEAD. There is no descriptor
 * to poll(2): it would cost the producer a system call for each reader and publication, where this costs it one load.
 * A program with an event loop of its own asks with beltway_next() from a timer, or waits in a thread. */
int beltway_wait(beltway_reader *reader, int64_t nanoseconds);

/* How beltway_wait() is woken: after it found nothing it sleeps `delay` nanoseconds without asking anybody, then until
 * `bytes` more are published. At first 1,000,000 and 1: a batch a millisecond, half a millisecond of latency. With 0
 * and 1 every publication wakes: least latency, a system call each. The time-out applies in any case. */
int beltway_coalesce(beltway_reader *reader, int64_t delay, uint64_t bytes);

/* A reader's ledger, in packets (entries, blocks; in a stream, bytes), since it attached or reconnected. */
typedef struct beltway_counts {
    uint64_t published;   /* offered to this reader: always read + lost */
    uint64_t read;        /* taken, and not found to be overwritten */
    uint64_t lost;        /* overwritten before, or while, they were read */
    uint64_t backlog;     /* published and not yet offered; 0 in an index ring's reader that is up to date */
    uint64_t generation;  /* of the producer's run; see beltway_reconnect() */
    uint32_t ended;       /* 1: the producer has ended; 2: it is gone without an end */
    uint32_t reserved[5];
} beltway_counts;

/* Tells how far this reader has come; asks nobody. */
int beltway_count(beltway_reader *reader, beltway_counts *counts);

/* Attaches anew under the same handle, to the ring that a restarted producer has made under the same name: a new
 * generation, and a new ledger. If it fails, the reader stays as it was. Returns as beltway_attach(). */
int beltway_reconnect(beltway_reader *reader);

/* ---- Index rings: selections of packets for other programs ------------------------------------------------------ */

typedef struct beltway_index beltway_index;

/* Makes an index ring and opens its socket beside those of the readers' rings, for this user and group to attach to.
 *
 *   data      the directory that `beltway run --data` was given; this user may write its folder `run`
 *   name      the ring's name, as others attach to it
 *   readers   the readers whose packets will be pointed to: of packet rings, all different
 *   count     how many, 1 to 63
 *   entries   how many entries the ring holds, a power of two of 128 to 2^24
 *   policy    BELTWAY_POLICY_FAST, or BLOCK or SLOW for readers that ask to hold it
 *   index     receives the handle; end it with beltway_index_close()
 *
 * Readers of the index get the packets from the owners of the packets' rings, by those owners' policies, not from this
 * process. The socket is served by a thread of this library that blocks all signals.
 *
 * Returns EEXIST (the name is taken), EACCES, ENOENT, ESTALE (two readers are of different runs, or one's number
 * is another's), EMFILE. */
int beltway_index_create(const char *data, const char *name, beltway_reader *const *readers, size_t count,
                         size_t entries, uint32_t policy, beltway_index **index);

/* Appends an entry that points to a packet; invisible until beltway_index_publish().
 *
 *   packet          as it was taken from one of the index's readers
 *   flow_hash       equal for both directions of a flow, or 0
 *   classification  the kind in the low byte, the rest is free: BELTWAY_CLASS_...
 *
 * Returns EAGAIN if readers still need the room (the entry is not appended; with BLOCK publish, beltway_index_wait()
 * and append again), ESTALE if the packet has been overwritten, EINVAL if it is of no ring of this index. */
int beltway_index_append(beltway_index *index, const beltway_packet *packet, uint32_t flow_hash,
                         uint32_t classification);

/* Makes everything appended so far readable, and wakes who sleeps for it. */
int beltway_index_publish(beltway_index *index);

/* Sleeps until readers let go of something, at most ten milliseconds; returns at once where nobody is waited for. */
int beltway_index_wait(beltway_index *index);

/* Publishes, ends the ring (its readers get ENODATA), and removes its socket. A program that exits, or is killed,
 * without it leaves the name behind, which the next beltway_index_create() takes over; readers get EOWNERDEAD. */
int beltway_index_close(beltway_index *index);

/* Kinds that Beltway's own classifier uses. */
#define BELTWAY_CLASS_OTHER 0u
#define BELTWAY_CLASS_IP 1u
#define BELTWAY_CLASS_TCP 2u
#define BELTWAY_CLASS_UDP 3u
#define BELTWAY_CLASS_SCTP 4u
#define BELTWAY_CLASS_ICMP 5u
#define BELTWAY_CLASS_FRAGMENT 6u

#ifdef __cplusplus
}
#endif

#endif
