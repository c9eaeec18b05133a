/* Theory of operation: put and take are made from one table, so what is put is taken in the same order. */
#include "job/entry.h"

#include <stdio.h>
#include <sys/random.h>

static const char *const priority_names[PRIORITY_COUNT] = { "interactive", "normal", "bulk" };

static void take_fixed(struct record_in *in, unsigned char *bytes, size_t n)
{
        struct view taken = record_take_bytes(in, n);

        if (taken.n == n)
                memcpy(bytes, taken.p, n);
        else
                in->bad = true;
}

void entry_head_put(struct record_out *out, const struct entry_head *head)
{
#define ENTRY_HEAD_TEXT(member)         record_put_text(out, head->member);
#define ENTRY_HEAD_NUMBER(member, most) record_put(out, (uint64_t)head->member);
#define ENTRY_HEAD_BYTES(member)                                                                             \
        record_put_bytes(out, (struct view){ (const char *)head->member, sizeof(head->member) });
#include "job/entry.def"
}

void entry_head_take(struct record_in *in, struct entry_head *ret_head)
{
        *ret_head = (struct entry_head){ "" };
#define ENTRY_HEAD_TEXT(member) record_take_text(in, ret_head->member, sizeof(ret_head->member));
#define ENTRY_HEAD_NUMBER(member, most)                                                                      \
        ret_head->member = (__typeof__(ret_head->member))record_take(in, 0, most);
#define ENTRY_HEAD_BYTES(member) take_fixed(in, ret_head->member, sizeof(ret_head->member));
#include "job/entry.def"
}

void entry_put(struct record_out *out, const struct entry *entry)
{
#define ENTRY_TEXT(member)         record_put_text(out, entry->member);
#define ENTRY_NUMBER(member, most) record_put(out, (uint64_t)entry->member);
#define ENTRY_HEAD()               entry_head_put(out, &entry->head);
#include "job/entry.def"
}

void entry_take(struct record_in *in, struct entry *ret_entry)
{
        *ret_entry = (struct entry){ 0 };
#define ENTRY_TEXT(member) record_take_text(in, ret_entry->member, sizeof(ret_entry->member));
#define ENTRY_NUMBER(member, most)                                                                           \
        ret_entry->member = (__typeof__(ret_entry->member))record_take(in, 0, most);
#define ENTRY_HEAD() entry_head_take(in, &ret_entry->head);
#include "job/entry.def"
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
