/* The file of keys: what it may say, what it may not, and that what was written is read again. */
#include "config/keys.h"
#include "util/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define HASH_A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static int parse(const char *text, struct keys *ret_keys, struct err *err)
{
        *err = (struct err){ "" };
        return keys_parse(ret_keys, view_of(text), "keys.yaml", err);
}

static void a_whole_row(void **state)
{
        struct keys keys;
        struct err err;

        assert_int_equal(parse("alice:\n  hash: [" HASH_A ", " HASH_B "]\n  scopes: [execute, jobs]\n"
                               "  rate: 2.5\n  burst: 7\n  concurrency: 4\n  share: 3\n"
                               "b.o-b_2:\n  hash: " HASH_B "\n  scopes: admin\n",
                               &keys, &err),
                         0);
        assert_int_equal(keys.n, 2);
        assert_string_equal(keys.p[0].name, "alice");
        assert_int_equal(keys.p[0].n_hashes, 2);
        assert_int_equal(keys.p[0].hashes[1][31], 0xbb);
        assert_int_equal(keys.p[0].scopes, 1u << SCOPE_EXECUTE | 1u << SCOPE_JOBS);
        assert_int_equal(key_interval_ns(&keys.p[0]), 400 * NSEC_PER_MSEC);
        assert_int_equal(keys.p[0].burst, 7);
        assert_int_equal(keys.p[0].concurrency, 4);
        assert_int_equal(keys.p[0].share, 3);
        assert_true(key_may(&keys.p[0], SCOPE_JOBS));
        assert_false(key_may(&keys.p[0], SCOPE_WORKER));
        for (int i = 0; i < SCOPE_COUNT; i++)
                assert_true(key_may(&keys.p[1], (enum scope)i));
        assert_int_equal(keys.p[1].share, 1);
        assert_int_equal(key_interval_ns(&keys.p[1]), 0);
        assert_ptr_equal(keys_find(&keys, "b.o-b_2"), &keys.p[1]);
        assert_null(keys_find(&keys, "carol"));
        keys_deinit(&keys);
}

static void nothing_is_nobody(void **state)
{
        struct keys keys;
        struct err err;

        assert_int_equal(parse("", &keys, &err), 0);
        assert_int_equal(keys.n, 0);
        assert_int_equal(parse("# nobody\n", &keys, &err), 0);
        assert_int_equal(keys.n, 0);
}

static void what_is_wrong_is_named(void **state)
{
        static const struct {
                const char *text, *said;
        } rows[] = {
                { "- a\n", "keys.yaml:1" },
                { "a:\n  scopes: [jobs]\n", "a: has no hash" },
                { "a:\n  hash: secret\n", "keys.yaml:2: a: hash: expected sha256:" },
                { "a:\n  hash: sha256:AA\n", "64 hexadecimal" },
                { "a:\n  hash: [" HASH_A "," HASH_A "," HASH_A "]\n", "more than 2" },
                { "a:\n  hash: " HASH_A "\n  scopes: [root]\n",
                  "keys.yaml:3: a: scopes: there is no scope 'root'" },
                { "a:\n  hash: " HASH_A "\n  rate: -1\n", "'-1' is no rate" },
                { "a:\n  hash: " HASH_A "\n  rate: nan\n", "is no rate" },
                { "a:\n  hash: " HASH_A "\n  rate: 0x10\n", "is no rate" },
                { "a:\n  hash: " HASH_A "\n  rate: 1e3\n", "is no rate" },
                { "a:\n  hash: " HASH_A "\n  rate: 0\n", "is no rate" },
                { "a:\n  hash: " HASH_A "\n  rate: [1, 2]\n", "expected one value" },
                { "a:\n  hash: " HASH_A "\n  burst: 0\n", "is no number from 1" },
                { "a:\n  hash: " HASH_A "\n  concurrency: none\n", "is no number from 1" },
                { "a:\n  hash: " HASH_A "\n  share: 101\n", "from 1 to 100" },
                { "a:\n  hash: " HASH_A "\n  colour: red\n", "there is no such field" },
                { "a b:\n  hash: " HASH_A "\n", "is no name of a key" },
                { "a:\n  hash: " HASH_A "\na:\n  hash: " HASH_A "\n", "comes twice" },
                { "a: {\n", "keys.yaml" },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct keys keys = { 0 };
                struct err err;

                assert_int_equal(parse(rows[i].text, &keys, &err), -EINVAL);
                if (!strstr(err.text, rows[i].said))
                        fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].text, err.text, rows[i].said);
                assert_null(keys.p);
        }
}

