/* With an /etc/hosts of its own: what a name leads to is decided by all of its addresses. */
#include "courier/post.h"
#include "util/err.h"

#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

static const char names[] = "127.0.0.1 localhost here.test\n"
                            "93.184.216.34 mixed.test\n127.0.0.1 mixed.test\n"
                            "169.254.169.254 metadata.test\n";

static struct event_base *base;
static bool has_names;

/* A receiver that answers one request with 204 and counts connections. */
static int listen_here(uint16_t *ret_port)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(bind(fd, (struct sockaddr *)&address, n), 0);
        assert_int_equal(listen(fd, 8), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
        *ret_port = ntohs(address.sin_port);
        return fd;
}

static pid_t answer_one(int listener)
{
        static const char answer[] = "HTTP/1.1 204 No Content\r\n\r\n";
        pid_t pid = fork();
        char request[4096];
        int fd;

        if (pid != 0)
                return pid;
        fd = accept(listener, NULL, NULL);
        if (fd < 0 || read(fd, request, sizeof(request)) <= 0 ||
            write(fd, answer, sizeof(answer) - 1) != sizeof(answer) - 1)
                _exit(1);
        _exit(0);
}

static void on_done(void *arg, const struct post *post)
{
        event_base_loopbreak(base);
}

static void send_to(const char *host, uint16_t port, const char *allow, struct post *post)
{
        struct address_blocks allowed;
        struct posts *posts;
        struct err err;
        char url[128];

        snprintf(url, sizeof(url), "http://%s:%u/", host, port);
        assert_int_equal(address_blocks_parse(allow, &allowed, &err), 0);
        posts = posts_new(base, &allowed, 5 * NSEC_PER_SEC);
        assert_non_null(posts);
        *post = (struct post){
                .url = url, .secret = "", .delivery = "d", .body = VIEW("{}"), .done = on_done
        };
        assert_int_equal(post_start(posts, post), 0);
        assert_int_equal(event_base_dispatch(base), 0);
        assert_int_equal(posts_count(posts), 0);
}

static bool was_connected_to(int listener)
{
        return fcntl(listener, F_SETFL, O_NONBLOCK) == 0 && accept(listener, NULL, NULL) >= 0;
}

static void what_is_allowed_is_told(void **state)
{
        struct post post;
        uint16_t port;
        int listener = listen_here(&port), status;
        pid_t pid = answer_one(listener);

        send_to(has_names ? "here.test" : "localhost", port, "127.0.0.0/8, ::1", &post);
        assert_int_equal(post.end, POST_ANSWERED);
        assert_int_equal(post.status, 204);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        close(listener);
}

static void is_blocked(const char *host)
{
        struct post post;
        uint16_t port;
        int listener = listen_here(&port);

        send_to(host, port, "", &post);
        assert_int_equal(post.end, POST_BLOCKED);
        assert_non_null(strstr(post.text, "private address"));
        assert_false(was_connected_to(listener));
        close(listener);
}

static void an_address_is_blocked(void **state)
{
        is_blocked("127.0.0.1");
        is_blocked("localhost");
}

/* WH-04: one address of a name is enough. */
static void a_name_is_as_good_as_its_worst_address(void **state)
{
        if (!has_names)
                skip(); /* needs root, for an /etc/hosts of its own */
        is_blocked("mixed.test");
        is_blocked("metadata.test");
        is_blocked("here.test");
}

static void a_url_is_read_again(void **state)
{
        struct post post;

        send_to("u:p@localhost", 8080, "127.0.0.0/8", &post);
        assert_int_equal(post.end, POST_BLOCKED);
}

static int set_names(void **state)
{
        char path[] = "/tmp/coderunr-hosts-XXXXXX";
        int fd = mkstemp(path);

        base = event_base_new();
        has_names = fd >= 0 && write(fd, names, sizeof(names) - 1) == sizeof(names) - 1 &&
                    fchmod(fd, 0644) == 0 && unshare(CLONE_NEWNS) == 0 &&
                    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                    mount(path, "/etc/hosts", NULL, MS_BIND, NULL) == 0;
        close(fd);
        unlink(path);
        return base ? 0 : -1;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_allowed_is_told),
                cmocka_unit_test(an_address_is_blocked),
                cmocka_unit_test(a_name_is_as_good_as_its_worst_address),
                cmocka_unit_test(a_url_is_read_again),
        };

        return cmocka_run_group_tests(tests, set_names, NULL);
}
