/*
 * A manifest's argv is walked word by word.  Words that stand for lists become as many words as there are, none
 * included; every other is copied with its placeholders filled in.  Nothing is ever read by a shell, so
 * nothing is quoted.
 *
 * Environment: what every program gets, then the runtime's, then the stage's; of two of one name only the later
 * is handed on, because programs differ in which of two they believe.
 */
#include "job/plan.h"
#include "runtime/runtime.h"
#include "util/err.h"

#include <stdio.h>

static const char *const common_env[] = {
        "PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/tmp",
        "LIBC_FATAL_STDERR_=1", /* glibc's last words go to stderr, not to a terminal that is not there */
};

struct builder {
        const struct plan_job *job;
        enum stage stage;
        struct bytes words;
        uint32_t n; /* words so far */
};

void plan_words_deinit(struct plan_words *words)
{
        bytes_deinit(&words->words);
        *words = (struct plan_words){ 0 };
}

static int end_word(struct builder *b)
{
        b->n++;
        return bytes_add(&b->words, "", 1);
}

static int add_word(struct builder *b, const char *word)
{
        int r = bytes_add_text(&b->words, word);

        return r < 0 ? r : end_word(b);
}

static int add_words(struct builder *b, const char *const *words)
{
        int r = 0;

        for (; words && *words && r == 0; words++)
                r = add_word(b, *words);
        return r;
}

/* A name that a tool would take for an option, or for a file of options, is made a path. */
static int guard_name(struct builder *b, const char *name)
{
        return name[0] == '-' || name[0] == '@' ? bytes_add_text(&b->words, "./") : 0;
}

static int add_name(struct builder *b, const char *name)
{
        int r = guard_name(b, name);

        return r < 0 ? r : add_word(b, name);
}

static int add_sources(struct builder *b)
{
        const struct plan_job *job = b->job;
        int r = add_name(b, job->main_file);

        for (const char *const *name = job->code; name && *name && r == 0; name++)
                if (!streq(*name, job->main_file) && runtime_has_extension(job->runtime->extensions, *name))
                        r = add_name(b, *name);
        return r;
}

static int add_code(struct builder *b)
{
        int r = 0;

        for (const char *const *name = b->job->code; name && *name && r == 0; name++)
                r = add_name(b, *name);
        return r;
}

/* "src/main.c" -> "src/main" */
static size_t stem_len(const char *name)
{
        const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name, *dot = strrchr(base, '.');

        return dot && dot > base ? (size_t)(dot - name) : strlen(name);
}

/* The placeholder at @p, if there is one: appends what it stands for. Returns its length, 0 for none. */
static int add_placeholder(struct builder *b, const char *p)
{
        const char *name = b->job->main_file;
        int r;

        if (strncmp(p, "{main}", 6) == 0 || strncmp(p, "{stem}", 6) == 0) {
                bool begins_word = b->words.n == 0 || b->words.p[b->words.n - 1] == '\0';

                r = begins_word ? guard_name(b, name) : 0;
                r = r ? r : bytes_add(&b->words, name, p[1] == 'm' ? strlen(name) : stem_len(name));
                return r < 0 ? r : 6;
        }
        if (strncmp(p, "{prepared}", 10) == 0) {
                r = bytes_printf(&b->words, RUNTIME_PREPARED "/%s", b->job->runtime->prepared);
                return r < 0 ? r : 10;
        }
        if (strncmp(p, "{memory_mib}", 12) == 0) {
                r = bytes_printf(&b->words, "%llu",
                                 (unsigned long long)(b->job->limits[b->stage].memory_bytes / MIB));
                return r < 0 ? r : 12;
        }
        return 0;
}

static int add_filled(struct builder *b, const char *word)
{
        if (!b->job->runtime->is_prepared && strstr(word, "{prepared}"))
                return 0;
        while (*word) {
                int r = *word == '{' ? add_placeholder(b, word) : 0;

                if (r < 0)
                        return r;
                if (r == 0) {
                        int added = bytes_add(&b->words, word, 1);

                        if (added < 0)
                                return added;
                        r = 1;
                }
                word += r;
        }
        return end_word(b);
}

static int add_argv(struct builder *b)
{
        char *const *word = b->job->runtime->stages[b->stage].argv;
        int r = 0;

        for (; *word && r == 0; word++) {
                if (streq(*word, "{sources}"))
                        r = add_sources(b);
                else if (streq(*word, "{code}"))
                        r = add_code(b);
                else if (streq(*word, "{args}"))
                        r = add_words(b, b->job->args);
                else
                        r = add_filled(b, *word);
        }
        return r;
}

static bool same_name(const char *a, const char *b)
{
        size_t n = strcspn(a, "=");

        return strncmp(a, b, n) == 0 && b[n] == '=';
}

static bool is_named_in(char *const *env, const char *word)
{
        for (; env && *env; env++)
                if (same_name(*env, word))
                        return true;
        return false;
}

static int add_language(struct builder *b)
{
        static const char *const names[] = { "PISTON_LANGUAGE", "CODERUNR_LANGUAGE" };
        int r = 0;

        for (size_t i = 0; i < ARRAY_LEN(names) && r == 0; i++) {
                r = bytes_printf(&b->words, "%s=%s", names[i], b->job->runtime->language);
                if (r == 0)
                        r = end_word(b);
        }
        return r;
}

static int add_env(struct builder *b)
{
        const struct runtime *runtime = b->job->runtime;
        char *const *own = runtime->stages[b->stage].env;
        int r = 0;

        for (size_t i = 0; i < ARRAY_LEN(common_env) && r == 0; i++)
                if (!is_named_in(runtime->env, common_env[i]) && !is_named_in(own, common_env[i]))
                        r = add_word(b, common_env[i]);
        for (char *const *word = runtime->env; word && *word && r == 0; word++)
                if (!is_named_in(own, *word))
                        r = add_filled(b, *word);
        for (char *const *word = own; word && *word && r == 0; word++)
                r = add_filled(b, *word);
        return r < 0 ? r : add_language(b);
}

int plan_build(const struct plan_job *job, enum stage stage, struct plan_words *ret_words, struct err *err)
{
        struct builder b = { job, stage, BYTES_INIT(PLAN_WORDS_BYTES), 0 };
        uint32_t n_args;
        int r;

        must(runtime_has_stage(job->runtime, stage));
        r = add_argv(&b);
        n_args = b.n;
        if (r == 0 && n_args > PLAN_ARGS_MAX)
                r = -ENOSPC;
        if (r == 0)
                r = add_env(&b);
        if (r == 0) {
                *ret_words = (struct plan_words){ b.words, n_args, b.n - n_args };
                return 0;
        }
        bytes_deinit(&b.words);
        if (r == -ENOSPC)
                return err_set(err, PLAN_TOO_LONG,
                               "arguments and file names exceed the %d bytes or %d words a box takes",
                               PLAN_WORDS_BYTES, PLAN_ARGS_MAX);
        return err_errno(err, r, "plan");
}
