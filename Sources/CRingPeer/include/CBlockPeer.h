// SPDX-License-Identifier: Apache-2.0
// The loops of the rings with headers in line (p-, c- and v-DBuf, IBuf) in C, for beltway-bench to compare with.
//
// The same work in the same order as RingProducer: reservations of 64 KiB with a relaxed store of the intent and a
// release fence; per batch the ordinal before, a release fence, tail and ordinal releasing, the wake-up's full fence,
// the sleepers' flag and the version of the readers' list.
#pragma once
#include <stdint.h>

struct block_peer;

enum block_peer_kind { block_peer_slots, block_peer_stream, block_peer_marked, block_peer_index };

/// Makes a ring of `capacity` bytes, a power of two, in shared memory, mapped twice in a row where blocks may wrap;
/// slots take `slot` bytes. NULL if there is no memory.
struct block_peer *block_peer_create(enum block_peer_kind kind, uint64_t capacity, uint64_t slot);
void block_peer_destroy(struct block_peer *ring);

/// Appends `count` blocks of `length` bytes, publishing after every `batch` of them; returns the tail in bytes.
uint64_t block_peer_run(
    struct block_peer *ring, const uint8_t *block, uint64_t length, uint64_t count, uint64_t batch);

/// Bytes of the ring at a position, for comparing.
uint64_t block_peer_word(const struct block_peer *ring, uint64_t position);
