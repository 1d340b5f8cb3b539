/* SPDX-License-Identifier: Apache-2.0 */
/* A program of libpcap's that knows nothing of Beltway: reads a device in one of the ways there are, and says what it saw.
 *
 *     reader WAY DEVICE [COUNT [FILTER]]
 *
 * Each packet's first eight bytes are its number; it is as long as that number makes it, and filled accordingly. */
#include <pcap/pcap.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pcap_t *handle;
static unsigned long seen, wrong, next_number;
static int first = 1, pause_at = -1;

static void take(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes) {
    (void)user;
    unsigned long number = 0;
    for (int index = 7; index >= 0; index--) number = number << 8 | bytes[index];
    if (header->caplen != 60 + number % 1000 || header->len != header->caplen) wrong++;
    else
        for (unsigned index = 8; index < header->caplen; index++)
            if (bytes[index] != (u_char)(number * 31 + index)) { wrong++; break; }
    if (!first && number < next_number) wrong++;
    if ((unsigned long)header->ts.tv_sec != 1) wrong++;
    first = 0;
    next_number = number + 1;
    seen++;
    if (pause_at >= 0 && seen == (unsigned long)pause_at) {
        fprintf(stderr, "paused\n");
        raise(SIGSTOP);
    }
}

static void on_signal(int number) {
    (void)number;
    pcap_breakloop(handle);
}

int main(int argc, char **argv) {
    char errors[PCAP_ERRBUF_SIZE] = "";
    if (argc < 3) return 2;
    const char *way = argv[1];
    int count = argc > 3 ? atoi(argv[3]) : -1, result = 0;
    if (!strcmp(way, "list")) {
        pcap_if_t *all = NULL;
        if (pcap_findalldevs(&all, errors) != 0) return 1;
        for (pcap_if_t *device = all; device; device = device->next)
            if (strstr(device->name, argv[2])) printf("%s: %s\n", device->name, device->description);
        pcap_freealldevs(all);
        return 0;
    }
    if (!strcmp(way, "file")) {
        handle = pcap_open_offline(argv[2], errors);
        if (!handle) return 1;
        result = pcap_loop(handle, -1, take, NULL);
        printf("result %d seen %lu\n", result, seen);
        pcap_close(handle);
        return 0;
    }
    handle = pcap_create(argv[2], errors);
    if (!handle) return 1;
    pcap_set_snaplen(handle, 65535);
    /* Long: nobody who waits for it may call the test passed. */
    pcap_set_timeout(handle, !strcmp(way, "signal") ? 60000 : 100);
    if (pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO) != 0) return 1;
    result = pcap_activate(handle);
    if (result < 0) {
        printf("activate %d %s\n", result, pcap_geterr(handle));
        return 1;
    }
    if (argc > 4) {
        struct bpf_program program;
        if (pcap_compile(handle, &program, argv[4], 1, 0) != 0) {
            printf("compile %s\n", pcap_geterr(handle));
            return 1;
        }
        if (pcap_setfilter(handle, &program) != 0) return 1;
        pcap_freecode(&program);
    }
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, NULL);
    int fd = !strcmp(way, "poll") ? pcap_get_selectable_fd(handle) : -1;
    fprintf(stderr, "reading\n");
    if (!strcmp(way, "loop") || !strcmp(way, "signal")) result = pcap_loop(handle, count, take, NULL);
    if (!strcmp(way, "pause")) {
        pause_at = 1;
        result = pcap_loop(handle, -1, take, NULL);
    }
    if (!strcmp(way, "next")) {
        struct pcap_pkthdr *header;
        const u_char *bytes;
        while ((result = pcap_next_ex(handle, &header, &bytes)) >= 0)
            if (result == 1) take(NULL, header, bytes);
    }
    unsigned long calls = 0;
    if (!strcmp(way, "dispatch")) while ((result = pcap_dispatch(handle, 7, take, NULL)) >= 0) calls++;
    if (!strcmp(way, "poll")) {
        struct pollfd place = {.fd = fd, .events = POLLIN};
        pcap_setnonblock(handle, 1, errors);
        do {
            if (poll(&place, 1, 20000) == 1) calls++;
        } while ((result = pcap_dispatch(handle, -1, take, NULL)) >= 0);
    }
    struct pcap_stat stats;
    if (pcap_stats(handle, &stats) != 0) return 1;
    printf("result %d seen %lu wrong %lu received %u dropped %u link %d snap %d sent %d calls %lu\n", result, seen, wrong,
           stats.ps_recv, stats.ps_drop, pcap_datalink(handle), pcap_snapshot(handle), pcap_inject(handle, "x", 1), calls);
    pcap_close(handle);
    return 0;
}
