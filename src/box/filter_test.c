/*
 * The filter checked as data: the compiled programs are run here, instruction by instruction, for every call number and
 * the arguments that matter, and compared with what seccomp.def promises.  What the kernel would do is decided by the
 * strictest of all filters, as seccomp(2) says.
 */
#include "box/filter.h"
#include "box/last_filter.h"
#include "util/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>

enum { NUMBERS = 1024, X32_BIT = 0x40000000, PROGRAMS = SLOT_FILTERS + 1 };

static struct slot_boot boot;

struct program {
        const struct sock_filter *code;
        unsigned n;
};

static struct program programs[PROGRAMS];

/* Classic BPF as seccomp accepts it: word loads from the data, jumps, and, or, returns. */
static uint32_t evaluate(const struct program *program, const struct seccomp_data *data)
{
        uint32_t a = 0, x = 0, scratch[BPF_MEMWORDS] = { 0 };

        for (unsigned pc = 0; pc < program->n; pc++) {
                const struct sock_filter *in = &program->code[pc];
                uint32_t operand = BPF_SRC(in->code) == BPF_X ? x : in->k;

                switch (in->code) {
                case BPF_LD | BPF_W | BPF_ABS:
                        memcpy(&a, (const char *)data + in->k, sizeof(a));
                        break;
                case BPF_LD | BPF_MEM:
                        a = scratch[in->k];
                        break;
                case BPF_ST:
                        scratch[in->k] = a;
                        break;
                case BPF_ALU | BPF_AND | BPF_K:
                        a &= in->k;
                        break;
                case BPF_JMP | BPF_JA:
                        pc += in->k;
                        break;
                case BPF_JMP | BPF_JEQ | BPF_K:
                        pc += a == operand ? in->jt : in->jf;
                        break;
                case BPF_JMP | BPF_JGT | BPF_K:
                        pc += a > operand ? in->jt : in->jf;
                        break;
                case BPF_JMP | BPF_JGE | BPF_K:
                        pc += a >= operand ? in->jt : in->jf;
                        break;
                case BPF_JMP | BPF_JSET | BPF_K:
                        pc += a & operand ? in->jt : in->jf;
                        break;
                case BPF_RET | BPF_K:
                        return in->k;
                default:
                        fail_msg("instruction %u has the unknown code 0x%x", pc, in->code);
                }
        }
        fail_msg("the program ends without an answer");
        return 0;
}

/* The kernel's order: KILL_PROCESS is the smallest as a signed number, ALLOW the largest. */
static uint32_t decide(unsigned n, uint32_t arch, uint32_t nr, const uint64_t args[6])
{
        struct seccomp_data data = { .nr = (int)nr, .arch = arch };
        uint32_t best = SECCOMP_RET_ALLOW;

        memcpy(data.args, args, sizeof(data.args));
        for (unsigned i = 0; i < n; i++) {
                uint32_t answer = evaluate(&programs[i], &data);

                if ((int32_t)(answer & SECCOMP_RET_ACTION_FULL) < (int32_t)(best & SECCOMP_RET_ACTION_FULL))
                        best = answer;
        }
        return best;
}

static uint32_t in_box(uint32_t nr, uint64_t a0, uint64_t a1)
{
        return decide(PROGRAMS, AUDIT_ARCH_X86_64, nr, (const uint64_t[6]){ a0, a1 });
}

/* What seccomp.def promises to a program for every number, arguments aside. */
static uint32_t promised[NUMBERS];
static bool by_argument[NUMBERS];

static void promise(const char *name, uint32_t answer)
{
        int nr = seccomp_syscall_resolve_name(name);

        if (nr >= 0 && nr < NUMBERS)
                promised[nr] = answer;
}

static void note_argument(const char *name)
{
        int nr = seccomp_syscall_resolve_name(name);

        if (nr >= 0 && nr < NUMBERS)
                by_argument[nr] = true;
}

static void fill_promises(void)
{
        for (int i = 0; i < NUMBERS; i++)
                promised[i] = SECCOMP_RET_ERRNO | ENOSYS;
#define ALLOW(call, set)                                    promise(#call, SECCOMP_RET_ALLOW);
#define ALLOW_EQ(call, set, arg, value)                     note_argument(#call);
#define SETUP(call)                                         promise(#call, SECCOMP_RET_ERRNO | EPERM);
#define REFUSE(call, error, why)                            promise(#call, SECCOMP_RET_ERRNO | (error));
#define KILL(call, why)                                     promise(#call, SECCOMP_RET_KILL_PROCESS);
#define REFUSE_BITS(call, error, arg, mask, value, why)     note_argument(#call);
#define REFUSE_ABOVE(call, error, arg, value, why)          note_argument(#call);
#define REFUSE_WRITE(call, error, arg, value, pointer, why) note_argument(#call);
#include "box/seccomp.def"
#undef ALLOW
#undef ALLOW_EQ
#undef SETUP
#undef REFUSE
#undef KILL
#undef REFUSE_BITS
#undef REFUSE_ABOVE
#undef REFUSE_WRITE
        promise("clone3", SECCOMP_RET_ERRNO | ENOSYS); /* EPERM would break every thread library */
}

