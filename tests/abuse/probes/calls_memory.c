/* System calls about memory beyond the ordinary. */
#include "probe.h"
#include <sys/mman.h>

int main(void)
{
        unsigned long mask = 1;
        void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        unsigned char seen[1];

        TRY("mbind", syscall(SYS_mbind, page, 4096, 0, &mask, 0, 0));
        TRY("set_mempolicy", syscall(SYS_set_mempolicy, 0, NULL, 0));
        TRY("migrate_pages", syscall(SYS_migrate_pages, 0, 8, &mask, &mask));
        TRY("move_pages", syscall(SYS_move_pages, 0, 1, &page, NULL, &(int){ 0 }, 0));
        TRY("userfaultfd", syscall(SYS_userfaultfd, 1));
        TRY("memfd_secret", syscall(447, 0));
        TRY("mincore", mincore(page, 4096, seen));
        TRY("modify_ldt", syscall(SYS_modify_ldt, 0, seen, 1));
        TRY("process_madvise", syscall(SYS_process_madvise, syscall(SYS_pidfd_open, getpid(), 0), &(struct {
                                               void *p;
                                               size_t n;
                                       }){ page, 4096 },
                                       1, MADV_COLD, 0));
        return done();
}
