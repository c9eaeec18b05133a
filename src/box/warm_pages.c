/*
 * A zygote's child shares the zygote's pages and copies each that it writes: most of what a small program costs, because
 * interpreters touch a thousand of them at their end.  One by one each copy is a fault; asked for together they cost half, and
 * while no order is here nothing at all.
 *
 *   zygote ──fork──► child that runs an empty program to its end and notes which pages it has of its own: the rehearsal
 *          ──fork──► children, which copy those pages before they are asked for anything
 *
 * Where there was no rehearsal all that can be written is copied, a little at a time and only until an order comes.
 *
 * KERNEL: MADV_POPULATE_WRITE is there since 5.14; before, nothing is copied early.  That a page is mapped by nobody else
 * stands in /proc/PID/pagemap since 4.2, for everybody.
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

#define PAGE_PRESENT   (UINT64_C(1) << 63)
#define PAGE_OF_FILE   (UINT64_C(1) << 61)
#define PAGE_EXCLUSIVE (UINT64_C(1) << 56)

enum {
        REGIONS_MAX = 64,
        RUNS_MAX = 1024,
        PAGE = 4096,
        ENTRIES = 512, /* of pagemap at a time */
        STEP_BYTES = 128 * 1024,
        LARGEST = 16 * 1024 * 1024, /* a region beyond that is a reserve, not what is in use */
        COPIED_MOST = 24 * 1024 * 1024,
};

struct run {
        char *p;
        size_t n;
};

struct runs {
        size_t n;
        struct run of[RUNS_MAX];
};

static struct run regions[REGIONS_MAX];
static size_t n_regions;

static struct runs *heard; /* shared with the rehearsal's child while there is one */
static struct runs learned;
static int own_pagemap = -1;

static void take_line(const char *line)
{
        char *p;
        unsigned long start = strtoul(line, &p, 16), end = *p == '-' ? strtoul(p + 1, &p, 16) : 0;

        if (strncmp(p, " rw-p ", 6) != 0 || end - start > LARGEST || n_regions == REGIONS_MAX)
                return;
        regions[n_regions++] = (struct run){ (char *)start, end - start }; /* NOLINT: a number out of maps */
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

/* ---- the rehearsal ---- */

static void note_page(struct runs *runs, char *p)
{
        struct run *last = runs->n > 0 ? &runs->of[runs->n - 1] : NULL;

        if (last && last->p + last->n == p)
                last->n += PAGE;
        else if (runs->n < RUNS_MAX)
                runs->of[runs->n++] = (struct run){ p, PAGE };
}

static void note_region(const struct run *region)
{
        uint64_t entries[ENTRIES];

        for (size_t at = 0; at < region->n; at += sizeof(entries) / sizeof(*entries) * PAGE) {
                size_t n = MIN((region->n - at) / PAGE, (size_t)ENTRIES);
                off_t offset = (off_t)((uintptr_t)(region->p + at) / PAGE * sizeof(*entries));

                if (pread(own_pagemap, entries, n * sizeof(*entries), offset) !=
                    (ssize_t)(n * sizeof(*entries)))
                        return;
                for (size_t i = 0; i < n; i++)
                        if ((entries[i] & (PAGE_PRESENT | PAGE_EXCLUSIVE | PAGE_OF_FILE)) ==
                            (PAGE_PRESENT | PAGE_EXCLUSIVE))
                                note_page(heard, region->p + at + i * PAGE);
        }
}

/* The empty program has ended, and so has the interpreter but for this. */
static void note_all(void)
{
        for (size_t i = 0; i < n_regions; i++)
                note_region(&regions[i]);
}

bool pages_rehearse(void)
{
        void *p = mmap(NULL, sizeof(*heard), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
                return false;
        heard = p;
        return true;
}

void pages_rehearsed(bool well)
{
        if (well)
                learned = *heard;
        (void)munmap(heard, sizeof(*heard));
        heard = NULL;
}

bool pages_in_rehearsal(int proc)
{
        own_pagemap = openat(proc, "self/pagemap", O_RDONLY | O_CLOEXEC);
        return own_pagemap >= 0 && atexit(note_all) == 0;
}

/* ---- children ---- */

void pages_copy_learned(void)
{
        for (size_t i = 0; i < learned.n; i++)
                if (madvise(learned.of[i].p, learned.of[i].n, MADV_POPULATE_WRITE) < 0 && errno == EINVAL)
                        return;
}

void pages_copy_until_asked(int channel)
{
        struct pollfd fd = { channel, POLLIN, 0 };
        size_t copied = 0;

        for (size_t i = 0; i < n_regions && learned.n == 0; i++)
                for (size_t at = 0; at < regions[i].n; at += STEP_BYTES) {
                        size_t n = MIN(regions[i].n - at, (size_t)STEP_BYTES);

                        if (copied >= COPIED_MOST || poll(&fd, 1, 0) != 0)
                                return;
                        if (madvise(regions[i].p + at, n, MADV_POPULATE_WRITE) < 0 && errno == EINVAL)
                                return;
                        copied += n;
                }
}
