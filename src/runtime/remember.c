/*
 * The memory of versions: one line per program, "mark path dev inode size mtime version" with tabs between, written
 * whole to a new file that then takes the old one's name.  mark is a hash of the question, so a manifest that
 * asks differently is answered anew.
 *
 * TRUST: whoever may write the data directory is us or root; a file of anyone else is not read.
 */
#include "config/config.h"
#include "runtime/discover.h"
#include "util/bytes.h"
#include "util/log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

enum { CACHE_BYTES = 1024 * 1024 };

static const char head[] = "coderunr runtimes 1\n";

static bool cache_path(const struct config *config, const char *suffix, char path[PATH_MAX])
{
        return snprintf(path, PATH_MAX, "%s/runtimes.cache%s", config->data_directory, suffix) < PATH_MAX;
}

static uint64_t hash(uint64_t h, const char *text)
{
        for (; text && *text; text++)
                h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
        return (h ^ 0xff) * UINT64_C(0x100000001b3);
}

/* The line of a question without its answer; false when its program cannot be looked at. */
static bool describe(const struct discover_question *question, struct bytes *line)
{
        uint64_t mark = hash(UINT64_C(0xcbf29ce484222325), question->after);
        struct stat st;

        if (strpbrk(question->path, "\t\n") || stat(question->path, &st) < 0)
                return false;
        for (char *const *word = question->argv; *word; word++)
                mark = hash(mark, *word);
        return bytes_printf(line, "%016" PRIx64 "\t%s\t%llu\t%llu\t%llu\t%lld.%09ld\t", mark, question->path,
                            (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
                            (unsigned long long)st.st_size, (long long)st.st_mtim.tv_sec,
                            st.st_mtim.tv_nsec) == 0;
}

static bool is_version(const char *text, size_t n)
{
        return n > 0 && n < DISCOVER_VERSION_MAX && strspn(text, "0123456789.") >= n;
}

static void answer(const char *cache, struct discover_question *question)
{
        struct bytes line CLEANUP(bytes_deinit) = BYTES_INIT(PATH_MAX + 256);
        const char *found;
        size_t n;

        if (!describe(question, &line))
                return;
        found = strstr(cache, line.p);
        if (!found || (found != cache && found[-1] != '\n'))
                return;
        found += line.n;
        n = strcspn(found, "\n");
        if (!is_version(found, n))
                return;
        memcpy(question->version, found, n);
        question->version[n] = '\0';
        question->known = true;
}

void discover_remember_load(const struct config *config, struct discover_question *questions, size_t n)
{
        struct bytes cache CLEANUP(bytes_deinit) = BYTES_INIT(CACHE_BYTES);
        CLEANUP(close_fd) int fd = -1;
        char path[PATH_MAX];
        struct stat st;

        if (!cache_path(config, "", path))
                return;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return;
        if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & 0022)) {
                log_warn("%s: somebody else may write it, so it is not read", path);
                return;
        }
        if (bytes_read_fd(&cache, fd) < 0 || !cache.p || strncmp(cache.p, head, strlen(head)) != 0)
                return;
        for (size_t i = 0; i < n; i++)
                answer(cache.p, &questions[i]);
}

static int write_lines(const struct discover_question *questions, size_t n, struct bytes *text)
{
        int r = bytes_add_text(text, head);

        for (size_t i = 0; i < n && r == 0; i++) {
                if (!questions[i].version[0] || !describe(&questions[i], text))
                        continue;
                r = bytes_printf(text, "%s\n", questions[i].version);
        }
        return r;
}

static bool write_all(int fd, const char *p, size_t n)
{
        while (n > 0) {
                ssize_t written = write(fd, p, n);

                if (written < 0 && errno == EINTR)
                        continue;
                if (written <= 0)
                        return false;
                p += written;
                n -= (size_t)written;
        }
        return true;
}

void discover_remember_save(const struct config *config, const struct discover_question *questions, size_t n)
{
        struct bytes text CLEANUP(bytes_deinit) = BYTES_INIT(CACHE_BYTES);
        char path[PATH_MAX], fresh[PATH_MAX];
        CLEANUP(close_fd) int fd = -1;

        if (!cache_path(config, "", path) || !cache_path(config, ".XXXXXX", fresh) ||
            write_lines(questions, n, &text) < 0)
                return;
        fd = mkostemp(fresh, O_CLOEXEC);
        if (fd < 0) {
                log_debug("%s: %s: versions are asked for again at the next start", path, strerror(errno));
                return;
        }
        if (!write_all(fd, text.p, text.n) || fchmod(fd, 0644) < 0 || rename(fresh, path) < 0)
                (void)unlink(fresh);
}
