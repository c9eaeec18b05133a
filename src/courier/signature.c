/* Theory of operation: OpenSSL does the work; the base64 of its EVP is that of RFC 4648 with padding. */
#include "courier/signature.h"
#include "job/notice.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

int signature_make(const char *secret, const char *id, uint64_t timestamp, struct view body,
                   char text[SIGNATURE_TEXT_MAX])
{
        CLEANUP(bytes_deinit) struct bytes message = BYTES_INIT(body.n + 256);
        unsigned char key[NOTICE_SECRET_MAX], mac[EVP_MAX_MD_SIZE], coded[SIGNATURE_TEXT_MAX];
        unsigned n_mac = 0;
        size_t n_key;
        int r = notice_key(secret, key, &n_key);

        r = r ? r : bytes_printf(&message, "%s.%" PRIu64 ".", id, timestamp);
        r = r ? r : bytes_add(&message, body.p, body.n);
        if (r < 0)
                return r;
        must(HMAC(EVP_sha256(), key, (int)n_key, (const unsigned char *)message.p, message.n, mac, &n_mac));
        EVP_EncodeBlock(coded, mac, (int)n_mac);
        snprintf(text, SIGNATURE_TEXT_MAX, "v1,%s", (const char *)coded);
        return 0;
}
