#include "runtime/stage.h"
#include "util/base.h"

const char *stage_name(enum stage stage)
{
        static const char *const names[STAGE_COUNT] = { "compile", "run" };

        must(stage < STAGE_COUNT);
        return names[stage];
}
