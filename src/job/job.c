/*
 * A job is filled by its door file by file and argument by argument, and settled once.  Every file name is
 * made plain here, so that all below can trust it: relative, no empty part, no "." or "..".
 *
 * The list is searched from end to end for every file added; JOB_FILES_MAX keeps that below some
 * 20 ms for the worst job a stranger can send.
 */
#include "job/job.h"
#include "job/naming.h"
#include "runtime/runtime.h"
#include "util/err.h"
#include "util/pack.h"

#include <stdio.h>

_Static_assert((int)JOB_NAME_MAX <= (int)PACK_NAME_MAX, "every name of a job fits a pack");

uint64_t job_owner(const char *owner)
{
        uint8_t sum[DIGEST_BYTES];
        struct digest digest;
        uint64_t number;

        if (!*owner)
                return 0;
        digest_begin(&digest);
        digest_text(&digest, owner);
        digest_end(&digest, sum);
        memcpy(&number, sum, sizeof(number));
        return (number & INT64_MAX) | 1; /* frames hold no larger one */
}

void job_init(struct job *job, const struct runtime *runtime)
{
        *job = (struct job){ .runtime = runtime, .pack = -1 };
        memcpy(job->limits, runtime->limits, sizeof(job->limits));
}

void job_deinit(struct job *job)
{
        for (size_t i = 0; i < job->n_files; i++) {
                free(job->files[i].name);
                bytes_deinit(&job->files[i].content);
        }
        for (size_t i = 0; i < job->n_args; i++)
                free(job->args[i]);
        free(job->files);
        free(job->args);
        bytes_deinit(&job->input);
        *job = (struct job){ 0 };
}

/* Resolve "", "." and ".." parts into @plain; 0 bytes when the name leaves the folder or ends in none. */
static size_t make_plain(const char *name, size_t len, char plain[JOB_NAME_MAX + 1])
{
        size_t n = 0, part = 0;

        if (len == 0 || len > JOB_NAME_MAX || name[0] == '/' || name[len - 1] == '/' ||
            memchr(name, '\0', len))
                return 0;
        for (size_t i = 0; i < len; i += part + 1) {
                const char *slash = memchr(name + i, '/', len - i);

                part = slash ? (size_t)(slash - (name + i)) : len - i;
                if (part > JOB_PART_MAX)
                        return 0;
                if (part == 0 || (part == 1 && name[i] == '.'))
                        continue;
                if (part == 2 && name[i] == '.' && name[i + 1] == '.') {
                        if (n == 0)
                                return 0;
                        while (n > 0 && plain[--n] != '/')
                                ;
                        continue;
                }
                if (n > 0)
                        plain[n++] = '/';
                memcpy(plain + n, name + i, part);
                n += part;
        }
        plain[n] = '\0';
        /* "a/." and "a/.." name a folder */
        return part <= 2 && strspn(name + len - part, ".") >= part ? 0 : n;
}

/* Is one of the names a folder of the other? */
static bool names_clash(const char *a, size_t na, const char *b, size_t nb)
{
        if (na > nb)
                return a[nb] == '/' && memcmp(a, b, nb) == 0;
        return na < nb && b[na] == '/' && memcmp(a, b, na) == 0;
}

/* The file called @name, or NULL; *ret_clash when a file and a folder would share it. */
static struct job_file *find_file(struct job *job, const char *name, size_t len, bool *ret_clash)
{
        *ret_clash = false;
        for (size_t i = 0; i < job->n_files; i++) {
                struct job_file *file = &job->files[i];

                if (file->name_len == len && memcmp(file->name, name, len) == 0)
                        return file;
                if (names_clash(file->name, file->name_len, name, len))
                        *ret_clash = true;
        }
        return NULL;
}

static int count_words(struct job *job, size_t bytes, struct err *err)
{
        if (bytes > JOB_WORDS_MAX - job->words_bytes)
                return err_set(err, JOB_TOO_MANY, "arguments and file names together exceed %d bytes",
                               JOB_WORDS_MAX);
        job->words_bytes += bytes;
        return 0;
}

static int append_file(struct job *job, const char *name, size_t len, struct err *err)
{
        struct job_file *files;
        char *copy;

        if (job->n_files >= JOB_FILES_MAX)
                return err_set(err, JOB_TOO_MANY, "a job may have at most %d files", JOB_FILES_MAX);
        if ((job->n_files & (job->n_files - 1)) == 0) {
                files = reallocarray(job->files, MAX(job->n_files * 2, (size_t)4), sizeof(*files));
                if (!files)
                        return err_set(err, -ENOMEM, "out of memory");
                job->files = files;
        }
        copy = strndup(name, len);
        if (!copy)
                return err_set(err, -ENOMEM, "out of memory");
        job->files[job->n_files++] = (struct job_file){ .name = copy, .name_len = len };
        return 0;
}

