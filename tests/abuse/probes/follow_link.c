/* Links in its own folder to what is elsewhere; nobody follows them there, not even itself. */
#include "probe.h"

int main(int argc, char **argv)
{
        char what[32];

        for (int i = 1; i < argc; i++) {
                snprintf(what, sizeof(what), "link-%d", i);
                unlink("x");
                TRY(what, symlink(argv[i], "x") < 0 ? -1 : open("x", O_RDONLY));
                snprintf(what, sizeof(what), "below-%d", i);
                TRY(what, open("x/..", O_RDONLY));
        }
        return done();
}
