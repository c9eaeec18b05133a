/*
 * The count of faults still to come is shared by all forks of a keeper: a fault asked for once happens once, whether in
 * the keeper, in init or in the program's process.
 */
#include "box/steps.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

int steps_run(const struct step_row *rows, size_t n, const void *context, enum step *ret_step)
{
        for (size_t i = 0; i < n; i++) {
                int r;

                *ret_step = rows[i].step;
                r = steps_fault(rows[i].step);
                r = r ? r : rows[i].run(context);
                if (r < 0)
                        return r;
        }
        return 0;
}

#ifdef CODERUNR_FAULTS
enum { PAUSE_MS = 2000 };

static struct slot_fault *shared;

/* "NAME" of steps.def in the environment: be paused there, once.  Whole engines are tested so, by a keeper behind a script. */
static void read_environment(struct slot_fault *fault)
{
        static const char *const names[] = {
#define STEP(NAME, text) #NAME,
#include "box/steps.def"
#undef STEP
        };
        const char *wanted = getenv("CODERUNR_FAULT");

        for (uint32_t i = 1; wanted && i < ARRAY_LEN(names); i++)
                if (streq(names[i], wanted))
                        *fault = (struct slot_fault){ .step = i, .delay_ms = PAUSE_MS, .times = 1 };
}

void steps_fault_open(const struct slot_fault *fault)
{
        shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        must(shared != MAP_FAILED);
        *shared = *fault;
        read_environment(shared);
}

/* Under a name by which a test finds whoever is late. */
static void pause_for(uint32_t ms)
{
        char name[16] = "";

        (void)prctl(PR_GET_NAME, name, 0, 0, 0);
        (void)prctl(PR_SET_NAME, STEPS_PAUSED, 0, 0, 0);
        poll(NULL, 0, (int)ms);
        (void)prctl(PR_SET_NAME, name, 0, 0, 0);
}

int steps_fault(enum step step)
{
        if (!shared || shared->step != step || shared->times == 0)
                return 0;
        shared->times--;
        if (shared->delay_ms > 0) {
                pause_for(shared->delay_ms);
                return 0;
        }
        if (shared->error == 0) {
                raise(SIGKILL);
                _exit(137); /* KERNEL: pid 1 of a namespace does not die of its own signal */
        }
        return -(int)shared->error;
}
#endif
