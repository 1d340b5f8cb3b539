/* SPDX-License-Identifier: Apache-2.0 */
/* Calls everything in every wrong way that C allows to be survived: misuse DATA RING. Exits with the number of calls
 * that returned something else than they should have. */
#define _GNU_SOURCE
#include <beltway.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int wrong;

static void expect_(int expected, int found, const char *call, int line) {
    if (expected == found) return;
    wrong++;
    fprintf(stderr, "line %d: %s: %d, expected %d (%s)\n", line, call, found, expected, beltway_error());
}
#define expect(expected, call) expect_(expected, call, #call, __LINE__)

static void all_with(int expected, beltway_reader *reader) {
    beltway_packet packet;
    beltway_counts counts;
    beltway_ring ring;
    char text[16];
    size_t count;
    memset(&packet, 0, sizeof packet);
    expect(expected, beltway_next(reader, &packet));
    expect(expected, beltway_next_batch(reader, &packet, 1, &count));
    expect(expected, beltway_peek(reader, &packet));
    expect(expected, beltway_confirm(reader, &packet));
    expect(expected, beltway_confirm_batch(reader, &packet, 1, &count));
    expect(expected, beltway_read(reader, &packet, text, sizeof text));
    expect(expected, beltway_release(reader));
    expect(expected, beltway_wait(reader, 0));
    expect(expected, beltway_coalesce(reader, 0, 1));
    expect(expected, beltway_count(reader, &counts));
    expect(expected, beltway_describe(reader, &ring));
    expect(expected, beltway_interface(reader, 0, text, sizeof text));
    expect(expected, beltway_reconnect(reader));
    expect(expected, beltway_detach(reader));
}

static void *waiting(void *reader) { return (void *)(intptr_t)beltway_wait((beltway_reader *)reader, 2000000000); }

