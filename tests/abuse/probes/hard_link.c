/* A second name for somebody else's file. */
#include "probe.h"

int main(int argc, char **argv)
{
        for (int i = 1; i < argc; i++) {
                char what[32];

                snprintf(what, sizeof(what), "link-%d", i);
                unlink("x");
                TRY(what, link(argv[i], "x"));
        }
        return done();
}
