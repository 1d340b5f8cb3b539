// SPDX-License-Identifier: Apache-2.0
// Both ends of a pair of interfaces in C, for `beltway-bench live`: a sender at full speed, and the least that a
// TPACKET_V3 ring costs its reader (packet(7)), which Beltway's capture is compared with.
#pragma once
#include <stdint.h>

/// A socket that sends frames as they are on an interface, past its queueing discipline; or -errno.
int live_sender_open(int interface);

/// Sends `count` frames, 64 per call, from `frames`: `variants` of `length` bytes each, in turn. With a `rate` above 0,
/// at most so many a second. Returns how many the kernel took; what it refused for want of room is tried again.
uint64_t live_sender_run(
    int fd, const uint8_t *frames, uint32_t length, uint32_t variants, uint64_t count, uint64_t rate);

/// A TPACKET_V3 ring on an interface: `blocks` of 1 MiB, handed over after 10 ms at the latest.
struct live_floor;
struct live_floor *live_floor_open(int interface, uint32_t blocks);
void live_floor_close(struct live_floor *floor);

/// What a floor has seen.
struct live_counts {
    uint64_t received;
    uint64_t bytes;
    uint64_t dropped;
    /// Of packets' first bytes, so that they are read.
    uint64_t sum;
};

/// Walks blocks until `stop` is not 0 and nothing more comes. With `copies`, each packet is copied into a ring of
/// 64 MiB, at steps of 16 bytes; without, its first 16 bytes are read.
struct live_counts live_floor_run(struct live_floor *floor, int copies, const uint32_t *stop);
