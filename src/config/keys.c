/*
 * Theory of operation: the same code reads the file for the warden, which only looks whether it could be read, and for front and
 * ledger, which live by it.  Whoever changes it writes it anew, with the comments of this program only.
 */
#include "config/keys.h"
#include "config/document.h"
#include "config/value.h"
#include "util/err.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <sys/random.h>

enum { HASH_CHARS = 2 * KEY_HASH_BYTES, SECRET_BYTES = 24, CONCURRENCY_MOST = 1000000 };

#define HASH_PREFIX   "sha256:"
#define SECRET_PREFIX "crk_"
#define RATE_MOST     1e6

static const char *const scope_names[SCOPE_COUNT] = {
#define SCOPE(NAME, word, text) #word,
#include "config/scopes.def"
#undef SCOPE
};

const char *scope_name(enum scope scope)
{
        return scope_names[scope];
}

/* ---- rows ---- */

static bool name_ok(const char *name)
{
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

        return n > 0 && n <= KEY_NAME_MAX && !name[n];
}

struct key *keys_find(const struct keys *keys, const char *name)
{
        for (size_t i = 0; i < keys->n; i++)
                if (streq(keys->p[i].name, name))
                        return &keys->p[i];
        return NULL;
}

struct key *keys_add(struct keys *keys, const char *name, struct err *err)
{
        struct key *more = NULL;

        if (!name_ok(name))
                err_set(err, 0, "'%.80s' is no name of a key: 1 to %d letters, digits, dots, - and _", name,
                        KEY_NAME_MAX);
        else if (keys->n >= KEY_ROWS_MAX)
                err_set(err, 0, "there are more than %d keys", KEY_ROWS_MAX);
        else if (!(more = realloc(keys->p, (keys->n + 1) * sizeof(*more))))
                err_set(err, 0, "out of memory");
        if (!more)
                return NULL;
        keys->p = more;
        more += keys->n++;
        *more = (struct key){ .share = 1 };
        memcpy(more->name, name, strlen(name) + 1);
        return more;
}

void keys_remove(struct keys *keys, struct key *key)
{
        size_t i = (size_t)(key - keys->p);

        memmove(key, key + 1, (keys->n - i - 1) * sizeof(*key));
        keys->n--;
}

void keys_deinit(struct keys *keys)
{
        free(keys->p);
        *keys = (struct keys){ 0 };
}

void key_hash(struct view secret, unsigned char ret_hash[KEY_HASH_BYTES])
{
        _Static_assert((int)KEY_HASH_BYTES == SHA256_DIGEST_LENGTH, "a hash is a SHA-256");
        must(SHA256((const unsigned char *)secret.p, secret.n, ret_hash));
}

bool key_has_hash(const struct key *key, const unsigned char hash[KEY_HASH_BYTES])
{
        bool found = false;

        for (size_t i = 0; i < KEY_HASHES_MAX; i++)
                found |= (CRYPTO_memcmp(key->hashes[i], hash, KEY_HASH_BYTES) == 0) & (i < key->n_hashes);
        return found;
}

void key_make(struct key *key, bool keep, char ret_secret[KEY_SECRET_ROOM])
{
        unsigned char random[SECRET_BYTES];
        char text[KEY_SECRET_ROOM];

        must(getrandom(random, sizeof(random), 0) == (ssize_t)sizeof(random));
        EVP_EncodeBlock((unsigned char *)text, random, sizeof(random));
        for (char *p = text; *p; p++)
                *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
        snprintf(ret_secret, KEY_SECRET_ROOM, SECRET_PREFIX "%.32s", text);
        keep = keep && key->n_hashes > 0;
        if (keep)
                memcpy(key->hashes[1], key->hashes[0], KEY_HASH_BYTES);
        key_hash(view_of(ret_secret), key->hashes[0]);
        key->n_hashes = keep ? 2 : 1;
}

/* ---- fields ---- */

