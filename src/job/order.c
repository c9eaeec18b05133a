/*
 * Theory of operation: one record, its version first.  Runtimes are named by language and version, never by their place in
 * a catalog, since the catalog of the engine that reads the order may be another.
 */
#include "job/order.h"
#include "runtime/catalog.h"
#include "util/err.h"

#include <math.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>

enum { ORDER_VERSION = 1, WORD_MAX = 255 };
enum { NO_OUTPUT = 1 << 0, FRESH = 1 << 1, COLD = 1 << 2 };

_Static_assert((int)ENTRY_DIGEST_BYTES == SHA256_DIGEST_LENGTH, "a digest is a SHA-256");

static uint64_t bits_of(double number)
{
        uint64_t bits;

        memcpy(&bits, &number, sizeof(bits));
        return bits;
}

static double number_of(uint64_t bits)
{
        double number;

        memcpy(&number, &bits, sizeof(number));
        return isfinite(number) && number >= 0 ? number : 0;
}

static void job_put(struct record_out *out, const struct job *job)
{
        record_put_text(out, job->runtime->language);
        record_put_text(out, job->runtime->version);
        record_put(out, LIMIT_COUNT);
        for (int stage = 0; stage < STAGE_COUNT; stage++)
                for (int i = 0; i < LIMIT_COUNT; i++)
                        record_put(out, limit_get(&job->limits[stage], (enum limit)i));
        record_put(out, job->n_files);
        for (size_t i = 0; i < job->n_files; i++) {
                record_put_text(out, job->files[i].name);
                record_put(out, job->files[i].code);
                record_put_bytes(out, bytes_view(&job->files[i].content));
        }
        record_put(out, job->main_file);
        record_put(out, job->n_args);
        for (size_t i = 0; i < job->n_args; i++)
                record_put_text(out, job->args[i]);
}

static void cases_put(struct record_out *out, const struct order_case *cases, size_t n)
{
        record_put(out, n);
        for (size_t i = 0; i < n; i++) {
                record_put(out, cases[i].judged);
                record_put_bytes(out, cases[i].input);
                record_put_bytes(out, cases[i].expected);
        }
}

int order_cases_encode(const struct order_case *cases, size_t n, struct bytes *bytes)
{
        struct record_out out;

        record_out_init(&out, bytes);
        cases_put(&out, cases, n);
        return out.error;
}

int order_encode(const struct order *order, struct bytes *bytes)
{
        CLEANUP(bytes_deinit) struct bytes cases = BYTES_INIT(ORDER_BYTES_MAX);
        struct record_out out;
        int r = order->set[0] ? 0 : order_cases_encode(order->cases, order->n_cases, &cases);

        if (r < 0)
                return r;
        record_out_init(&out, bytes);
        record_put(&out, ORDER_VERSION);
        entry_head_put(&out, &order->head);
        record_put_bytes(&out, order->memo);
        record_put(&out, order->stop);
        record_put(&out, order->compare.kind);
        record_put(&out, bits_of(order->compare.absolute));
        record_put(&out, bits_of(order->compare.relative));
        record_put(&out, order->parallel);
        record_put(&out, (order->no_output ? NO_OUTPUT : 0) | (order->fresh ? FRESH : 0) |
                                 (order->cold ? COLD : 0));
        record_put_text(&out, order->set);
        record_put_bytes(&out, bytes_view(&cases));
        record_put(&out, order->job != NULL);
        if (order->job)
                job_put(&out, order->job);
        return out.error;
}

static void brief_take(struct record_in *in, struct order *order, struct view *ret_cases)
{
        uint64_t flags;

        (void)record_take(in, ORDER_VERSION, ORDER_VERSION);
        entry_head_take(in, &order->head);
        order->memo = record_take_bytes(in, ORDER_MEMO_MAX);
        order->stop = (enum stop)record_take(in, 0, STOP_COUNT - 1);
        order->compare.kind = (enum compare_kind)record_take(in, 0, COMPARE_COUNT - 1);
        order->compare.absolute = number_of(record_take(in, 0, UINT64_MAX));
        order->compare.relative = number_of(record_take(in, 0, UINT64_MAX));
        order->parallel = (uint32_t)record_take(in, 0, ORDER_PARALLEL_MAX);
        flags = record_take(in, 0, NO_OUTPUT | FRESH | COLD);
        order->no_output = flags & NO_OUTPUT;
        order->fresh = flags & FRESH;
        order->cold = flags & COLD;
        record_take_text(in, order->set, sizeof(order->set));
        *ret_cases = record_take_bytes(in, ORDER_BYTES_MAX);
}

int order_peek(struct view bytes, struct order *ret_order, struct view *ret_cases)
{
        struct record_in in;

        *ret_order = (struct order){ 0 };
        record_in_init(&in, bytes);
        brief_take(&in, ret_order, ret_cases);
        return in.bad ? -EBADMSG : 0;
}

