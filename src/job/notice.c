/* Theory of operation: records (util/record.h), the version first. */
#include "job/notice.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>

enum { NOTICE_VERSION = 1 };

static const char *const state_names[NOTICE_STATE_COUNT] = { "pending", "delivered", "failed", "blocked" };

const char *notice_state_name(enum notice_state state)
{
        return state_names[state];
}

int notice_encode(const struct notice *notice, struct bytes *bytes)
{
        struct record_out out;

        record_out_init(&out, bytes);
        record_put(&out, NOTICE_VERSION);
        record_put_text(&out, notice->url);
        record_put_text(&out, notice->secret);
        record_put_text(&out, notice->delivery);
        record_put(&out, notice->state);
        record_put(&out, notice->attempts);
        record_put(&out, notice->status);
        record_put_text(&out, notice->text);
        record_put(&out, notice->tried_ms);
        record_put(&out, notice->next_ms);
        return out.error;
}

int notice_decode(struct view bytes, struct notice *ret_notice)
{
        struct record_in in;

        *ret_notice = (struct notice){ "" };
        record_in_init(&in, bytes);
        (void)record_take(&in, NOTICE_VERSION, NOTICE_VERSION);
        record_take_text(&in, ret_notice->url, sizeof(ret_notice->url));
        record_take_text(&in, ret_notice->secret, sizeof(ret_notice->secret));
        record_take_text(&in, ret_notice->delivery, sizeof(ret_notice->delivery));
        ret_notice->state = (enum notice_state)record_take(&in, 0, NOTICE_STATE_COUNT - 1);
        ret_notice->attempts = (uint32_t)record_take(&in, 0, UINT32_MAX);
        ret_notice->status = (uint32_t)record_take(&in, 0, 999);
        record_take_text(&in, ret_notice->text, sizeof(ret_notice->text));
        ret_notice->tried_ms = record_take(&in, 0, INT64_MAX);
        ret_notice->next_ms = record_take(&in, 0, INT64_MAX);
        return record_in_end(&in);
}

int notice_key(const char *secret, unsigned char key[NOTICE_SECRET_MAX], size_t *ret_n)
{
        size_t n = strlen(secret), padding = 0;
        int decoded;

        if (n == 0 || n > NOTICE_SECRET_MAX)
                return -EINVAL;
        if (strncmp(secret, "whsec_", 6) != 0) {
                memcpy(key, secret, n);
                *ret_n = n;
                return 0;
        }
        secret += 6;
        n -= 6;
        while (padding < 2 && n > padding && secret[n - 1 - padding] == '=')
                padding++;
        decoded = EVP_DecodeBlock(key, (const unsigned char *)secret, (int)n);
        if (n == 0 || decoded <= (int)padding)
                return -EINVAL;
        *ret_n = (size_t)decoded - padding; /* which EVP_DecodeBlock() counts */
        return 0;
}

/* As many digits for every number, so that names sort as numbers do. */
void notice_outbox_name(uint64_t ended_number, char name[NOTICE_NAME_TEXT])
{
        snprintf(name, NOTICE_NAME_TEXT, "%020" PRIu64, ended_number);
}

int notice_outbox_encode(const struct entry *entry, struct bytes *bytes)
{
        struct record_out out;

        record_out_init(&out, bytes);
        record_put_text(&out, entry->head.id);
        record_put(&out, entry->ended_ms);
        return out.error;
}

int notice_outbox_decode(struct view bytes, char id[ENTRY_ID_MAX + 1], uint64_t *ret_ended_ms)
{
        struct record_in in;

        record_in_init(&in, bytes);
        record_take_text(&in, id, ENTRY_ID_MAX + 1);
        *ret_ended_ms = record_take(&in, 0, INT64_MAX);
        return record_in_end(&in);
}
