/* Whether set-user-id programs of the toolchain change anything. */
#include "probe.h"
#include <sys/statvfs.h>

static const char *const programs[] = { "/usr/bin/su", "/usr/bin/newgrp", "/usr/bin/passwd",
                                        "/usr/bin/chsh" };

/* The effective user of @path while it waits for its input. */
static int user_of(const char *path)
{
        char status[64];
        int fds[2], user = -1;
        pid_t pid;

        if (pipe(fds) < 0 || (pid = fork()) < 0)
                return -1;
        if (pid == 0) {
                dup2(fds[0], 0);
                close_range(1, ~0u, 0);
                execl(path, path, NULL);
                _exit(127);
        }
        usleep(100000);
        snprintf(status, sizeof(status), "/proc/%d/status", pid);
        (void)sscanf(field(status, "Uid"), "%*d %d", &user);
        kill(pid, SIGKILL);
        close(fds[1]);
        waitpid(pid, NULL, 0);
        return user;
}

int main(void)
{
        static const char *const places[] = { "/", "/usr", "/tmp", "." };
        struct statvfs st;

        for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
                if (statvfs(places[i], &st) == 0)
                        check(places[i], !(st.f_flag & ST_NOSUID));
        for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
                if (access(programs[i], X_OK) < 0)
                        absent(programs[i]);
                else
                        check(programs[i], user_of(programs[i]) == 0);
        }
        return done();
}
