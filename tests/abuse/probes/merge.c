/* Lets the kernel merge equal pages of different jobs. */
#include "probe.h"
#include <sys/prctl.h>

int main(void)
{
        TRY_FORKED("memory-merge", prctl(67, 1, 0, 0, 0));
        TRY_FORKED("memory-merge-high-bits", syscall(SYS_prctl, 67 + (1L << 32), 1, 0, 0, 0));
        return done();
}
