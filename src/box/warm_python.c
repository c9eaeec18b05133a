/*
 * Python: its own hooks around fork (C API since 3.7), which reseed what was seeded and renew locks; and what it may leave
 * alone at its end.
 *
 * At its end Python takes every module apart, and each page that is written is a copy of the zygote's: ten times what a small
 * program takes.  So what was there before the fork leaves sys.modules when all of the program's atexit functions have
 * run, and is kept alive; the program's own objects are taken apart as ever.  What is frozen the collector does not walk.
 *
 * What then still belongs to the interpreter itself is not taken apart at all where nothing in it can be noticed (warm_leap.c).
 *
 * All of it is found by name, with the GIL held wherever Python is called.
 */
#include "box/warm_voice.h"
#include "util/base.h"

#include <dlfcn.h>
#include <sys/types.h>

enum { FILE_INPUT = 257, NO_ARGUMENTS = 4 }; /* Py_file_input, METH_NOARGS */
enum { MARKS_MAX = 1024 };

/* PyMethodDef */
struct method {
        const char *name;
        void *(*call)(void *self, void *nothing);
        int flags;
        const char *doc;
};

#define PYTHON_CALLS(CALL)                                                                                   \
        CALL(int, PyGILState_Ensure, (void))                                                                 \
        CALL(void, PyGILState_Release, (int))                                                                \
        CALL(int, PyRun_SimpleStringFlags, (const char *, void *))                                           \
        CALL(void *, PyRun_StringFlags, (const char *, int, void *, void *, void *))                         \
        CALL(void, PyOS_BeforeFork, (void))                                                                  \
        CALL(void, PyOS_AfterFork_Parent, (void))                                                            \
        CALL(void, PyOS_AfterFork_Child, (void))                                                             \
        CALL(void *, PyImport_GetModuleDict, (void))                                                         \
        CALL(void *, PyImport_AddModule, (const char *))                                                     \
        CALL(void *, PyModule_GetDict, (void *))                                                             \
        CALL(void *, PyDict_New, (void))                                                                     \
        CALL(void *, PyDict_Copy, (void *))                                                                  \
        CALL(void *, PyDict_GetItem, (void *, void *))                                                       \
        CALL(void *, PyDict_GetItemString, (void *, const char *))                                           \
        CALL(int, PyDict_SetItem, (void *, void *, void *))                                                  \
        CALL(int, PyDict_SetItemString, (void *, const char *, void *))                                      \
        CALL(int, PyDict_DelItem, (void *, void *))                                                          \
        CALL(int, PyDict_DelItemString, (void *, const char *))                                              \
        CALL(int, PyDict_Next, (void *, ssize_t *, void **, void **))                                        \
        CALL(void *, PyCFunction_NewEx, (struct method *, void *, void *))                                   \
        CALL(void *, PyObject_GetAttrString, (void *, const char *))                                         \
        CALL(void *, PyObject_CallMethod, (void *, const char *, const char *, ...))                         \
        CALL(long, PyLong_AsLong, (void *))                                                                  \
        CALL(void, PyObject_GC_Track, (void *))                                                              \
        CALL(void, PyObject_GC_UnTrack, (void *))                                                            \
        CALL(int, PySys_AddAuditHook, (int (*)(const char *, void *, void *), void *))                       \
        CALL(void *, PyThreadState_GetDict, (void))                                                          \
        CALL(void *, PyContext_CopyCurrent, (void))                                                          \
        CALL(ssize_t, PyObject_Size, (void *))                                                               \
        CALL(int, Py_FinalizeEx, (void))                                                                     \
        CALL(unsigned, PyType_ClearCache, (void))                                                            \
        CALL(void, PyErr_Clear, (void))                                                                      \
        CALL(void, Py_IncRef, (void *))                                                                      \
        CALL(void, Py_DecRef, (void *))

static struct {
#define CALL(result, name, arguments) result(*name) arguments;
        PYTHON_CALLS(CALL)
#undef CALL
        bool found;
        void *none;
        size_t head, size; /* of a dict: what every object begins with, and the whole */
        void *kept;        /* the modules before the fork: never given back, which keeps them alive */
        ssize_t in_state;  /* of the main thread, before the fork */
        bool stays;        /* to its end: something failed there, which is told in the exit status */
} py;

