/*
 * The count of faults still to come is shared by all forks of a keeper: a fault asked for once happens once, whether in
 * the keeper, in init or in the program's process.
 */
#include "box/steps.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>

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
static struct slot_fault *shared;

void steps_fault_open(const struct slot_fault *fault)
{
        shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        must(shared != MAP_FAILED);
        *shared = *fault;
}

int steps_fault(enum step step)
{
        if (!shared || shared->step != step || shared->times == 0)
                return 0;
        shared->times--;
        if (shared->delay_ms > 0) {
                poll(NULL, 0, (int)shared->delay_ms);
                return 0;
        }
        if (shared->error == 0) {
                raise(SIGKILL);
                _exit(137); /* KERNEL: pid 1 of a namespace does not die of its own signal */
        }
        return -(int)shared->error;
}
#endif
