/* SPDX-License-Identifier: Apache-2.0 */
/* Writes to a packet in place, which must end it with SIGSEGV: writes DATA RING. */
#include <beltway.h>
#include <stdio.h>

int main(int argc, char **argv) {
    beltway_reader *reader;
    beltway_packet packet;
    if (argc != 3 || beltway_attach(argv[1], argv[2], NULL, 0, &reader)) return 1;
    fprintf(stderr, "attached\n");
    if (beltway_wait(reader, 10000000000) || beltway_next(reader, &packet)) return 2;
    fprintf(stderr, "writing\n");
    *(volatile unsigned char *)packet.bytes = 1;
    return 0;
}
