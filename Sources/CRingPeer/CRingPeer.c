// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CRingPeer.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

enum { header_length = 28, overhead = 32, alignment = 16, snap_limit = 262144, step = 65536 };

struct descriptor {
    uint64_t position, time;
    uint32_t captured, original, record;
    uint16_t interface, flags;
};

struct row {
    _Atomic uint64_t version, index, first_ordinal, least, greatest, clock_before;
    uint64_t unused[2];
};

// Words that readers load, each group on a cache line of its own.
struct control {
    _Alignas(64) _Atomic uint64_t tail, tail_ordinal;
    _Alignas(64) _Atomic uint64_t intent, intent_ordinal;
    _Alignas(64) _Atomic uint64_t sleepers;
    _Alignas(64) _Atomic uint64_t readers_version;
    struct row rows[64];
};

struct ring_peer {
    uint8_t *data;
    struct descriptor *descriptors;
    struct control *control;
    uint64_t mask, descriptor_mask, chunk_mask, row_mask, capacity, descriptor_capacity, snap;
    uint64_t tail, ordinal, reserved_tail, reserved_ordinal, chunk_limit, published_tail, published_ordinal;
    uint64_t index, first_ordinal, least, greatest, clock_before;
    uint64_t seen_version;
    uint8_t *area;
    size_t area_length;
};

