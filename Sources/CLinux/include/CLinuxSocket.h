// SPDX-License-Identifier: Apache-2.0
// UNIX sockets that carry whole messages (SOCK_SEQPACKET), descriptors and credentials. No logic: what is allowed is
// decided in Swift (BeltwayBuffers/Sharing).
#pragma once
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

/// Bytes that the path of a UNIX socket may have, without its NUL.
static inline int beltway_unix_path_length(void) { return 107; }
/// Binds and listens; not blocking, closed on exec. `mode` is that of the file. Returns a descriptor, or -errno.
int beltway_unix_listen(const char *path, unsigned mode, int backlog);
/// Connects within a time, which then also bounds every send and receive. Returns a descriptor, or -errno.
int beltway_unix_connect(const char *path, int milliseconds);
/// Accepts one connection; not blocking, closed on exec. Returns a descriptor, or -errno.
int beltway_unix_accept(int listener);
/// Who is at the other end, as of its connect(2) (SO_PEERCRED). Returns 0 or an errno.
int beltway_peer_credentials(int fd, int32_t *process, uint32_t *user, uint32_t *group);
/// Supplementary groups of the other end (SO_PEERGROUPS): how many, or -errno; at most `capacity` are stored.
int beltway_peer_groups(int fd, uint32_t *groups, int capacity);
/// Sends one message with descriptors (at most 253). Returns 0 or an errno; it is sent as a whole or not at all.
int beltway_send_message(int fd, const void *bytes, size_t length, const int32_t *descriptors, int count, int waits);
/// Receives one message. Descriptors that come with it are stored (at most `capacity`, any others are closed), or not
/// taken from the system at all if `capacity` is 0. Returns the bytes stored, 0 at the end, or -errno; -EMSGSIZE if the
/// message was longer than `length`.
ssize_t beltway_receive_message(
    int fd, void *bytes, size_t length, int32_t *descriptors, int capacity, int *count, int waits);
/// Bytes of sent messages that the other end has not taken yet.
int beltway_unread_by_peer(int fd);
/// An eventfd, not blocking, closed on exec; or -errno.
int beltway_event(void);
/// An open folder by which paths below it can be named (O_PATH), or -errno.
int beltway_open_folder(const char *path);
