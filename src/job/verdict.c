#include "job/verdict.h"
#include "util/base.h"

static const struct {
        const char *name;
        enum fault fault;
        const char *text;
} rows[VERDICT_COUNT] = {
#define VERDICT(NAME, name, FAULT, text) [VERDICT_##NAME] = { #name, FAULT_##FAULT, text },
#include "job/verdict.def"
#undef VERDICT
};

const char *verdict_name(enum verdict verdict)
{
        must(verdict < VERDICT_COUNT);
        return rows[verdict].name;
}

const char *verdict_text(enum verdict verdict)
{
        must(verdict < VERDICT_COUNT);
        return rows[verdict].text;
}

enum fault verdict_fault(enum verdict verdict)
{
        must(verdict < VERDICT_COUNT);
        return rows[verdict].fault;
}
