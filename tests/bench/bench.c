/*
 * Measures, for ./dev bench: the same program bare (posix_spawn to the end of its output), through a box, and through
 * HTTP.  Bare and ours take turns within one run, so that a machine that is slow for a while is slow for both.
 *
 *   bench box KEEPER PROGRAM ROUNDS              an order with the program as its only file, box ready
 *   bench host KEEPER PATH ROUNDS                the same with a program of the toolchain
 *   bench http PORT BODY WANTED ROUNDS GAP_MS WORKERS -- PROGRAM [ARGUMENT…]
 *   bench bare ROUNDS GAP_MS WORKERS -- PROGRAM [ARGUMENT…]
 *
 * `cold` is what a box would take that is not prepared: its answer and its making, which the keeper tells.
 *
 * Prints one line of JSON with all times in nanoseconds; tests/bench/table.py makes the table.
 */
#include "box/box.h"
#include "box/warden.h"
#include "util/bytes.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/pack.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

enum { REPLY_CAP = 1 << 20, BODY_CAP = 1 << 26, WARM_UP = 20 };

struct samples {
        uint64_t *ns;
        size_t n;
};

static NORETURN void die(const char *what)
{
        fprintf(stderr, "bench: %s\n", what);
        exit(1);
}

static void samples_add(struct samples *samples, uint64_t ns)
{
        samples->ns = realloc(samples->ns, (samples->n + 1) * sizeof(*samples->ns));
        if (!samples->ns)
                die("out of memory");
        samples->ns[samples->n++] = ns;
}

static int by_size(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x < y ? -1 : x > y;
}

static uint64_t at(const struct samples *samples, double part)
{
        return samples->ns[(size_t)((double)(samples->n - 1) * part)];
}

static void print_samples(const char *name, struct samples *samples, const char *after)
{
        qsort(samples->ns, samples->n, sizeof(*samples->ns), by_size);
        printf("\"%s\": {\"n\": %zu, \"p50\": %llu, \"p90\": %llu, \"p99\": %llu}%s", name, samples->n,
               (unsigned long long)at(samples, 0.5), (unsigned long long)at(samples, 0.9),
               (unsigned long long)at(samples, 0.99), after);
}

static void pause_ms(unsigned ms)
{
        struct timespec time = { ms / 1000, (long)(ms % 1000) * 1000000 };

        nanosleep(&time, NULL);
}

/* Bare: spawn, read its output to the end, reap. */
static uint64_t run_bare(char *const *argv)
{
        uint64_t start = clock_now_ns();
        posix_spawn_file_actions_t actions;
        char *env[] = { (char *)"PATH=/usr/bin:/bin", NULL };
        char text[4096];
        int fds[2], status;
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                die("pipe");
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
        if (posix_spawn(&pid, argv[0], &actions, NULL, argv, env) != 0)
                die("the program does not start");
        posix_spawn_file_actions_destroy(&actions);
        close(fds[1]);
        while (read(fds[0], text, sizeof(text)) > 0)
                ;
        close(fds[0]);
        if (waitpid(pid, &status, 0) < 0 || status != 0)
                die("the program failed");
        return clock_now_ns() - start;
}

/* ---- the box ---- */

/* The report's time of making the box. */
static uint64_t wait_report(int slot, enum report_end wanted)
{
        struct box_report report;
        int r;

        do {
                struct pollfd poll_fd = { slot, POLLIN, 0 };

                if (poll(&poll_fd, 1, 10000) <= 0)
                        die("the keeper is silent");
                r = box_report_recv(slot, &report);
        } while (r == BOX_AGAIN);
        if (r != 0 || report.end != (uint32_t)wanted) {
                fprintf(stderr, "bench: %s instead of %s: %s: %s\n",
                        box_end_name((enum report_end)report.end), box_end_name(wanted),
                        box_step_name(report.step), strerror(report.error));
                exit(1);
        }
        return report.prepare_ns;
}

static uint64_t run_box(int slot, const struct box_spec *spec, const char *words, const int *fds,
                        uint64_t *ret_prepare_ns)
{
        uint64_t start = clock_now_ns();

        if (box_run(slot, spec, words, fds, NULL) != 0)
                die("the order was not taken");
        *ret_prepare_ns = wait_report(slot, END_EXITED);
        return clock_now_ns() - start;
}

