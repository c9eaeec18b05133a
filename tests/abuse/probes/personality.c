/* Executes by older rules. */
#include "probe.h"
#include <sys/personality.h>

int main(void)
{
        TRY("read-implies-exec", personality(READ_IMPLIES_EXEC));
        TRY("uname26", personality(0x0020000));
        TRY("linux32", personality(PER_LINUX32));
        TRY("mmap-page-zero", personality(MMAP_PAGE_ZERO));
        TRY("high-bits", syscall(SYS_personality, READ_IMPLIES_EXEC | 1UL << 32));
        return done();
}
