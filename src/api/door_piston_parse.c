/*
 * Theory of operation: the checks run in Piston's order, since its clients' tests know which message comes first; only
 * what Piston answered with an empty 500 (names, arguments) is looked at last.
 *
 * What is falsy in JavaScript (absent, null, false, 0, "") counts as absent wherever Piston let it.
 */
#include "api/decode.h"
#include "api/door_piston.h"
#include "config/config.h"
#include "job/job.h"
#include "runtime/catalog.h"
#include "util/err.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>

#define BAD(err, ...) err_set(err, 400, __VA_ARGS__)

static bool is_falsy(const json_t *value)
{
        return !value || json_is_null(value) || json_is_false(value) ||
               (json_is_number(value) && json_number_value(value) == 0) ||
               (json_is_string(value) && json_string_length(value) == 0);
}

static struct view text_of(const json_t *value)
{
        return (struct view){ json_string_value(value), json_string_length(value) };
}

static bool is_text(const json_t *value, const char *text)
{
        return json_is_string(value) && view_eq_text(text_of(value), text);
}

static int check_shape(const json_t *root, struct err *err)
{
        const json_t *files = json_object_get(root, "files");
        const json_t *file;
        size_t i;

        if (!json_is_string(json_object_get(root, "language")) || is_falsy(json_object_get(root, "language")))
                return BAD(err, "language is required as a string");
        if (!json_is_string(json_object_get(root, "version")) || is_falsy(json_object_get(root, "version")))
                return BAD(err, "version is required as a string");
        if (!json_is_array(files))
                return BAD(err, "files is required as an array");
        json_array_foreach(files, i, file) if (!json_is_string(json_object_get(file, "content"))) return BAD(
                err, "files[%zu].content is required as a string", i);
        return 0;
}

static const struct runtime *find_runtime(const json_t *root, const struct catalog *catalog)
{
        struct view language = text_of(json_object_get(root, "language"));
        struct view version = text_of(json_object_get(root, "version"));

        if (memchr(language.p, '\0', language.n) || memchr(version.p, '\0', version.n))
                return NULL;
        return catalog_find(catalog, language.p, version.p);
}

/* Only a file that says utf8, or nothing, counts here; one with an unknown encoding is read as utf8 all the same. */
static bool has_source(const json_t *files)
{
        const json_t *file;
        size_t i;

        json_array_foreach(files, i, file)
        {
                const json_t *encoding = json_object_get(file, "encoding");

                if (is_falsy(encoding) || is_text(encoding, "utf8"))
                        return true;
        }
        return false;
}

static const struct {
        const char *field;
        enum stage stage;
        enum limit limit;
} limit_fields[] = {
        { "compile_memory_limit", STAGE_COMPILE, LIMIT_memory_bytes },
        { "run_memory_limit", STAGE_RUN, LIMIT_memory_bytes },
        { "compile_timeout", STAGE_COMPILE, LIMIT_wall_ns },
        { "run_timeout", STAGE_RUN, LIMIT_wall_ns },
        { "compile_cpu_time", STAGE_COMPILE, LIMIT_cpu_ns },
        { "run_cpu_time", STAGE_RUN, LIMIT_cpu_ns },
};

static int parse_limit(const json_t *value, const char *field, enum limit which, uint64_t *limit,
                       struct err *err)
{
        const struct limit_row *row = &limit_rows[which];
        uint64_t unit = row->unit == LIMIT_UNIT_NS ? NSEC_PER_MSEC : 1;
        double number;

        if (is_falsy(value))
                return 0;
        if (!json_is_number(value))
                return BAD(err, "If specified, %s must be a number", field);
        number = json_number_value(value);
        /* Piston's word for "none", which its clients send unasked: the runtime's own. */
        if (number == -1 && which == LIMIT_memory_bytes)
                return 0;
        if (number > (double)*limit / (double)unit)
                return BAD(err, "%s cannot exceed the configured limit of %" PRIu64, field, *limit / unit);
        if (number < 0)
                return BAD(err, "%s must be non-negative", field);
        *limit = MIN(*limit, MAX((uint64_t)(number * (double)unit), row->least));
        return 0;
}

static int parse_limits(const json_t *root, struct limits *limits, struct err *err)
{
        for (size_t i = 0; i < ARRAY_LEN(limit_fields); i++) {
                uint64_t *limit = limit_at(&limits[limit_fields[i].stage], limit_fields[i].limit);
                int r = parse_limit(json_object_get(root, limit_fields[i].field), limit_fields[i].field,
                                    limit_fields[i].limit, limit, err);

                if (r != 0)
                        return r;
        }
        return 0;
}

/* What a client sent for job_*() to judge: their outcomes are the client's fault. */
static int judged(int r)
{
        return r > 0 ? 400 : r;
}

