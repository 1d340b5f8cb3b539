// SPDX-License-Identifier: Apache-2.0
// Linux headers that Swift cannot import by itself, and inline shims without logic.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "CLinuxBarrier.h"
#include "CLinuxCache.h"
#include "CLinuxFutex.h"
#include "CLinuxPacket.h"
#include "CLinuxSocket.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#endif
#ifndef F_SEAL_SEAL
#define F_SEAL_SEAL 1
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW 4
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 16
#endif

/// memfd_create(2) with close-on-exec and sealing allowed.
static inline int beltway_memfd(const char *name) {
    return (int)syscall(SYS_memfd_create, name, 1u /* MFD_CLOEXEC */ | 2u /* MFD_ALLOW_SEALING */);
}
/// fcntl(2) with an integer argument.
static inline int beltway_fcntl(int fd, int command, int argument) { return fcntl(fd, command, argument); }
static inline int beltway_seals(void) { return F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL; }
static inline int beltway_add_seals(int fd, int seals) { return fcntl(fd, F_ADD_SEALS, seals); }
static inline int beltway_get_seals(int fd) { return fcntl(fd, F_GET_SEALS); }

/// FUTEX_WAIT on a 32-bit word that may lie in shared memory; returns 0, or -errno.
static inline int beltway_futex_wait(const uint32_t *word, uint32_t expected, int64_t nanoseconds) {
    struct timespec limit = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    return syscall(SYS_futex, word, FUTEX_WAIT, expected, &limit, NULL, 0) == 0 ? 0 : -errno;
}
/// FUTEX_WAKE of at most so many sleepers on the word.
static inline void beltway_futex_wake(const uint32_t *word, int count) {
    syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}
/// FUTEX_WAKE of every sleeper on the word.
static inline void beltway_futex_wake_all(const uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE, 0x7fffffff, NULL, NULL, 0);
}
/// Sleeps so many nanoseconds, or less when a signal comes.
static inline void beltway_sleep(int64_t nanoseconds) {
    struct timespec time = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    nanosleep(&time, NULL);
}
/// Nanoseconds of CLOCK_MONOTONIC.
static inline uint64_t beltway_monotonic(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
/// Seals that keep a page's size but leave it writable: what a reader of another process writes for the owner.
static inline int beltway_size_seals(void) { return F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL; }
/// MADV_POPULATE_WRITE, without which there is nothing to collapse, then MADV_COLLAPSE; returns the latter's result.
static inline int beltway_populate_and_collapse(void *p, size_t n) {
    madvise(p, n, 23 /* MADV_POPULATE_WRITE */);
    return madvise(p, n, MADV_COLLAPSE);
}
static inline int beltway_open(const char *path, int flags, unsigned mode) { return open(path, flags, mode); }
// These need _GNU_SOURCE, which must not be set where Swift imports the headers (its Glibc is built without): CLinux.c.
/// The flag O_DIRECT of this architecture.
int beltway_O_DIRECT(void);
/// fallocate(2) with FALLOC_FL_KEEP_SIZE; returns 0 or an errno.
int beltway_preallocate(int fd, int64_t offset, int64_t length);
/// Names the calling thread; at most 15 bytes of it are kept.
int beltway_name_thread(const char *name);
/// Starts a detached thread with a stack of 8 MiB; returns 0 or an errno.
int beltway_start_thread(void *argument, void *(*body)(void *));
/// Locks a whole file for writing (fcntl); returns 0, or the process that holds it (-1 if unknown).
int beltway_lock(int fd);
/// The process that holds beltway_lock on a file, or 0.
int beltway_lock_holder(int fd);
/// Pins the calling thread to one processor; returns 0 or an errno.
int beltway_pin_thread(int cpu);
/// Tells the processor that this is a loop that waits.
static inline void beltway_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}
