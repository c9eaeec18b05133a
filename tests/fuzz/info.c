/*
 * What a package says of itself: it is refused with a sentence, or becomes runtimes that can be told to everybody.  The
 * input is a pkg-info.json up to the first NUL, then an .env.
 */
#include "config/config.h"
#include "fuzz.h"
#include "packer/info.h"
#include "runtime/catalog.h"
#include "runtime/shelf.h"
#include "util/err.h"
#include "util/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static char top[] = "/tmp/coderunr-fuzz-XXXXXX";
static const char *const names[] = {
        "p/1.0.0/pkg-info.json", "p/1.0.0/.env", "p/1.0.0/run", "p/1.0.0", "p", "."
};

static void remove_folder(void)
{
        int folder = open(top, O_DIRECTORY | O_CLOEXEC);

        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                (void)unlinkat(folder, names[i], i < 3 ? 0 : AT_REMOVEDIR);
        close(folder);
        (void)rmdir(top);
}

static void write_file(int folder, const char *name, const uint8_t *data, size_t size)
{
        CLEANUP(close_fd) int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

        must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
}

static int open_folder(void)
{
        int folder;

        log_open(LOG_ERROR, "fuzz"); /* each limit that cannot be read is a warning */
        must(mkdtemp(top) && atexit(remove_folder) == 0);
        folder = open(top, O_DIRECTORY | O_CLOEXEC);
        must(folder >= 0 && mkdirat(folder, "p", 0755) == 0 && mkdirat(folder, "p/1.0.0", 0755) == 0);
        write_file(folder, "p/1.0.0/run", (const uint8_t *)"", 0);
        return folder;
}

static void must_be_told(const struct package *package)
{
        const struct runtime *told[INFO_LANGUAGES_MAX];
        struct bytes bytes = BYTES_INIT(64 * MIB);
        struct shelf *shelf = shelf_new();

        must(shelf && package->n_runtimes > 0 && package->n_runtimes <= INFO_LANGUAGES_MAX);
        for (size_t i = 0; i < package->n_runtimes; i++)
                told[i] = &package->runtimes[i];
        must(shelf_encode(told, package->n_runtimes, &bytes) == 0);
        must(shelf_take(shelf, bytes_view(&bytes)) >= 0);
        bytes_deinit(&bytes);
        shelf_free(shelf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct config config;
        static int folder = -1;
        const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
        size_t n = nul ? (size_t)(nul - data) : size;
        struct package package = { .name = "p", .version = "1.0.0", .number = SHELF_FIRST + 1 };
        struct err err = { "" };

        folder = folder < 0 ? open_folder() : folder;
        fuzz_limits(&config.limits[STAGE_COMPILE]);
        fuzz_limits(&config.limits[STAGE_RUN]);
        write_file(folder, names[0], data, n);
        write_file(folder, names[1], nul ? nul + 1 : data, nul ? size - n - 1 : 0);
        if (info_load(&config, folder, &package, &err) == 0) {
                must_be_told(&package);
                package_deinit(&package);
        } else {
                must(err.text[0]);
        }
        return 0;
}
