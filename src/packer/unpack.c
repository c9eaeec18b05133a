/*
 * The script refuses whole what any tar could misread: names that are absolute or go up, which tar reports, and
 * everything that is neither file, folder nor link.  GNU tar makes links that lead out last, so no entry is written
 * through one.  Bombs end at the limits of the box.
 */
#include "packer/unpack.h"
#include "config/config.h"
#include "config/document.h"
#include "job/job.h"
#include "job/result.h"
#include "runtime/shelf.h"
#include "util/err.h"

#include <stdio.h>

static const char script[] =
        "set -u; umask 022; mkdir pkg || exit 1\n"
        "if ! tar -xzf pkg.tar.gz -C pkg --no-same-owner --no-same-permissions 2>/tmp/said; then\n"
        "  head -n 1 /tmp/said >&2; exit 1\n"
        "fi\n"
        "if [ -s /tmp/said ]; then head -n 1 /tmp/said >&2; exit 1; fi\n"
        "rm -f pkg.tar.gz; chmod -R u+rwX,go+rX,go-w pkg || exit 1\n"
        "odd=$(find pkg ! -type f ! -type d ! -type l -print -quit)\n"
        "if [ -n \"$odd\" ]; then echo \"$odd is neither file, folder nor link\" >&2; exit 1; fi\n"
        "if [ -f pkg/environment ] && [ ! -L pkg/environment ]; then\n"
        "  cd pkg; env -i PATH=/usr/local/bin:/usr/bin:/bin bash -c "
        "'source ./environment >/dev/null 2>&1 </dev/null; /usr/bin/env -0' >../env || exit 1; cd ..\n"
        "else printf 'PATH=" UNPACK_FOLDER
        "/bin:/usr/local/bin:/usr/bin:/bin\\0LD_LIBRARY_PATH=" UNPACK_FOLDER "/lib\\0' >env\n"
        "fi\n"
        "find pkg -type l -printf '%P\\0%l\\0' >links\n";

enum { WORK_BYTES = 256 * 1024 * 1024, INODES = 66000, PROCESSES = 64 };

static void set_limits(const struct config *config, struct runtime *runtime)
{
        uint64_t disk = config->package_size_limit + config->package_archive_limit;
        struct limits *limits = &runtime->limits[STAGE_COMPILE];

        memcpy(runtime->limits, config->limits, sizeof(runtime->limits));
        limits->wall_ns = limits->cpu_ns = MIN(config->package_timeout, limit_rows[LIMIT_wall_ns].most);
        limits->memory_bytes = disk + WORK_BYTES;
        limits->processes = PROCESSES;
        limits->file_size_bytes = config->package_size_limit;
        limits->disk_bytes = disk;
        limits->inodes = INODES;
        limits->output_bytes = 64 * KIB;
}

int unpack_runtime(const struct config *config, struct runtime *ret_runtime)
{
        static const char *const compile[] = { "/bin/bash", "-c", script, NULL };
        static const char *const run[] = { "/bin/true", NULL };
        static const char *const none[] = { NULL };
        struct runtime runtime = { .index = SHELF_FIRST };

        runtime.language = strdup("package");
        runtime.version = strdup("1.0.0");
        runtime.title = strdup("package");
        runtime.aliases = document_list_copy(none);
        runtime.extensions = document_list_copy(none);
        runtime.companions = document_list_copy(none);
        runtime.env = document_list_copy(none);
        runtime.stages[STAGE_COMPILE].argv = document_list_copy(compile);
        runtime.stages[STAGE_COMPILE].n_argv = ARRAY_LEN(compile) - 1;
        runtime.stages[STAGE_RUN].argv = document_list_copy(run);
        runtime.stages[STAGE_RUN].n_argv = ARRAY_LEN(run) - 1;
        set_limits(config, &runtime);
        *ret_runtime = runtime;
        return runtime.language && runtime.version && runtime.title && runtime.aliases &&
                               runtime.extensions && runtime.companions && runtime.env &&
                               runtime.stages[STAGE_COMPILE].argv && runtime.stages[STAGE_RUN].argv
                       ? 0
                       : -ENOMEM;
}

int unpack_job(const struct runtime *runtime, struct bytes *archive, struct job *ret_job, struct err *err)
{
        static const char name[] = "pkg.tar.gz";
        int r;

        job_init(ret_job, runtime);
        ret_job->part = JOB_COMPILE;
        r = job_add_file_take(ret_job, name, sizeof(name) - 1, archive, true, err);
        *archive = BYTES_INIT(0);
        r = r ? r : job_settle(ret_job, err);
        if (r != 0)
                job_deinit(ret_job);
        return r > 0 ? -EINVAL : r;
}

/* The last line a program wrote, made fit for a message. */
static void last_words(const struct stage_result *stage, char *text, size_t room)
{
        struct view all = bytes_view(&stage->output.bytes);
        size_t n = 0;

        while (all.n > 0 && (all.p[all.n - 1] == '\n'))
                all.n--;
        for (size_t i = all.n; i > 0; i--)
                if (all.p[i - 1] == '\n') {
                        all = (struct view){ all.p + i, all.n - i };
                        break;
                }
        for (; n < all.n && n + 1 < room; n++)
                text[n] = all.p[n] >= ' ' && all.p[n] < 0x7f ? all.p[n] : '?';
        text[n] = '\0';
}

int unpack_verdict(const struct result *result, struct err *err)
{
        const struct stage_result *stage = result_last(result);
        char text[200];

        if (result->pack >= 0)
                return 0;
        if (stage->verdict == VERDICT_OVERLOADED)
                return err_set(err, 503, "the engine is busy, try again later");
        last_words(stage, text, sizeof(text));
        if (stage->verdict == VERDICT_EXIT)
                return err_set(err, 500, "the archive cannot be unpacked: %s", text);
        if (stage->verdict == VERDICT_ENGINE)
                return err_set(err, 500, "the archive cannot be unpacked: %s", stage->text);
        return err_set(err, 500, "the archive cannot be unpacked: %s", verdict_text(stage->verdict));
}
