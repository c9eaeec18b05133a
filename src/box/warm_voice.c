/*
 * Python: warm_python.c.
 * Lua: the seed of math.random.
 * Bash: its pid, user and seeds are from its start; they are plain symbols of the program.
 */
#include "box/warm_voice.h"
#include "util/base.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static void *find(const char *name)
{
        return dlsym(RTLD_DEFAULT, name);
}

void voice_open(const char *prelude)
{
        python_open(prelude);
}

/*
 * Ruby counts its threads and timers anew when it forks, so it has to fork itself.  Its fork comes to us (warm_doors.c).
 */
bool voice_forks(void)
{
        uintptr_t (*eval)(const char *, int *) =
                (uintptr_t(*)(const char *, int *))find("rb_eval_string_protect");
        int failed;

        if (eval)
                (void)eval("Process.fork", &failed);
        return eval;
}

void voice_before_fork(void)
{
        python_before_fork();
}

void voice_in_parent(void)
{
        python_in_parent();
}

/* The first fields of Bash's struct variable and struct user_info, the same since 2.0. */
struct bash_variable {
        char *name;
        char *value;
};

struct bash_user {
        uid_t uid, euid;
        gid_t gid, egid;
};

static void set_bash_number(struct bash_variable *(*find_variable)(const char *), const char *name,
                            long value)
{
        struct bash_variable *variable = find_variable(name);
        char text[24];

        snprintf(text, sizeof(text), "%ld", value);
        if (variable)
                variable->value = strdup(text);
}

/* $SECONDS counts from here; the group is our own since setsid(2). */
static void set_bash_clock(void)
{
        struct timeval *start = find("shellstart");
        time_t *seconds = find("shell_start_time");
        pid_t *group = find("shell_pgrp"), *original = find("original_pgrp");

        if (start)
                gettimeofday(start, NULL);
        if (seconds)
                *seconds = time(NULL);
        if (group)
                *group = getpgrp();
        if (original)
                *original = getpgrp();
}

/* What Bash knows from its start is different now: $$, $PPID, $UID, $EUID, and the seeds of $RANDOM and $SRANDOM. */
static void tell_bash(void)
{
        pid_t *pid = find("dollar_dollar_pid");
        struct bash_user *user = find("current_user");
        struct bash_variable *(*find_variable)(const char *) =
                (struct bash_variable * (*)(const char *)) find("find_variable");
        void (*seed)(void) = (void (*)(void))find("seedrand");

        if (!pid || !user || !find_variable || !seed)
                return;
        *pid = getpid();
        set_bash_clock();
        *user = (struct bash_user){ getuid(), geteuid(), getgid(), getegid() };
        set_bash_number(find_variable, "UID", (long)user->uid);
        set_bash_number(find_variable, "EUID", (long)user->euid);
        set_bash_number(find_variable, "PPID", (long)getppid());
        seed();
}

/*
 * Lua has no symbol for its state, but at its door it is under way to load a file, so the state is on the stack: what
 * points into the heap, says it is a thread (Lua 5.4: tt 8 behind one pointer), and is the main one of its global
 * state (at 24), which lies behind it.
 */
enum { LUA_THREAD = 8, LUA_GLOBAL_AT = 24, LUA_GLOBAL_BYTES = 1400, LUA_PAGE = 4096 };

#define LUA_HIGHEST ((uintptr_t)1 << 47)

/* KERNEL: msync(2) of what is not mapped is ENOMEM; of what is, with MS_ASYNC, nothing. */
static bool is_there(const char *p, size_t n)
{
        uintptr_t page = (uintptr_t)p & ~(uintptr_t)(LUA_PAGE - 1);

        return (uintptr_t)p % sizeof(p) == 0 && page > 0 && (uintptr_t)p < LUA_HIGHEST &&
               msync((void *)page, (uintptr_t)p + n - page, MS_ASYNC) == 0;
}

static bool is_lua(const char *state)
{
        const char *global;

        if (!is_there(state, LUA_GLOBAL_AT + sizeof(global)) || state[8] != LUA_THREAD)
                return false;
        memcpy(&global, state + LUA_GLOBAL_AT, sizeof(global));
        if (!is_there(global, LUA_GLOBAL_BYTES))
                return false;
        for (size_t i = 0; i < LUA_GLOBAL_BYTES; i += sizeof(state))
                if (memcmp(global + i, &state, sizeof(state)) == 0)
                        return true;
        return false;
}

static void *find_lua(void)
{
        const char *const *end = find("__libc_stack_end") ? *(void **)find("__libc_stack_end") : NULL;

        for (const char *const *p = __builtin_frame_address(0); p < end; p++)
                if (is_lua(*p))
                        return (void *)(uintptr_t)*p;
        return NULL;
}

/* Lua seeds math.random when it starts (5.4). */
static void tell_lua(void)
{
        int (*load)(void *, const char *) = (int (*)(void *, const char *))find("luaL_loadstring");
        int (*call)(void *, int, int, int, intptr_t, void *) =
                (int (*)(void *, int, int, int, intptr_t, void *))find("lua_pcallk");

        void *lua = load && call ? find_lua() : NULL;
        int seed[2] = { 0 };
        char code[64];

        /* without numbers of ours it would take the time and an address, which all children share */
        (void)!getrandom(seed, sizeof(seed), GRND_NONBLOCK);
        snprintf(code, sizeof(code), "pcall(math.randomseed, %d, %d)", seed[0], seed[1]);
        if (lua && load(lua, code) == 0)
                (void)call(lua, 0, 0, 0, 0, NULL);
}

void voice_in_child(void)
{
        if (python_in_child())
                return;
        if (find("luaL_loadstring"))
                tell_lua();
        else
                tell_bash();
}
