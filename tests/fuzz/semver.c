/* First line a version, the rest a range: what satisfies can be read, and a version equals itself. */
#include "fuzz.h"
#include "runtime/semver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = strndup((const char *)data, size);
        char *range = text ? strchr(text, '\n') : NULL;
        struct semver version;

        must(text);
        if (range) {
                *range++ = '\0';
                if (semver_parse(text, &version) == 0) {
                        must(semver_compare(&version, &version) == 0);
                        must(!semver_satisfies(&version, range) || semver_range_ok(range));
                        must(strlen(range) > SEMVER_RANGE_MAX - 8 || version.tag[0] ||
                             !semver_range_ok(range) || semver_satisfies(&version, "*"));
                }
        }
        free(text);
        return 0;
}
