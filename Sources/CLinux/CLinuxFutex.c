// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinuxFutex.h"
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

struct waiter {  // struct futex_waitv of linux/futex.h, which older headers lack
    uint64_t expected;
    uint64_t address;
    uint32_t flags;
    uint32_t reserved;
};

int beltway_futex_wait_any(const uint32_t *const *words, const uint32_t *expected, int count, int64_t nanoseconds) {
    struct waiter waiters[128];
    struct timespec end;
    if (count < 1 || count > 128) return -EINVAL;
    memset(waiters, 0, sizeof waiters);
    for (int index = 0; index < count; index++) {
        waiters[index].expected = expected[index];
        waiters[index].address = (uint64_t)(uintptr_t)words[index];
        waiters[index].flags = 2;  // FUTEX_32, not private
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += nanoseconds / 1000000000;
    end.tv_nsec += nanoseconds % 1000000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    long woken = syscall(SYS_futex_waitv, waiters, count, 0, &end, CLOCK_MONOTONIC);
    return woken < 0 ? -errno : (int)woken;
}