int main(int argc, char **argv) {
    beltway_reader *reader = NULL, *other = NULL;
    beltway_index *index = NULL, *second = NULL;
    beltway_packet packet;
    beltway_counts counts;
    char text[16];
    size_t count;
    pthread_t thread;
    void *ended;
    int status;
    if (argc != 3) return 200;
    memset(&packet, 0xff, sizeof packet);
    const char *data = argv[1], *ring = argv[2];

    /* Handles that are none: NULL, invented, and one that is of another kind or closed. */
    all_with(EINVAL, NULL);
    all_with(EBADF, (beltway_reader *)(uintptr_t)0x7fff12345678);
    all_with(EBADF, (beltway_reader *)(uintptr_t)0x11fff);
    all_with(EBADF, (beltway_reader *)(uintptr_t)0x11000);
    expect(EINVAL, beltway_attach(NULL, ring, NULL, 0, &reader));
    expect(EINVAL, beltway_attach(data, NULL, NULL, 0, &reader));
    expect(EINVAL, beltway_attach(data, ring, NULL, 0, NULL));
    expect(EINVAL, beltway_attach(data, ring, NULL, 2, &reader));
    expect(EINVAL, beltway_attach(data, "../run/x", NULL, 0, &reader));
    expect(EINVAL, beltway_attach(data, "", NULL, 0, &reader));
    expect(EINVAL, beltway_attach(data, "\xff\xfe", NULL, 0, &reader));
    expect(ENOENT, beltway_attach(data, "nothing", NULL, 0, &reader));
    expect(ENOENT, beltway_attach("/nonexistent", ring, NULL, 0, &reader));
    expect(EINVAL, beltway_list(NULL, NULL, 0, &count));
    expect(EINVAL, beltway_list(data, NULL, 1, &count));
    expect(EINVAL, beltway_list(data, NULL, 0, NULL));
    expect(ENOENT, beltway_list("/nonexistent", NULL, 0, &count));
    expect(0, beltway_list(data, NULL, 0, &count));
    expect(1, (int)count);

    /* Arguments of calls on an open one. */
    expect(0, beltway_attach(data, ring, "misuse", BELTWAY_HOLD, &reader));
    expect(EINVAL, beltway_next(reader, NULL));
    expect(EINVAL, beltway_next_batch(reader, NULL, 1, &count));
    expect(EINVAL, beltway_next_batch(reader, &packet, 0, &count));
    expect(EINVAL, beltway_next_batch(reader, &packet, 1, NULL));
    expect(EINVAL, beltway_peek(reader, NULL));
    expect(EINVAL, beltway_confirm(reader, NULL));
    expect(EINVAL, beltway_confirm_batch(reader, NULL, 1, &count));
    expect(EINVAL, beltway_read(reader, &packet, NULL, 1));
    expect(EINVAL, beltway_read(reader, &packet, text, 0));
    expect(EINVAL, beltway_coalesce(reader, -1, 1));
    expect(EINVAL, beltway_coalesce(reader, 0, 0));
    expect(EINVAL, beltway_count(reader, NULL));
    expect(EINVAL, beltway_describe(reader, NULL));
    expect(EINVAL, beltway_interface(reader, 0, NULL, 1));
    expect(EINVAL, beltway_interface(reader, 0, text, 0));
    expect(ENOENT, beltway_interface(reader, 63, text, sizeof text));
    expect(ENOENT, beltway_interface(reader, UINT32_MAX, text, sizeof text));
    expect(EAGAIN, beltway_wait(reader, 0));
    expect(EAGAIN, beltway_wait(reader, 1000000));
    expect(EAGAIN, beltway_next(reader, &packet));
    /* A packet that never was: it cannot be lost, as nothing has been read. */
    memset(&packet, 0xff, sizeof packet);
    expect(EINVAL, beltway_confirm(reader, &packet));
    expect(EINVAL, beltway_confirm_batch(reader, &packet, 1, &count));
    expect(0, beltway_count(reader, &counts));
    expect(1, counts.published == 0 && counts.read == 0 && counts.lost == 0);

    /* Index rings. */
    expect(EINVAL, beltway_index_create(data, "i", NULL, 1, 128, BELTWAY_POLICY_FAST, &index));
    expect(EINVAL, beltway_index_create(data, "i", &reader, 0, 128, BELTWAY_POLICY_FAST, &index));
    expect(EINVAL, beltway_index_create(data, "i", &reader, 64, 128, BELTWAY_POLICY_FAST, &index));
    expect(EINVAL, beltway_index_create(data, "i", &reader, 1, 100, BELTWAY_POLICY_FAST, &index));
    expect(EINVAL, beltway_index_create(data, "i", &reader, 1, 64, BELTWAY_POLICY_FAST, &index));
    expect(EINVAL, beltway_index_create(data, "i", &reader, 1, SIZE_MAX, BELTWAY_POLICY_FAST, &index));
    expect(EINVAL, beltway_index_create(data, "i", &reader, 1, 128, BELTWAY_POLICY_MEDIUM, &index));
    expect(EINVAL, beltway_index_create(data, "i", &reader, 1, 128, 99, &index));
    expect(EINVAL, beltway_index_create(data, "i", &reader, 1, 128, BELTWAY_POLICY_FAST, NULL));
    expect(EINVAL, beltway_index_create(data, "i/j", &reader, 1, 128, BELTWAY_POLICY_FAST, &index));
    expect(EINVAL, beltway_index_create(data, NULL, &reader, 1, 128, BELTWAY_POLICY_FAST, &index));
    expect(ENOENT, beltway_index_create("/nonexistent", "i", &reader, 1, 128, BELTWAY_POLICY_FAST, &index));
    expect(EEXIST, beltway_index_create(data, ring, &reader, 1, 128, BELTWAY_POLICY_FAST, &index));
    expect(1, index == NULL);
    expect(0, beltway_index_create(data, "i", &reader, 1, 128, BELTWAY_POLICY_FAST, &index));
    expect(EEXIST, beltway_index_create(data, "i", &reader, 1, 128, BELTWAY_POLICY_FAST, &second));
    expect(EINVAL, beltway_index_append(index, NULL, 0, 0));
    expect(EINVAL, beltway_index_append(NULL, &packet, 0, 0));
    expect(EINVAL, beltway_index_append(index, &packet, 0, 0)); /* of no ring of the index */
    expect(0, beltway_describe(reader, (beltway_ring *)memset(&(beltway_ring){ 0 }, 0, sizeof(beltway_ring))));
    packet.buffer = 3;
    expect(ESTALE, beltway_index_append(index, &packet, 0, 0)); /* of this one, but it never was */
    expect(EINVAL, beltway_index_publish((beltway_index *)reader));
    expect(EINVAL, beltway_index_close((beltway_index *)reader));
    all_with(EINVAL, (beltway_reader *)index);
    expect(0, beltway_attach(data, "i", NULL, 0, &other));
    expect(EINVAL, beltway_index_create(data, "j", &other, 1, 128, BELTWAY_POLICY_FAST, &second)); /* no packets */
    expect(ENOENT, beltway_interface(other, 0, text, sizeof text));
    expect(0, beltway_index_close(index));
    expect(EBADF, beltway_index_close(index));
    expect(EBADF, beltway_index_append(index, &packet, 0, 0));
    expect(EBADF, beltway_index_publish(index));
    expect(EBADF, beltway_index_wait(index));
    expect(ENODATA, beltway_next(other, &packet));
    expect(ENODATA, beltway_wait(other, -1));
    expect(ENOENT, beltway_reconnect(other));
    expect(ENODATA, beltway_next(other, &packet)); /* as it was */
    expect(0, beltway_detach(other));

    /* Two threads at one handle; and a child that has only what it opened itself. */
    pthread_create(&thread, NULL, waiting, reader);
    usleep(300000);
    expect(EBUSY, beltway_next(reader, &packet));
    expect(EBUSY, beltway_detach(reader));
    if (fork() == 0) {
        all_with(EBADF, reader);
        expect(0, beltway_attach(data, ring, "child", 0, &other));
        expect(EAGAIN, beltway_next(other, &packet));
        expect(0, beltway_detach(other));
        _exit(wrong);
    }
    wait(&status);
    expect(0, status);
    pthread_join(thread, &ended);
    expect(EAGAIN, (int)(intptr_t)ended);
    expect(EAGAIN, beltway_next(reader, &packet));
    expect(0, beltway_detach(reader));
    all_with(EBADF, reader);
    return wrong > 100 ? 100 : wrong;
}
