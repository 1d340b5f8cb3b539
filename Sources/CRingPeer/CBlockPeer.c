// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CBlockPeer.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// Words that readers load, each group on a cache line of its own, as in the control page.
struct block_control {
    _Alignas(64) _Atomic uint64_t tail, tail_ordinal, tail_ordinal_before;
    _Alignas(64) _Atomic uint64_t intent;
    _Alignas(64) _Atomic uint64_t sleepers;
    _Alignas(64) _Atomic uint64_t version;
};

struct block_peer {
    uint8_t *data;
    struct block_control *control;
    enum block_peer_kind kind;
    uint64_t mask, slot, step, longest;
    uint64_t tail, ordinal, reserved, published_tail, published_ordinal, seen_version;
    uint8_t *area;
    size_t area_length, mapped_length;
};

static const uint64_t huge = 2 << 20;

struct block_peer *block_peer_create(enum block_peer_kind kind, uint64_t capacity, uint64_t slot) {
    struct block_peer *ring = calloc(1, sizeof *ring);
    if (!ring) return NULL;
    const bool mirrored = kind == block_peer_stream || kind == block_peer_marked;
    ring->kind = kind;
    ring->mask = capacity - 1;
    ring->slot = kind == block_peer_index ? 32 : slot;
    ring->step = capacity / 8 < 65536 ? capacity / 8 : 65536;
    ring->longest = kind == block_peer_slots ? slot - 8 : kind == block_peer_index ? 32 : capacity / 2;
    ring->mapped_length = mirrored ? 2 * capacity : capacity;
    ring->area_length = ring->mapped_length + huge;
    ring->area = MAP_FAILED;
    ring->control = aligned_alloc(64, sizeof *ring->control);
    int file = (int)syscall(SYS_memfd_create, "block-peer", 1u);
    if (!ring->control || file < 0 || ftruncate(file, (off_t)capacity) != 0) goto failed;
    memset(ring->control, 0, sizeof *ring->control);
    ring->area = mmap(NULL, ring->area_length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ring->area == MAP_FAILED) goto failed;
    ring->data = (uint8_t *)(((uintptr_t)ring->area + huge - 1) & ~(uintptr_t)(huge - 1));
    for (uint64_t at = 0; at < ring->mapped_length; at += capacity) {
        if (mmap(ring->data + at, capacity, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) == MAP_FAILED)
            goto failed;
    }
    if (capacity >= huge) {
        madvise(ring->data, capacity, 23 /* MADV_POPULATE_WRITE */);
        madvise(ring->data, capacity, 25 /* MADV_COLLAPSE */);
    }
    close(file);
    return ring;
failed:
    if (file >= 0) close(file);
    block_peer_destroy(ring);
    return NULL;
}

void block_peer_destroy(struct block_peer *ring) {
    if (ring->area != MAP_FAILED) munmap(ring->area, ring->area_length);
    free(ring->control);
    free(ring);
}

static __attribute__((noinline)) bool reserve(struct block_peer *ring, uint64_t footprint) {
    uint64_t needed = ring->tail + footprint, end = ring->tail + ring->step;
    uint64_t limit = ring->published_tail + ring->mask + 1;
    if (end < needed) end = needed;
    if (end > limit) end = limit;
    if (end < needed) return false;
    if (end > ring->reserved) ring->reserved = end;
    atomic_store_explicit(&ring->control->intent, ring->reserved, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    return true;
}

static inline __attribute__((always_inline)) bool append(
    struct block_peer *ring, enum block_peer_kind kind, const uint8_t *block, uint64_t length) {
    if (length > ring->longest) abort();
    uint64_t footprint = kind == block_peer_stream   ? length
                         : kind == block_peer_marked ? (length + 15) & ~(uint64_t)7
                                                     : ring->slot;
    if (ring->tail + footprint > ring->reserved && !reserve(ring, footprint)) return false;
    uint8_t *at = ring->data + (ring->tail & ring->mask);
    if (kind == block_peer_slots || kind == block_peer_marked) {
        uint64_t marker = (uint32_t)length;
        memcpy(at, &marker, 8);
        at += 8;
    }
    memcpy(at, block, length);
    ring->tail += footprint;
    ring->ordinal += kind == block_peer_stream ? length : 1;
    return true;
}

static __attribute__((noinline)) void publish(struct block_peer *ring) {
    if (ring->tail == ring->published_tail) return;
    ring->published_tail = ring->tail;
    ring->published_ordinal = ring->ordinal;
    atomic_store_explicit(&ring->control->tail_ordinal_before, ring->ordinal, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&ring->control->tail, ring->tail, memory_order_release);
    atomic_store_explicit(&ring->control->tail_ordinal, ring->ordinal, memory_order_release);
    // As in a process that membarrier(2) reaches: a fence for the compiler, who sleeps pays for the rest.
    atomic_thread_fence(memory_order_acq_rel);
    if (atomic_load_explicit(&ring->control->sleepers, memory_order_relaxed))
        atomic_store_explicit(&ring->control->sleepers, 0, memory_order_relaxed);
    uint64_t version = atomic_load_explicit(&ring->control->version, memory_order_acquire);
    if (version != ring->seen_version) ring->seen_version = version;
}

static inline __attribute__((always_inline)) uint64_t run(
    struct block_peer *ring, enum block_peer_kind kind, const uint8_t *block, uint64_t length, uint64_t count,
    uint64_t batch) {
    uint64_t inside = 0;
    for (uint64_t n = 0; n < count; n++) {
        if (!append(ring, kind, block, length)) {
            publish(ring);
            inside = 0;
            if (!append(ring, kind, block, length)) return 0;
        }
        if (++inside == batch) {
            publish(ring);
            inside = 0;
        }
    }
    publish(ring);
    return ring->tail;
}

uint64_t block_peer_run(
    struct block_peer *ring, const uint8_t *block, uint64_t length, uint64_t count, uint64_t batch) {
    // One loop per kind, as the compiler makes of RingProducer.
    switch (ring->kind) {
        case block_peer_slots: return run(ring, block_peer_slots, block, length, count, batch);
        case block_peer_stream: return run(ring, block_peer_stream, block, length, count, batch);
        case block_peer_marked: return run(ring, block_peer_marked, block, length, count, batch);
        case block_peer_index: return run(ring, block_peer_index, block, 32, count, batch);
    }
    return 0;
}

uint64_t block_peer_word(const struct block_peer *ring, uint64_t position) {
    uint64_t word;
    memcpy(&word, ring->data + (position & ring->mask), 8);
    return word;
}
