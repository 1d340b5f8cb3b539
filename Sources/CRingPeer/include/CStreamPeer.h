// SPDX-License-Identifier: Apache-2.0
// The bound of Figure 11: two threads, a byte ring in memory that both share, no waiting in the kernel, no checks.
#pragma once
#include <stdint.h>

struct stream_peer;

/// Makes a ring of `capacity` bytes, a power of two; NULL if there is no memory.
struct stream_peer *stream_peer_create(uint64_t capacity);
void stream_peer_destroy(struct stream_peer *stream);

/// Copies blocks of `call` bytes in, at most `capacity` each, until `seconds` have passed; then ends the stream.
/// Returns the bytes written. One thread.
uint64_t stream_peer_write(struct stream_peer *stream, const uint8_t *block, uint64_t call, double seconds);

/// Copies at most `call` bytes at a time out until the stream has ended; returns the bytes read. Another thread.
uint64_t stream_peer_read(struct stream_peer *stream, uint8_t *block, uint64_t call);