static int set_hash(struct key *key, const char *text, const char *where, struct err *err)
{
        const char *digits = text + sizeof(HASH_PREFIX) - 1;
        unsigned char *hash = key->hashes[key->n_hashes];

        if (key->n_hashes == KEY_HASHES_MAX)
                return err_set(err, -EINVAL, "%s: more than %d hashes", where, KEY_HASHES_MAX);
        if (strncmp(text, HASH_PREFIX, sizeof(HASH_PREFIX) - 1) != 0 || strlen(digits) != HASH_CHARS ||
            strspn(digits, "0123456789abcdef") != HASH_CHARS)
                return err_set(err, -EINVAL, "%s: expected " HASH_PREFIX " and %d hexadecimal digits", where,
                               HASH_CHARS);
        for (size_t i = 0; i < KEY_HASH_BYTES; i++)
                must(sscanf(digits + 2 * i, "%2hhx", &hash[i]) == 1);
        key->n_hashes++;
        return 0;
}

static int set_scope(struct key *key, const char *word, size_t n, const char *where, struct err *err)
{
        for (int i = 0; i < SCOPE_COUNT; i++)
                if (strlen(scope_names[i]) == n && memcmp(scope_names[i], word, n) == 0) {
                        key->scopes |= 1u << i;
                        return 0;
                }
        return err_set(err, -EINVAL,
                       "%s: there is no scope '%.*s'; there are execute, jobs, packages, worker, "
                       "questions, admin",
                       where, (int)MIN(n, (size_t)80), word);
}

static int set_scopes(struct key *key, const char *text, const char *where, struct err *err)
{
        int r = 0;

        for (size_t n; *text && r == 0; text += n) {
                text += strspn(text, " ,");
                n = strcspn(text, " ,");
                if (n > 0)
                        r = set_scope(key, text, n, where, err);
        }
        return r;
}

static int set_rate(struct key *key, const char *text, const char *where, struct err *err)
{
        char *end;
        double rate = strtod(text, &end);

        if (!*text || strspn(text, "0123456789.") != strlen(text) || *end || rate < 0.001 || rate > RATE_MOST)
                return err_set(err, -EINVAL, "%s: '%.40s' is no rate: requests a second, 0.001 to 1000000",
                               where, text);
        key->rate_milli = (uint64_t)(rate * 1000 + 0.5);
        return 0;
}

static int set_count(uint64_t *field, uint64_t most, const char *text, const char *where, struct err *err)
{
        if (value_parse_count(text, field) == 0 && *field >= 1 && *field <= most)
                return 0;
        return err_set(err, -EINVAL, "%s: '%.40s' is no number from 1 to %llu", where, text,
                       (unsigned long long)most);
}

int key_set(struct key *key, const char *field, const char *text, const char *where, struct err *err)
{
        if (streq(field, "hash"))
                return set_hash(key, text, where, err);
        if (streq(field, "scopes"))
                return set_scopes(key, text, where, err);
        if (streq(field, "rate"))
                return set_rate(key, text, where, err);
        if (streq(field, "burst"))
                return set_count(&key->burst, CONCURRENCY_MOST, text, where, err);
        if (streq(field, "concurrency"))
                return set_count(&key->concurrency, CONCURRENCY_MOST, text, where, err);
        if (streq(field, "share"))
                return set_count(&key->share, KEY_SHARE_MAX, text, where, err);
        return err_set(err, -EINVAL,
                       "%s: there is no such field; there are hash, scopes, rate, burst, concurrency, share",
                       where);
}

/* ---- the file ---- */

struct reading {
        struct document *document;
        struct keys keys;
        struct key *key;
};

static int bind_field(void *arg, const char *name, yaml_node_t *name_node, yaml_node_t *value,
                      struct err *err)
{
        struct reading *reading = arg;
        char **texts, where[400];
        size_t n;
        int r = document_list(reading->document, value, &texts, &n, err);

        if (r < 0)
                return r;
        snprintf(where, sizeof(where), "%s:%zu: %s: %s", reading->document->name,
                 name_node->start_mark.line + 1, reading->key->name, name);
        if (n != 1 && !streq(name, "hash") && !streq(name, "scopes"))
                r = err_set(err, -EINVAL, "%s: expected one value", where);
        for (size_t i = 0; i < n && r == 0; i++)
                r = key_set(reading->key, name, texts[i], where, err);
        document_list_free(texts);
        return r;
}

