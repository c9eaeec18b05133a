#pragma once

/*
 * Keys: who may use the engine, and how much.  A YAML file, one row for each owner:
 *
 *     alice:
 *       hash: sha256:6f1e...        or two of them, while the key is changed
 *       scopes: [execute, jobs]     words of scopes.def
 *       rate: 10                    requests a second; absent: no limit
 *       burst: 20                   of them at once; absent: one second's worth
 *       concurrency: 4              programs at once, and durable jobs at once; absent: no limit
 *       share: 2                    of what is scarce, beside others who wait; absent: 1
 *
 * The key itself, which its owner sends, is in no file: 192 random bits behind "crk_", of which SHA-256 tells nothing.
 */

#include "util/base.h"
#include "util/bytes.h"

struct err;

enum scope {
#define SCOPE(NAME, word, text) SCOPE_##NAME,
#include "config/scopes.def"
#undef SCOPE
        SCOPE_COUNT
};

enum {
        KEY_NAME_MAX = 63,
        KEY_HASHES_MAX = 2,
        KEY_HASH_BYTES = 32,
        KEY_SECRET_ROOM = 40, /* "crk_", 32 characters, NUL */
        KEY_SENT_MAX = 256,   /* longer is no key */
        KEY_SHARE_MAX = 100,
        KEY_ROWS_MAX = 1024,
};

struct key {
        char name[KEY_NAME_MAX + 1]; /* letters, digits, "._-" */
        unsigned char hashes[KEY_HASHES_MAX][KEY_HASH_BYTES];
        size_t n_hashes;
        unsigned scopes;      /* 1 << enum scope */
        uint64_t rate_milli;  /* requests in 1000 s; 0: no limit */
        uint64_t burst;       /* at least 1 */
        uint64_t concurrency; /* 0: no limit */
        uint64_t share;       /* at least 1 */
};

struct keys {
        struct key *p;
        size_t n;
};

/* From text; @name is the file's for messages ("name:line: ...").  0, -EINVAL or -ENOMEM. */
int keys_parse(struct keys *ret_keys, struct view text, const char *name, struct err *err) MUST_USE;

/* From an open file, from its beginning.  0 or -errno. */
int keys_read(struct keys *ret_keys, int fd, const char *name, struct err *err) MUST_USE;

void keys_deinit(struct keys *keys);

/* Append the file of @keys to @out. */
int keys_print(const struct keys *keys, struct bytes *out) MUST_USE;

struct key *keys_find(const struct keys *keys, const char *name);

/* Add a row without hashes: NULL when there is no memory or no room, with text. */
struct key *keys_add(struct keys *keys, const char *name, struct err *err);
void keys_remove(struct keys *keys, struct key *key);

/* Set a field from text, as the file does: "scopes" takes words with spaces or commas between. */
int key_set(struct key *key, const char *field, const char *text, const char *where,
            struct err *err) MUST_USE;

/* A new secret; its hash becomes the first of the row's, and the one before stays the second when @keep. */
void key_make(struct key *key, bool keep, char ret_secret[KEY_SECRET_ROOM]);

void key_hash(struct view secret, unsigned char ret_hash[KEY_HASH_BYTES]);

/* Is @hash one of the row's?  Takes as long whichever it is, and wherever they differ. */
bool key_has_hash(const struct key *key, const unsigned char hash[KEY_HASH_BYTES]);

static inline bool key_may(const struct key *key, enum scope scope)
{
        return key->scopes & (1u << scope | 1u << SCOPE_ADMIN);
}

/* Nanoseconds between two requests, 0: no limit. */
static inline uint64_t key_interval_ns(const struct key *key)
{
        return key->rate_milli ? 1000 * NSEC_PER_SEC / key->rate_milli : 0;
}

/* The word of a scope. */
const char *scope_name(enum scope scope);
