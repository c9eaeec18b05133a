/*
 * Theory of operation: a number is eight bytes, least first; a byte string is its length as a number, then itself.  What is
 * absent is a number no length can be.
 */
#include "util/digest.h"

#include <openssl/evp.h>

/* WHY: EVP_sha256() is looked for by its name each time, which takes longer than hashing a small program. */
static const EVP_MD *sha256(void)
{
        static EVP_MD *known;
        EVP_MD *md = __atomic_load_n(&known, __ATOMIC_ACQUIRE);

        if (!md) {
                md = EVP_MD_fetch(NULL, "SHA256", NULL);
                must(md);
                __atomic_store_n(&known, md, __ATOMIC_RELEASE); /* two threads may fetch it; one is lost */
        }
        return md;
}

void digest_begin(struct digest *digest)
{
        EVP_MD_CTX *state = EVP_MD_CTX_new();

        must(state && EVP_DigestInit_ex(state, sha256(), NULL) == 1);
        digest->state = state;
}

void digest_drop(struct digest *digest)
{
        EVP_MD_CTX_free(TAKE_PTR(digest->state));
}

void digest_raw(struct digest *digest, const void *p, size_t n)
{
        must(EVP_DigestUpdate(digest->state, p, n) == 1);
}

void digest_number(struct digest *digest, uint64_t number)
{
        uint8_t bytes[8];

        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)(number >> (8 * i));
        digest_raw(digest, bytes, sizeof(bytes));
}

void digest_bytes(struct digest *digest, struct view bytes)
{
        digest_number(digest, bytes.n);
        digest_raw(digest, bytes.p, bytes.n);
}

void digest_text(struct digest *digest, const char *text)
{
        if (text)
                digest_bytes(digest, view_of(text));
        else
                digest_number(digest, UINT64_MAX);
}

void digest_end(struct digest *digest, uint8_t ret[DIGEST_BYTES])
{
        unsigned n = 0;

        must(EVP_DigestFinal_ex(digest->state, ret, &n) == 1 && n == DIGEST_BYTES);
        digest_drop(digest);
}

void digest_hex(const uint8_t digest[DIGEST_BYTES], char ret_text[DIGEST_TEXT])
{
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < DIGEST_BYTES; i++) {
                ret_text[2 * i] = digits[digest[i] >> 4];
                ret_text[2 * i + 1] = digits[digest[i] & 15];
        }
        ret_text[DIGEST_TEXT - 1] = '\0';
}
