/*
 * Node comes to its door before it has all it needs: what prints (console, streams, net) it loads and compiles when the first
 * line is printed, which takes longer than all else a small program does.  So it is made to do so here, by the
 * prelude of its manifest, which V8 is given through its own C++ interface, found by name (Itanium C++ ABI).
 *
 * At the door V8 is under way to call a function of ours, deep below, so an isolate and a context are entered.  A prelude
 * that throws is as if it had not been.
 */
#include "box/warm_voice.h"
#include "util/base.h"

#include <dlfcn.h>

/* Room for objects whose size is V8's own: a scope has three words, a try-catch six. */
struct object {
        _Alignas(16) char bytes[256];
};

/* Handles (Local, MaybeLocal) are one pointer each, passed and returned as such. */
#define V8_CALLS(CALL)                                                                                       \
        CALL(void *, current, (void), "_ZN2v87Isolate10GetCurrentEv")                                        \
        CALL(void *, context, (void *), "_ZN2v87Isolate17GetCurrentContextEv")                               \
        CALL(void *, string, (void *, const char *, int, int),                                               \
             "_ZN2v86String11NewFromUtf8EPNS_7IsolateEPKcNS_13NewStringTypeEi")                              \
        CALL(void *, compile, (void *, void *, void *),                                                      \
             "_ZN2v86Script7CompileENS_5LocalINS_7ContextEEENS1_INS_6StringEEEPNS_12ScriptOriginE")          \
        CALL(void *, run, (void *, void *), "_ZN2v86Script3RunENS_5LocalINS_7ContextEEE")                    \
        CALL(void, open_scope, (struct object *, void *), "_ZN2v811HandleScopeC1EPNS_7IsolateE")             \
        CALL(void, close_scope, (struct object *), "_ZN2v811HandleScopeD1Ev")                                \
        CALL(void, begin_try, (struct object *, void *), "_ZN2v88TryCatchC1EPNS_7IsolateE")                  \
        CALL(void, end_try, (struct object *), "_ZN2v88TryCatchD1Ev")

static struct {
#define CALL(result, name, arguments, symbol) result(*name) arguments;
        V8_CALLS(CALL)
#undef CALL
} v8;

static bool find_calls(void)
{
        bool found = true;

#define CALL(result, name, arguments, symbol)                                                                \
        v8.name = (result(*) arguments)dlsym(RTLD_DEFAULT, symbol);                                          \
        found = found && v8.name;
        V8_CALLS(CALL)
#undef CALL
        return found;
}

static void run(void *isolate, const char *code)
{
        void *context = v8.context(isolate), *text, *script;

        text = context ? v8.string(isolate, code, 0, (int)strlen(code)) : NULL;
        script = text ? v8.compile(context, text, NULL) : NULL;
        if (script)
                (void)v8.run(script, context);
}

void v8_open(const char *prelude)
{
        struct object scope, guard;
        void *isolate;

        if (!*prelude || !find_calls())
                return;
        isolate = v8.current();
        if (!isolate)
                return;
        v8.open_scope(&scope, isolate);
        v8.begin_try(&guard, isolate);
        run(isolate, prelude);
        v8.end_try(&guard);
        v8.close_scope(&scope);
}
