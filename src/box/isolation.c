/*
 * Everything here is looked up the way the slots are made: the same filter builder, the same search for hierarchies, so
 * that what is told is what is done.
 */
#include "box/isolation.h"
#include "box/filter.h"
#include "box/hierarchy.h"
#include "box/last_filter.h"
#include "util/err.h"

#include <linux/landlock.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>

static int version_of(const char *v1, const char *v2, const char *parent)
{
        struct hierarchy place;

        return hierarchy_find(v1, v2, parent, &place) ? place.version : 0;
}

static int hash_filters(const struct slot_boot *boot, char text[33], struct err *err)
{
        unsigned char digest[EVP_MAX_MD_SIZE];
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        bool ok = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL);

        for (int i = 0; ok && i < SLOT_FILTERS; i++)
                ok = EVP_DigestUpdate(context, boot->filter[i],
                                      boot->n_filter[i] * sizeof(struct sock_filter));
        ok = ok && EVP_DigestUpdate(context, last_filter, last_filter_n * sizeof(struct sock_filter)) &&
             EVP_DigestFinal_ex(context, digest, NULL);
        EVP_MD_CTX_free(context);
        for (int i = 0; ok && i < 16; i++)
                snprintf(text + 2 * i, 3, "%02x", digest[i]);
        return ok ? 0 : err_set(err, -EIO, "the filters could not be hashed");
}

static int build_and_hash(char text[33], struct err *err)
{
        struct slot_boot *boot = calloc(1, sizeof(*boot));
        int r;

        must(boot);
        r = filter_build(boot, err);
        r = r ? r : hash_filters(boot, text, err);
        free(boot);
        return r;
}

int isolation_look(const char *cgroup_parent, const struct slot_boot *boot, struct isolation *ret_isolation,
                   struct err *err)
{
        long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
        struct sysinfo info = { 0 };

        (void)sysinfo(&info);
        *ret_isolation = (struct isolation){
                .memory_version = version_of("memory", "memory", cgroup_parent),
                .pids_version = version_of("pids", "pids", cgroup_parent),
                .cpu_version = version_of("cpuacct", NULL, cgroup_parent),
                .landlock_abi = abi > 0 ? (int)abi : 0,
                .swap = info.totalswap > 0,
        };
        return boot ? hash_filters(boot, ret_isolation->filter, err)
                    : build_and_hash(ret_isolation->filter, err);
}

void isolation_json(const struct isolation *isolation, char json[ISOLATION_JSON_MAX])
{
        snprintf(json, ISOLATION_JSON_MAX,
                 "{\"level\":\"full\",\"filter\":\"%s\",\"cgroup\":{\"memory\":%d,\"pids\":%d,\"cpu\":%d},"
                 "\"landlock\":%d,\"degraded\":[%s]}",
                 isolation->filter, isolation->memory_version, isolation->pids_version,
                 isolation->cpu_version, isolation->landlock_abi, isolation->swap ? "\"swap\"" : "");
}
