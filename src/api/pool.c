/*
 * Theory of operation: two queues under one lock, waiting and finished; an eventfd tells the loop of the second.
 * The threads take no signals: those belong to the loop.  Where no thread may be made (a system call filter) the loop
 * does the work itself: slower for everybody, but done.
 */
#include "api/pool.h"
#include "util/err.h"
#include "util/log.h"

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

enum { THREADS_MAX = 16 };

STAILQ_HEAD(work_queue, work);

struct pool {
        pthread_mutex_t lock;
        pthread_cond_t more;
        struct work_queue waiting, finished;
        bool stopping;
        int wake; /* eventfd: something is finished */
        struct event *event;
        pthread_t threads[THREADS_MAX];
        size_t n_threads;
};

static void finish(struct pool *pool, struct work *work)
{
        STAILQ_INSERT_TAIL(&pool->finished, work, link);
        eventfd_write(pool->wake, 1);
}

static void *thread_main(void *arg)
{
        struct pool *pool = arg;
        struct work *work;

        pthread_mutex_lock(&pool->lock);
        for (;;) {
                while (!pool->stopping && STAILQ_EMPTY(&pool->waiting))
                        pthread_cond_wait(&pool->more, &pool->lock);
                if (pool->stopping)
                        break;
                work = STAILQ_FIRST(&pool->waiting);
                STAILQ_REMOVE_HEAD(&pool->waiting, link);
                pthread_mutex_unlock(&pool->lock);
                work->run(work);
                pthread_mutex_lock(&pool->lock);
                finish(pool, work);
        }
        pthread_mutex_unlock(&pool->lock);
        return NULL;
}

static void on_finished(evutil_socket_t fd, short what, void *arg)
{
        struct pool *pool = arg;
        struct work_queue finished = STAILQ_HEAD_INITIALIZER(finished);
        eventfd_t count;

        eventfd_read(fd, &count);
        pthread_mutex_lock(&pool->lock);
        STAILQ_CONCAT(&finished, &pool->finished);
        pthread_mutex_unlock(&pool->lock);
        while (!STAILQ_EMPTY(&finished)) {
                struct work *work = STAILQ_FIRST(&finished);

                STAILQ_REMOVE_HEAD(&finished, link);
                work->done(work);
        }
}

static int start_threads(struct pool *pool, size_t n)
{
        sigset_t all, before;
        int r = 0;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        while (r == 0 && pool->n_threads < MIN(n, (size_t)THREADS_MAX)) {
                r = -pthread_create(&pool->threads[pool->n_threads], NULL, thread_main, pool);
                pool->n_threads += r == 0;
        }
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        return r;
}

int pool_new(struct event_base *base, size_t n_threads, struct pool **ret_pool, struct err *err)
{
        struct pool *pool = calloc(1, sizeof(*pool));
        int r;

        if (!pool)
                return err_set(err, -ENOMEM, "threads: out of memory");
        STAILQ_INIT(&pool->waiting);
        STAILQ_INIT(&pool->finished);
        pthread_mutex_init(&pool->lock, NULL);
        pthread_cond_init(&pool->more, NULL);
        pool->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = pool->wake < 0 ? -errno : 0;
        if (r == 0) {
                pool->event = event_new(base, pool->wake, EV_READ | EV_PERSIST, on_finished, pool);
                r = pool->event && event_add(pool->event, NULL) == 0 ? 0 : -ENOMEM;
        }
        if (r < 0) {
                pool_free(pool);
                return err_errno(err, r, "cannot make the queue of large requests");
        }
        r = start_threads(pool, n_threads);
        if (r < 0)
                log_warn("threads are not to be had, large requests will hold up others: %s", strerror(-r));
        *ret_pool = pool;
        return 0;
}

void pool_free(struct pool *pool)
{
        if (!pool)
                return;
        pthread_mutex_lock(&pool->lock);
        pool->stopping = true;
        pthread_cond_broadcast(&pool->more);
        pthread_mutex_unlock(&pool->lock);
        for (size_t i = 0; i < pool->n_threads; i++)
                pthread_join(pool->threads[i], NULL);
        STAILQ_CONCAT(&pool->finished, &pool->waiting);
        on_finished(pool->wake, EV_READ, pool);
        if (pool->event)
                event_free(pool->event);
        close_fd(&pool->wake);
        pthread_cond_destroy(&pool->more);
        pthread_mutex_destroy(&pool->lock);
        free(pool);
}

void pool_add(struct pool *pool, struct work *work)
{
        if (pool->n_threads == 0)
                work->run(work);
        pthread_mutex_lock(&pool->lock);
        if (pool->n_threads == 0) {
                finish(pool, work);
                pthread_mutex_unlock(&pool->lock);
                return;
        }
        STAILQ_INSERT_TAIL(&pool->waiting, work, link);
        pthread_cond_signal(&pool->more);
        pthread_mutex_unlock(&pool->lock);
}
