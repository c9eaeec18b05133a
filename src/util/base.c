#include "util/base.h"

#include <stdio.h>

void must_failed(const char *what, const char *file, int line)
{
        dprintf(STDERR_FILENO, "coderunr: bug: %s does not hold at %s:%d\n", what, file, line);
        abort();
}
