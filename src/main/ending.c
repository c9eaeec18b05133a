/*
 * Exit statuses are a shell's: the program's own, 128 + n for a signal nobody here has, and those of cli.h for limits and
 * faults.
 */
#include "main/ending.h"
#include "api/door_piston.h"
#include "main/cli.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

static int signal_number(const char *name)
{
        char known[DOOR_PISTON_SIGNAL_MAX];

        for (int i = 1; i < NSIG; i++)
                if (door_piston_signal(i, known) && streq(known, name))
                        return i;
        return 0;
}

/* End as the program did, but without leaving a core file of ours behind. */
static int end_by_signal(const char *name)
{
        int number = signal_number(name);
        sigset_t set;

        if (number == 0)
                return EXIT_ENGINE;
        setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
        sigaction(number, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
        sigemptyset(&set);
        sigaddset(&set, number);
        fflush(NULL);
        raise(number);
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        return 128 + number;
}

/* What the engine's word for the end means to a shell; 0: no limit and no fault, the program's own doing. */
static int status_of(const char *status)
{
        static const struct {
                const char *name;
                int status;
        } rows[] = { { "TO", EXIT_TIME }, { "OL", EXIT_LIMIT }, { "EL", EXIT_LIMIT }, { "XX", EXIT_ENGINE } };

        for (size_t i = 0; status && i < ARRAY_LEN(rows); i++)
                if (streq(rows[i].name, status))
                        return rows[i].status;
        return 0;
}

bool ending_is_good(const json_t *stage)
{
        const json_t *code = json_object_get(stage, "code");

        return json_is_integer(code) && json_integer_value(code) == 0 &&
               !json_is_string(json_object_get(stage, "status"));
}

int ending_of(const char *file, const json_t *stage, bool compiling)
{
        const char *status = json_string_value(json_object_get(stage, "status"));
        const char *message = json_string_value(json_object_get(stage, "message"));
        const char *signal_name = json_string_value(json_object_get(stage, "signal"));
        const json_t *code = json_object_get(stage, "code");
        int limit = status_of(status);

        /* An exit status speaks for itself, unless the engine adds in brackets what limit led to it. */
        if (status && message && (!streq(status, "RE") || strchr(message, '(')))
                cli_fail(0, "%s: %s%s", file, compiling ? "compiling: " : "", message);
        else if (compiling)
                cli_fail(0, "%s does not compile", file);
        if (limit)
                return limit;
        if (compiling)
                return EXIT_WRONG;
        if (signal_name && *signal_name)
                return end_by_signal(signal_name);
        return json_is_integer(code) ? (int)(json_integer_value(code) & 0xff) : EXIT_ENGINE;
}

static void print_number(const json_t *stage, const char *key, const char *before, const char *after)
{
        const json_t *value = json_object_get(stage, key);

        if (json_is_number(value))
                fprintf(stderr, ", %s%.0f%s", before, json_number_value(value), after);
}

void ending_print(const char *name, const json_t *stage)
{
        const char *signal_name = json_string_value(json_object_get(stage, "signal"));
        const char *status = json_string_value(json_object_get(stage, "status"));
        const json_t *code = json_object_get(stage, "code");

        fflush(stdout);
        fprintf(stderr, "coderunr: %s: ", name);
        if (json_is_integer(code))
                fprintf(stderr, "exit code %lld", (long long)json_integer_value(code));
        else
                fprintf(stderr, "signal %s", signal_name ? signal_name : "unknown");
        if (status)
                fprintf(stderr, ", %s", status);
        print_number(stage, "wall_time", "", " ms");
        print_number(stage, "cpu_time", "CPU ", " ms");
        print_number(stage, "memory", "memory ", " bytes");
        fprintf(stderr, "\n");
}
