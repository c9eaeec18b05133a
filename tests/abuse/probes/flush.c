/* Flushes more than its own files. */
#include "probe.h"

int main(void)
{
        /* sync(2) cannot fail: the wrapper has no result, the call does */
        TRY("sync", syscall(SYS_sync));
        TRY("syncfs", syncfs(open(".", O_RDONLY)));
        return done();
}
