/* Memory that cannot be taken back. */
#include "probe.h"
#include <sys/mman.h>

int main(int argc, char **argv)
{
        size_t n = 1 << 20;
        void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (argc > 1) {
                TRY("huge-pages", mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0));
                return done();
        }
        TRY("mlock", mlock(p, n));
        TRY("map-locked",
            mmap(NULL, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0) == MAP_FAILED ? -1 : 0);
        TRY("mlockall", mlockall(MCL_CURRENT | MCL_FUTURE));
        return done();
}
