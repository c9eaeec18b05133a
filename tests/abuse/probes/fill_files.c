/* Fills a folder: "big" one file, "many" of 4 MiB, "empty" ones, "gone" without a name, "sparse" one of 1 TiB. */
#include "probe.h"

static char block[1 << 20];

static int write_file(const char *folder, int nr, int blocks, int flags)
{
        char path[256];
        int fd;

        snprintf(path, sizeof(path), "%s/f%d", folder, nr);
        fd = flags & O_TMPFILE ? open(folder, flags | O_RDWR, 0600)
                               : open(path, flags | O_RDWR | O_CREAT, 0600);
        if (fd < 0)
                return -1;
        for (int i = 0; i < blocks; i++)
                if (write(fd, block, sizeof(block)) < 0)
                        return -1;
        return flags & O_TMPFILE ? 0 : close(fd);
}

int main(int argc, char **argv)
{
        const char *folder = argv[1], *how = argv[2];
        int i = 0, r = 0, most = strcmp(how, "empty") == 0 ? 1000000 : 100;

        memset(block, 'x', sizeof(block));
        if (strcmp(how, "big") == 0)
                r = write_file(folder, 0, 10240, 0);
        if (strcmp(how, "sparse") == 0)
                r = truncate("f", 0) + ftruncate(open("f", O_RDWR | O_CREAT, 0600), 1L << 40);
        for (; argc > 2 && r == 0 && i < most; i++) {
                if (strcmp(how, "many") == 0)
                        r = write_file(folder, i, 4, 0);
                else if (strcmp(how, "gone") == 0)
                        r = write_file(folder, i, 4, O_TMPFILE);
                else
                        r = write_file(folder, i, 0, 0);
        }
        printf("%s after %d files\n", strerrorname_np(errno), i);
        return r == 0 ? 0 : 1;
}
