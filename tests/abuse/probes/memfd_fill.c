/* Memory in objects without a process: memfd, System V segments ("sysv"), POSIX shared memory ("shm"). */
#include "probe.h"
#include <sys/mman.h>
#include <sys/shm.h>

int main(int argc, char **argv)
{
        const char *how = argc > 1 ? argv[1] : "memfd";
        size_t n = 4 << 20;
        char name[32];

        for (int i = 0; i < 256; i++) {
                char *p = MAP_FAILED;
                int fd = -1;

                snprintf(name, sizeof(name), "/probe%d", i);
                if (strcmp(how, "sysv") == 0)
                        p = shmat(shmget(IPC_PRIVATE, n, IPC_CREAT | 0600), NULL, 0);
                else
                        fd = strcmp(how, "shm") == 0 ? shm_open(name, O_CREAT | O_RDWR, 0600)
                                                     : memfd_create(name, 0);
                if (fd >= 0 && ftruncate(fd, (off_t)n) == 0)
                        p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
                if (p == MAP_FAILED)
                        return 1;
                memset(p, 'x', n);
        }
        puts("a GiB fits");
        return 0;
}