/* What the order asked for, as far as the runtime allows it today. */
static void limits_take(struct record_in *in, struct job *job)
{
        uint64_t n = record_take(in, 1, LIMIT_COUNT);

        for (int stage = 0; stage < STAGE_COUNT; stage++)
                for (uint64_t i = 0; i < n && !in->bad; i++) {
                        const struct limit_row *row = &limit_rows[i];
                        uint64_t *limit = limit_at(&job->limits[stage], (enum limit)i);
                        uint64_t asked = record_take(in, row->least, row->most);
                        uint64_t most = runtime_most(job->runtime, (enum stage)stage, (enum limit)i);

                        *limit = MIN(most, asked);
                }
}

static int files_take(struct record_in *in, struct job *job, struct err *err)
{
        uint64_t n = record_take(in, 1, JOB_FILES_MAX);
        int r = 0;

        for (uint64_t i = 0; i < n && r == 0 && !in->bad; i++) {
                struct view name = record_take_bytes(in, JOB_NAME_MAX);
                bool code = record_take(in, 0, 1);
                struct view content = record_take_bytes(in, ORDER_BYTES_MAX);
                struct bytes bytes = BYTES_INIT(content.n);

                r = bytes_add(&bytes, content.p, content.n);
                if (r == 0)
                        r = job_add_file_take(job, name.p, name.n, &bytes, code, err);
                bytes_deinit(&bytes);
        }
        if (r == 0 && job->n_files != n)
                in->bad = true;
        job->main_file = record_take(in, 0, n - 1);
        return r > 0 ? -EBADMSG : r;
}

static int args_take(struct record_in *in, struct job *job, struct err *err)
{
        uint64_t n = record_take(in, 0, JOB_WORDS_MAX);
        int r = 0;

        for (uint64_t i = 0; i < n && r == 0 && !in->bad; i++) {
                struct view arg = record_take_bytes(in, JOB_WORDS_MAX);

                r = job_add_arg(job, arg.p, arg.n, err);
        }
        return r > 0 ? -EBADMSG : r;
}

static int job_take(struct record_in *in, const struct catalog *catalog, struct order_read *read,
                    struct err *err)
{
        char language[WORD_MAX + 1], version[WORD_MAX + 1];
        const struct runtime *runtime;
        int r;

        record_take_text(in, language, sizeof(language));
        record_take_text(in, version, sizeof(version));
        if (in->bad)
                return -EBADMSG;
        runtime = catalog_find(catalog, language, version);
        if (!runtime)
                return err_set(err, ORDER_NO_RUNTIME, "%s %s is not installed any more", language, version);
        job_init(&read->job, runtime);
        read->has_job = true;
        read->order.job = &read->job;
        limits_take(in, &read->job);
        r = files_take(in, &read->job, err);
        return r == 0 ? args_take(in, &read->job, err) : r;
}

int order_decode(struct view bytes, const struct catalog *catalog, struct order_read *read, struct err *err)
{
        struct record_in in;
        int r = 0;

        *read = (struct order_read){ 0 };
        record_in_init(&in, bytes);
        brief_take(&in, &read->order, &read->cases);
        if (record_take(&in, 0, 1) == 1)
                r = job_take(&in, catalog, read, err);
        if (r == 0 && record_in_end(&in) < 0)
                r = err_set(err, -EBADMSG, "the stored job cannot be read");
        if (r != 0)
                order_read_deinit(read);
        return r;
}

void order_read_deinit(struct order_read *read)
{
        if (read->has_job)
                job_deinit(&read->job);
        *read = (struct order_read){ 0 };
}

void order_cases_begin(struct order_cursor *cursor, struct view bytes)
{
        *cursor = (struct order_cursor){ 0 };
        record_in_init(&cursor->in, bytes);
        if (bytes.n > 0)
                cursor->left = (uint32_t)record_take(&cursor->in, 0, ENTRY_CASES_MAX);
}

bool order_cases_next(struct order_cursor *cursor, struct order_case *ret_case)
{
        struct record_in *in = &cursor->in;

        if (cursor->left == 0 || in->bad)
                return false;
        cursor->left--;
        ret_case->judged = record_take(in, 0, 1);
        ret_case->input = record_take_bytes(in, ORDER_BYTES_MAX);
        ret_case->expected = record_take_bytes(in, ORDER_BYTES_MAX);
        return !in->bad;
}

int order_cases_count(struct view bytes, uint32_t *ret_n)
{
        struct order_cursor cursor;
        struct order_case one;
        uint32_t n = 0;

        order_cases_begin(&cursor, bytes);
        while (order_cases_next(&cursor, &one))
                n++;
        *ret_n = n;
        return record_in_end(&cursor.in);
}

void order_digest(struct view bytes, unsigned char ret_digest[ENTRY_DIGEST_BYTES])
{
        /* WHY: left to itself it reads its configuration, which the front may not open any more. */
        (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
        must(SHA256((const unsigned char *)bytes.p, bytes.n, ret_digest));
}

void order_set_name(struct view bytes, char ret_name[ORDER_SET_TEXT])
{
        unsigned char digest[ENTRY_DIGEST_BYTES];

        order_digest(bytes, digest);
        for (size_t i = 0; i < sizeof(digest); i++)
                snprintf(ret_name + 2 * i, 3, "%02x", digest[i]);
}
