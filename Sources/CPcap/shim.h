// The same feature macro as CLinux: types of the system's headers must be equal in both modules.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pcap/pcap.h>
