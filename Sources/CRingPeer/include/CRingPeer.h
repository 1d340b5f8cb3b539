// SPDX-License-Identifier: Apache-2.0
// The producer's loop of a data buffer written in C: what `beltway-bench ring` compares Beltway's own against.
//
// Same work, step by step: Enhanced Packet Block header, copy, zeroed padding, options that fill up to 16 bytes,
// trailing length, descriptor of 32 bytes, least and greatest time; intent with a release fence for every 64 KiB;
// padding and a table row at each chunk's end; both tails releasing and the wake-up's fence for every batch.
#pragma once
#include <stdint.h>

#include "CBlockPeer.h"
#include "CDumpPeer.h"
#include "CLivePeer.h"
#include "CStreamPeer.h"

struct ring_peer;

/// Makes a ring of `capacity` bytes (a power of two from 32 KiB to 256 MiB) in shared memory; NULL if there is none.
struct ring_peer *ring_peer_create(uint64_t capacity);
void ring_peer_destroy(struct ring_peer *ring);

/// Appends `count` records of `length` bytes each, publishing after every `batch` of them; returns the tail.
uint64_t ring_peer_run(
    struct ring_peer *ring, const uint8_t *packet, uint32_t length, uint64_t count, uint64_t batch);

/// Bytes of the whole data ring added up word by word, so that two rings can be compared.
uint64_t ring_peer_checksum(const struct ring_peer *ring);
