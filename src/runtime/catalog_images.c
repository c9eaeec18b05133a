/*
 * A manifest with an image is looked up in the image instead of on the host; everything here is what catalog.c asks for then.
 */
#include "runtime/catalog_images.h"
#include "config/document.h"
#include "runtime/catalog.h"
#include "runtime/image.h"
#include "runtime/manifest.h"
#include "util/err.h"
#include "util/log.h"

#include <stdio.h>

static uint32_t find(const struct catalog *catalog, const char *name)
{
        for (size_t i = 0; i < catalog->n_images; i++)
                if (streq(catalog->images[i].name, name))
                        return (uint32_t)i + 1;
        return 0;
}

static int add(const struct config *config, struct catalog *catalog, const char *text, struct err *err)
{
        struct image *more;
        int r;

        if (catalog->n_images >= CATALOG_IMAGES_MAX)
                return err_set(err, -E2BIG, "runtimes name more than %d images", CATALOG_IMAGES_MAX);
        more = reallocarray(catalog->images, catalog->n_images + 1, sizeof(*more));
        if (!more)
                return err_set(err, -ENOMEM, "out of memory");
        catalog->images = more;
        r = image_open(config, text, &more[catalog->n_images], err);
        if (r == 0)
                catalog->n_images++;
        return r;
}

int catalog_image_take(const struct config *config, struct catalog *catalog, const struct manifest *manifest,
                       uint32_t *ret_image, struct err *err)
{
        char name[IMAGE_NAME_MAX];
        int r = image_name(manifest->image, name, err);

        *ret_image = r < 0 ? 0 : find(catalog, name);
        if (r == 0 && *ret_image == 0) {
                r = add(config, catalog, manifest->image, err);
                *ret_image = (uint32_t)catalog->n_images;
        }
        return r < 0 ? err_wrap(err, r, "%s", manifest->file) : r;
}

void catalog_images_deinit(struct catalog *catalog)
{
        for (size_t i = 0; i < catalog->n_images; i++)
                image_deinit(&catalog->images[i]);
        free(catalog->images);
        catalog->images = NULL;
        catalog->n_images = 0;
}

int catalog_image_find(const struct catalog *catalog, uint32_t image, const char *name, char ***ret_paths)
{
        const struct image *in = &catalog->images[image - 1];
        char **paths = calloc(2, sizeof(*paths));
        int r = paths ? image_program(in, name, &paths[0]) : -ENOMEM;

        if (r == IMAGE_NO_PROGRAM)
                log_warn("the image %s has no program called %s: what needs it is not offered", in->name,
                         name);
        if (r < 0)
                document_list_free(paths);
        else
                *ret_paths = paths;
        return MIN(r, 0);
}

void catalog_image_version(const struct catalog *catalog, uint32_t image, const struct manifest *manifest,
                           char ret_version[DISCOVER_VERSION_MAX])
{
        const struct image *in = &catalog->images[image - 1];
        const struct manifest_version *version = &manifest->version;
        const char *told = version->env ? image_env(in, version->env) : NULL;

        ret_version[0] = '\0';
        if (version->fixed)
                snprintf(ret_version, DISCOVER_VERSION_MAX, "%s", version->fixed);
        else if (told)
                (void)discover_read_version(told, version->after, ret_version);
        else if (!version->env)
                (void)image_tag_version(in, ret_version, DISCOVER_VERSION_MAX);
        if (!ret_version[0])
                log_warn("%s: neither version nor %s tells what version it is: it is not offered",
                         manifest->file, in->name);
}

static bool says(char *const *list, const char *word)
{
        size_t n = strcspn(word, "=") + 1;

        for (; list && *list; list++)
                if (strncmp(*list, word, n) == 0)
                        return true;
        return false;
}

static size_t count(char *const *list)
{
        size_t n = 0;

        while (list && list[n])
                n++;
        return n;
}

char **catalog_image_env_take(const struct catalog *catalog, uint32_t image, char **own)
{
        char *const *theirs = catalog->images[image - 1].env;
        char **all = calloc(count(theirs) + count(own) + 1, sizeof(*all));
        size_t n = 0;
        bool whole = own && all;

        for (; whole && *theirs; theirs++) {
                if (says(own, *theirs))
                        continue;
                all[n] = strdup(*theirs);
                whole = all[n++] != NULL;
        }
        for (size_t i = 0; whole && own[i]; i++) {
                all[n] = strdup(own[i]);
                whole = all[n++] != NULL;
        }
        document_list_free(own);
        if (whole)
                return all;
        document_list_free(all);
        return NULL;
}
