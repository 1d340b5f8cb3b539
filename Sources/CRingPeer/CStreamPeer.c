// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CStreamPeer.h"
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct stream_peer {
    uint8_t *data;
    uint64_t capacity;
    _Alignas(64) _Atomic uint64_t tail;
    _Atomic uint64_t closed;
    _Alignas(64) _Atomic uint64_t head;
};

struct stream_peer *stream_peer_create(uint64_t capacity) {
    struct stream_peer *stream = aligned_alloc(64, sizeof *stream);
    if (!stream) return NULL;
    memset(stream, 0, sizeof *stream);
    stream->capacity = capacity;
    stream->data = aligned_alloc(4096, capacity < 4096 ? 4096 : capacity);
    if (!stream->data) {
        free(stream);
        return NULL;
    }
    memset(stream->data, 0, capacity);
    return stream;
}

void stream_peer_destroy(struct stream_peer *stream) {
    free(stream->data);
    free(stream);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

// Spins, and lets the other run if there is only one processor.
static inline void pause_a_little(unsigned *turns) {
    if (++*turns % 256 == 0) {
        sched_yield();
        return;
    }
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

uint64_t stream_peer_write(struct stream_peer *stream, const uint8_t *block, uint64_t call, double seconds) {
    const uint64_t mask = stream->capacity - 1;
    uint64_t tail = 0, head = 0, next_look = 1 << 20;
    unsigned turns = 0;
    const double end = now() + seconds;
    while (1) {
        while (tail + call - head > stream->capacity) {
            head = atomic_load_explicit(&stream->head, memory_order_acquire);
            if (tail + call - head > stream->capacity) pause_a_little(&turns);
        }
        uint64_t offset = tail & mask, first = stream->capacity - offset < call ? stream->capacity - offset : call;
        memcpy(stream->data + offset, block, first);
        memcpy(stream->data, block + first, call - first);
        tail += call;
        atomic_store_explicit(&stream->tail, tail, memory_order_release);
        if (tail >= next_look) {
            next_look = tail + (1 << 20);
            if (now() >= end) break;
        }
    }
    atomic_store_explicit(&stream->closed, 1, memory_order_release);
    return tail;
}

uint64_t stream_peer_read(struct stream_peer *stream, uint8_t *block, uint64_t call) {
    const uint64_t mask = stream->capacity - 1;
    uint64_t head = 0, tail = 0;
    unsigned turns = 0;
    while (1) {
        if (tail == head) {
            uint64_t closed = atomic_load_explicit(&stream->closed, memory_order_acquire);
            tail = atomic_load_explicit(&stream->tail, memory_order_acquire);
            if (tail == head) {
                if (closed) return head;
                pause_a_little(&turns);
                continue;
            }
        }
        uint64_t length = tail - head < call ? tail - head : call, offset = head & mask;
        uint64_t first = stream->capacity - offset < length ? stream->capacity - offset : length;
        memcpy(block, stream->data + offset, first);
        memcpy(block + first, stream->data, length - first);
        head += length;
        atomic_store_explicit(&stream->head, head, memory_order_release);
    }
}
