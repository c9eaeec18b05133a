/* Objects with names: "make" leaves one of each kind and waits, "find" looks for them; the word is part of the name. */
#include "probe.h"
#include <mqueue.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int argc, char **argv)
{
        bool make = strcmp(argv[1], "make") == 0;
        int create = make ? O_CREAT : 0, fd = socket(AF_UNIX, SOCK_STREAM, 0);
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        static const char *const places[] = { "/tmp", "/var/tmp", "/dev/shm" };
        char name[64], path[128];
        key_t key = 0x7065;

        snprintf(name, sizeof(name), "/probe-%s", argv[2]);
        snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "%s", name);
        TRY("shm", shm_open(name, create | O_RDWR, 0600));
        TRY("queue", mq_open(name, create | O_RDWR, 0600, NULL) == (mqd_t)-1 ? -1 : 0);
        TRY("sysv-shm", shmget(key, 4096, (make ? IPC_CREAT : 0) | 0600));
        TRY("sysv-sem", semget(key, 1, (make ? IPC_CREAT : 0) | 0600));
        TRY("sysv-msg", msgget(key, (make ? IPC_CREAT : 0) | 0600));
        for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
                snprintf(path, sizeof(path), "%s%s-file", places[i], name);
                TRY(places[i], open(path, create | O_RDWR, 0600));
        }
        if (make) {
                (void)bind(fd, (void *)&un, sizeof(un));
                (void)listen(fd, 1);
                sleep(2);
                probe_status = 0;
        } else {
                TRY("abstract", connect(fd, (void *)&un, sizeof(un)));
        }
        if (make) { /* outside nobody else would */
                shm_unlink(name);
                mq_unlink(name);
                shmctl(shmget(key, 0, 0), IPC_RMID, NULL);
                semctl(semget(key, 0, 0), 0, IPC_RMID);
                msgctl(msgget(key, 0), IPC_RMID, NULL);
                for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
                        snprintf(path, sizeof(path), "%s%s-file", places[i], name);
                        unlink(path);
                }
        }
        return done();
}
