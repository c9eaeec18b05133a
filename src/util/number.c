#include "util/number.h"

char *number_text(char *p, uint64_t value, unsigned base)
{
        char *end = p;

        for (uint64_t rest = value; rest >= base; rest /= base)
                end++;
        *++end = '\0';
        for (char *digit = end; digit > p; value /= base)
                *--digit = (char)('0' + value % base);
        return end;
}
