// SPDX-License-Identifier: Apache-2.0
// AF_PACKET: the headers, constants that are expressions, and ioctl(2), which is variadic.
#pragma once
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_arp.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

/// Index of an interface by name, or -errno.
static inline int beltway_interface_index(int fd, const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    return ioctl(fd, SIOCGIFINDEX, &request) == 0 ? request.ifr_ifindex : -errno;
}
/// Hardware type (ARPHRD_) of an interface by name, or -errno.
static inline int beltway_interface_type(int fd, const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    return ioctl(fd, SIOCGIFHWADDR, &request) == 0 ? request.ifr_hwaddr.sa_family : -errno;
}
/// 0 if an interface of this index exists where the socket was opened, else -errno.
static inline int beltway_interface_exists(int fd, int index) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    request.ifr_ifindex = index;
    return ioctl(fd, SIOCGIFNAME, &request) == 0 ? 0 : -errno;
}
static inline int beltway_packet_socket(int type, int protocol) {
    return socket(AF_PACKET, type | SOCK_CLOEXEC, protocol);
}
static inline int beltway_all_protocols(void) { return htons(ETH_P_ALL); }
static inline int beltway_bind_packet(int fd, int index, int protocol) {
    struct sockaddr_ll address;
    memset(&address, 0, sizeof address);
    address.sll_family = AF_PACKET;
    address.sll_protocol = protocol;
    address.sll_ifindex = index;
    return bind(fd, (struct sockaddr *)&address, sizeof address);
}
/// Nanoseconds since 1970 by the clock that the kernel stamps packets with. (A file that imports libpcap too may not
/// reach timespec's members: it is not certain which of the two modules they belong to.)
static inline uint64_t beltway_wall_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
/// setns(2), for tests that enter a network namespace.
int beltway_setns(int fd);
/// unshare(2) of the calling thread's network namespace.
int beltway_unshare_network(void);
