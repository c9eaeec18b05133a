#include "runtime/runtime.h"

uint64_t runtime_most(const struct runtime *runtime, enum stage stage, enum limit which)
{
        return MAX(limit_get(&runtime->limits[stage], which), limit_get(&runtime->doors[stage], which));
}

bool runtime_has_extension(char *const *extensions, const char *name)
{
        const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name, *dot = strrchr(base, '.');

        if (!dot || dot == base)
                return false;
        for (; extensions && *extensions; extensions++)
                if (streq(*extensions, dot + 1))
                        return true;
        return false;
}
