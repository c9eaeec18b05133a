/*
 * Text travels as text; a file that is not UTF-8 travels as base64 and is then only placed, not compiled.  stdin has
 * no such way out in this dialect, so bytes that are not UTF-8 are refused there instead of being changed silently.
 */
#include "main/request.h"
#include "config/value.h"
#include "util/err.h"

#include <fcntl.h>
#include <openssl/evp.h>

enum { FILE_CAP = 64 * 1024 * 1024 };

const struct request_limit request_limits[6] = {
        { "run_timeout", true },     { "run_cpu_time", true },     { "run_memory_limit", false },
        { "compile_timeout", true }, { "compile_cpu_time", true }, { "compile_memory_limit", false },
};

int request_amount(const char *text, bool is_time, uint64_t *ret_value, struct err *err)
{
        uint64_t value = 0;
        int r = is_time ? value_parse_duration(text, &value) : value_parse_bytes(text, &value);

        if (is_time)
                value = (value + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
        if (r < 0 || value == 0)
                return err_set(err, -EINVAL, "'%s' is not %s", text,
                               is_time ? "a time: write 500ms, 2s or milliseconds"
                                       : "a size: write 64MiB or bytes");
        *ret_value = value;
        return 0;
}

const char *request_base_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

const char *request_extension(const char *path)
{
        const char *name = request_base_name(path), *dot = strrchr(name, '.');

        return dot && dot != name ? dot + 1 : "";
}

static int read_all(const char *path, int fd, struct bytes *ret, struct err *err)
{
        int r = fd >= 0 ? bytes_read_fd(ret, fd) : bytes_read_file(ret, path);

        if (r == -EFBIG)
                return err_set(err, r, "%s is larger than %d MiB", path, FILE_CAP / (1024 * 1024));
        return r < 0 ? err_errno(err, r, "%s", path) : 0;
}

static json_t *base64(const struct bytes *content)
{
        size_t room = 4 * ((content->n + 2) / 3) + 1;
        CLEANUP(free_ptr) unsigned char *text = malloc(room);
        int n = text ? EVP_EncodeBlock(text, (const unsigned char *)content->p, (int)content->n) : 0;

        return text ? json_stringn_nocheck((const char *)text, (size_t)n) : NULL;
}

/* json_stringn() is also the check for UTF-8: it makes nothing of anything else. */
static json_t *file_object(const char *name, const struct bytes *content)
{
        struct view view = bytes_view(content);
        json_t *file = json_object(), *text = json_stringn(view.p, view.n);

        json_object_set_new(file, "name", json_string(name));
        if (!text) {
                text = base64(content);
                json_object_set_new(file, "encoding", json_string("base64"));
        }
        if (json_object_set_new(file, "content", text) < 0) {
                json_decref(file);
                return NULL;
        }
        return file;
}

static int add_file(json_t *files, const char *path, struct err *err)
{
        struct bytes content CLEANUP(bytes_deinit) = BYTES_INIT(FILE_CAP);
        bool from_stdin = streq(path, "-");
        int r = read_all(from_stdin ? "stdin" : path, from_stdin ? STDIN_FILENO : -1, &content, err);
        json_t *file;

        if (r < 0)
                return r;
        file = file_object(from_stdin ? "main" : request_base_name(path), &content);
        if (!file)
                return err_set(err, -EINVAL, "the name of %s is not UTF-8; rename it", path);
        return json_array_append_new(files, file) < 0 ? err_set(err, -ENOMEM, "out of memory") : 0;
}

static int add_stdin(json_t *body, const struct request *request, struct err *err)
{
        struct bytes content CLEANUP(bytes_deinit) = BYTES_INIT(FILE_CAP);
        int r;

        if (request->no_stdin)
                return 0;
        if (request->stdin_file)
                r = read_all(request->stdin_file, -1, &content, err);
        else if (isatty(STDIN_FILENO) || streq(request->file, "-") || fcntl(STDIN_FILENO, F_GETFD) < 0)
                return 0;
        else
                r = read_all("stdin", STDIN_FILENO, &content, err);
        if (r < 0 || content.n == 0)
                return r;
        if (json_object_set_new(body, "stdin", json_stringn(content.p, content.n)) < 0)
                return err_set(err, -EINVAL,
                               "stdin is not UTF-8 text; put it in a file and add that with --file");
        return 0;
}

static int add_limits(json_t *body, const struct request *request, struct err *err)
{
        for (size_t i = 0; i < ARRAY_LEN(request_limits); i++) {
                uint64_t value;
                int r;

                if (!request->limits[i])
                        continue;
                r = request_amount(request->limits[i], request_limits[i].is_time, &value, err);
                if (r < 0)
                        return r;
                json_object_set_new(body, request_limits[i].key, json_integer((json_int_t)value));
        }
        return 0;
}

static int fill(json_t *body, const struct request *request, struct err *err)
{
        json_t *files = json_array(), *args = json_array();
        int r;

        json_object_set_new(body, "language", json_string(request->language));
        json_object_set_new(body, "version", json_string(request->version));
        json_object_set_new(body, "files", files);
        json_object_set_new(body, "args", args);
        if (request->fresh)
                json_object_set_new(body, "cache", json_false());
        if (request->cold)
                json_object_set_new(body, "warm", json_false());
        if (request->timing)
                json_object_set_new(body, "timing", json_true());
        for (const char *const *arg = request->args; *arg; arg++)
                if (json_array_append_new(args, json_string(*arg)) < 0)
                        return err_set(err, -EINVAL, "an argument is not UTF-8 text");
        r = add_file(files, request->file, err);
        for (size_t i = 0; r == 0 && i < request->extra_files.n; i++)
                r = add_file(files, request->extra_files.p[i], err);
        if (r == 0)
                r = add_limits(body, request, err);
        return r < 0 ? r : add_stdin(body, request, err);
}

static int write_chunk(const char *p, size_t n, void *arg)
{
        struct bytes *out = arg;

        return bytes_add(out, p, n) < 0 ? -1 : 0;
}

int request_object(const struct request *request, json_t **ret_body, struct err *err)
{
        json_t *body = json_object();
        int r = fill(body, request, err);

        if (r == 0)
                *ret_body = body;
        else
                json_decref(body);
        return r;
}

int request_build(const struct request *request, struct bytes *ret_body, struct err *err)
{
        json_t *body;
        int r = request_object(request, &body, err);

        if (r < 0)
                return r;
        if (json_dump_callback(body, write_chunk, ret_body, JSON_COMPACT) < 0)
                r = err_set(err, -EFBIG, "the files are too large to be sent");
        json_decref(body);
        return r;
}