static int bind_key(void *arg, const char *name, yaml_node_t *name_node, yaml_node_t *value, struct err *err)
{
        struct reading *reading = arg;
        struct err why = { "" };
        struct key *key = keys_add(&reading->keys, name, &why);
        int r;

        if (!key)
                return document_error(reading->document, name_node, err, -EINVAL, "%s", why.text);
        reading->key = key;
        r = document_each(reading->document, value, bind_field, reading, err);
        if (r == 0 && key->n_hashes == 0)
                r = document_error(reading->document, name_node, err, -EINVAL,
                                   "%s: has no hash; coderunr key new makes one", name);
        if (key->burst == 0)
                key->burst = MAX(key->rate_milli / 1000, UINT64_C(1));
        return r;
}

int keys_parse(struct keys *ret_keys, struct view text, const char *name, struct err *err)
{
        struct document document CLEANUP(document_deinit) = { 0 };
        struct reading reading = { .document = &document };
        int r = document_load_text(&document, text, name, err);

        if (r == 0 && document_root(&document))
                r = document_each(&document, document_root(&document), bind_key, &reading, err);
        if (r == 0)
                *ret_keys = reading.keys;
        else
                keys_deinit(&reading.keys);
        return r;
}

int keys_read(struct keys *ret_keys, int fd, const char *name, struct err *err)
{
        struct bytes text CLEANUP(bytes_deinit) = BYTES_INIT(DOCUMENT_BYTES_MAX);
        int r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : bytes_read_fd(&text, fd);

        if (r < 0)
                return err_errno(err, r, "%s", name);
        return keys_parse(ret_keys, bytes_view(&text), name, err);
}

static int print_scopes(const struct key *key, struct bytes *out)
{
        const char *between = "";
        int r = bytes_add_text(out, "  scopes: [");

        for (int i = 0; i < SCOPE_COUNT && r == 0; i++) {
                if (!(key->scopes & 1u << i))
                        continue;
                r = bytes_printf(out, "%s%s", between, scope_names[i]);
                between = ", ";
        }
        return r ? r : bytes_add_text(out, "]\n");
}

static int print_hashes(const struct key *key, struct bytes *out)
{
        int r = bytes_add_text(out, "  hash: [");

        for (size_t i = 0; i < key->n_hashes && r == 0; i++) {
                r = bytes_add_text(out, i > 0 ? ", \"" HASH_PREFIX : "\"" HASH_PREFIX);
                for (size_t j = 0; j < KEY_HASH_BYTES && r == 0; j++)
                        r = bytes_printf(out, "%02x", key->hashes[i][j]);
                r = r ? r : bytes_add_text(out, "\"");
        }
        return r ? r : bytes_add_text(out, "]\n");
}

static int print_key(const struct key *key, struct bytes *out)
{
        int r = bytes_printf(out, "\"%s\":\n", key->name);

        r = r ? r : print_hashes(key, out);
        r = r ? r : print_scopes(key, out);
        if (r == 0 && key->rate_milli > 0)
                r = bytes_printf(out, "  rate: %llu.%03llu\n  burst: %llu\n",
                                 (unsigned long long)key->rate_milli / 1000,
                                 (unsigned long long)key->rate_milli % 1000, (unsigned long long)key->burst);
        if (r == 0 && key->concurrency > 0)
                r = bytes_printf(out, "  concurrency: %llu\n", (unsigned long long)key->concurrency);
        return r ? r : bytes_printf(out, "  share: %llu\n", (unsigned long long)key->share);
}

int keys_print(const struct keys *keys, struct bytes *out)
{
        int r = bytes_add_text(out,
                               "# Who may use the engine: written anew by coderunr key, which keeps no other "
                               "comments; coderunr(1) tells of the fields.\n");

        for (size_t i = 0; i < keys->n && r == 0; i++)
                r = print_key(&keys->p[i], out);
        return r;
}