static void test_every_number(void **state)
{
        for (uint32_t nr = 0; nr < NUMBERS; nr++) {
                uint32_t answer = in_box(nr, 0, 0);

                if (by_argument[nr])
                        continue;
                if (answer != promised[nr])
                        print_error("call %u: 0x%x, promised 0x%x\n", nr, answer, promised[nr]);
                assert_int_equal(answer, promised[nr]);
        }
}

static void test_other_entries_end_the_process(void **state)
{
        static const uint64_t none[6];

        for (uint32_t nr = 0; nr < NUMBERS; nr++) {
                assert_int_equal(decide(PROGRAMS, AUDIT_ARCH_I386, nr, none), SECCOMP_RET_KILL_PROCESS);
                assert_int_equal(decide(PROGRAMS, AUDIT_ARCH_AARCH64, nr, none), SECCOMP_RET_KILL_PROCESS);
                assert_int_equal(in_box(nr | X32_BIT, 0, 0), SECCOMP_RET_KILL_PROCESS);
        }
        /* -1 is how a tracer skips a call: no call at all */
        assert_int_equal(in_box(UINT32_MAX, 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
}

static void test_setup_calls_are_there_until_the_last_filter(void **state)
{
        static const uint64_t none[6];

#define ALLOW(call, set)
#define ALLOW_EQ(call, set, arg, value)
#define SETUP(call)                                                                                          \
        assert_int_equal(decide(SLOT_FILTERS, AUDIT_ARCH_X86_64,                                             \
                                (uint32_t)seccomp_syscall_resolve_name(#call), none),                        \
                         SECCOMP_RET_ALLOW);                                                                 \
        assert_int_not_equal(in_box((uint32_t)seccomp_syscall_resolve_name(#call), 0, 0), SECCOMP_RET_ALLOW);
#define REFUSE(call, error, why)
#define KILL(call, why)
#define REFUSE_BITS(call, error, arg, mask, value, why)
#define REFUSE_ABOVE(call, error, arg, value, why)
#define REFUSE_WRITE(call, error, arg, value, pointer, why)
#include "box/seccomp.def"
#undef ALLOW
#undef ALLOW_EQ
#undef SETUP
#undef REFUSE
#undef KILL
#undef REFUSE_BITS
#undef REFUSE_ABOVE
#undef REFUSE_WRITE
}

/* One argument put where the row looks, the others zero. */
static uint32_t with(const char *call, unsigned arg, uint64_t value)
{
        uint64_t args[6] = { 0 };

        args[arg] = value;
        return decide(PROGRAMS, AUDIT_ARCH_X86_64, (uint32_t)seccomp_syscall_resolve_name(call), args);
}

static uint32_t with_pointer(const char *call, unsigned arg, uint64_t value, unsigned pointer,
                             uint64_t address)
{
        uint64_t args[6] = { 0 };

        args[arg] = value;
        args[pointer] = address;
        return decide(PROGRAMS, AUDIT_ARCH_X86_64, (uint32_t)seccomp_syscall_resolve_name(call), args);
}

static void expect(const char *call, unsigned arg, uint64_t value, uint32_t answer)
{
        uint32_t got = with(call, arg, value);

        if (got != answer)
                print_error("%s with argument %u = 0x%llx: 0x%x, promised 0x%x\n", call, arg,
                            (unsigned long long)value, got, answer);
        assert_int_equal(got, answer);
}

#define HIGH (UINT64_C(1) << 32)

/* Every row by argument: the value itself, with a high bit set, and a value beside it. */
static void test_every_argument_row(void **state)
{
#define ALLOW(call, set)
#define ALLOW_EQ(call, set, arg, value)                                                                      \
        expect(#call, arg, value, SECCOMP_RET_ALLOW);                                                        \
        expect(#call, arg, (value) ^ 0x1000, SECCOMP_RET_ERRNO | ENOSYS);
#define SETUP(call)
#define REFUSE(call, error, why)
#define KILL(call, why)
#define REFUSE_BITS(call, error, arg, mask, value, why)                                                      \
        expect(#call, arg, value, SECCOMP_RET_ERRNO | (error));                                              \
        expect(#call, arg, (value) | HIGH, SECCOMP_RET_ERRNO | (error));
#define REFUSE_ABOVE(call, error, arg, value, why)                                                           \
        expect(#call, arg, (value) + UINT64_C(1), SECCOMP_RET_ERRNO | (error));                              \
        expect(#call, arg, (value) | HIGH, SECCOMP_RET_ERRNO | (error));                                     \
        expect(#call, arg, UINT64_MAX, SECCOMP_RET_ERRNO | (error));
#define REFUSE_WRITE(call, error, arg, value, pointer, why)                                                  \
        assert_int_equal(with_pointer(#call, arg, value, pointer, 1), SECCOMP_RET_ERRNO | (error));          \
        assert_int_equal(with_pointer(#call, arg, value | HIGH, pointer, HIGH),                              \
                         SECCOMP_RET_ERRNO | (error));                                                       \
        assert_int_equal(with_pointer(#call, arg, value, pointer, 0), SECCOMP_RET_ALLOW);                    \
        assert_int_equal(with_pointer(#call, arg, value + 1, pointer, 1), SECCOMP_RET_ALLOW);
#include "box/seccomp.def"
#undef ALLOW
#undef ALLOW_EQ
#undef SETUP
#undef REFUSE
#undef KILL
#undef REFUSE_BITS
#undef REFUSE_ABOVE
#undef REFUSE_WRITE
}

/* And the uses that programs live by stay open. */
static void test_ordinary_arguments_pass(void **state)
{
        static const struct {
                const char *call;
                unsigned arg;
                uint64_t value;
        } rows[] = {
                { "socket", 0, 1 },       { "socketpair", 0, 1 }, { "clone", 0, 17 },
                { "clone", 0, 0x3d0f00 }, { "ioctl", 1, 0x5401 }, { "ioctl", 1, 0x5413 },
                { "ioctl", 1, 0x541b },   { "fcntl", 1, 1 },      { "fcntl", 1, 6 },
                { "fcntl", 1, 1030 },     { "prctl", 0, 15 },     { "prctl", 0, 4 },
                { "prctl", 0, 22 },       { "prlimit64", 0, 0 },  { "setrlimit", 0, 3 },
                { "setrlimit", 0, 7 },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                expect(rows[i].call, rows[i].arg, rows[i].value, SECCOMP_RET_ALLOW);
}

/* Socket options pass, all but the one that leaves something behind. */
static void test_flow_labels_are_refused(void **state)
{
        static const uint64_t levels[] = { 0, 1, 6, 17, 41, 41 | HIGH };

        for (size_t i = 0; i < ARRAY_LEN(levels); i++)
                for (uint64_t option = 0; option < 100; option++) {
                        uint64_t args[6] = { 5, levels[i], option },
                                 high[6] = { 5, levels[i], option | HIGH };
                        bool label = (uint32_t)levels[i] == 41 && option == 32;
                        uint32_t answer = label ? SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_ALLOW;

                        if (option == 31) /* TCP_ULP has a row of its own */
                                continue;
                        assert_int_equal(decide(PROGRAMS, AUDIT_ARCH_X86_64, 54, args), answer);
                        assert_int_equal(decide(PROGRAMS, AUDIT_ARCH_X86_64, 54, high), answer);
                }
}

/* An Internet socket is TCP or UDP; what else it could be would have the kernel look for a module. */
static void test_internet_sockets_are_tcp_and_udp(void **state)
{
        static const uint64_t families[] = { 1, 2, 10, 2 | HIGH, 10 | HIGH };
        static const uint64_t flags[] = { 0, 02000000, 02004000, HIGH };

        for (size_t i = 0; i < ARRAY_LEN(families) * ARRAY_LEN(flags); i++) {
                uint64_t family = families[i / ARRAY_LEN(flags)], flag = flags[i % ARRAY_LEN(flags)];

                for (uint64_t type = 0; type < 16; type++)
                        for (uint64_t protocol = 0; protocol < 300; protocol++) {
                                uint64_t args[6] = { family, type | flag, protocol };
                                bool tcp = type == 1 && (protocol == 0 || protocol == 6);
                                bool udp = type == 2 && (protocol == 0 || protocol == 17);
                                uint32_t answer = decide(PROGRAMS, AUDIT_ARCH_X86_64, 41, args);

                                assert_int_equal(answer == SECCOMP_RET_ALLOW,
                                                 family < 1 + HIGH && (family == 1 || tcp || udp));
                        }
        }
}

static int set_up(void **state)
{
        struct err err = { "" };

        if (filter_build(&boot, &err) < 0) {
                print_error("%s\n", err.text);
                return -1;
        }
        for (int i = 0; i < SLOT_FILTERS; i++)
                programs[i] = (struct program){ boot.filter[i], boot.n_filter[i] };
        programs[SLOT_FILTERS] = (struct program){ last_filter, last_filter_n };
        fill_promises();
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_number),
                cmocka_unit_test(test_other_entries_end_the_process),
                cmocka_unit_test(test_setup_calls_are_there_until_the_last_filter),
                cmocka_unit_test(test_every_argument_row),
                cmocka_unit_test(test_ordinary_arguments_pass),
                cmocka_unit_test(test_flow_labels_are_refused),
                cmocka_unit_test(test_internet_sockets_are_tcp_and_udp),
        };

        return cmocka_run_group_tests(tests, set_up, NULL);
}
