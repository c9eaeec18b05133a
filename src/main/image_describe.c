/*
 * Three JSON documents, each named by the digest the one before it tells: index, manifest, configuration.  They are a
 * stranger's, so they are read by a process that has nothing to lose (image_jail.h).
 */
#include "main/image_describe.h"
#include "runtime/image.h"
#include "util/base.h"
#include "util/bytes.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/utsname.h>

enum { DOCUMENT_BYTES = 4 * 1024 * 1024, DIGITS = 64 };

static int complain(const char *what)
{
        dprintf(STDERR_FILENO, "%s\n", what);
        return EXIT_FAILURE;
}

static json_t *load(const char *path)
{
        CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(DOCUMENT_BYTES);

        if (bytes_read_file(&text, path) < 0 || !text.p)
                return NULL;
        return json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
}

/* The document of "sha256:..." in @digest; NULL when there is none of that name. */
static json_t *load_blob(const char *digest)
{
        static const char kind[] = "sha256:";
        const char *digits = digest ? digest + sizeof(kind) - 1 : NULL;
        char path[sizeof("oci/blobs/sha256/") + DIGITS];

        if (!digest || strncmp(digest, kind, sizeof(kind) - 1) != 0 || strlen(digits) != DIGITS ||
            strspn(digits, "0123456789abcdef") != DIGITS)
                return NULL;
        snprintf(path, sizeof(path), "oci/blobs/sha256/%s", digits);
        return load(path);
}

static const char *text_at(json_t *object, const char *key)
{
        return json_string_value(json_object_get(object, key));
}

/* NULL, or what another machine this image is for. */
static const char *foreign(json_t *config)
{
        static const char *const names[][2] = { { "x86_64", "amd64" }, { "aarch64", "arm64" } };
        const char *architecture = text_at(config, "architecture"), *os = text_at(config, "os");
        struct utsname here;

        if (os && !streq(os, "linux"))
                return os;
        if (!architecture || uname(&here) < 0)
                return NULL;
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                if (streq(here.machine, names[i][0]))
                        return streq(architecture, names[i][1]) ? NULL : architecture;
        return NULL;
}

/* HOME is /tmp in every box. */
static int write_env(json_t *config)
{
        FILE *file = fopen("env", "we");
        json_t *word;
        size_t i, n = 0;

        if (!file)
                return complain("its environment cannot be written");
        json_array_foreach(json_object_get(json_object_get(config, "config"), "Env"), i, word)
        {
                const char *text = json_string_value(word);

                if (!text || strpbrk(text, "\n\r") || !strchr(text, '=') || strncmp(text, "HOME=", 5) == 0)
                        continue;
                n += strlen(text) + 1;
                if (n > IMAGE_ENV_BYTES)
                        break;
                fprintf(file, "%s\n", text);
        }
        if (fclose(file) != 0 || n > IMAGE_ENV_BYTES)
                return complain("its environment is too long");
        return EXIT_SUCCESS;
}

static int write_digest(const char *digest)
{
        FILE *file = fopen("digest", "we");

        if (!file || fprintf(file, "sha256-%s\n", strchr(digest, ':') + 1) < 0 || fclose(file) != 0)
                return complain("its digest cannot be written");
        return EXIT_SUCCESS;
}

int image_describe(void)
{
        json_t *index = load("oci/index.json");
        const char *digest = text_at(json_array_get(json_object_get(index, "manifests"), 0), "digest");
        json_t *manifest = load_blob(digest);
        json_t *config = load_blob(text_at(json_object_get(manifest, "config"), "digest"));
        const char *other;
        int status;

        if (!config)
                return complain("it has no description");
        other = foreign(config);
        if (other) {
                dprintf(STDERR_FILENO, "it is for %.40s, which this machine is not\n", other);
                return EXIT_FAILURE;
        }
        status = write_digest(digest);
        return status ? status : write_env(config);
}
