/* SPDX-License-Identifier: Apache-2.0 */
/* Attaches and detaches many times, makes and ends index rings, and compares what the process has open and mapped
 * before and after: leaks DATA RING TIMES. Exits with 0 if nothing is left. */
#include <beltway.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int descriptors(void) {
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder) != NULL) count++;
    closedir(folder);
    return count;
}

/* Mappings of memory that the library shares with others, and kilobytes of all memory that is mapped. */
static int mappings(unsigned long *kilobytes) {
    char line[512];
    int count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    *kilobytes = 0;
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long start = 0, end = 0;
        count += strstr(line, "memfd:") != NULL;
        if (sscanf(line, "%lx-%lx", &start, &end) == 2) *kilobytes += (end - start) / 1024;
    }
    fclose(maps);
    return count;
}

static int turn(char **argv, int with_index) {
    beltway_reader *reader, *other;
    beltway_index *index;
    beltway_packet packet;
    if (beltway_attach(argv[1], argv[2], "leaks", 0, &reader)) return 1;
    if (beltway_next(reader, &packet) == 0) beltway_confirm(reader, &packet);
    if (with_index) {
        if (beltway_index_create(argv[1], "leaks", &reader, 1, 128, BELTWAY_POLICY_FAST, &index)) return 1;
        if (beltway_attach(argv[1], "leaks", "leaks", 0, &other)) return 1;
        if (beltway_detach(other) || beltway_index_close(index)) return 1;
    }
    if (beltway_reconnect(reader)) return 1;
    return beltway_detach(reader);
}

int main(int argc, char **argv) {
    int i, before[2], after[2], times;
    unsigned long kilobytes[2];
    if (argc != 4) return 2;
    times = atoi(argv[3]);
    for (i = 0; i < 40; i++)
        if (turn(argv, i % 4 == 0)) return fprintf(stderr, "%s\n", beltway_error()), 1;
    before[0] = descriptors();
    before[1] = mappings(&kilobytes[0]);
    for (i = 0; i < times; i++)
        if (turn(argv, i % 20 == 0)) return fprintf(stderr, "%s\n", beltway_error()), 1;
    after[0] = descriptors();
    after[1] = mappings(&kilobytes[1]);
    printf("descriptors %d %d memfds mapped %d %d kilobytes mapped %lu %lu\n", before[0], after[0], before[1], after[1],
           kilobytes[0], kilobytes[1]);
    /* Stacks and arenas of the malloc of threads that came and went may stay: 9 MiB of them. */
    return before[0] != after[0] || before[1] != after[1] || kilobytes[1] > kilobytes[0] + 9216;
}