static void *shared(uint64_t length, uint8_t **area, size_t *area_length) {
    int file = (int)syscall(SYS_memfd_create, "ring-peer", 1u);
    if (file < 0) return NULL;
    if (ftruncate(file, (off_t)length) != 0) {
        close(file);
        return NULL;
    }
    const uint64_t huge = 2 << 20;
    *area_length = length + huge;
    *area = mmap(NULL, *area_length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (*area == MAP_FAILED) {
        close(file);
        return NULL;
    }
    uint8_t *aligned = (uint8_t *)(((uintptr_t)*area + huge - 1) & ~(uintptr_t)(huge - 1));
    void *mapped = mmap(aligned, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
    close(file);
    if (mapped == MAP_FAILED) {
        munmap(*area, *area_length);
        return NULL;
    }
    if (length >= huge) {
        madvise(mapped, length, 23 /* MADV_POPULATE_WRITE */);
        madvise(mapped, length, MADV_COLLAPSE);
    }
    return mapped;
}

static void store_row(struct ring_peer *ring) {
    struct row *row = &ring->control->rows[ring->index & ring->row_mask];
    uint64_t version = atomic_load_explicit(&row->version, memory_order_relaxed);
    atomic_store_explicit(&row->version, version + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&row->index, ring->index, memory_order_relaxed);
    atomic_store_explicit(&row->first_ordinal, ring->first_ordinal, memory_order_relaxed);
    atomic_store_explicit(&row->least, ring->least, memory_order_relaxed);
    atomic_store_explicit(&row->greatest, ring->greatest, memory_order_relaxed);
    atomic_store_explicit(&row->clock_before, ring->clock_before, memory_order_relaxed);
    atomic_store_explicit(&row->version, version + 2, memory_order_release);
}

static void store_times(struct ring_peer *ring) {
    struct row *row = &ring->control->rows[ring->index & ring->row_mask];
    atomic_store_explicit(&row->least, ring->least, memory_order_relaxed);
    atomic_store_explicit(&row->greatest, ring->greatest, memory_order_relaxed);
}

struct ring_peer *ring_peer_create(uint64_t capacity) {
    if (capacity > 256ull << 20) return NULL;  // 64 rows
    struct ring_peer *ring = calloc(1, sizeof *ring);
    if (!ring) return NULL;
    uint64_t chunk = capacity / 8 < (4u << 20) ? capacity / 8 : 4u << 20;
    ring->capacity = capacity;
    ring->descriptor_capacity = capacity / 64;
    ring->mask = capacity - 1;
    ring->descriptor_mask = ring->descriptor_capacity - 1;
    ring->chunk_mask = chunk - 1;
    ring->row_mask = capacity / chunk - 1;
    ring->snap = chunk - overhead - 20 - 64 < snap_limit ? chunk - overhead - 20 - 64 : snap_limit;
    ring->chunk_limit = chunk;
    ring->least = UINT64_MAX;
    uint64_t control_length = (sizeof(struct control) + 4095) & ~4095ull;
    uint64_t length = capacity + control_length + ring->descriptor_capacity * sizeof(struct descriptor);
    ring->data = shared(length, &ring->area, &ring->area_length);
    if (!ring->data) {
        free(ring);
        return NULL;
    }
    ring->control = (struct control *)(ring->data + capacity);
    ring->descriptors = (struct descriptor *)(ring->data + capacity + control_length);
    store_row(ring);
    return ring;
}

void ring_peer_destroy(struct ring_peer *ring) {
    munmap(ring->area, ring->area_length);
    free(ring);
}

static inline void put(uint8_t *at, uint32_t value) { memcpy(at, &value, 4); }

static __attribute__((noinline)) bool reserve(struct ring_peer *ring, uint64_t length) {
    uint64_t chunk_end = (ring->tail | ring->chunk_mask) + 1, needed = ring->tail + length;
    uint64_t end = ring->tail + step > needed ? ring->tail + step : needed;
    if (end > chunk_end) end = chunk_end > needed ? chunk_end : needed;
    uint64_t slots = ring->ordinal + 1024;
    if (end > ring->published_tail + ring->capacity) end = ring->published_tail + ring->capacity;
    if (slots > ring->published_ordinal + ring->descriptor_capacity)
        slots = ring->published_ordinal + ring->descriptor_capacity;
    if (end < needed || slots <= ring->ordinal) return false;
    ring->reserved_tail = end;
    ring->reserved_ordinal = slots;
    atomic_store_explicit(&ring->control->intent, end, memory_order_relaxed);
    atomic_store_explicit(&ring->control->intent_ordinal, slots, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    return true;
}

static __attribute__((noinline)) bool open_next_chunk(struct ring_peer *ring, uint64_t length) {
    if (ring->tail & ring->chunk_mask) {
        uint64_t end = (ring->tail | ring->chunk_mask) + 1, rest = end - ring->tail;
        if (end > ring->reserved_tail && !reserve(ring, rest)) return false;
        uint8_t *start = ring->data + (ring->tail & ring->mask);
        put(start, 0x80000BAD);
        put(start + 4, (uint32_t)rest);
        put(start + rest - 4, (uint32_t)rest);
        memset(start + 8, 0, rest - 12);
        ring->tail = end;
    }
    if (!reserve(ring, length)) return false;
    store_times(ring);
    if (ring->greatest > ring->clock_before) ring->clock_before = ring->greatest;
    ring->index = ring->tail / (ring->chunk_mask + 1);
    ring->first_ordinal = ring->ordinal;
    ring->least = UINT64_MAX;
    ring->greatest = 0;
    store_row(ring);
    ring->chunk_limit = ring->tail + ring->chunk_mask + 1;
    return true;
}

static inline void put_options(uint8_t *at, uint32_t length, uint16_t flags) {
    if (length >= 8) {
        put(at, 2 | 4 << 16);
        put(at + 4, (flags & 4 ? 1u : 0) | (flags & 2 ? 2u : 0) | (flags & 1 ? 1u << 9 : 0));
        at += 8;
    }
    if (length >= 16) {
        put(at, 6 | 4 << 16);
        put(at + 4, 0);
        at += 8;
    }
    if (length & 4) put(at, 0);
}

static inline __attribute__((always_inline)) bool append(
    struct ring_peer *ring, const uint8_t *packet, uint32_t length, uint64_t time, uint32_t original,
    uint16_t interface, uint16_t flags) {
    uint32_t captured = length;
    if (captured > ring->snap) {
        captured = (uint32_t)ring->snap;
        flags |= 8;
    }
    uint32_t padded = (captured + 3) & ~3u;
    uint32_t gap = -(overhead + padded) & (alignment - 1);
    uint32_t options = (flags & 7) && gap < 8 ? gap + alignment : gap;
    uint32_t record = overhead + padded + options;
    if (ring->tail + record > ring->chunk_limit && !open_next_chunk(ring, record)) return false;
    if ((ring->tail + record > ring->reserved_tail || ring->ordinal == ring->reserved_ordinal)
        && !reserve(ring, record))
        return false;
    uint8_t *start = ring->data + (ring->tail & ring->mask);
    put(start, 6);
    put(start + 4, record);
    put(start + 8, interface);
    put(start + 12, (uint32_t)(time >> 32));
    put(start + 16, (uint32_t)time);
    put(start + 20, captured);
    put(start + 24, original);
    uint8_t *body = start + header_length;
    if (padded) put(body + padded - 4, 0);
    memcpy(body, packet, captured);
    if (options) put_options(body + padded, options, flags);
    put(body + padded + options, record);
    ring->descriptors[ring->ordinal & ring->descriptor_mask] = (struct descriptor){
        .position = ring->tail, .time = time, .captured = captured, .original = original, .record = record,
        .interface = interface, .flags = flags};
    ring->tail += record;
    ring->ordinal += 1;
    if (time < ring->least) ring->least = time;
    if (time > ring->greatest) ring->greatest = time;
    return true;
}

static __attribute__((noinline)) void publish(struct ring_peer *ring) {
    if (ring->tail == ring->published_tail) return;
    ring->published_tail = ring->tail;
    ring->published_ordinal = ring->ordinal;
    store_times(ring);
    atomic_store_explicit(&ring->control->tail_ordinal, ring->ordinal, memory_order_release);
    atomic_store_explicit(&ring->control->tail, ring->tail, memory_order_release);
    // As in a process that membarrier(2) reaches: a fence for the compiler, who sleeps pays for the rest.
    atomic_thread_fence(memory_order_acq_rel);
    if (atomic_load_explicit(&ring->control->sleepers, memory_order_relaxed))
        atomic_store_explicit(&ring->control->sleepers, 0, memory_order_relaxed);
    // Whether a reader in another process has come or gone.
    uint64_t version = atomic_load_explicit(&ring->control->readers_version, memory_order_acquire);
    if (version != ring->seen_version) ring->seen_version = version;
}

uint64_t ring_peer_run(
    struct ring_peer *ring, const uint8_t *packet, uint32_t length, uint64_t count, uint64_t batch) {
    uint64_t inside = 0;
    for (uint64_t n = 0; n < count; n++) {
        if (!append(ring, packet, length, 1700000000000000000 + n, length, 0, 0)) {
            publish(ring);
            inside = 0;
            if (!append(ring, packet, length, 1700000000000000000 + n, length, 0, 0)) return 0;
        }
        if (++inside == batch) {
            publish(ring);
            inside = 0;
        }
    }
    publish(ring);
    return ring->tail;
}

uint64_t ring_peer_checksum(const struct ring_peer *ring) {
    uint64_t sum = 0;
    for (uint64_t offset = 0; offset < ring->capacity; offset += 8) {
        uint64_t word;
        memcpy(&word, ring->data + offset, 8);
        sum = sum * 31 + word;
    }
    return sum;
}