static int pack_of(const char *path)
{
        struct bytes content CLEANUP(bytes_deinit) = BYTES_INIT(BODY_CAP);
        int fd = pack_open(1);

        if (fd < 0 || bytes_read_file(&content, path) < 0 ||
            pack_add(fd, "a.out", 5, content.p, content.n, PACK_EXECUTABLE) < 0 || pack_seal(fd, 1) < 0)
                die("the program cannot be packed");
        return fd;
}

static void box_rounds(int slot, char *path, bool as_file, size_t rounds)
{
        char *argv[] = { path, NULL };
        char words[512];
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        int fds[BOX_FD_COUNT] = { null, null, null, as_file ? pack_of(path) : -1, -1 };
        struct samples bare = { 0 }, box = { 0 }, cold = { 0 }, cycle = { 0 };
        struct box_spec spec;

        box_spec_init(&spec, 1);
        spec.flags = as_file ? SPEC_HAS_FILES : 0;
        spec.words_bytes = (uint32_t)snprintf(words, sizeof(words), "%s", as_file ? "./a.out" : path) + 1;
        spec.n_args = 1;
        spec.processes = 128;
        spec.open_files = 2048;
        spec.wall_ns = spec.cpu_ns = 3 * NSEC_PER_SEC;
        spec.memory_bytes = 128 * MIB;
        spec.file_size_bytes = 10000000;
        spec.disk_bytes = 64 * MIB;
        spec.inodes = 16384;
        (void)wait_report(slot, END_READY);
        for (size_t i = 0; i < rounds + WARM_UP; i++) {
                uint64_t plain = run_bare(argv), start = clock_now_ns(), prepare,
                         answer = run_box(slot, &spec, words, fds, &prepare);

                (void)wait_report(slot, END_READY);
                if (i < WARM_UP)
                        continue;
                samples_add(&bare, plain);
                samples_add(&box, answer);
                samples_add(&cold, answer + prepare);
                samples_add(&cycle, clock_now_ns() - start);
                spec.job++;
        }
        printf("{");
        print_samples("bare", &bare, ", ");
        print_samples("ours", &box, ", ");
        print_samples("cold", &cold, ", ");
        print_samples("cycle", &cycle, "}\n");
}

static void bench_box(const char *keeper, char *path, bool as_file, size_t rounds)
{
        char root[] = "/tmp/coderunr-bench-XXXXXX";
        struct warden_args args = { .keeper = keeper,
                                    .root = mkdtemp(root),
                                    .directories = "",
                                    .n_slots = 1,
                                    .uid_base = 2000000000,
                                    .disk_bytes = 64 * MIB,
                                    .inodes = 16384 };
        struct warden warden = { 0 };
        struct err err = { 0 };
        int slot = -1;

        if (!args.root || warden_open(&warden, &args, &err) < 0 ||
            warden_slot_start(&warden, 0, &slot, &err) < 0)
                die(err.text);
        box_rounds(slot, path, as_file, rounds);
        close(slot);
        warden_close(&warden);
        rmdir(root);
}

/* ---- HTTP ---- */

struct load {
        char *const *argv; /* bare, or NULL: by HTTP */
        const struct bytes *request;
        const char *wanted;
        uint16_t port;
        size_t rounds;
        struct samples samples;
};

static int connect_to(uint16_t port)
{
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_port = htons(port),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                die("no engine answers");
        return fd;
}

/* The whole answer is there once its head says how long it is and as much has come. */
static bool complete(const char *text, size_t n)
{
        const char *body = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "\r\ncontent-length:");

        return body && length && length < body &&
               n - (size_t)(body + 4 - text) >= strtoul(length + strlen("\r\ncontent-length:"), NULL, 10);
}

static uint64_t run_http(int fd, const struct load *load, char *reply)
{
        uint64_t start = clock_now_ns();
        size_t n = 0;

        for (size_t sent = 0; sent < load->request->n;) {
                ssize_t r = send(fd, load->request->p + sent, load->request->n - sent, MSG_NOSIGNAL);

                if (r < 0)
                        die("the engine hung up");
                sent += (size_t)r;
        }
        do {
                ssize_t r = recv(fd, reply + n, REPLY_CAP - 1 - n, 0);

                if (r <= 0)
                        die("the engine hung up");
                n += (size_t)r;
                reply[n] = '\0';
        } while (!complete(reply, n));
        if (!strstr(reply, load->wanted))
                die(reply);
        return clock_now_ns() - start;
}

