/*
 * `coderunr worker`: an outside runner.  For each language a thread asks a dispatcher for jobs and hands them to an engine, whose
 * results it posts.  Both are spoken to by the dispatcher's own protocol, so whatever speaks it can be either.
 *
 *   dispatcher ──/queue/next──► worker ──/run?local=1──► engine
 *              ◄──/result/{id}──        ◄──/status/{id}──
 *
 * Nothing is run here and nothing kept: a worker that dies loses its leases, and the dispatcher gives the jobs to another.
 */
#include "main/cli.h"
#include "main/arguments.h"
#include "main/http.h"
#include "util/err.h"
#include "util/log.h"

#include <curl/curl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

enum {
        ANSWER_CAP = 1 << 30,
        URL_MAX = 2048,
        LANGUAGES_MAX = 64,
        WAIT_SECONDS = 20,
        LEASE_SECONDS = 60,
        STATUS_WAIT_SECONDS = 10, /* between two renewals of the lease */
        PAUSE_MOST_SECONDS = 30,
        POST_TRIES = 10,
        JOB_SECONDS = 3600, /* what an engine may take for one job */
};

struct worker {
        const char *dispatcher;
        const char *engine;
        const char *key; /* for the dispatcher; NULL: none */
        const char *engine_key;
        struct words languages;
        pthread_mutex_t lock;
        pthread_cond_t idle;
        size_t n_jobs; /* at hand */
        bool stopping;
};

/* One thread's. */
struct line {
        struct worker *worker;
        char language[3 * 128 + 1]; /* encoded for a URL */
        unsigned failures;          /* in a row */
};

static void pause_after(struct line *line, const char *what)
{
        unsigned seconds = 1u << MIN(line->failures, 5u);

        line->failures++;
        log_warn("%s; next try in %u s", what, MIN(seconds, (unsigned)PAUSE_MOST_SECONDS));
        sleep(MIN(seconds, (unsigned)PAUSE_MOST_SECONDS));
}

/* Everything but these is written as %xx. */
static bool encode(const char *text, char *out, size_t room)
{
        size_t n = 0;

        for (; *text; text++) {
                bool plain = (*text >= '0' && *text <= '9') || ((*text | 32) >= 'a' && (*text | 32) <= 'z') ||
                             strchr("-._~", *text);

                if (n + 4 > room)
                        return false;
                n += (size_t)snprintf(out + n, room - n, plain ? "%c" : "%%%02X", (unsigned char)*text);
        }
        out[n] = '\0';
        return true;
}

/* ---- one job ---- */

struct job {
        struct line *line;
        const char *id;
        json_t *request;
        json_int_t lease;
        bool leased;     /* the dispatcher speaks of leases */
        char local[128]; /* its id at the engine */
};

static bool job_begin(struct worker *worker)
{
        bool go;

        pthread_mutex_lock(&worker->lock);
        go = !worker->stopping;
        worker->n_jobs += go;
        pthread_mutex_unlock(&worker->lock);
        return go;
}

static void job_end(struct worker *worker)
{
        pthread_mutex_lock(&worker->lock);
        worker->n_jobs--;
        pthread_cond_signal(&worker->idle);
        pthread_mutex_unlock(&worker->lock);
}

/* Hand it to the engine.  0, or -errno when it did not take it. */
static int hand_over(struct job *job, struct err *err)
{
        CLEANUP(bytes_deinit) struct bytes answer = BYTES_INIT(ANSWER_CAP);
        char url[URL_MAX], *text = json_dumps(job->request, JSON_COMPACT);
        struct bytes body = { .p = text, .n = text ? strlen(text) : 0 };
        json_t *said;
        const char *id;
        long status = 0;
        int r;

        if (!text)
                return err_set(err, -ENOMEM, "no memory for a job");
        snprintf(url, sizeof(url), "%s/run?local=1", job->line->worker->engine);
        r = http_call(url, job->line->worker->engine_key, &body, &answer, &status, err);
        free(text);
        if (r < 0)
                return r;
        said = json_loadb(answer.p ? answer.p : "", answer.n, 0, NULL);
        id = json_string_value(json_object_get(said, "jobID"));
        if (status == 202 && id && strlen(id) < sizeof(job->local))
                snprintf(job->local, sizeof(job->local), "%s", id);
        else
                r = err_set(err, -EPROTO, "the engine answered %ld to a job: %.200s", status,
                            answer.p ? answer.p : "");
        json_decref(said);
        return r;
}

