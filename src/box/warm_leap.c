/*
 * Out of Py_FinalizeEx(), before it takes its interpreter apart: by then all that a program can notice of its end has
 * happened (threads joined, atexit functions called, streams flushed, modules and what they held gone, garbage collected), and
 * what is left writes to most of what the interpreter shares with its zygote, a moment before the kernel frees it.
 *
 *   Py_RunMain or Py_Exit ──► Py_FinalizeEx ──► finalize_modules ...
 *            ▲                      └─► the interpreter's state is cleared ──► audit hook
 *            └──────────────── returns 0 ◄──────────────────────────────────────┘
 *
 * The way back is found by the tables that exceptions use (.eh_frame).  Where a frame of Py_FinalizeEx is not found, or
 * there is anything in the state that could still speak, nothing is left out.
 */
#include "box/warm_voice.h"
#include "util/base.h"

#include <dlfcn.h>
#include <unwind.h>

#ifdef __x86_64__
#define UNWIND_CALLS(CALL)                                                                                   \
        CALL(_Unwind_Reason_Code, _Unwind_Backtrace, (_Unwind_Trace_Fn, void *))                             \
        CALL(_Unwind_Ptr, _Unwind_GetIP, (struct _Unwind_Context *))                                         \
        CALL(_Unwind_Word, _Unwind_GetCFA, (struct _Unwind_Context *))                                       \
        CALL(_Unwind_Word, _Unwind_GetGR, (struct _Unwind_Context *, int))                                   \
        CALL(void *, _Unwind_FindEnclosingFunction, (void *))

/* Who reads those tables: the library that glibc itself loads when a thread is cancelled. */
static struct {
#define CALL(result, name, arguments) result(*name) arguments;
        UNWIND_CALLS(CALL)
#undef CALL
        bool found;
} unwind;

/* What a called function keeps for its caller (psABI, figure 3.36): rbx rbp r12 r13 r14 r15 */
static const int kept[] = { 3, 6, 12, 13, 14, 15 };

struct way {
        const void *from; /* the function to be left */
        bool inside;      /* its frame has been seen */
        bool found;
        uintptr_t at, stack, registers[ARRAY_LEN(kept)];
};

static _Unwind_Reason_Code look(struct _Unwind_Context *frame, void *context)
{
        struct way *way = context;
        uintptr_t at = unwind._Unwind_GetIP(frame);

        if (way->inside) {
                way->at = at;
                way->stack = unwind._Unwind_GetCFA(frame);
                for (size_t i = 0; i < ARRAY_LEN(kept); i++)
                        way->registers[i] = unwind._Unwind_GetGR(frame, kept[i]);
                way->found = true;
                return _URC_END_OF_STACK;
        }
        way->inside =
                at > 0 && unwind._Unwind_FindEnclosingFunction((void *)(at - 1)) == way->from; /* NOLINT */
        return _URC_NO_REASON;
}

/* Return 0 from the function. */
NORETURN static void go(const struct way *way)
{
        __asm__ volatile("mov 0(%0), %%rbx\n\t"
                         "mov 8(%0), %%rbp\n\t"
                         "mov 16(%0), %%r12\n\t"
                         "mov 24(%0), %%r13\n\t"
                         "mov 32(%0), %%r14\n\t"
                         "mov 40(%0), %%r15\n\t"
                         "mov %1, %%rsp\n\t"
                         "xor %%eax, %%eax\n\t"
                         "jmp *%2"
                         :
                         : "c"(way->registers), "d"(way->stack), "S"(way->at)
                         : "memory");
        __builtin_unreachable();
}

/* KERNEL: user shadow stacks (6.6) would have to be unwound too; nobody has them by default. */
static bool has_shadow_stack(void)
{
        uintptr_t top = 0;

        __asm__ volatile("rdsspq %0" : "+r"(top));
        return top != 0;
}

void leap_open(void)
{
        void *(*load)(const char *, int) = (void *(*)(const char *, int))dlsym(RTLD_DEFAULT, "dlopen");
        void *library = load ? load("libgcc_s.so.1", RTLD_NOW) : NULL;

        unwind.found = library;
#define CALL(result, name, arguments)                                                                        \
        unwind.name = library ? (result(*) arguments)dlsym(library, #name) : NULL;                           \
        unwind.found = unwind.found && unwind.name;
        UNWIND_CALLS(CALL)
#undef CALL
}

void leap_out_of(const void *function)
{
        struct way way = { .from = function };

        if (!unwind.found || has_shadow_stack())
                return;
        (void)unwind._Unwind_Backtrace(look, &way);
        if (way.found)
                go(&way);
}
#else
void leap_open(void)
{
}

void leap_out_of(const void *function)
{
        (void)function;
}
#endif
