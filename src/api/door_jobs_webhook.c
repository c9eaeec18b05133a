/* Theory of operation: who is to be told is judged here as far as the text says it, and by the courier for what a name leads to. */
#include "api/door_jobs.h"
#include "api/front.h"
#include "config/config.h"
#include "job/notice.h"

#include <stdio.h>

#define REFUSE(err, ...) err_set(err, 422, __VA_ARGS__)

static int take(const json_t *webhook, const char *key, char *text, size_t room, struct err *err)
{
        const json_t *value = json_object_get(webhook, key);

        if (value && (!json_is_string(value) || json_string_length(value) >= room ||
                      strlen(json_string_value(value)) != json_string_length(value)))
                return REFUSE(err, "webhook.%s must be a text of at most %zu bytes", key, room - 1);
        snprintf(text, room, "%s", value ? json_string_value(value) : "");
        return 0;
}

static int check_keys(const json_t *webhook, struct err *err)
{
        size_t n = !!json_object_get(webhook, "url") + !!json_object_get(webhook, "secret");

        if (!json_is_object(webhook) || !json_object_get(webhook, "url") || json_object_size(webhook) != n)
                return REFUSE(err, "webhook must be an object with a url, and perhaps a secret");
        return 0;
}

/* An address that would not be told anyhow is refused now; a name may lead elsewhere by the time it matters. */
static int check_receiver(const char *text, const struct config *config, struct err *err)
{
        struct address_blocks allowed;
        struct receiver_url url;
        int r;

        if (receiver_parse(text, &url, err) < 0)
                return 422;
        r = address_blocks_parse(config->webhook_allow, &allowed, err);
        if (r == 0 && url.is_address && !receiver_may_be(&url.address, &allowed))
                return REFUSE(
                        err, "webhook.url leads to the private address %s, which webhook_allow does not name",
                        url.host);
        return r;
}

static int check_secret(const struct notice *notice, struct err *err)
{
        unsigned char key[NOTICE_SECRET_MAX];
        size_t n;

        if (notice_key(notice->secret, key, &n) < 0)
                return REFUSE(err, "webhook.secret must not be empty, and what follows whsec_ is base64");
        return 0;
}

int jobs_take_webhook(const json_t *root, const struct front *front, struct jobs_item *item,
                      struct order *order, struct err *err)
{
        const json_t *webhook = json_object_get(root, "webhook");
        struct notice notice = { "" };
        int r;

        if (!webhook)
                return 0;
        r = check_keys(webhook, err);
        r = r ? r : take(webhook, "url", notice.url, sizeof(notice.url), err);
        r = r ? r : take(webhook, "secret", notice.secret, sizeof(notice.secret), err);
        r = r ? r : check_receiver(notice.url, front->config, err);
        if (r == 0 && json_object_get(webhook, "secret"))
                r = check_secret(&notice, err);
        if (r != 0)
                return r;
        entry_id_make(notice.delivery);
        item->notice = BYTES_INIT(NOTICE_BYTES_MAX);
        r = notice_encode(&notice, &item->notice);
        order->notice = bytes_view(&item->notice);
        order->head.notify = true;
        return r;
}