/* False when another has the job by now. */
static bool renew(const struct job *job)
{
        CLEANUP(bytes_deinit) struct bytes answer = BYTES_INIT(ANSWER_CAP);
        struct bytes body = { 0 };
        char url[URL_MAX];
        struct err err;
        long status = 0;

        if (!job->leased)
                return true;
        snprintf(url, sizeof(url), "%s/renew/%s?lease=%" JSON_INTEGER_FORMAT "&seconds=%d",
                 job->line->worker->dispatcher, job->id, job->lease, LEASE_SECONDS);
        return http_call(url, job->line->worker->key, &body, &answer, &status, &err) < 0 || status != 409;
}

/* Wait for the engine's results.  0, or -errno when there will be none. */
static int await_results(struct job *job, struct bytes *results, struct err *err)
{
        time_t until = time(NULL) + JOB_SECONDS;
        char url[URL_MAX];
        long status = 404;

        snprintf(url, sizeof(url), "%s/status/%s?wait=%d", job->line->worker->engine, job->local,
                 STATUS_WAIT_SECONDS);
        while (time(NULL) < until) {
                bytes_clear(results);
                if (!renew(job))
                        return err_set(err, -ESTALE, "the lease is lost");
                if (http_call(url, job->line->worker->engine_key, NULL, results, &status, err) < 0)
                        sleep(1); /* its engine may be started again, and knows the job then */
                else if (status == 200)
                        return 0;
                else if (status != 404)
                        sleep(1);
        }
        return err_set(err, -ETIMEDOUT, "the engine did not end it within %d s", JOB_SECONDS);
}

static int post_results(const struct job *job, const struct bytes *results, struct err *err)
{
        char url[URL_MAX];
        int r = -EIO;

        if (job->leased)
                snprintf(url, sizeof(url), "%s/result/%s?lease=%" JSON_INTEGER_FORMAT,
                         job->line->worker->dispatcher, job->id, job->lease);
        else
                snprintf(url, sizeof(url), "%s/result/%s", job->line->worker->dispatcher, job->id);
        for (int i = 0; i < POST_TRIES; i++) {
                CLEANUP(bytes_deinit) struct bytes answer = BYTES_INIT(ANSWER_CAP);
                long status = 0;

                r = http_call(url, job->line->worker->key, results, &answer, &status, err);
                if (r == 0 && status >= 200 && status < 300)
                        return 0;
                if (r == 0 && status < 500)
                        return err_set(err, -EPROTO, "the dispatcher answered %ld to its results: %.200s",
                                       status, answer.p ? answer.p : "");
                sleep(1);
        }
        return r < 0 ? r : err_set(err, -EIO, "the dispatcher does not take its results");
}

static void work_on(struct job *job)
{
        CLEANUP(bytes_deinit) struct bytes results = BYTES_INIT(ANSWER_CAP);
        struct err err = { "" };
        int r = hand_over(job, &err);

        r = r ? r : await_results(job, &results, &err);
        r = r ? r : post_results(job, &results, &err);
        if (r == 0) {
                log_info("job=%s: done", job->id);
                job->line->failures = 0;
                return;
        }
        log_warn("job=%s: left to its dispatcher", job->id);
        pause_after(job->line, err.text);
}

/* ---- asking for jobs ---- */

static void take(struct line *line, const struct bytes *answer)
{
        json_t *said = json_loadb(answer->p ? answer->p : "", answer->n, JSON_ALLOW_NUL, NULL);
        json_t *lease = json_object_get(said, "lease");
        struct job job = { .line = line,
                           .id = json_string_value(json_object_get(said, "id")),
                           .request = json_object_get(said, "request"),
                           .lease = json_integer_value(lease),
                           .leased = json_is_integer(lease) };
        char id[256];

        if (!job.id || !job.request || !encode(job.id, id, sizeof(id))) {
                pause_after(line, "the dispatcher handed out something that is no job");
        } else if (job_begin(line->worker)) {
                job.id = id;
                work_on(&job);
                job_end(line->worker);
        }
        json_decref(said);
}

static void *line_run(void *arg)
{
        struct line *line = arg;
        struct worker *worker = line->worker;
        char url[URL_MAX];

        snprintf(url, sizeof(url), "%s/queue/next?lang=%s&wait=%d&lease=%d", worker->dispatcher,
                 line->language, WAIT_SECONDS, LEASE_SECONDS);
        for (;;) {
                CLEANUP(bytes_deinit) struct bytes answer = BYTES_INIT(ANSWER_CAP);
                time_t asked = time(NULL);
                struct err err = { "" };
                long status = 0;

                if (http_call(url, worker->key, NULL, &answer, &status, &err) < 0)
                        pause_after(line, err.text);
                else if (status == 200)
                        take(line, &answer);
                else if (status == 401 || status == 403)
                        pause_after(line, "the dispatcher wants an API key with the scope worker: --key");
                else if (status != 204)
                        pause_after(line, "the dispatcher has no queue for us");
                else if (time(NULL) == asked)
                        sleep(1); /* one that does not wait */
                if (status == 204)
                        line->failures = 0;
        }
        return NULL;
}

