/* Numbers that no program needs: the kernel must not be reached, so nothing but ENOSYS comes back. */
#include "probe.h"

static void must_be_unknown(long number)
{
        char what[32];
        int status = 0;
        pid_t pid = fork();

        if (pid == 0) {
                syscall(number, -1L, -1L, -1L, -1L, -1L, -1L);
                _exit(errno == ENOSYS ? 0 : 1);
        }
        waitpid(pid, &status, 0);
        if (status != 0) {
                snprintf(what, sizeof(what), "call-%ld", number);
                escaped(what);
        }
}

int main(void)
{
        static const long old[] = { SYS_uselib,           SYS_ustat,      SYS_sysfs,
                                    SYS__sysctl,          SYS_nfsservctl, SYS_lookup_dcookie,
                                    SYS_remap_file_pages, SYS_io_setup,   SYS_io_submit,
                                    SYS_io_destroy,       SYS_clone3,     SYS_userfaultfd,
                                    SYS_memfd_secret,     SYS_add_key,    SYS_keyctl,
                                    SYS_process_mrelease };

        for (size_t i = 0; i < sizeof(old) / sizeof(*old); i++)
                must_be_unknown(old[i]);
        for (long number = 450; number < 700; number++)
                if (number != 454 && number != 455 &&
                    number != 456) /* futex_wake, futex_wait, futex_requeue */
                        must_be_unknown(number);
        errno = ENOSYS;
        tried("all-others", -1);
        return done();
}
