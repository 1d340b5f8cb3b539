// SPDX-License-Identifier: Apache-2.0
// What tcpdump -w does with a packet once it has it, for Figure 12(b): pcap_dump of libpcap into /dev/null.
#pragma once
#include <stdint.h>

/// Writes `count` packets of `length` bytes, at most 65,536, each time the same ones, from the processor's cache.
/// Returns the nanoseconds of the thread's processor time, or 0 when libpcap does not write.
uint64_t dump_peer_run(uint32_t length, uint64_t count);
