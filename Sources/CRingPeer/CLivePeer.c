// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLivePeer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BLOCK (1u << 20)
#define COPY_RING (64u << 20)
#define CALL 64

static int bind_to(int fd, int interface, int protocol) {
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = interface};
    address.sll_protocol = htons(protocol);
    return bind(fd, (struct sockaddr *)&address, sizeof address);
}

int live_sender_open(int interface) {
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int on = 1, size = 4 << 20;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) || bind_to(fd, interface, 0)) {
        int code = errno;
        close(fd);
        return -code;
    }
    return fd;
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t live_sender_run(
    int fd, const uint8_t *frames, uint32_t length, uint32_t variants, uint64_t count, uint64_t rate) {
    struct mmsghdr messages[CALL];
    struct iovec parts[CALL];
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < CALL; i++) {
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        parts[i].iov_len = length;
    }
    uint64_t sent = 0, refused = 0, start = now();
    while (sent < count && refused < 1000000) {
        unsigned wanted = count - sent < CALL ? (unsigned)(count - sent) : CALL;
        for (unsigned i = 0; i < wanted; i++)
            parts[i].iov_base = (void *)(frames + (size_t)((sent + i) % variants) * length);
        int done = sendmmsg(fd, messages, wanted, 0);
        if (done > 0) sent += (unsigned)done;
        else if (errno == ENOBUFS || errno == EAGAIN || errno == EINTR) refused++;
        else break;
        if (rate) {
            uint64_t due = start + sent * 1000000000u / rate, time = now();
            if (due > time + 100000) {
                struct timespec rest = {(time_t)((due - time) / 1000000000u), (long)((due - time) % 1000000000u)};
                nanosleep(&rest, NULL);
            }
        }
    }
    return sent;
}

struct live_floor {
    int fd;
    uint32_t blocks, next;
    uint8_t *memory, *ring;
    uint64_t tail;
};

struct live_floor *live_floor_open(int interface, uint32_t blocks) {
    struct live_floor *floor = calloc(1, sizeof *floor);
    if (!floor) return NULL;
    int version = TPACKET_V3;
    struct tpacket_req3 request = {
        .tp_block_size = BLOCK, .tp_block_nr = blocks, .tp_frame_size = 2048, .tp_frame_nr = blocks * (BLOCK / 2048),
        .tp_retire_blk_tov = 10};
    floor->blocks = blocks;
    floor->memory = floor->ring = MAP_FAILED;
    floor->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (floor->fd >= 0 && !setsockopt(floor->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version)
        && !setsockopt(floor->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request)) {
        floor->memory = mmap(NULL, (size_t)blocks * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, floor->fd, 0);
        floor->ring = mmap(NULL, COPY_RING, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (floor->memory != MAP_FAILED && floor->ring != MAP_FAILED && !bind_to(floor->fd, interface, ETH_P_ALL)) {
            madvise(floor->ring, COPY_RING, MADV_HUGEPAGE);
            memset(floor->ring, 0, COPY_RING);
            return floor;
        }
    }
    live_floor_close(floor);
    return NULL;
}

void live_floor_close(struct live_floor *floor) {
    if (floor->memory != MAP_FAILED) munmap(floor->memory, (size_t)floor->blocks * BLOCK);
    if (floor->ring != MAP_FAILED) munmap(floor->ring, COPY_RING);
    if (floor->fd >= 0) close(floor->fd);
    free(floor);
}

static void walk(struct live_floor *floor, struct tpacket_block_desc *block, int copies, struct live_counts *counts) {
    uint32_t left = block->hdr.bh1.num_pkts;
    uint8_t *place = (uint8_t *)block + block->hdr.bh1.offset_to_first_pkt;
    for (; left > 0; left--) {
        struct tpacket3_hdr *packet = (struct tpacket3_hdr *)place;
        uint8_t *bytes = place + packet->tp_mac;
        if (copies) {
            uint64_t step = ((uint64_t)packet->tp_snaplen + 15) & ~(uint64_t)15;
            if ((floor->tail & (COPY_RING - 1)) + step > COPY_RING) floor->tail = (floor->tail | (COPY_RING - 1)) + 1;
            memcpy(floor->ring + (floor->tail & (COPY_RING - 1)), bytes, packet->tp_snaplen);
            floor->tail += step;
        } else {
            uint64_t words[2];
            memcpy(words, bytes, sizeof words);
            counts->sum += words[0] ^ words[1];
        }
        counts->bytes += packet->tp_len;
        place += packet->tp_next_offset;
    }
    counts->received += block->hdr.bh1.num_pkts;
}

struct live_counts live_floor_run(struct live_floor *floor, int copies, const uint32_t *stop) {
    struct live_counts counts = {0, 0, 0, 0};
    for (int silent = 0; silent < 4;) {
        struct tpacket_block_desc *block = (struct tpacket_block_desc *)(floor->memory + (size_t)floor->next * BLOCK);
        _Atomic uint32_t *status = (_Atomic uint32_t *)&block->hdr.bh1.block_status;
        if (atomic_load_explicit(status, memory_order_acquire) & TP_STATUS_USER) {
            walk(floor, block, copies, &counts);
            atomic_store_explicit(status, TP_STATUS_KERNEL, memory_order_release);
            floor->next = floor->next + 1 == floor->blocks ? 0 : floor->next + 1;
            silent = 0;
            continue;
        }
        struct pollfd request = {.fd = floor->fd, .events = POLLIN};
        // The kernel's open block comes when its time is over: stopped only after a silence of some time-outs.
        int ready = poll(&request, 1, 10);
        if (ready == 0 && __atomic_load_n(stop, __ATOMIC_ACQUIRE)) silent++;
    }
    struct tpacket_stats_v3 numbers;
    socklen_t length = sizeof numbers;
    if (!getsockopt(floor->fd, SOL_PACKET, PACKET_STATISTICS, &numbers, &length)) counts.dropped = numbers.tp_drops;
    return counts;
}
