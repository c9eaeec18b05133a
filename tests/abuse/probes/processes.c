/* Processes other than its own: in /proc, by signal, by descriptor; the arguments are numbers of some. */
#include "probe.h"

int main(int argc, char **argv)
{
        char path[32];
        struct stat st;
        int seen = 0, reached = 0, held = 0;

        for (int pid = 1; pid < 33000; pid++) {
                int fd;

                if (pid == getpid() || (pid == getppid() && pid != 1))
                        continue;
                snprintf(path, sizeof(path), "/proc/%d/", pid);
                seen += stat(path, &st) == 0;
                if (pid == 1)
                        continue;
                reached += kill(pid, 0) == 0;
                fd = (int)syscall(SYS_pidfd_open, pid, 0);
                held += fd >= 0;
                if (fd >= 0)
                        close(fd);
        }
        check("seen", seen > 0);
        check("reached", reached > 0);
        check("held", held > 0);
        for (int i = 1; i < argc; i++)
                TRY("named", kill(atoi(argv[i]), 0));
        return done();
}
