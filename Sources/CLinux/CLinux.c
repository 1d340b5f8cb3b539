// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"
#include <linux/falloc.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

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

int beltway_name_thread(const char *name) {
    char kept[16] = {0};
    strncpy(kept, name, sizeof kept - 1);
    return pthread_setname_np(pthread_self(), kept);
}

int beltway_start_thread(void *argument, void *(*body)(void *)) {
    pthread_attr_t attributes;
    pthread_t thread;
    int code = pthread_attr_init(&attributes);
    if (code != 0) return code;
    pthread_attr_setstacksize(&attributes, 8 << 20);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    code = pthread_create(&thread, &attributes, body, argument);
    pthread_attr_destroy(&attributes);
    return code;
}
