/*
 * Keeper: one slot.
 *
 * Builds the slot (slot.c), then goes round: prepare a box (prepare.c), say READY, take one order (orders.c), run it
 * (run.c), throw the box away.  It parses nothing but struct box_spec and opens no path after start.
 *
 * When the socket ends (the runner is gone) it ends its box and leaves; when it dies itself, the box dies with it by
 * PR_SET_PDEATHSIG.  A preparation that fails is reported as END_SETUP with job 0 and tried again.
 */
#include "box/keeper.h"
#include "box/steps.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

enum {
        RETRY_MS = 200, /* between failed preparations */
        LOOK_MS = 1000, /* between two looks at an image's program that waits */
};

#define BUSY_NS (100 * NSEC_PER_MSEC) /* of CPU time from one look to the next: it does not wait */

struct keeper keeper;

void report_send(struct box_report *report)
{
        report->magic = REPORT_MAGIC;
        if (send(SLOT_FD_SOCKET, report, sizeof(*report), MSG_NOSIGNAL) < 0) {
                box_discard();
                _exit(0); /* nobody to work for */
        }
}

static void report_ready(void)
{
        struct box_report report = { .end = END_READY, .warm = keeper.box.warm };

        report_send(&report);
}

void report_end(uint64_t job, enum report_end end, enum step step, int error)
{
        struct box_report report = {
                .job = job, .end = end, .step = step, .error = error < 0 ? -error : error
        };

        report_send(&report);
}

/* Leave with the step that failed: this slot cannot be made. */
NORETURN static void die(enum step step, int error)
{
        report_end(0, END_SETUP, step, error);
        _exit(1);
}

/* Nobody asks for what is warm: its memory is better used.  The box is replaced by an ordinary one, and nobody is told, since
 * an order for what is gone is served too.  False: there is no box. */
static bool cool_down(void)
{
        enum step step;

        box_discard();
        zygotes_close();
        keeper.next = 0;
        return box_prepare(keeper.boot->disk_bytes, keeper.boot->inodes, 0, &step) == 0;
}

/* How long to wait for an order before looks_idle(). */
static int patience(void)
{
        if (box_waits_for_image())
                return LOOK_MS;
        return zygotes_count() > 0 || keeper.box.warm ? (int)keeper.boot->warm_idle_ms : -1;
}

/* No order came for so long: is what waits to be let go?  What an image parks could do anything instead of waiting. */
static bool looks_idle(uint64_t *waited_ms)
{
        if (!box_waits_for_image())
                return true;
        *waited_ms += LOOK_MS;
        if (account_cpu_ns(&keeper.account) > BUSY_NS) {
                box_distrust();
                report_end(0, END_SETUP, STEP_WARM_WAIT, EBUSY);
                return true;
        }
        account_mark(&keeper.account);
        return *waited_ms >= keeper.boot->warm_idle_ms;
}

/* Wait for an order with a prepared box in hand.  Returns when the box was used, or has died waiting. */
static void serve_box(void)
{
        uint64_t waited_ms = 0;

        if (box_waits_for_image())
                account_mark(&keeper.account);
        for (;;) {
                struct pollfd fds[2] = { { SLOT_FD_SOCKET, POLLIN, 0 }, { keeper.box.pidfd, POLLIN, 0 } };
                int n = poll(fds, 2, patience());

                if (n < 0 || (n == 0 && (!looks_idle(&waited_ms) || cool_down())))
                        continue;
                if (n == 0)
                        return;
                if (fds[0].revents) {
                        if (!request_receive(SLOT_FD_SOCKET)) {
                                box_discard();
                                _exit(0);
                        }
                        if (request_is_run()) {
                                run_request();
                                return;
                        }
                        if (request.n >= sizeof(request.spec) && request.spec.order == ORDER_RUN)
                                report_end(request.spec.job, END_REFUSED, STEP_NONE, EINVAL);
                        request_close(); /* a kill for a job that has ended already */
                } else if (fds[1].revents) {
                        return;
                }
        }
}

static void build(void)
{
        enum step step = STEP_BOOT;
        int r = slot_boot_map(&keeper.boot);

        if (r < 0)
                die(step, r);
        steps_fault_open(&keeper.boot->fault);
        account_init(&keeper.account, keeper.boot);
        r = steps_fault(STEP_BOOT);
        r = r ? r : slot_build(&keeper, &step);
        if (r < 0)
                die(step, r);
}

int main(void)
{
        enum step step;
        int r;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        for (int i = 1; i < NSIG; i++)
                (void)signal(i, SIG_DFL); /* a shell ignores some for what it starts in the background */
        signal(SIGPIPE, SIG_IGN);
        signal(SIGINT, SIG_IGN); /* the terminal's: the warden decides when a slot ends */
        signal(SIGTERM, SIG_IGN);
        build();
        for (;;) {
                r = box_prepare(keeper.boot->disk_bytes, keeper.boot->inodes, keeper.next, &step);
                if (r == 0) {
                        report_ready();
                        serve_box();
                        box_discard();
                        continue;
                }
                box_discard();
                report_end(0, END_SETUP, step, r);
                poll(NULL, 0, RETRY_MS);
        }
}
