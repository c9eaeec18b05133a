/* Makes itself the last one to be killed. */
#include "probe.h"

static int put(const char *value)
{
        int fd = open("/proc/self/oom_score_adj", O_WRONLY);
        int r = fd < 0 ? -1 : write(fd, value, strlen(value)) > 0 ? 0 : -1;

        if (fd >= 0)
                close(fd);
        return r;
}

int main(void)
{
        TRY("-1000", put("-1000"));
        TRY("-1", put("-1"));
        return done();
}