static int add_file(struct job *job, const char *name, size_t len, bool code, struct job_file **ret_file,
                    struct err *err)
{
        char plain[JOB_NAME_MAX + 1];
        size_t n = make_plain(name, len, plain);
        struct job_file *file;
        bool clash;
        int r;

        if (n == 0)
                return err_set(err, JOB_BAD_NAME, "\"%.*s\" is no name for a file inside the submission",
                               (int)MIN(len, (size_t)200), name);
        file = find_file(job, plain, n, &clash);
        if (clash)
                return err_set(err, JOB_BAD_NAME, "\"%.200s\" would be both a file and a folder", plain);
        if (code && !(file && file->code)) {
                r = count_words(job, n + 1, err);
                if (r != 0)
                        return r;
        }
        if (!file) {
                r = append_file(job, plain, n, err);
                if (r != 0)
                        return r;
                file = &job->files[job->n_files - 1];
        }
        *ret_file = file;
        return 0;
}

int job_add_file_take(struct job *job, const char *name, size_t name_len, struct bytes *content, bool code,
                      struct err *err)
{
        struct bytes taken CLEANUP(bytes_deinit) = *content;
        struct job_file *file = NULL;
        char nameless[32];
        int r;

        *content = (struct bytes){ .cap = content->cap };
        if (!name)
                name_len = (size_t)snprintf(nameless, sizeof(nameless), "file%zu.code", job->n_files);
        r = add_file(job, name ? name : nameless, name_len, code, &file, err);
        if (r != 0)
                return r;
        bytes_deinit(&file->content);
        file->content = taken;
        file->code = code;
        file->nameless = !name;
        taken = (struct bytes){ 0 };
        return 0;
}

int job_add_arg(struct job *job, const char *text, size_t len, struct err *err)
{
        char **args;
        int r;

        if (memchr(text, '\0', len))
                return err_set(err, JOB_BAD_NAME, "argument %zu holds a NUL byte", job->n_args);
        r = count_words(job, len + 1, err);
        if (r != 0)
                return r;
        args = reallocarray(job->args, job->n_args + 2, sizeof(*args));
        if (!args)
                return err_set(err, -ENOMEM, "out of memory");
        job->args = args;
        args[job->n_args] = strndup(text, len);
        if (!args[job->n_args])
                return err_set(err, -ENOMEM, "out of memory");
        args[++job->n_args] = NULL;
        return 0;
}

/* Companions ("util.h") are placed, never started; a job of nothing else starts its first anyway. */
static bool pick_main(struct job *job)
{
        size_t first = job->n_files;

        if (job->runtime->any_file) {
                job->main_file = 0;
                return job->n_files > 0;
        }
        for (size_t i = job->n_files; i-- > 0;)
                if (job->files[i].code)
                        first = i;
        job->main_file = first;
        for (size_t i = first; i < job->n_files; i++)
                if (job->files[i].code &&
                    !runtime_has_extension(job->runtime->companions, job->files[i].name)) {
                        job->main_file = i;
                        break;
                }
        return first < job->n_files;
}

/* A name already taken, too long, or in the way of a folder is not given: the tools will say what they miss. */
static int rename_file(struct job *job, struct job_file *file, const char *name, struct err *err)
{
        size_t len = strlen(name);
        char *copy;
        bool clash;

        if (len > JOB_NAME_MAX || find_file(job, name, len, &clash) || clash)
                return 0;
        copy = strdup(name);
        if (!copy)
                return err_set(err, -ENOMEM, "out of memory");
        free(file->name);
        file->name = copy;
        file->name_len = len;
        return 0;
}

static int name_source(struct job *job, struct job_file *file, struct err *err)
{
        const struct runtime *runtime = job->runtime;
        char name[JOB_NAME_MAX + 64];

        if (runtime->naming == RUNTIME_NAMING_JAVA) {
                _Static_assert(sizeof(name) >= NAMING_MAX, "a Java name fits");
                naming_java(bytes_view(&file->content), name);
                return rename_file(job, file, name, err);
        }
        if (!runtime->rename || !runtime->extensions[0] ||
            runtime_has_extension(runtime->extensions, file->name))
                return 0;
        snprintf(name, sizeof(name), "%s.%s", file->name, runtime->extensions[0]);
        return rename_file(job, file, name, err);
}

int job_settle(struct job *job, struct err *err)
{
        int r = 0;

        if (!pick_main(job))
                return err_set(err, JOB_NO_SOURCE, "the job brings no file to run");
        for (size_t i = 0; i < job->n_files && r == 0; i++)
                if (i == job->main_file || (job->files[i].code && job->files[i].nameless))
                        r = name_source(job, &job->files[i], err);
        return r;
}
