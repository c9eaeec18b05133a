/*
 * Runs a target over every file of a folder and over mutations of them that are the same every time: what a fuzzer
 * found once stays found, and a parser that broke since is caught without one.
 */
#include "fuzz.h"
#include "util/bytes.h"

#include <dirent.h>
#include <stdio.h>

enum { INPUT_CAP = 1 << 20, MUTATIONS = 3000 };

static uint64_t state = 88172645463325252u;

static uint64_t next_number(void)
{
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return state;
}

/* A few bytes changed, a piece cut out or doubled. */
static size_t mutate(uint8_t *p, size_t n, size_t room)
{
        size_t changes = 1 + next_number() % 4;

        while (changes-- > 0 && n > 0) {
                size_t at = next_number() % n, len = 1 + next_number() % 16;

                len = MIN(len, n - at);
                switch (next_number() % 4) {
                case 0:
                        p[at] ^= (uint8_t)(1 << (next_number() % 8));
                        break;
                case 1:
                        p[at] = (uint8_t)next_number();
                        break;
                case 2:
                        memmove(p + at, p + at + len, n - at - len);
                        n -= len;
                        break;
                default:
                        if (n + len > room)
                                break;
                        memmove(p + at + len, p + at, n - at);
                        n += len;
                }
        }
        return n;
}

static void replay(const char *path)
{
        struct bytes seed = BYTES_INIT(INPUT_CAP);
        uint8_t *input;

        must(bytes_read_file(&seed, path) == 0);
        LLVMFuzzerTestOneInput((const uint8_t *)(seed.p ? seed.p : ""), seed.n);
        for (int i = 0; seed.n > 0 && i < MUTATIONS; i++) {
                size_t n;

                /* On the heap and of exactly its size, so that a read past the end is seen. */
                input = malloc(seed.n + 64);
                must(input);
                memcpy(input, seed.p, seed.n);
                n = mutate(input, seed.n, seed.n + 64);
                input = realloc(input, MAX(n, (size_t)1));
                must(input);
                LLVMFuzzerTestOneInput(input, n);
                free(input);
        }
        bytes_deinit(&seed);
}

int main(int argc, char **argv)
{
        DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
        const struct dirent *entry;
        char path[4096];
        int n = 0;

        if (!dir)
                return 2;
        while ((entry = readdir(dir)) != NULL) {
                if (entry->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
                replay(path);
                printf("ok %d - %s\n", ++n, entry->d_name);
        }
        closedir(dir);
        return n > 0 ? 0 : 1;
}
