/* Theory of operation: one line per stage, one column per row of timing.def, one more line for what only we see. */
#include "main/timing.h"

#include <stdio.h>

static const char *const columns[] = {
#define TIMING(field, text) #field,
#include "job/timing.def"
#undef TIMING
};

/* Making a box is over before its job comes, so it is told and not counted. */
static double print_stage(const char *name, const json_t *stage)
{
        double sum = 0;

        fprintf(stderr, "coderunr: %-8s", name);
        if (json_is_true(json_object_get(stage, "cached"))) {
                fprintf(stderr, "  from the cache\n");
                return 0;
        }
        for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
                double value = json_number_value(json_object_get(stage, columns[i]));

                fprintf(stderr, " %9.0f", value);
                if (strcmp(columns[i], "prepare") != 0)
                        sum += value;
        }
        fprintf(stderr, "\n");
        return sum;
}

void timing_print(const json_t *reply, uint64_t whole_ns)
{
        json_t *timing = json_object_get(reply, "timing"), *stage;
        const char *name;
        double sum = 0;

        if (!timing) {
                fprintf(stderr, "coderunr: this engine does not tell where the time went\n");
                return;
        }
        fprintf(stderr, "coderunr: %-8s", "µs");
        for (size_t i = 0; i < ARRAY_LEN(columns); i++)
                fprintf(stderr, " %9s", columns[i]);
        fprintf(stderr, "\n");
        json_object_foreach(timing, name, stage) sum += print_stage(name, stage);
        fprintf(stderr, "coderunr: all      %9.0f, of which outside of the stages %.0f: HTTP and JSON\n",
                (double)whole_ns / 1000, (double)whole_ns / 1000 - sum);
}
