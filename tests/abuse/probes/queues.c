/* POSIX message queues until there is no further one; more than 800 KiB of them is an escape. */
#include "probe.h"
#include <mqueue.h>

int main(void)
{
        struct mq_attr attr = { .mq_maxmsg = 10, .mq_msgsize = 8192 };
        char name[32], message[8192] = "";
        int n = 0;

        for (; n < 64; n++) {
                mqd_t queue;

                snprintf(name, sizeof(name), "/probe%d", n);
                queue = mq_open(name, O_CREAT | O_RDWR | O_NONBLOCK, 0600, &attr);
                if (queue == (mqd_t)-1)
                        break;
                mq_unlink(name);
                while (mq_send(queue, message, sizeof(message), 0) == 0)
                        ;
        }
        check("queues", n >= 64);
        return done();
}
