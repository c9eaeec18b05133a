/* A manifest is read or refused with a sentence that names it. */
#include "fuzz.h"
#include "runtime/manifest.h"
#include "util/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = strndup((const char *)data, size);
        struct manifest manifest = { 0 };
        struct err err = { 0 };

        must(text);
        if (manifest_parse(text, "seed.yaml", &manifest, &err) < 0)
                must(strstr(err.text, "seed.yaml"));
        else
                manifest_deinit(&manifest);
        free(text);
        return 0;
}
