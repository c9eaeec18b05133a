/*
 * An interpreter small enough for an image of its own, linked to whatever libc: each line of its file is a word to do.  It
 * takes some time to come up and looks at its file as others do: stat, open, read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void say_descriptors(void)
{
        for (int fd = 0; fd < 1024; fd++)
                if (fcntl(fd, F_GETFD) >= 0)
                        printf("fd %d\n", fd);
}

static void say_signals(void)
{
        sigset_t set;
        struct sigaction action;

        sigprocmask(SIG_BLOCK, NULL, &set);
        for (int i = 1; i < 32; i++)
                if (sigaction(i, NULL, &action) == 0 &&
                    (action.sa_handler != SIG_DFL || sigismember(&set, i)))
                        printf("signal %d\n", i);
}

static void obey(char *line, int argc, char **argv)
{
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "args") == 0)
                for (int i = 0; i < argc; i++)
                        puts(argv[i]);
        else if (strcmp(line, "env") == 0)
                for (char **word = environ; *word; word++)
                        puts(*word);
        else if (strcmp(line, "descriptors") == 0)
                say_descriptors();
        else if (strcmp(line, "signals") == 0)
                say_signals();
        else if (strcmp(line, "who") == 0)
                printf("%d %d %d\n", (int)getuid(), (int)getppid(), getsid(0) == getpid());
        else if (strcmp(line, "input") == 0)
                while (fgets(line, 256, stdin))
                        fputs(line, stdout);
        else if (strcmp(line, "crash") == 0)
                abort();
        else if (strncmp(line, "exit ", 5) == 0)
                exit(atoi(line + 5));
        else
                printf("say %s\n", line);
}

int main(int argc, char **argv)
{
        struct timespec start = { 0, 30000000 };
        char line[256];
        struct stat st;
        FILE *file;

        nanosleep(&start, NULL);
        if (argc < 2 || stat(argv[1], &st) < 0 || !(file = fopen(argv[1], "r"))) {
                fprintf(stderr, "%s: %s\n", argc > 1 ? argv[1] : "no file", strerror(errno));
                return 2;
        }
        while (fgets(line, sizeof(line), file))
                obey(line, argc, argv);
        return 0;
}
