/* System calls about files that pass by names, or tell of others. */
#include "probe.h"

int main(void)
{
        struct {
                struct {
                        unsigned bytes;
                        int type;
                } head;
                char room[128];
        } handle = { { 128, 0 }, "" };
        int fd = open("/usr/bin/env", O_RDONLY), mount, pipe_fds[2];
        unsigned long range[2] = { 0, 4096 }, stat[4];
        unsigned long id[3] = { 24, 0, 0 };
        char page[512];

        TRY("name_to_handle_at", syscall(SYS_name_to_handle_at, AT_FDCWD, "/", &handle, &mount, 0));
        TRY("fanotify_init", syscall(SYS_fanotify_init, 0x200, O_RDONLY));
        TRY("lease", fcntl(fd, F_SETLEASE, F_RDLCK));
        TRY("lease-high-bits",
            syscall(SYS_fcntl, open("mine", O_RDONLY | O_CREAT, 0600), F_SETLEASE | 1UL << 32, F_RDLCK));
        TRY("notify", fcntl(open("/usr/bin", O_RDONLY), F_NOTIFY, 0x1 | 0x80000000u));
        TRY("cachestat", syscall(451, fd, range, stat, 0));
        TRY("residency", syscall(SYS_preadv2, fd, &(struct {
                                         void *p;
                                         size_t n;
                                 }){ page, 1 },
                                 1, 0L, 0L, 8));
        TRY("statmount", syscall(458, id, NULL, 0, 0) < 0 && errno != ENOSYS && errno != EPERM ? 0 : -1);
        (void)!pipe(pipe_fds);
        TRY("vmsplice", syscall(SYS_vmsplice, pipe_fds[1], &(struct {
                                        void *p;
                                        size_t n;
                                }){ page, 1 },
                                1, 8));
        return done();
}
