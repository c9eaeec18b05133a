/* Theory of operation: what is put is taken in the same order, with the bounds of each number. */
#include "job/entry.h"

#include <stdio.h>
#include <sys/random.h>

static const char *const priority_names[PRIORITY_COUNT] = { "interactive", "normal", "bulk" };

void entry_head_put(struct record_out *out, const struct entry_head *head)
{
        record_put_text(out, head->id);
        record_put_text(out, head->owner);
        record_put_text(out, head->door);
        record_put_text(out, head->batch);
        record_put_text(out, head->lane);
        record_put_text(out, head->token);
        record_put_bytes(out, (struct view){ (const char *)head->digest, sizeof(head->digest) });
        record_put(out, head->priority);
        record_put(out, head->local | head->notify << 1);
        record_put(out, head->patience_ms);
}

void entry_head_take(struct record_in *in, struct entry_head *ret_head)
{
        struct view digest;
        uint64_t flags;

        *ret_head = (struct entry_head){ "" };
        record_take_text(in, ret_head->id, sizeof(ret_head->id));
        record_take_text(in, ret_head->owner, sizeof(ret_head->owner));
        record_take_text(in, ret_head->door, sizeof(ret_head->door));
        record_take_text(in, ret_head->batch, sizeof(ret_head->batch));
        record_take_text(in, ret_head->lane, sizeof(ret_head->lane));
        record_take_text(in, ret_head->token, sizeof(ret_head->token));
        digest = record_take_bytes(in, sizeof(ret_head->digest));
        if (digest.n == sizeof(ret_head->digest))
                memcpy(ret_head->digest, digest.p, digest.n);
        else
                in->bad = true;
        ret_head->priority = (enum priority)record_take(in, 0, PRIORITY_COUNT - 1);
        flags = record_take(in, 0, 3);
        ret_head->local = flags & 1;
        ret_head->notify = flags & 2;
        ret_head->patience_ms = record_take(in, 0, INT64_MAX);
}

void entry_put(struct record_out *out, const struct entry *entry)
{
        record_put(out, entry->seq);
        entry_head_put(out, &entry->head);
        record_put(out, entry->flow.state);
        record_put(out, entry->flow.attempts);
        record_put(out, entry->flow.fence);
        record_put(out, entry->verdict);
        record_put_text(out, entry->text);
        record_put(out, entry->outside);
        record_put(out, entry->n_cases);
        record_put(out, entry->n_done);
        record_put(out, entry->n_passed);
        record_put(out, entry->created_ms);
        record_put(out, entry->started_ms);
        record_put(out, entry->ended_ms);
        record_put(out, entry->expires_ms);
        record_put(out, entry->ended_number);
        record_put(out, entry->bytes);
}

void entry_take(struct record_in *in, struct entry *ret_entry)
{
        *ret_entry = (struct entry){ 0 };
        ret_entry->seq = record_take(in, 0, INT64_MAX);
        entry_head_take(in, &ret_entry->head);
        ret_entry->flow.state = (enum flow_state)record_take(in, 0, FLOW_STATE_COUNT - 1);
        ret_entry->flow.attempts = (uint32_t)record_take(in, 0, UINT32_MAX);
        ret_entry->flow.fence = record_take(in, 0, INT64_MAX);
        ret_entry->verdict = (enum verdict)record_take(in, 0, VERDICT_COUNT - 1);
        record_take_text(in, ret_entry->text, sizeof(ret_entry->text));
        ret_entry->outside = record_take(in, 0, 1);
        ret_entry->n_cases = (uint32_t)record_take(in, 0, ENTRY_CASES_MAX);
        ret_entry->n_done = (uint32_t)record_take(in, 0, ENTRY_CASES_MAX);
        ret_entry->n_passed = (uint32_t)record_take(in, 0, ENTRY_CASES_MAX);
        ret_entry->created_ms = record_take(in, 0, INT64_MAX);
        ret_entry->started_ms = record_take(in, 0, INT64_MAX);
        ret_entry->ended_ms = record_take(in, 0, INT64_MAX);
        ret_entry->expires_ms = record_take(in, 0, INT64_MAX);
        ret_entry->ended_number = record_take(in, 0, INT64_MAX);
        ret_entry->bytes = record_take(in, 0, INT64_MAX);
}

const char *priority_name(enum priority priority)
{
        return priority_names[priority];
}

enum priority priority_find(const char *name)
{
        int i = 0;

        while (i < PRIORITY_COUNT && !streq(priority_names[i], name))
                i++;
        return (enum priority)i;
}

void entry_id_make(char ret_id[ENTRY_ID_TEXT])
{
        unsigned char random[(ENTRY_ID_TEXT - 1) / 2];

        must(getrandom(random, sizeof(random), 0) == (ssize_t)sizeof(random));
        for (size_t i = 0; i < sizeof(random); i++)
                snprintf(ret_id + 2 * i, 3, "%02x", random[i]);
}
