#pragma once

/*
 * Signature: how a receiver knows that a delivery is ours and new, as "Standard Webhooks" (standardwebhooks.com) does:
 *
 *   webhook-signature: v1,BASE64(HMAC-SHA256(key, webhook-id "." webhook-timestamp "." body))
 *
 * The key is the secret's bytes; of a secret "whsec_..." it is what follows, decoded from base64.
 */

#include "util/bytes.h"

enum { SIGNATURE_TEXT_MAX = 48 };

/* 0, or -EINVAL for a secret that begins as one in base64 and is none. */
int signature_make(const char *secret, const char *id, uint64_t timestamp, struct view body,
                   char text[SIGNATURE_TEXT_MAX]) MUST_USE;
