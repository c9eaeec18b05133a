/*
 * What is kept warm with a keeper's powers must be root's own: program and folder are looked at, since a manifest may name
 * any.
 */
#include "runner/warm.h"
#include "job/plan.h"
#include "runner/task.h"
#include "runtime/catalog.h"
#include "runtime/runtime.h"
#include "util/err.h"

#include <stdio.h>
#include <sys/stat.h>

/* What clients call a single file, without its extension.  "" stands for Piston's name of a nameless one. */
static const char *const names[] = { "main", "", "solution", "code" };

static bool is_roots(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && st.st_uid == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static bool is_safe(const char *tool)
{
        char folder[256];

        if (tool[0] != '/' || (size_t)snprintf(folder, sizeof(folder), "%s", tool) >= sizeof(folder))
                return false;
        *strrchr(folder, '/') = '\0';
        return is_roots(tool) && is_roots(*folder ? folder : "/");
}

/* "main.c" -> "main" in @pattern's {stem}; its {main} as it is. */
static bool fill_door(const char *pattern, const char *name, char *door)
{
        const char *dot = strrchr(name, '.');
        int stem = dot ? (int)(dot - name) : (int)strlen(name), n;

        if (strncmp(pattern, "{main}", 6) == 0)
                n = snprintf(door, SLOT_WARM_DOOR, "%s%s", name, pattern + 6);
        else if (strncmp(pattern, "{stem}", 6) == 0)
                n = snprintf(door, SLOT_WARM_DOOR, "%.*s%s", stem, name, pattern + 6);
        else
                n = snprintf(door, SLOT_WARM_DOOR, "%s", pattern);
        return n < SLOT_WARM_DOOR;
}

static bool fill_words(const struct runtime *runtime, enum stage stage, const char *name,
                       struct slot_warm *row)
{
        CLEANUP(plan_words_deinit) struct plan_words words = { 0 };
        struct plan_job job = { .runtime = runtime,
                                .main_file = name,
                                .code = (const char *const[]){ name, NULL },
                                .limits = runtime->limits };
        struct err err;

        if (plan_build(&job, stage, &words, &err) != 0 || words.words.n > sizeof(row->words))
                return false;
        memcpy(row->words, words.words.p, words.words.n);
        row->words_bytes = (uint32_t)words.words.n;
        row->n_args = words.n_args;
        row->n_env = words.n_env;
        return true;
}

/*
 * An image's programs are its author's: they never run with a keeper's powers, nor twice in one memory, which could tell one
 * job of another.  So they wait in their box whatever the manifest says.
 */
static enum slot_warm_by way_of(const struct runtime *runtime, enum runtime_warm warm)
{
        return runtime->image > 0 || warm == RUNTIME_WARM_PARK ? SLOT_WARM_PARK : SLOT_WARM_FORK;
}

static bool fill_row(const struct runtime *runtime, enum stage stage, const char *name, struct slot_warm *row)
{
        const struct runtime_stage *of = &runtime->stages[stage];

        *row = (struct slot_warm){ .by = way_of(runtime, of->warm),
                                   .image = runtime->image,
                                   .memory_bytes = runtime->limits[stage].memory_bytes,
                                   .processes = runtime->limits[stage].processes,
                                   .at_read = of->warm == RUNTIME_WARM_FORK_AT_READ,
                                   .collects = stage == STAGE_COMPILE };
        if ((size_t)snprintf(row->prelude, sizeof(row->prelude), "%s", of->prelude ? of->prelude : "") >=
            sizeof(row->prelude))
                return false;
        return fill_door(of->door ? of->door : "{main}", name, row->door) &&
               fill_words(runtime, stage, name, row) && (row->by == SLOT_WARM_PARK || is_safe(row->words));
}

/* The @i-th name of a single file; false: the runtime has no such. */
static bool fill_name(const struct runtime *runtime, size_t i, char *name, size_t room)
{
        const char *extension = runtime->extensions && *runtime->extensions ? *runtime->extensions : "code";

        if (runtime->naming == RUNTIME_NAMING_JAVA)
                return i == 0 && (size_t)snprintf(name, room, "Main.%s", extension) < room;
        if (!*names[i])
                return (size_t)snprintf(name, room, "file0.code") < room;
        return (size_t)snprintf(name, room, "%s.%s", names[i], extension) < room;
}

static void add(struct warm_table *table, const struct runtime *runtime, enum stage stage, size_t i)
{
        const struct runtime_stage *of = &runtime->stages[stage];
        bool forks = way_of(runtime, of->warm) == SLOT_WARM_FORK;
        struct warm_key key = { runtime, stage, of->prelude && forks, "" };

        if (table->n == SLOT_WARM_MAX || !of->warm || !fill_name(runtime, i, key.main, sizeof(key.main)) ||
            !fill_row(runtime, stage, key.main, &table->rows[table->n]))
                return;
        table->keys[table->n++] = key;
}

void warm_table_fill(struct warm_table *table, const struct catalog *catalog)
{
        table->n = 0;
        for (size_t name = 0; name < ARRAY_LEN(names); name++)
                for (size_t i = 0; i < catalog->n_runtimes; i++)
                        for (int stage = 0; stage < STAGE_COUNT; stage++)
                                add(table, &catalog->runtimes[i], (enum stage)stage, name);
}

uint32_t warm_guess(const struct warm_table *table, const struct task *task)
{
        if (!table || task->cold || task->n_args > 0 || !task->runtime->stages[task->stage].warm)
                return 0;
        for (uint32_t i = 0; i < table->n; i++) {
                const struct warm_key *key = &table->keys[i];

                if (key->runtime == task->runtime && key->stage == task->stage &&
                    streq(key->main, task->main_name) && (!key->alone || task->n_sources <= 1))
                        return i + 1;
        }
        return 0;
}

bool warm_is(const struct warm_table *table, uint32_t row, const struct plan_words *words)
{
        const struct slot_warm *warm = &table->rows[row - 1];

        return warm->n_args == words->n_args && warm->n_env == words->n_env &&
               warm->words_bytes == words->words.n &&
               memcmp(warm->words, words->words.p, warm->words_bytes) == 0;
}
