// No feature macro here, as in CLinux and in Swift's own Glibc: types of the system's headers (fd_set) must be
// equal in all modules that one file sees.
#include <zlib.h>
