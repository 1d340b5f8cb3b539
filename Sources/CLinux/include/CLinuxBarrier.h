// SPDX-License-Identifier: Apache-2.0
// membarrier(2): a fence in every thread of every process that registered, without any of them executing one.
#pragma once
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Registers this process. Returns 0, or -1 where the system has no such call or forbids it.
static inline int beltway_register_barrier(void) {
    return (int)syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0);
}

/// A full fence in every running thread of the processes that registered. Returns 0, or -1 as above: then nothing was done.
static inline int beltway_barrier_everywhere(void) {
    return (int)syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
}
