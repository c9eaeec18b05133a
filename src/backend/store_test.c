/* What a store owes, asked of every row of backend.def. */
#include "backend/backend.h"
#include "util/err.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct store_ops *ops;
static struct store *store;
static struct err err;
static char folder[64];

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
        return remove(path);
}

static int open_store(void **state)
{
        snprintf(folder, sizeof(folder), "/tmp/store-test-XXXXXX");
        return !mkdtemp(folder) || ops->open(folder, &store, &err) < 0 ? -1 : 0;
}

static int close_store(void **state)
{
        ops->close(store);
        return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Stores that keep something have to keep it. */
static bool reopen(void)
{
        if (streq(ops->name, "memory"))
                return false;
        ops->close(store);
        assert_int_equal(ops->open(folder, &store, &err), 0);
        return true;
}

static struct entry entry_of(const char *id, const char *owner, const char *token)
{
        struct entry entry = { .n_cases = 1, .bytes = 100, .created_ms = 1 };

        snprintf(entry.head.id, sizeof(entry.head.id), "%s", id);
        snprintf(entry.head.owner, sizeof(entry.head.owner), "%s", owner);
        snprintf(entry.head.token, sizeof(entry.head.token), "%s", token);
        snprintf(entry.head.door, sizeof(entry.head.door), "jobs");
        return entry;
}

static struct entry add(const char *id)
{
        struct entry entry = entry_of(id, "", "");

        assert_int_equal(ops->begin(store, &err), 0);
        assert_int_equal(ops->add(store, &entry, VIEW("order"), &err), 0);
        assert_int_equal(ops->commit(store, &err), 0);
        return entry;
}

static int step_to(struct entry *entry, enum flow_event event)
{
        struct flow before = entry->flow;

        assert_int_equal(flow_step(&before, event, before.fence, &entry->flow), 0);
        return ops->update(store, entry, &before, &err);
}

static void end(struct entry *entry, uint64_t when_ms)
{
        assert_int_equal(ops->begin(store, &err), 0);
        assert_int_equal(step_to(entry, FLOW_EVENT_LEASE), 0);
        entry->ended_ms = when_ms;
        assert_int_equal(step_to(entry, FLOW_EVENT_FINISH), 0);
        assert_int_equal(ops->commit(store, &err), 0);
}

static void what_was_added_is_found(void **state)
{
        struct entry entry = entry_of("one", "me", "key"), found;
        CLEANUP(bytes_deinit) struct bytes order = BYTES_INIT(100);

        snprintf(entry.text, sizeof(entry.text), "a sentence");
        assert_int_equal(ops->begin(store, &err), 0);
        assert_int_equal(ops->add(store, &entry, VIEW("or\0der"), &err), 0);
        assert_int_equal(ops->find(store, "one", &found, &err), 0);
        assert_int_equal(ops->commit(store, &err), 0);
        assert_int_equal(entry.seq, 1);
        (void)reopen();
        assert_int_equal(ops->find(store, "one", &found, &err), 0);
        assert_memory_equal(&found, &entry, sizeof(found));
        assert_int_equal(ops->find_seq(store, 1, &found, &err), 0);
        assert_int_equal(ops->find_token(store, "me", "key", &found, &err), 0);
        assert_int_equal(ops->find_token(store, "you", "key", &found, &err), STORE_NONE);
        assert_int_equal(ops->find(store, "two", &found, &err), STORE_NONE);
        assert_int_equal(ops->order(store, 1, &order, &err), 0);
        assert_true(view_eq(bytes_view(&order), VIEW("or\0der")));
        assert_int_equal(ops->order(store, 2, &order, &err), STORE_NONE);
}

static void ids_and_keys_are_taken_once(void **state)
{
        struct entry first = entry_of("one", "me", "key"), same_id = entry_of("one", "", "");
        struct entry same_key = entry_of("two", "me", "key"), others_key = entry_of("three", "you", "key");

        assert_int_equal(ops->begin(store, &err), 0);
        assert_int_equal(ops->add(store, &first, VIEW(""), &err), 0);
        assert_int_equal(ops->add(store, &same_id, VIEW(""), &err), STORE_TAKEN);
        assert_int_equal(ops->add(store, &same_key, VIEW(""), &err), STORE_TAKEN);
        assert_int_equal(ops->add(store, &others_key, VIEW(""), &err), 0);
        assert_int_equal(ops->commit(store, &err), 0);
        assert_int_equal(others_key.seq, 2);
}

static bool count_one(void *arg, const struct entry *entry)
{
        ++*(int *)arg;
        return true;
}

static void a_group_happens_or_does_not(void **state)
{
        struct entry kept = add("kept"), entry = entry_of("gone", "", ""), found;
        struct store_usage before, after;
        uint64_t number;
        int n = 0;

        assert_int_equal(ops->usage(store, &before, &err), 0);
        assert_int_equal(ops->begin(store, &err), 0);
        assert_int_equal(ops->add(store, &entry, VIEW("x"), &err), 0);
        assert_int_equal(ops->outcome_add(store, kept.seq, 0, VIEW("out"), &number, &err), 0);
        assert_int_equal(step_to(&kept, FLOW_EVENT_CANCEL), 0);
        ops->rollback(store);
        assert_int_equal(ops->usage(store, &after, &err), 0);
        assert_memory_equal(&before, &after, sizeof(before));
        assert_int_equal(ops->find(store, "gone", &found, &err), STORE_NONE);
        assert_int_equal(ops->find(store, "kept", &found, &err), 0);
        assert_int_equal(found.flow.state, FLOW_QUEUED);
        assert_int_equal(ops->ended(store, NULL, NULL, 0, count_one, &n, &err), 0);
        assert_int_equal(n, 0);
        assert_int_equal(ops->begin(store, &err), 0);
        assert_int_equal(ops->outcome_add(store, kept.seq, 0, VIEW("out"), &number, &err), 0);
        assert_int_equal(number, 1);
        assert_int_equal(ops->commit(store, &err), 0);
        if (reopen())
                assert_int_equal(ops->find(store, "gone", &found, &err), STORE_NONE);
}

static void only_the_expected_life_is_changed(void **state)
{
        struct entry entry = add("one"), found;
        struct flow stale = { .state = FLOW_LEASED, .attempts = 1, .fence = 1 }, queued = entry.flow;

        assert_int_equal(ops->begin(store, &err), 0);
        assert_int_equal(step_to(&entry, FLOW_EVENT_LEASE), 0);
        assert_int_equal(ops->update(store, &entry, &queued, &err), STORE_STALE);
        assert_int_equal(ops->commit(store, &err), 0);
        assert_int_equal(ops->begin(store, &err), 0);
        assert_int_equal(step_to(&entry, FLOW_EVENT_LOST), 0);
        assert_int_equal(step_to(&entry, FLOW_EVENT_LEASE), 0);
        assert_int_equal(ops->update(store, &entry, &stale, &err), STORE_STALE);
        assert_int_equal(ops->commit(store, &err), 0);
        assert_int_equal(ops->find(store, "one", &found, &err), 0);
        assert_int_equal(found.flow.fence, 2);
}

struct told {
        uint64_t numbers[8];
        char texts[8];
        size_t n, most;
};

static bool tell(void *arg, uint64_t number, struct view outcome)
{
        struct told *told = arg;

        told->numbers[told->n] = number;
        told->texts[told->n++] = outcome.p[0];
        return told->n < told->most;
}

static void outcomes_keep_their_order(void **state)
{
        static const uint32_t which[] = { UINT32_MAX, 2, 0, 1 };
        struct told told = { .most = 8 };
        struct entry entry = add("one");
        uint64_t number;

        assert_int_equal(ops->begin(store, &err), 0);
        for (size_t i = 0; i < ARRAY_LEN(which); i++) {
                assert_int_equal(ops->outcome_add(store, entry.seq, which[i], (struct view){ &"cdab"[i], 1 },
                                                  &number, &err),
                                 0);
                assert_int_equal(number, i + 1);
        }
        assert_int_equal(ops->outcome_add(store, entry.seq, 2, VIEW("again"), &number, &err), STORE_TAKEN);
        assert_int_equal(ops->commit(store, &err), 0);
        (void)reopen();
        assert_int_equal(ops->outcomes(store, entry.seq, 1, tell, &told, &err), 0);
        assert_int_equal(told.n, 3);
        assert_memory_equal(told.texts, "dab", 3);
        assert_int_equal(told.numbers[0], 2);
        told = (struct told){ .most = 1 };
        assert_int_equal(ops->outcomes(store, entry.seq, 0, tell, &told, &err), 0);
        assert_int_equal(told.n, 1);
}

struct listed {
        char ids[16];
        size_t n;
};

static bool note(void *arg, const struct entry *entry)
{
        struct listed *listed = arg;

        listed->ids[listed->n++] = entry->head.id[0];
        listed->ids[listed->n] = '\0';
        return listed->n < 10;
}

static void lists(void **state)
{
        static const char *const ids[] = { "a", "b", "c", "d" };
        struct listed listed = { "" };
        struct store_filter filter = { 0 };
        struct entry entries[4];

        assert_int_equal(ops->begin(store, &err), 0);
        for (size_t i = 0; i < 4; i++) {
                entries[i] = entry_of(ids[i], i < 2 ? "me" : "you", "");
                snprintf(entries[i].head.batch, sizeof(entries[i].head.batch), "%s", i % 2 ? "odd" : "");
                assert_int_equal(ops->add(store, &entries[i], VIEW(""), &err), 0);
        }
        assert_int_equal(ops->commit(store, &err), 0);
        end(&entries[2], 10);
        end(&entries[0], 20);
        assert_int_equal(ops->list(store, &filter, note, &listed, &err), 0);
        assert_string_equal(listed.ids, "dcba");
        listed.n = 0;
        filter = (struct store_filter){ .owner = "me", .before = 2 };
        assert_int_equal(ops->list(store, &filter, note, &listed, &err), 0);
        assert_string_equal(listed.ids, "a");
        listed.n = 0;
        filter = (struct store_filter){ .batch = "odd" };
        assert_int_equal(ops->list(store, &filter, note, &listed, &err), 0);
        assert_string_equal(listed.ids, "db");
        listed.n = 0;
        filter = (struct store_filter){ .states = 1u << FLOW_QUEUED, .door = "jobs" };
        assert_int_equal(ops->list(store, &filter, note, &listed, &err), 0);
        assert_string_equal(listed.ids, "db");
        listed.n = 0;
        assert_int_equal(ops->ended(store, NULL, NULL, 0, note, &listed, &err), 0);
        assert_string_equal(listed.ids, "ca");
        listed.n = 0;
        assert_int_equal(ops->ended(store, "me", NULL, 1, note, &listed, &err), 0);
        assert_string_equal(listed.ids, "a");
        listed.n = 0;
        assert_int_equal(ops->open_entries(store, note, &listed, &err), 0);
        assert_string_equal(listed.ids, "bd");
}

static void old_ones_go(void **state)
{
        struct store_usage usage;
        struct entry entry, found;
        char id[8];

        for (int i = 1; i <= 6; i++) {
                snprintf(id, sizeof(id), "%d", i);
                entry = add(id);
                if (i != 3)
                        end(&entry, (uint64_t)i * 10);
        }
        assert_int_equal(ops->begin(store, &err), 0);
        assert_int_equal(ops->sweep(store, 25, UINT64_MAX, 100, &err), 2);
        assert_int_equal(ops->sweep(store, 0, 250, 1, &err), 1);
        assert_int_equal(ops->sweep(store, 0, 250, 100, &err), 0);
        assert_int_equal(ops->sweep(store, 100, 0, 100, &err), 2);
        assert_int_equal(ops->commit(store, &err), 0);
        (void)reopen();
        assert_int_equal(ops->usage(store, &usage, &err), 0);
        assert_int_equal(usage.entries, 1);
        assert_int_equal(usage.bytes, 0);
        assert_int_equal(ops->find(store, "3", &found, &err), 0);
        entry = add("new");
        assert_int_equal(entry.seq, 7);
        end(&entry, 100);
        assert_int_equal(entry.ended_number, 6);
}

static void put_set(const char *name, const char *cases, uint64_t now_ms)
{
        assert_int_equal(ops->begin(store, &err), 0);
        assert_int_equal(ops->set_put(store, name, (struct view){ cases, strlen(cases) }, now_ms, &err), 0);
        assert_int_equal(ops->commit(store, &err), 0);
}

static void test_sets(void **state)
{
        CLEANUP(bytes_deinit) struct bytes cases = BYTES_INIT(100);

        put_set("name", "cases", 1);
        put_set("name", "cases", 2);
        (void)reopen();
        assert_int_equal(ops->set_get(store, "name", &cases, &err), 0);
        assert_true(view_eq_text(bytes_view(&cases), "cases"));
        assert_int_equal(ops->set_get(store, "other", &cases, &err), STORE_NONE);
}

enum { HOUR_MS = 3600000 };

/* The one that was not used for the longest time goes first; what is used stays. */
static void test_unused_sets(void **state)
{
        CLEANUP(bytes_deinit) struct bytes cases = BYTES_INIT(100);
        struct store_usage usage;
        char name[STORE_SET_NAME];

        put_set("a", "12345", 1 * HOUR_MS);
        put_set("b", "123", 2 * HOUR_MS);
        put_set("c", "1", 3 * HOUR_MS);
        (void)reopen();
        assert_int_equal(ops->begin(store, &err), 0);
        assert_int_equal(ops->set_use(store, "a", 9 * HOUR_MS, &err), 0);
        assert_int_equal(ops->set_use(store, "none", 9 * HOUR_MS, &err), STORE_NONE);
        assert_int_equal(ops->usage(store, &usage, &err), 0);
        assert_int_equal(usage.set_bytes, 9);
        assert_int_equal(ops->set_sweep(store, 5 * HOUR_MS, name, &err), 0);
        assert_string_equal(name, "b");
        assert_int_equal(ops->set_sweep(store, 3 * HOUR_MS, name, &err), STORE_NONE);
        assert_int_equal(ops->commit(store, &err), 0);
        (void)reopen();
        assert_int_equal(ops->usage(store, &usage, &err), 0);
        assert_int_equal(usage.set_bytes, 6);
        assert_int_equal(ops->set_get(store, "b", &cases, &err), STORE_NONE);
        assert_int_equal(ops->set_get(store, "a", &cases, &err), 0);
}

static uint64_t file_size(void)
{
        char path[128];
        struct stat st;

        snprintf(path, sizeof(path), "%s/jobs.db", folder);
        assert_int_equal(stat(path, &st), 0);
        return (uint64_t)st.st_size;
}

enum { LARGE = 10000, MANY = 1500 };

/* A store that keeps nothing takes no space, after some sweeps. */
static void space_is_given_back(void **state)
{
        char *order;
        uint64_t full;

        if (!reopen())
                return;
        order = test_calloc(1, LARGE);
        for (unsigned i = 0; i < MANY; i++) {
                struct entry entry;
                char id[16];

                snprintf(id, sizeof(id), "%u", i);
                entry = entry_of(id, "", "");
                assert_int_equal(ops->begin(store, &err), 0);
                assert_int_equal(ops->add(store, &entry, (struct view){ order, LARGE }, &err), 0);
                assert_int_equal(ops->commit(store, &err), 0);
                end(&entry, 10);
        }
        test_free(order);
        assert_true(reopen());
        full = file_size();
        assert_true(full > (uint64_t)MANY * LARGE);
        for (int i = 0; i < 12; i++) {
                assert_int_equal(ops->begin(store, &err), 0);
                assert_true(ops->sweep(store, 100, 0, MANY / 4, &err) >= 0);
                assert_int_equal(ops->commit(store, &err), 0);
        }
        assert_true(reopen());
        assert_true(file_size() < full / 2);
}

struct names {
        char text[100];
        size_t left;
};

static bool add_name(void *arg, const char *name, struct view text)
{
        struct names *names = arg;
        size_t n = strlen(names->text);

        snprintf(names->text + n, sizeof(names->text) - n, "%s=%.*s ", name, (int)text.n, text.p);
        return --names->left > 0;
}

static void names_are(const char *drawer, const char *after, size_t most, const char *expected)
{
        struct names names = { .left = most };

        assert_int_equal(ops->cards(store, drawer, after, add_name, &names, &err), 0);
        assert_string_equal(names.text, expected);
}

static void test_cards(void **state)
{
        CLEANUP(bytes_deinit) struct bytes text = BYTES_INIT(100);
        static const char *const names[] = { "b", "a", "c", "b" };

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                char digit = (char)('0' + i);

                assert_int_equal(ops->begin(store, &err), 0);
                assert_int_equal(ops->card_put(store, "one", names[i], (struct view){ &digit, 1 }, &err), 0);
                assert_int_equal(ops->commit(store, &err), 0);
        }
        assert_int_equal(ops->begin(store, &err), 0);
        assert_int_equal(ops->card_put(store, "two", "a", VIEW("x"), &err), 0);
        assert_int_equal(ops->commit(store, &err), 0);
        (void)reopen();
        names_are("one", "", 9, "a=1 b=3 c=2 ");
        names_are("one", "a", 9, "b=3 c=2 ");
        names_are("one", "", 1, "a=1 ");
        names_are("two", "", 9, "a=x ");
        names_are("none", "", 9, "");
        assert_int_equal(ops->card_get(store, "one", "b", &text, &err), 0);
        assert_true(view_eq_text(bytes_view(&text), "3"));
        assert_int_equal(ops->card_get(store, "one", "d", &text, &err), STORE_NONE);
        assert_int_equal(ops->begin(store, &err), 0);
        assert_int_equal(ops->card_drop(store, "one", "b", &err), 0);
        assert_int_equal(ops->card_drop(store, "one", "b", &err), STORE_NONE);
        assert_int_equal(ops->card_drop(store, "two", "b", &err), STORE_NONE);
        assert_int_equal(ops->commit(store, &err), 0);
        names_are("one", "", 9, "a=1 c=2 ");
        names_are("two", "", 9, "a=x ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(what_was_added_is_found),
                TEST(ids_and_keys_are_taken_once),
                TEST(a_group_happens_or_does_not),
                TEST(only_the_expected_life_is_changed),
                TEST(outcomes_keep_their_order),
                TEST(lists),
                TEST(old_ones_go),
                TEST(space_is_given_back),
                TEST(test_sets),
                TEST(test_unused_sets),
                TEST(test_cards),
        };
        int r = 0;

        for (size_t i = 0; backend_stores[i]; i++) {
                ops = backend_stores[i];
                r |= cmocka_run_group_tests_name(ops->name, tests, NULL, NULL);
        }
        return r;
}
