// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"
#include <linux/falloc.h>
#include <sched.h>

int beltway_O_DIRECT(void) { return O_DIRECT; }

int beltway_preallocate(int fd, int64_t offset, int64_t length) {
    return fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, length) == 0 ? 0 : errno;
}

int beltway_pin_thread(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0 ? 0 : errno;
}

int beltway_lock_holder(int fd) {
    struct flock region = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_GETLK, &region) != 0) return -1;
    return region.l_type == F_UNLCK ? 0 : region.l_pid;
}

int beltway_lock(int fd) {
    struct flock region = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &region) == 0) return 0;
    int holder = beltway_lock_holder(fd);
    return holder > 0 ? holder : -1;
}

int beltway_setns(int fd) { return setns(fd, CLONE_NEWNET); }
int beltway_unshare_network(void) { return unshare(CLONE_NEWNET); }
