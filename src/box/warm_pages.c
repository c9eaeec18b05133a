/*
 * A zygote's child shares the zygote's pages and copies each that it writes: most of what a small program costs, because
 * interpreters touch a thousand of them at their end.  While no order is here there is time to copy them, a few at a time, so
 * that an order never waits for long; under load there is none, and only what is written is copied.
 *
 * KERNEL: MADV_POPULATE_WRITE is there since 5.14; before, nothing is copied early.
 */
#include "box/keeper.h"
#include "box/warm.h"
#include "box/warm_voice.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum {
        REGIONS_MAX = 64,
        STEP_BYTES = 128 * 1024,
        LARGEST = 16 * 1024 * 1024, /* a region beyond that is a reserve, not what is in use */
        COPIED_MOST = 24 * 1024 * 1024,
};

static struct {
        char *p;
        size_t n;
} regions[REGIONS_MAX];

static size_t n_regions;

static void take_line(const char *line)
{
        unsigned long start, end;
        char flags[5];

        if (sscanf(line, "%lx-%lx %4s", &start, &end, flags) != 3 || !streq(flags, "rw-p") ||
            end - start > LARGEST || n_regions == REGIONS_MAX)
                return;
        regions[n_regions].p = (char *)start; /* NOLINT: a number out of maps */
        regions[n_regions].n = end - start;
        n_regions++;
}

void pages_look(int proc)
{
        int fd = openat(proc, "self/maps", O_RDONLY | O_CLOEXEC);
        FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
        char line[512];

        n_regions = 0;
        while (file && fgets(line, sizeof(line), file))
                take_line(line);
        if (file)
                fclose(file);
}

/* Copy until an order comes or all is copied. */
void pages_copy(int channel)
{
        struct pollfd fd = { channel, POLLIN, 0 };
        size_t copied = 0;

        for (size_t i = 0; i < n_regions; i++)
                for (size_t at = 0; at < regions[i].n; at += STEP_BYTES) {
                        size_t n = MIN(regions[i].n - at, (size_t)STEP_BYTES);

                        if (copied >= COPIED_MOST || poll(&fd, 1, 0) != 0)
                                return;
                        if (madvise(regions[i].p + at, n, MADV_POPULATE_WRITE) < 0 && errno == EINVAL)
                                return;
                        copied += n;
                }
}
