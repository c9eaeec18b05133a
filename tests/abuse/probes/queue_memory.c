/* Memory that no process owns: System V messages, and "filters" on sockets.  More than 96 MiB is an escape where the
 * memory limit is 64 MiB. */
#include "probe.h"
#include <linux/filter.h>
#include <sys/msg.h>
#include <sys/socket.h>

static long messages(void)
{
        static struct {
                long type;
                char text[8000];
        } message = { 1, "" };
        int queue = msgget(IPC_PRIVATE, 0600);
        long n = 0;

        while (queue >= 0 && msgsnd(queue, &message, sizeof(message.text), IPC_NOWAIT) == 0)
                n += (long)sizeof(message.text);
        return queue < 0 ? -1 : n;
}

static long filters(void)
{
        static struct sock_filter codes[4000];
        struct sock_fprog program = { 4000, codes };
        int pair[2];

        for (int i = 0; i < 4000; i++)
                codes[i] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
        if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0)
                return -1;
        /* at least: the program as given and as translated */
        return setsockopt(pair[0], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -1 : 64000;
}

int main(int argc, char **argv)
{
        long all = 0, r = 0;

        for (int i = 0; i < 16000 && r >= 0 && all < 1L << 27; i++)
                all += (r = argc > 1 ? filters() : messages()) > 0 ? r : 0;
        printf("%ld MiB, %s\n", all >> 20, strerrorname_np(errno));
        check("queue-memory", all > 96L << 20);
        return done();
}