static void a_key_opens_its_row_only(void **state)
{
        struct keys keys = { 0 };
        unsigned char hash[KEY_HASH_BYTES];
        char first[KEY_SECRET_ROOM], second[KEY_SECRET_ROOM], third[KEY_SECRET_ROOM];
        struct err err;
        struct key *key = keys_add(&keys, "a", &err);

        assert_non_null(key);
        key_make(key, true, first);
        assert_int_equal(key->n_hashes, 1);
        assert_int_equal(strlen(first), 36);
        assert_memory_equal(first, "crk_", 4);
        key_hash(view_of(first), hash);
        assert_true(key_has_hash(key, hash));
        key_make(key, true, second);
        assert_string_not_equal(first, second);
        assert_true(key_has_hash(key, hash));
        key_make(key, true, third);
        assert_false(key_has_hash(key, hash));
        key_hash(view_of(second), hash);
        assert_true(key_has_hash(key, hash));
        key_make(key, false, first);
        assert_int_equal(key->n_hashes, 1);
        assert_false(key_has_hash(key, hash));
        memset(hash, 0, sizeof(hash));
        memset(key->hashes[1], 0, KEY_HASH_BYTES);
        assert_false(key_has_hash(key, hash)); /* a place without a hash opens to nobody */
        keys_deinit(&keys);
}

static void what_is_written_is_read(void **state)
{
        struct bytes text CLEANUP(bytes_deinit) = BYTES_INIT(MIB);
        struct keys keys = { 0 }, again;
        char secret[KEY_SECRET_ROOM], name[16];
        struct err err;

        for (int i = 0; i < 20; i++) {
                struct key *key;

                snprintf(name, sizeof(name), "%d", i);
                key = keys_add(&keys, name, &err);
                key_make(key, true, secret);
                key->scopes = (unsigned)i & ((1u << SCOPE_COUNT) - 1);
                key->rate_milli = (uint64_t)i * 777;
                key->burst = (uint64_t)i + 1;
                key->concurrency = (uint64_t)i / 2;
                key->share = (uint64_t)i + 1;
        }
        keys_remove(&keys, keys_find(&keys, "7"));
        assert_int_equal(keys_print(&keys, &text), 0);
        assert_null(strstr(text.p, "crk_"));
        assert_int_equal(keys_parse(&again, bytes_view(&text), "keys.yaml", &err), 0);
        assert_int_equal(again.n, 19);
        for (size_t i = 0; i < keys.n; i++) {
                assert_string_equal(again.p[i].name, keys.p[i].name);
                assert_true(key_has_hash(&again.p[i], keys.p[i].hashes[0]));
                assert_int_equal(again.p[i].scopes, keys.p[i].scopes);
                assert_int_equal(again.p[i].rate_milli, keys.p[i].rate_milli);
                assert_int_equal(again.p[i].concurrency, keys.p[i].concurrency);
                assert_int_equal(again.p[i].share, keys.p[i].share);
        }
        keys_deinit(&keys);
        keys_deinit(&again);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_whole_row),
                cmocka_unit_test(nothing_is_nobody),
                cmocka_unit_test(what_is_wrong_is_named),
                cmocka_unit_test(a_key_opens_its_row_only),
                cmocka_unit_test(what_is_written_is_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
