/*
 * The text is cut, never grown: an error message that does not fit is still an error message.
 */
#include "util/err.h"

#include <stdarg.h>
#include <stdio.h>

static void set(struct err *err, const char *format, va_list ap)
{
        vsnprintf(err->text, sizeof(err->text), format, ap);
}

int err_set(struct err *err, int code, const char *format, ...)
{
        va_list ap;

        if (!err)
                return code;
        va_start(ap, format);
        set(err, format, ap);
        va_end(ap);
        return code;
}

int err_errno(struct err *err, int code, const char *format, ...)
{
        va_list ap;
        size_t n;

        if (!err)
                return code;
        va_start(ap, format);
        set(err, format, ap);
        va_end(ap);
        n = strlen(err->text);
        snprintf(err->text + n, sizeof(err->text) - n, ": %s", strerror(code < 0 ? -code : code));
        return code;
}

int err_wrap(struct err *err, int code, const char *format, ...)
{
        struct err inner;
        va_list ap;
        size_t n;

        if (!err)
                return code;
        inner = *err;
        va_start(ap, format);
        set(err, format, ap);
        va_end(ap);
        n = strlen(err->text);
        snprintf(err->text + n, sizeof(err->text) - n, ": %s", inner.text);
        return code;
}
