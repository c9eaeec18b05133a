/* Calls that end the process before the kernel looks at them; the arguments are such that nobody's succeed. */
#include "probe.h"

static void must_die(const char *what, long number)
{
        int status = 0;
        pid_t pid = fork();

        if (pid == 0) {
                syscall(number, -1L, -1L, -1L, -1L, -1L, -1L);
                _exit(0);
        }
        waitpid(pid, &status, 0);
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
                denied(what, "SIGSYS");
        else
                escaped(what); /* the kernel's own code was reached */
}

int main(void)
{
        must_die("kexec_load", SYS_kexec_load);
        must_die("kexec_file_load", SYS_kexec_file_load);
        must_die("init_module", SYS_init_module);
        must_die("finit_module", SYS_finit_module);
        must_die("delete_module", SYS_delete_module);
        must_die("open_by_handle_at", SYS_open_by_handle_at);
        must_die("iopl", SYS_iopl);
        must_die("ioperm", SYS_ioperm);
        must_die("reboot", SYS_reboot);
        must_die("swapon", SYS_swapon);
        must_die("swapoff", SYS_swapoff);
        return done();
}
