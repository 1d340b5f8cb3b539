// SPDX-License-Identifier: Apache-2.0
// futex_waitv(2): sleeping on several words at once (Linux 5.16).
#pragma once
#include <stdint.h>

/// Sleeps until one of the words (in shared memory) is woken, or no longer as expected, or the time is over.
/// At most 128. Returns 0 or more, or -errno; -ENOSYS from an older kernel.
int beltway_futex_wait_any(const uint32_t *const *words, const uint32_t *expected, int count, int64_t nanoseconds);
