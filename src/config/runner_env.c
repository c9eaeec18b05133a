/*
 * The settings of the exec v1 dialect's original: RUNNER_* of the environment, and of the file .env in the working folder for what
 * the environment does not say.  A table of what they are here; names that belong to others are left alone.
 */
#include "config/config_priv.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/log.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>

enum { VALUE_MAX = 256, ENV_FILE_MAX = 64 * 1024 };

static const char env_file[] = ".env";

enum spelling { AS_IT_IS, SECONDS, BINARY_BYTES, UNUSED_HERE };

static const struct {
        const char *name;
        const char *option;
        enum spelling spelling;
} rows[] = {
        { "RUNNER_API_BINDADDRESS", "bind_address", AS_IT_IS },
        { "RUNNER_SANDBOX_TIMEOUTSECONDS", "exec_timeout", SECONDS },
        { "RUNNER_SANDBOX_MEMORY", "exec_memory", BINARY_BYTES },
        { "RUNNER_WORKER_COUNT", "max_concurrent_jobs", AS_IT_IS },
        { "RUNNER_WORKER_MAX", "max_concurrent_jobs", AS_IT_IS },
        { "RUNNER_WORKER_MIN", NULL, UNUSED_HERE },
        { "RUNNER_DEBUG", NULL, UNUSED_HERE },
        { "RUNNER_HOSTROOTDIR", NULL, UNUSED_HERE },
        { "RUNNER_REDIS_ADDR", NULL, UNUSED_HERE },
        { "RUNNER_REDIS_PWD", NULL, UNUSED_HERE },
        { "RUNNER_DB_DSN", NULL, UNUSED_HERE },
};

static const char *in_environment(char *const *environment, const char *name)
{
        size_t n = strlen(name);

        for (; environment && *environment; environment++)
                if (strncmp(*environment, name, n) == 0 && (*environment)[n] == '=')
                        return *environment + n + 1;
        return NULL;
}

/* The value behind "=": quoted, or up to a comment; white space around it does not count. */
static void value_take(const char *from, const char *end, char value[VALUE_MAX])
{
        const char *comment;

        while (from < end && isspace((unsigned char)*from))
                from++;
        if (from < end && (*from == '"' || *from == '\'')) {
                const char *quote = memchr(from + 1, *from, (size_t)(end - from - 1));

                end = quote ? quote : end;
                from++;
        } else {
                for (comment = from; comment < end; comment++)
                        if (*comment == '#' && (comment == from || isspace((unsigned char)comment[-1])))
                                end = comment;
                while (end > from && isspace((unsigned char)end[-1]))
                        end--;
        }
        snprintf(value, VALUE_MAX, "%.*s", (int)(end - from), from);
}

/* The last line of @text that gives @name a value. */
static bool in_file(const struct bytes *text, const char *name, char value[VALUE_MAX])
{
        const char *at = text->p, *stop = text->p + text->n;
        size_t n = strlen(name);
        bool found = false;

        while (text->n > 0 && at < stop) {
                const char *newline = memchr(at, '\n', (size_t)(stop - at)), *end = newline ? newline : stop;
                const char *word = at;

                while (word < end && isspace((unsigned char)*word))
                        word++;
                if (end - word > 7 && memcmp(word, "export ", 7) == 0)
                        word += 7;
                if ((size_t)(end - word) > n && memcmp(word, name, n) == 0) {
                        word += n;
                        while (word < end && isspace((unsigned char)*word))
                                word++;
                        if (word < end && *word == '=') {
                                value_take(word + 1, end, value);
                                found = true;
                        }
                }
                at = end + 1;
        }
        return found;
}

static int set(struct config *config, size_t i, const char *value, const char *where, struct err *err)
{
        size_t digits = strspn(value, "0123456789");
        char text[VALUE_MAX + 4];

        switch (rows[i].spelling) {
        case SECONDS:
                if (digits == 0 || value[digits])
                        return err_set(err, -EINVAL, "%s: \"%s\" is not a number of seconds", where, value);
                snprintf(text, sizeof(text), "%ss", value);
                break;
        case BINARY_BYTES: /* digits, K, M, G or T of 1024, B or not */
                if (digits > 0 && value[digits] && strchr("KMGTkmgt", value[digits]) &&
                    (!value[digits + 1] || streq(value + digits + 1, "B") || streq(value + digits + 1, "b")))
                        snprintf(text, sizeof(text), "%.*s%ciB", (int)digits, value,
                                 toupper((unsigned char)value[digits]));
                else
                        snprintf(text, sizeof(text), "%s", value);
                break;
        case UNUSED_HERE:
                log_debug("%s: has no meaning here", where);
                return 0;
        default:
                snprintf(text, sizeof(text), "%s", value);
        }
        return option_set(config, rows[i].option, text, CONFIG_ENVIRONMENT, where, err);
}

/* A file that cannot be read has nothing to say, unless it is there. */
static int file_read(struct bytes *text, struct err *err)
{
        CLEANUP(close_fd) int fd = open(env_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        int r;

        if (fd < 0)
                return errno == ENOENT || errno == EACCES || errno == ENOTDIR
                               ? 0
                               : err_errno(err, -errno, "cannot open %s", env_file);
        r = bytes_read_fd(text, fd);
        return r < 0 ? err_errno(err, r, "cannot read %s", env_file) : 0;
}

int runner_environment_apply(struct config *config, char *const *environment, struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes file = BYTES_INIT(ENV_FILE_MAX);
        int r = file_read(&file, err);

        for (size_t i = 0; i < ARRAY_LEN(rows) && r == 0; i++) {
                const char *value = in_environment(environment, rows[i].name);
                char from_file[VALUE_MAX], where[64];

                snprintf(where, sizeof(where), "%s%s", value ? "" : ".env: ", rows[i].name);
                if (value)
                        r = set(config, i, value, where, err);
                else if (in_file(&file, rows[i].name, from_file))
                        r = set(config, i, from_file, where, err);
        }
        return r;
}