/* What the names of a kept module were when the program began: how many, and their version (3.6 to 3.12, PEP 509). */
struct mark {
        const char *dict;
        size_t n; /* bytes of state that tell */
        uint64_t state[2];
};

static struct mark marks[MARKS_MAX];
static size_t n_marks;

static long size_of(const char *type)
{
        void *of = dlsym(RTLD_DEFAULT, type);
        void *number = of ? py.PyObject_GetAttrString(of, "__basicsize__") : NULL;

        return number ? py.PyLong_AsLong(number) : 0;
}

static bool find_calls(void)
{
        py.found = true;
#define CALL(result, name, arguments)                                                                        \
        py.name = (result(*) arguments)dlsym(RTLD_DEFAULT, #name);                                           \
        py.found = py.found && py.name;
        PYTHON_CALLS(CALL)
#undef CALL
        py.none = dlsym(RTLD_DEFAULT, "_Py_NoneStruct");
        return py.found && py.none;
}

static void set_marks(void)
{
        void *key, *module, *threading = py.PyDict_GetItemString(py.kept, "threading");
        ssize_t at = 0;

        for (n_marks = 0; py.PyDict_Next(py.kept, &at, &key, &module) && n_marks < MARKS_MAX;) {
                struct mark *mark = &marks[n_marks];

                mark->dict = py.PyModule_GetDict(module);
                if (!mark->dict)
                        continue;
                /* it sets a name of its own before the first atexit function */
                mark->n = module == threading ? sizeof(*mark->state) : sizeof(mark->state);
                memcpy(mark->state, mark->dict + py.head, mark->n);
                n_marks++;
        }
        py.PyErr_Clear(); /* not everything in sys.modules is a module */
}

/* The program has put something into a module that is not its own. */
static bool is_marked(void)
{
        for (size_t i = 0; i < n_marks; i++)
                if (memcmp(marks[i].state, marks[i].dict + py.head, marks[i].n) != 0)
                        return true;
        return false;
}

/* Everything is to be taken apart, as in a cold one. */
static void thaw_all(void)
{
        void *gc = py.PyImport_AddModule("gc");

        if (gc)
                (void)py.PyObject_CallMethod(gc, "unfreeze", NULL);
        py.Py_DecRef(py.kept);
        py.kept = NULL;
}

/* Two dicts change what they hold, and no object in them is touched. */
static void swap_dicts(char *a, char *b)
{
        for (size_t i = py.head; i < py.size; i++) {
                char byte = a[i];

                a[i] = b[i];
                b[i] = byte;
        }
}

/* What lies in the main thread's own dict and context, and goes with its state only. */
static ssize_t count_state(void)
{
        void *dict = py.PyThreadState_GetDict(), *context = py.PyContext_CopyCurrent();
        ssize_t n = (dict ? py.PyObject_Size(dict) : 0) + (context ? py.PyObject_Size(context) : 0);

        if (context)
                py.Py_DecRef(context);
        return n;
}

/* Profilers and tracers see all of the end. */
static bool is_watched(void)
{
        static const char *const ways[] = { "getprofile", "gettrace" };
        void *sys = py.PyImport_AddModule("sys");
        bool watched = !sys;

        for (size_t i = 0; i < ARRAY_LEN(ways) && !watched; i++) {
                void *who = py.PyObject_CallMethod(sys, ways[i], NULL);

                watched = who != py.none;
                if (who)
                        py.Py_DecRef(who);
        }
        return watched;
}

/* Audit events (PEP 578, Python 3.8): the second is raised when modules are gone and garbage is collected. */
static int at_end(const char *event, void *args, void *data)
{
        if (streq(event, "sys.unraisablehook"))
                py.stays = true;
        else if (streq(event, "cpython.PyInterpreterState_Clear") && !py.stays)
                leap_out_of((const void *)(uintptr_t)py.Py_FinalizeEx);
        return 0;
}

/* The modules of @from that were not there before the fork, in @to. */
static bool copy_own(void *from, void *to)
{
        void *key, *module;
        ssize_t at = 0;
        int r = 0;

        while (r == 0 && py.PyDict_Next(from, &at, &key, &module))
                if (py.PyDict_GetItem(py.kept, key) != module)
                        r = py.PyDict_SetItem(to, key, module);
        return r == 0;
}

/*
 * sys.modules forgets what was there before the fork.  WHY not by deleting: that writes to each module.  What it held
 * stays in a dict that is never given back, less the program's own.
 */
static void forget_kept(void)
{
        void *modules = py.PyImport_GetModuleDict(), *rest = py.PyDict_New(), *key, *module;
        ssize_t at = 0;
        int r = 0;

        if (!rest || !copy_own(modules, rest))
                return;
        py.PyObject_GC_UnTrack(rest);
        swap_dicts(modules, rest);
        while (r == 0 && py.PyDict_Next(modules, &at, &key, &module))
                r = py.PyDict_DelItem(rest, key);
        if (count_state() == py.in_state)
                r = py.PySys_AddAuditHook(at_end, NULL);
}

/* Called when the program's atexit functions have run. */
static void *fade(void *self, void *nothing)
{
        if (py.kept && (is_marked() || is_watched()))
                thaw_all();
        else if (py.kept)
                forget_kept();
        py.PyErr_Clear();
        py.Py_IncRef(py.none);
        return py.none;
}

static const char at_open[] = "import atexit, gc, os, sys\n"
                              "atexit.register(fade)\n"
                              "threading = sys.modules.get('threading')\n"
                              "if threading:\n"
                              "    main = threading.main_thread()\n"
                              "    os.register_at_fork(after_in_child=lambda: main._set_native_id())\n"
                              "gc.collect()\n"
                              "gc.freeze()\n";

/* Run @code in a namespace of its own, with @function in it by the name it has. */
static bool run_with(const char *code, struct method *function)
{
        void *names = py.PyDict_New(), *call = py.PyCFunction_NewEx(function, NULL, NULL), *result = NULL;

        if (names && call && py.PyDict_SetItemString(names, function->name, call) == 0)
                result = py.PyRun_StringFlags(code, FILE_INPUT, names, names, NULL);
        if (!result)
                py.PyErr_Clear();
        return result;
}

/* The program's own module is none of what is frozen: its cycles are collected at its end. */
static void thaw_main(void)
{
        void *main = py.PyImport_AddModule("__main__");
        void *dict = main ? py.PyModule_GetDict(main) : NULL;

        if (!dict)
                return;
        py.PyObject_GC_UnTrack(main);
        py.PyObject_GC_Track(main);
        py.PyObject_GC_UnTrack(dict);
        py.PyObject_GC_Track(dict);
}

/* All modules but those that the program's end is about. */
static bool keep_modules(void)
{
        static const char *const own[] = { "__main__", "sys", "builtins" };

        py.kept = py.PyDict_Copy(py.PyImport_GetModuleDict());
        for (size_t i = 0; i < ARRAY_LEN(own) && py.kept; i++)
                if (py.PyDict_DelItemString(py.kept, own[i]) < 0)
                        return false;
        py.head = (size_t)size_of("PyBaseObject_Type");
        py.size = (size_t)size_of("PyDict_Type");
        return py.kept && py.head > 0 && py.head < py.size;
}

void python_open(const char *prelude)
{
        static struct method method = { "fade", fade, NO_ARGUMENTS, NULL };
        int state;

        if (!find_calls())
                return;
        leap_open();
        state = py.PyGILState_Ensure();
        if (*prelude)
                (void)py.PyRun_SimpleStringFlags(prelude, NULL);
        if (keep_modules() && run_with(at_open, &method))
                thaw_main();
        else
                py.PyErr_Clear();
        py.in_state = count_state();
        (void)py.PyType_ClearCache(); /* each of its names is a page to be written at the end */
        py.PyGILState_Release(state);
}

static bool with_gil(void (*call)(void))
{
        int state;

        if (!py.found)
                return false;
        state = py.PyGILState_Ensure();
        call();
        py.PyGILState_Release(state);
        return true;
}

void python_before_fork(void)
{
        (void)with_gil(py.PyOS_BeforeFork);
}

void python_in_parent(void)
{
        (void)with_gil(py.PyOS_AfterFork_Parent);
}

bool python_in_child(void)
{
        return with_gil(py.PyOS_AfterFork_Child) && (!py.kept || with_gil(set_marks));
}

void python_stay(void)
{
        py.stays = true;
}
