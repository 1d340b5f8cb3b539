// Timers that poll(2) can wait for, which Swift's Glibc leaves out.
#include <sys/timerfd.h>
