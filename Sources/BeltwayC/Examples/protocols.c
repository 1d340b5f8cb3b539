/* SPDX-License-Identifier: Apache-2.0 */
/* Counts packets and bytes by protocol, until the producer ends or enough were seen, and says what it missed.
 *
 *     cc -O2 protocols.c -lbeltway -o protocols
 *     ./protocols /var/lib/beltway eth0.0 [PACKETS]
 */
#include <beltway.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { OTHER, ICMP, TCP, UDP, KINDS };
static const char *const names[KINDS] = { "other", "icmp", "tcp", "udp" };

static int kind(const unsigned char *p, size_t n) {
    size_t at = 12;
    while (at + 4 < n && ((p[at] == 0x81 && p[at + 1] == 0) || (p[at] == 0x88 && p[at + 1] == 0xa8))) at += 4;
    int protocol = -1;
    if (at + 12 <= n && p[at] == 8 && p[at + 1] == 0) protocol = p[at + 2 + 9];
    if (at + 9 <= n && p[at] == 0x86 && p[at + 1] == 0xdd) protocol = p[at + 2 + 6];
    return protocol == 6 ? TCP : protocol == 17 ? UDP : protocol == 1 || protocol == 58 ? ICMP : OTHER;
}

int main(int argc, char **argv) {
    static beltway_packet packets[256];
    unsigned long long counted[KINDS] = { 0 }, bytes[KINDS] = { 0 };
    beltway_reader *reader;
    beltway_counts counts;
    size_t n, gone;
    if (argc < 3) return fprintf(stderr, "usage: protocols DATA RING [PACKETS]\n"), 2;
    unsigned long long limit = argc > 3 ? strtoull(argv[3], NULL, 10) : (unsigned long long)-1, total = 0;
    int code = beltway_attach(argv[1], argv[2], "protocols", 0, &reader);
    if (code) return fprintf(stderr, "protocols: %s\n", beltway_error()), 1;
    fprintf(stderr, "attached\n");
    while (total < limit) {
        code = beltway_next_batch(reader, packets, 256, &n);
        if (code == EAGAIN) code = beltway_wait(reader, 1000000000);
        if (code == EAGAIN) continue;
        if (code) break; /* ENODATA: the producer has ended; EOWNERDEAD: it died */
        int kinds[256];
        for (size_t i = 0; i < n; i++) kinds[i] = kind(packets[i].bytes, packets[i].captured_length);
        /* What was overwritten while we read it does not count: it is lost, and the library has counted it. */
        beltway_confirm_batch(reader, packets, n, &gone);
        for (size_t i = gone; i < n; i++) counted[kinds[i]]++, bytes[kinds[i]] += packets[i].original_length;
        total += n - gone;
    }
    if (code && code != ENODATA) fprintf(stderr, "protocols: %s\n", beltway_error());
    for (int k = 0; k < KINDS; k++) printf("%s %llu packets %llu bytes\n", names[k], counted[k], bytes[k]);
    beltway_count(reader, &counts);
    printf("published %llu read %llu lost %llu\n", (unsigned long long)counts.published,
           (unsigned long long)counts.read, (unsigned long long)counts.lost);
    return beltway_detach(reader);
}
