/* Every process forks for ever; "stubborn" leaves its session, ignores signals and forks twice; "leave" lets the first
 * process exit with 0 while its children go on. */
#include "probe.h"

int main(int argc, char **argv)
{
        const char *how = argc > 1 ? argv[1] : "";
        pid_t first = getpid();

        puts("started");
        fflush(stdout);
        for (int i = 1; strcmp(how, "stubborn") == 0 && i < 65; i++)
                signal(i, SIG_IGN);
        for (unsigned n = 0;; n++) {
                pid_t pid = fork();

                if (pid == 0 && strcmp(how, "stubborn") == 0) {
                        setsid();
                        if (fork() > 0)
                                _exit(0);
                }
                if (getpid() == first && n > 50 && strcmp(how, "leave") == 0)
                        _exit(0);
                if (pid > 0)
                        waitpid(-1, NULL, WNOHANG);
        }
}
