/* SPDX-License-Identifier: Apache-2.0 */
/* Reads packets that say which they are (CheckedOwner.swift), in one of the ways of beltway.h, and compares each.
 *
 *     checked DATA RING next|batch|read|peek|follow PAUSE LIMIT
 *
 * PAUSE: microseconds slept after every 1,000 packets, so as to be overtaken. Ends after LIMIT packets, or with the
 * producer; `follow` reconnects once instead. Prints the ledger and how many packets were torn. */
#include <beltway.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static unsigned long long total, torn, limit;
static unsigned long pause_us;

static int is_right(const beltway_packet *packet) {
    const unsigned char *bytes = (const unsigned char *)packet->bytes;
    unsigned long long said = 0;
    unsigned i;
    if (packet->captured_length < 8 || packet->original_length != packet->captured_length) return 0;
    for (i = 0; i < 8; i++) said |= (unsigned long long)bytes[i] << (8 * i);
    if (said != packet->ordinal || packet->time != 1000000000u + said) return 0;
    for (; i < packet->captured_length; i++)
        if (bytes[i] != (unsigned char)(said * 31 + i)) return 0;
    return packet->captured_length == 8 + said % 1000;
}

static void note(int right) {
    struct timespec time;
    total++;
    torn += !right;
    time.tv_sec = 0;
    time.tv_nsec = (long)pause_us * 1000;
    if (pause_us && total % 1000 == 0) nanosleep(&time, NULL);
}

static int one(beltway_reader *reader, const char *mode) {
    static unsigned char copy[2048];
    static beltway_packet packets[64];
    beltway_packet packet;
    size_t count, gone, i;
    int code, right[64];
    if (strcmp(mode, "batch") == 0) {
        if ((code = beltway_next_batch(reader, packets, 64, &count)) != 0) return code;
        for (i = 0; i < count; i++) right[i] = is_right(&packets[i]);
        if (beltway_confirm_batch(reader, packets, count, &gone)) return -1;
        for (i = gone; i < count; i++) note(right[i]);
        return 0;
    }
    if (strcmp(mode, "read") == 0) {
        if ((code = beltway_read(reader, &packet, copy, sizeof copy)) != 0) return code;
        note(is_right(&packet) && packet.bytes == copy);
        return 0;
    }
    if (strcmp(mode, "peek") == 0 && (code = beltway_peek(reader, packets)) != 0) return code;
    if ((code = beltway_next(reader, &packet)) != 0) return code;
    right[0] = is_right(&packet);
    /* The one that was peeked at, unless that was overwritten in between. */
    if (strcmp(mode, "peek") == 0 && packets[0].ordinal > packet.ordinal) right[0] = 0;
    if (beltway_confirm(reader, &packet) == 0) note(right[0]);
    return 0;
}

int main(int argc, char **argv) {
    beltway_reader *reader;
    beltway_counts counts;
    int code, reconnected = 0;
    if (argc != 6) return 2;
    pause_us = strtoul(argv[4], NULL, 10);
    limit = strtoull(argv[5], NULL, 10);
    if (beltway_attach(argv[1], argv[2], NULL, 0, &reader)) return fprintf(stderr, "%s\n", beltway_error()), 1;
    fprintf(stderr, "attached\n");
    while (total < limit) {
        code = one(reader, argv[3]);
        if (code == EAGAIN) code = beltway_wait(reader, 1000000000);
        if (code == 0 || code == EAGAIN) continue;
        if ((code != ENODATA && code != EOWNERDEAD) || strcmp(argv[3], "follow") || reconnected++) break;
        beltway_count(reader, &counts);
        printf("ended %u generation %llu published %llu read %llu lost %llu torn %llu\n", counts.ended,
               (unsigned long long)counts.generation, (unsigned long long)counts.published,
               (unsigned long long)counts.read, (unsigned long long)counts.lost, torn);
        fprintf(stderr, "waiting\n");
        do {
            struct timespec time = { 0, 10000000 };
            nanosleep(&time, NULL);
            code = beltway_reconnect(reader);
            if (code == 0 && beltway_count(reader, &counts) == 0 && counts.ended) code = ENOENT;
        } while (code == ENOENT || code == EOWNERDEAD);
        if (code) return fprintf(stderr, "%s\n", beltway_error()), 1;
        fprintf(stderr, "reconnected\n");
        total = 0;
    }
    if (beltway_release(reader) || beltway_count(reader, &counts)) return 1;
    printf("ended %u generation %llu published %llu read %llu lost %llu torn %llu\n", counts.ended,
           (unsigned long long)counts.generation, (unsigned long long)counts.published,
           (unsigned long long)counts.read, (unsigned long long)counts.lost, torn);
    return beltway_detach(reader);
}
