/* Theory of operation: OpenSSL does the work; the base64 of its EVP is that of RFC 4648 with padding. */
#include "courier/signature.h"
#include "job/notice.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

static int key_of(const char *secret, unsigned char key[NOTICE_SECRET_MAX], size_t *ret_n)
{
        size_t n = strlen(secret), padding = 0;
        int decoded;

        if (n > NOTICE_SECRET_MAX)
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
        if (n == 0 || decoded < 0)
                return -EINVAL;
        *ret_n = (size_t)decoded - padding;
        return 0;
}

int signature_make(const char *secret, const char *id, uint64_t timestamp, struct view body,
                   char text[SIGNATURE_TEXT_MAX])
{
        CLEANUP(bytes_deinit) struct bytes message = BYTES_INIT(body.n + 256);
        unsigned char key[NOTICE_SECRET_MAX], mac[EVP_MAX_MD_SIZE], coded[SIGNATURE_TEXT_MAX];
        unsigned n_mac = 0;
        size_t n_key;
        int r = key_of(secret, key, &n_key);

        r = r ? r : bytes_printf(&message, "%s.%" PRIu64 ".", id, timestamp);
        r = r ? r : bytes_add(&message, body.p, body.n);
        if (r < 0)
                return r;
        must(HMAC(EVP_sha256(), key, (int)n_key, (const unsigned char *)message.p, message.n, mac, &n_mac));
        EVP_EncodeBlock(coded, mac, (int)n_mac);
        snprintf(text, SIGNATURE_TEXT_MAX, "v1,%s", (const char *)coded);
        return 0;
}
