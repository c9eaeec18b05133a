/*
 * Python: its own hooks around fork (C API since 3.7), which reseed what was seeded and renew locks.
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

struct python {
        int (*ensure)(void);
        void (*release)(int state);
        int (*run)(const char *code, void *flags);
        void (*before_fork)(void);
        void (*after_fork_parent)(void);
        void (*after_fork_child)(void);
};

static struct python python;
static bool is_python;

static void *find(const char *name)
{
        return dlsym(RTLD_DEFAULT, name);
}

static void find_python(void)
{
        python = (struct python){
                .ensure = (int (*)(void))find("PyGILState_Ensure"),
                .release = (void (*)(int))find("PyGILState_Release"),
                .run = (int (*)(const char *, void *))find("PyRun_SimpleStringFlags"),
                .before_fork = (void (*)(void))find("PyOS_BeforeFork"),
                .after_fork_parent = (void (*)(void))find("PyOS_AfterFork_Parent"),
                .after_fork_child = (void (*)(void))find("PyOS_AfterFork_Child"),
        };
        is_python = python.ensure && python.release && python.run && python.before_fork &&
                    python.after_fork_parent && python.after_fork_child;
}

/*
 * At its end Python takes every module apart, and each page that is written is a copy of the zygote's: ten times what a small
 * program takes.  So what was there before the fork leaves sys.modules when all of the program's atexit functions have
 * run, and is kept alive; the program's own objects are taken apart as ever.  What is frozen the collector does not walk.
 */
static const char python_fade[] =
        "exec('import atexit, gc, os, sys\\n"
        "own = {\"sys\", \"builtins\", \"__main__\"}\\n"
        "def fade(modules=sys.modules, before={n: m for n, m in sys.modules.items() if n not in own}):\\n"
        "    for name, module in before.items():\\n"
        "        if modules.get(name) is module:\\n"
        "            del modules[name]\\n"
        "atexit.register(fade)\\n"
        "threading = sys.modules.get(\"threading\")\\n"
        "if threading:\\n"
        "    main = threading.main_thread()\\n"
        "    os.register_at_fork(after_in_child=lambda: main._set_native_id())\\n"
        "gc.collect()\\n"
        "gc.freeze()', {})\n";

/* The program's own module is none of what is frozen: its cycles are collected at its end. */
static void thaw_main(void)
{
        void *(*module)(const char *) = (void *(*)(const char *))find("PyImport_AddModule");
        void *(*dict)(void *) = (void *(*)(void *))find("PyModule_GetDict");
        void (*untrack)(void *) = (void (*)(void *))find("PyObject_GC_UnTrack");
        void (*track)(void *) = (void (*)(void *))find("PyObject_GC_Track");
        void *main = module ? module("__main__") : NULL;

        if (!main || !dict || !untrack || !track)
                return;
        untrack(main);
        track(main);
        untrack(dict(main));
        track(dict(main));
}

static void open_python(const char *prelude)
{
        void *(*modules)(void) = (void *(*)(void))find("PyImport_GetModuleDict");
        void *(*copy)(void *) = (void *(*)(void *))find("PyDict_Copy");
        int (*drop)(void *, const char *) = (int (*)(void *, const char *))find("PyDict_DelItemString");
        int state = python.ensure();
        void *kept;

        if (*prelude)
                (void)python.run(prelude, NULL);
        kept = modules && copy && drop ? copy(modules()) : NULL; /* never given back: that keeps them alive */
        if (kept && drop(kept, "__main__") == 0 && python.run(python_fade, NULL) == 0)
                thaw_main();
        python.release(state);
}

static void in_python(void (*call)(void))
{
        int state = python.ensure();

        call();
        python.release(state);
}

void voice_open(const char *prelude)
{
        find_python();
        if (is_python)
                open_python(prelude);
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
        if (is_python)
                in_python(python.before_fork);
}

void voice_in_parent(void)
{
        if (is_python)
                in_python(python.after_fork_parent);
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
        if (is_python)
                in_python(python.after_fork_child);
        else if (find("luaL_loadstring"))
                tell_lua();
        else
                tell_bash();
}
