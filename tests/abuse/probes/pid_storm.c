/* Short-lived children as fast as it goes, so that process numbers come round. */
#include "probe.h"

int main(void)
{
        for (int i = 0; i < 50000; i++) {
                pid_t pid = fork();

                if (pid == 0)
                        _exit(0);
                waitpid(pid, NULL, 0);
        }
        puts("all born");
        return 0;
}