static void *load_main(void *arg)
{
        struct load *load = arg;
        char *reply = malloc(REPLY_CAP);
        int fd = load->argv ? -1 : connect_to(load->port);

        for (size_t i = 0; reply && i < load->rounds; i++)
                samples_add(&load->samples, load->argv ? run_bare(load->argv) : run_http(fd, load, reply));
        free(reply);
        close_fd(&fd);
        return NULL;
}

/* Several clients at once: how many a second, and how long each took. */
static void together(const struct load *one, size_t workers)
{
        struct load loads[64];
        pthread_t threads[64];
        struct samples all = { 0 };
        uint64_t start = clock_now_ns();

        if (workers > ARRAY_LEN(loads))
                die("too many workers");
        for (size_t i = 0; i < workers; i++) {
                loads[i] = *one;
                loads[i].rounds = one->rounds / workers;
                if (pthread_create(&threads[i], NULL, load_main, &loads[i]) != 0)
                        die("pthread_create");
        }
        for (size_t i = 0; i < workers; i++) {
                pthread_join(threads[i], NULL);
                for (size_t k = 0; k < loads[i].samples.n; k++)
                        samples_add(&all, loads[i].samples.ns[k]);
        }
        start = clock_now_ns() - start;
        printf("{");
        print_samples("ours", &all, ", ");
        printf("\"per_second\": %.0f}\n", (double)all.n * 1e9 / (double)start);
}

static void http_alone(const struct load *load, unsigned gap_ms, char *const *argv)
{
        struct samples bare = { 0 }, ours = { 0 };
        char *reply = malloc(REPLY_CAP);
        int fd = connect_to(load->port);

        if (!reply)
                die("out of memory");
        for (size_t i = 0; i < load->rounds; i++) {
                pause_ms(gap_ms);
                samples_add(&bare, run_bare(argv));
                pause_ms(gap_ms);
                samples_add(&ours, run_http(fd, load, reply));
        }
        printf("{");
        print_samples("bare", &bare, ", ");
        print_samples("ours", &ours, "}\n");
        close(fd);
}

static void bench_http(int argc, char **argv)
{
        struct bytes body = BYTES_INIT(BODY_CAP), request = BYTES_INIT(BODY_CAP);
        struct load load = { .request = &request,
                             .wanted = argv[4],
                             .port = (uint16_t)strtoul(argv[2], NULL, 10),
                             .rounds = strtoul(argv[5], NULL, 10) };
        size_t workers = strtoul(argv[7], NULL, 10);
        struct load warm = load;

        if (bytes_read_file(&body, argv[3]) < 0 ||
            bytes_printf(
                    &request,
                    "POST /api/v2/execute HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    "Content-Length: %zu\r\n\r\n",
                    body.n) < 0 ||
            bytes_add(&request, body.p, body.n) < 0)
                die("the body cannot be read");
        warm.rounds = MIN((size_t)WARM_UP, load.rounds);
        load_main(&warm);
        if (workers > 1)
                together(&load, workers);
        else
                http_alone(&load, (unsigned)strtoul(argv[6], NULL, 10), argv + 9);
}

static void bench_bare(char **argv)
{
        struct load load = { .argv = argv + 6, .rounds = strtoul(argv[2], NULL, 10) };
        unsigned gap_ms = (unsigned)strtoul(argv[3], NULL, 10);
        size_t workers = strtoul(argv[4], NULL, 10);

        if (workers > 1) {
                together(&load, workers);
                return;
        }
        for (size_t i = 0; i < load.rounds; i++) {
                pause_ms(gap_ms);
                samples_add(&load.samples, run_bare(load.argv));
        }
        printf("{");
        print_samples("ours", &load.samples, "}\n");
}

int main(int argc, char **argv)
{
        if (argc == 5 && streq(argv[1], "box"))
                bench_box(argv[2], argv[3], true, strtoul(argv[4], NULL, 10));
        else if (argc == 5 && streq(argv[1], "host"))
                bench_box(argv[2], argv[3], false, strtoul(argv[4], NULL, 10));
        else if (argc >= 7 && streq(argv[1], "bare"))
                bench_bare(argv);
        else if (argc >= 10 && streq(argv[1], "http"))
                bench_http(argc, argv);
        else
                die("usage: see the head of bench.c");
        return 0;
}