static int add_file(struct job *job, const json_t *file, size_t i, struct err *err)
{
        const json_t *name = json_object_get(file, "name"), *encoding = json_object_get(file, "encoding");
        struct view content = text_of(json_object_get(file, "content"));
        struct bytes bytes = BYTES_INIT(content.n + 3);
        bool base64 = is_text(encoding, "base64"), hex = is_text(encoding, "hex");
        int r;

        if (!is_falsy(name) && !json_is_string(name))
                return BAD(err, "files[%zu].name must be a string", i);
        r = base64 ? decode_base64(content, &bytes)
            : hex  ? decode_hex(content, &bytes)
                   : bytes_add(&bytes, content.p, content.n);
        if (r < 0) {
                bytes_deinit(&bytes);
                return r;
        }
        return judged(job_add_file_take(job, is_falsy(name) ? NULL : json_string_value(name),
                                        json_string_length(name), &bytes, !base64 && !hex, err));
}

static int add_files(struct job *job, const json_t *files, struct err *err)
{
        const json_t *file;
        size_t i;

        json_array_foreach(files, i, file)
        {
                int r = add_file(job, file, i, err);

                if (r != 0)
                        return r;
        }
        return judged(job_settle(job, err));
}

/* JavaScript spreads a string into its characters. */
static int spread(struct job *job, struct view text, struct err *err)
{
        for (size_t i = 0, n; i < text.n; i += n) {
                int r;

                for (n = 1; i + n < text.n && ((unsigned char)text.p[i + n] & 0xc0) == 0x80; n++)
                        ;
                r = job_add_arg(job, text.p + i, n, err);
                if (r != 0)
                        return judged(r);
        }
        return 0;
}

static int add_arg(struct job *job, const json_t *arg, size_t i, struct err *err)
{
        char number[DECODE_NUMBER_MAX];
        struct view text;

        switch (json_typeof(arg)) {
        case JSON_STRING:
                text = text_of(arg);
                break;
        case JSON_INTEGER:
        case JSON_REAL:
                decode_number_text(json_number_value(arg), number);
                text = view_of(number);
                break;
        case JSON_TRUE:
                text = VIEW("true");
                break;
        case JSON_FALSE:
                text = VIEW("false");
                break;
        case JSON_NULL:
                text = VIEW("null");
                break;
        default:
                return BAD(err, "args[%zu] must be a string", i);
        }
        return judged(job_add_arg(job, text.p, text.n, err));
}

static int add_args(struct job *job, const json_t *args, struct err *err)
{
        const json_t *arg;
        size_t i;

        if (is_falsy(args))
                return 0;
        if (json_is_string(args))
                return spread(job, text_of(args), err);
        if (!json_is_array(args))
                return BAD(err, "args must be an array");
        json_array_foreach(args, i, arg)
        {
                int r = add_arg(job, arg, i, err);

                if (r != 0)
                        return r;
        }
        return 0;
}

static int set_input(struct job *job, const json_t *input, bool newline, struct err *err)
{
        struct view text = json_is_string(input) ? text_of(input) : VIEW("");
        int r;

        if (!is_falsy(input) && !json_is_string(input))
                return BAD(err, "stdin must be a string");
        bytes_deinit(&job->input);
        job->input = BYTES_INIT(text.n + 1);
        r = bytes_add(&job->input, text.p, text.n);
        if (r == 0 && newline && (text.n == 0 || text.p[text.n - 1] != '\n'))
                r = bytes_add(&job->input, "\n", 1);
        return r;
}

static int fill_job(struct job *job, const json_t *root, const struct config *config, struct err *err)
{
        int r = parse_limits(root, job->limits, err);

        if (r == 0)
                r = set_input(job, json_object_get(root, "stdin"), config->stdin_newline, err);
        if (r == 0)
                r = add_args(job, json_object_get(root, "args"), err);
        if (r == 0)
                r = add_files(job, json_object_get(root, "files"), err);
        return r;
}

int door_piston_parse_json(const json_t *root, const struct config *config, const struct catalog *catalog,
                           struct job *ret_job, struct err *err)
{
        const json_t *files = json_object_get(root, "files");
        const struct runtime *runtime;
        struct job job;
        int r = check_shape(root, err);

        if (r != 0)
                return r;
        runtime = find_runtime(root, catalog);
        if (!runtime)
                return BAD(err, "%s-%s runtime is unknown",
                           json_string_value(json_object_get(root, "language")),
                           json_string_value(json_object_get(root, "version")));
        if (json_array_size(files) == 0 || (!runtime->any_file && !has_source(files)))
                return BAD(err, "files must include at least one utf8 encoded file");
        job_init(&job, runtime);
        job.fresh = json_is_false(json_object_get(root, "cache"));
        job.cold = json_is_false(json_object_get(root, "warm"));
        job.detail = json_is_true(json_object_get(root, "timing"));
        r = fill_job(&job, root, config, err);
        if (r != 0)
                job_deinit(&job);
        else
                *ret_job = job;
        return r;
}

int door_piston_parse(struct view body, const struct config *config, const struct catalog *catalog,
                      struct job *ret_job, struct err *err)
{
        json_error_t error;
        json_t *root;
        int r;

        if (body.n == 0)
                return BAD(err, "language is required as a string"); /* as {} */
        root = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
        if (!root)
                return BAD(err, "Invalid JSON request: line %d, column %d: %s", error.line, error.column,
                           error.text);
        r = door_piston_parse_json(root, config, catalog, ret_job, err);
        json_decref(root);
        return r;
}
