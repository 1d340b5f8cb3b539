/* SPDX-License-Identifier: Apache-2.0 */
/* Publishes a selection of a ring's packets, those that are shorter than LENGTH, as an index ring that others attach
 * to by its name: this program with three arguments, or any other reader.
 *
 *     cc -O2 select.c -lbeltway -o select
 *     ./select /var/lib/beltway eth0.0 short 100 &         entries of 32 bytes each; no packet is copied
 *     ./select /var/lib/beltway short                       prints time, lengths and ring of what was selected
 */
#include <beltway.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int failed(const char *what) { return fprintf(stderr, "select: %s: %s\n", what, beltway_error()), 1; }

static int next(beltway_reader *reader, beltway_packet *packet) {
    int code;
    while ((code = beltway_next(reader, packet)) == EAGAIN)
        if ((code = beltway_wait(reader, 1000000000)) != 0 && code != EAGAIN) break;
    return code;
}

static int report(beltway_reader *reader, const char *verb, unsigned long long packets) {
    beltway_counts counts;
    if (beltway_count(reader, &counts)) return failed("count");
    fprintf(stderr, "%s %llu of %llu, lost %llu\n", verb, packets, (unsigned long long)counts.published,
            (unsigned long long)counts.lost);
    return beltway_detach(reader);
}

int main(int argc, char **argv) {
    beltway_reader *reader;
    beltway_index *index = NULL;
    beltway_packet packet;
    unsigned long long chosen = 0;
    if (argc != 3 && argc != 5) return fprintf(stderr, "usage: select DATA RING [NAME LENGTH]\n"), 2;
    if (beltway_attach(argv[1], argv[2], "select", 0, &reader)) return failed(argv[2]);
    if (argc == 5 && beltway_index_create(argv[1], argv[3], &reader, 1, 65536, BELTWAY_POLICY_FAST, &index))
        return failed(argv[3]);
    fprintf(stderr, "attached\n");
    while (next(reader, &packet) == 0) {
        if (index == NULL) {
            if (packet.bytes == NULL || beltway_confirm(reader, &packet)) continue;
            printf("%llu %u %u %u %llu\n", (unsigned long long)packet.time, packet.captured_length,
                   packet.classification, packet.buffer, (unsigned long long)packet.ordinal);
            chosen++;
        } else if (packet.captured_length < strtoul(argv[4], NULL, 10)) {
            /* Appending checks that the packet is still whole. */
            if (beltway_index_append(index, &packet, 0, BELTWAY_CLASS_OTHER) == 0) chosen++;
            beltway_index_publish(index);
        }
    }
    if (index != NULL) beltway_index_close(index);
    return report(reader, index == NULL ? "printed" : "selected", chosen);
}
