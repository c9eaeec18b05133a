/* Removes its own folder and all in it. */
#include "probe.h"
#include <ftw.h>

static int gone(const char *path, const struct stat *st, int type, struct FTW *where)
{
        return remove(path) && where->level > 0 ? -1 : 0;
}

int main(void)
{
        char folder[4096] = "";

        if (!getcwd(folder, sizeof(folder)))
                return 1;
        nftw(folder, gone, 16, FTW_DEPTH | FTW_PHYS);
        puts("gone");
        return 0;
}
