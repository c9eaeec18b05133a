#pragma once

/* Why a stage ended, and whose business that is: rows of verdict.def. */

enum fault { FAULT_NONE, FAULT_PROGRAM, FAULT_LIMIT, FAULT_REQUEST, FAULT_ENGINE };

enum verdict {
#define VERDICT(NAME, name, FAULT, text) VERDICT_##NAME,
#include "job/verdict.def"
#undef VERDICT
        VERDICT_COUNT
};

const char *verdict_name(enum verdict verdict);
const char *verdict_text(enum verdict verdict);
enum fault verdict_fault(enum verdict verdict);