/* ---- beginning and end ---- */

static int start(struct worker *worker, struct line *lines)
{
        for (size_t i = 0; i < worker->languages.n; i++) {
                pthread_t thread;

                lines[i].worker = worker;
                if (!encode(worker->languages.p[i], lines[i].language, sizeof(lines[i].language)))
                        return cli_fail(EXIT_USAGE, "%s is too long", worker->languages.p[i]);
                if (pthread_create(&thread, NULL, line_run, &lines[i]) != 0)
                        return cli_fail(EXIT_WRONG, "no thread for %s", worker->languages.p[i]);
                pthread_detach(thread);
        }
        return 0;
}

/* A second signal does not wait for the jobs at hand. */
static void *wait_again(void *arg)
{
        int number;

        sigwait(arg, &number);
        _exit(EXIT_WRONG);
}

static int work(struct worker *worker)
{
        static struct line lines[LANGUAGES_MAX];
        pthread_t thread;
        sigset_t set;
        int number, r;

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        curl_global_init(CURL_GLOBAL_DEFAULT);
        log_open(LOG_INFO, "worker");
        r = start(worker, lines);
        if (r)
                return r;
        log_info("taking jobs of %zu languages from %s to %s", worker->languages.n, worker->dispatcher,
                 worker->engine);
        sigwait(&set, &number);
        if (pthread_create(&thread, NULL, wait_again, &set) == 0)
                pthread_detach(thread);
        pthread_mutex_lock(&worker->lock);
        worker->stopping = true;
        while (worker->n_jobs > 0)
                pthread_cond_wait(&worker->idle, &worker->lock);
        fflush(stdout);
        _exit(0); /* the other threads wait for jobs that they would not begin */
}

int cli_worker(int argc, char **argv)
{
        static struct worker worker = { .engine = "http://127.0.0.1:2000",
                                        .lock = PTHREAD_MUTEX_INITIALIZER,
                                        .idle = PTHREAD_COND_INITIALIZER };
        const struct flag flags[] = {
                { "dispatcher", 'd', FLAG_VALUE, &worker.dispatcher, "URL", "where the jobs come from" },
                { "engine", 'e', FLAG_VALUE, &worker.engine, "URL", "who runs them; default port 2000 here" },
                { "key", 0, FLAG_VALUE, &worker.key, "KEY",
                  "the API key for the dispatcher; default CODERUNR_KEY, which ps does not show" },
                { "engine-key", 0, FLAG_VALUE, &worker.engine_key, "KEY",
                  "the API key for the engine; default CODERUNR_ENGINE_KEY" },
                { "lang", 'l', FLAG_VALUES, &worker.languages, "NAME",
                  "a language, exactly as jobs name it; may be repeated" },
                { 0 },
        };
        const struct cli_help text = {
                "coderunr worker --dispatcher URL --lang NAME… [--engine URL]",
                "Take jobs from a dispatcher, have them run by an engine, and post the results.",
                flags,
                "One job of each language at a time; start more workers for more. SIGTERM ends it after the "
                "jobs at hand.",
        };
        struct arguments arguments;
        int status = cli_parse(&text, false, &arguments, argc, argv);

        if (status)
                return status - 1;
        if (arguments.operands.n > 0 || arguments.config.n > 0)
                return cli_fail(EXIT_USAGE, "worker does not take '%s'",
                                arguments.operands.n > 0 ? arguments.operands.p[0] : arguments.config.p[0]);
        worker.key = worker.key ? worker.key : getenv("CODERUNR_KEY");
        worker.engine_key = worker.engine_key ? worker.engine_key : getenv("CODERUNR_ENGINE_KEY");
        if (!worker.dispatcher)
                return cli_fail(EXIT_USAGE, "worker needs a dispatcher: --dispatcher URL");
        if (worker.languages.n == 0 || worker.languages.n > LANGUAGES_MAX)
                return cli_fail(EXIT_USAGE, "worker needs 1 to %d languages: --lang NAME", LANGUAGES_MAX);
        if (streq(worker.dispatcher, worker.engine))
                return cli_fail(EXIT_USAGE, "dispatcher and engine are the same, which needs no worker");
        return work(&worker);
}
