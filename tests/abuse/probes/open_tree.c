/* Opens everything below its first argument for writing ("w") or reading ("r"), and writes nothing. */
#include "probe.h"
#include <ftw.h>

static int mode, tried_files, opened;

static int visit(const char *path, const struct stat *st, int type, struct FTW *where)
{
        if (type == FTW_F && S_ISREG(st->st_mode) && tried_files < 20000) {
                int fd = open(path, mode | O_NONBLOCK);

                tried_files++;
                if (fd >= 0 && opened++ < 5)
                        escaped(path);
                if (fd >= 0)
                        close(fd);
        }
        return 0;
}

int main(int argc, char **argv)
{
        mode = argv[2][0] == 'w' ? O_WRONLY : O_RDONLY;
        nftw(argv[1], visit, 32, FTW_PHYS);
        check("everything", opened > 0);
        return done();
}
