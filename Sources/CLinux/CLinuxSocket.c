// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinuxSocket.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif
#define GREATEST_DESCRIPTORS 253

static int address_of(const char *path, struct sockaddr_un *address) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) return ENAMETOOLONG;
    strcpy(address->sun_path, path);
    return 0;
}

static int closing(int fd) {
    int code = errno;
    close(fd);
    return -code;
}

int beltway_unix_listen(const char *path, unsigned mode, int backlog) {
    struct sockaddr_un address;
    int code = address_of(path, &address);
    if (code != 0) return -code;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    // The file's mode is that of the socket before it is bound, so nobody can slip in between bind and chmod.
    if (fchmod(fd, mode & 0700) != 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0) return closing(fd);
    if (chmod(path, mode) != 0 || listen(fd, backlog) != 0) {
        code = closing(fd);
        unlink(path);
        return code;
    }
    return fd;
}

int beltway_unix_connect(const char *path, int milliseconds) {
    struct sockaddr_un address;
    int code = address_of(path, &address);
    if (code != 0) return -code;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    struct timeval limit = {milliseconds / 1000, milliseconds % 1000 * 1000};
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        return closing(fd);
    return fd;
}

int beltway_unix_accept(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int beltway_peer_credentials(int fd, int32_t *process, uint32_t *user, uint32_t *group) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return errno;
    *process = peer.pid;
    *user = peer.uid;
    *group = peer.gid;
    return 0;
}

int beltway_peer_groups(int fd, uint32_t *groups, int capacity) {
    socklen_t length = (socklen_t)capacity * sizeof *groups;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) != 0) return -errno;
    return (int)(length / sizeof *groups);
}

int beltway_send_message(int fd, const void *bytes, size_t length, const int32_t *descriptors, int count, int waits) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(GREATEST_DESCRIPTORS * sizeof(int))];
    } control;
    struct iovec part = {(void *)bytes, length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count < 0 || count > GREATEST_DESCRIPTORS) return EINVAL;
    if (count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(&control.header), descriptors, count * sizeof(int));
    }
    for (;;) {
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | (waits ? 0 : MSG_DONTWAIT));
        if (sent >= 0) return 0;
        if (errno != EINTR) return errno;
    }
}

ssize_t beltway_receive_message(
    int fd, void *bytes, size_t length, int32_t *descriptors, int capacity, int *count, int waits) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(GREATEST_DESCRIPTORS * sizeof(int))];
    } control;
    struct iovec part = {bytes, length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (capacity > 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
    }
    *count = 0;
    ssize_t taken;
    do taken = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | (waits ? 0 : MSG_DONTWAIT));
    while (taken < 0 && errno == EINTR);
    if (taken < 0) return -errno;
    if (capacity > 0) {
        for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part != NULL; part = CMSG_NXTHDR(&message, part)) {
            if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
            int held = (int)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
            for (int index = 0; index < held; index++) {
                int one;
                memcpy(&one, CMSG_DATA(part) + index * sizeof(int), sizeof one);
                if (*count < capacity) descriptors[(*count)++] = one;
                else close(one);
            }
        }
    }
    if (message.msg_flags & MSG_TRUNC) {
        for (int index = 0; index < *count; index++) close(descriptors[index]);
        *count = 0;
        return -EMSGSIZE;
    }
    return taken;
}

int beltway_unread_by_peer(int fd) {
    int bytes = 0;
    return ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

int beltway_event(void) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int beltway_open_folder(const char *path) {
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}
