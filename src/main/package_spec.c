/*
 * Pure: text and a table in, marks in the table out.  The rules are read in order and the last word counts.
 */
#include "main/package_spec.h"
#include "runtime/semver.h"
#include "util/err.h"

#include <fnmatch.h>
#include <stdio.h>

enum { LINE_MAX_BYTES = 1024 };

struct rule {
        char text[LINE_MAX_BYTES];
        const char *glob, *range;
        bool takes_back;
};

/* "3" and "3.12" are 3.0.0 and 3.12.0. */
static bool read_version(const char *text, struct semver *ret_version)
{
        char longer[SEMVER_RANGE_MAX];

        if (semver_parse(text, ret_version) == 0)
                return true;
        snprintf(longer, sizeof(longer), "%s.0", text);
        if (semver_parse(longer, ret_version) == 0)
                return true;
        snprintf(longer, sizeof(longer), "%s.0.0", text);
        return semver_parse(longer, ret_version) == 0;
}

bool package_in_range(const char *version, const char *range)
{
        struct semver read;

        return read_version(version, &read) && semver_satisfies(&read, range);
}

int package_compare(const char *a, const char *b)
{
        struct semver va, vb;
        bool has_a = read_version(a, &va), has_b = read_version(b, &vb);

        return has_a && has_b ? semver_compare(&va, &vb) : has_a - has_b;
}

/* 0, 1 for a line without a rule, or -EINVAL. */
static int read_rule(struct view line, struct rule *rule, struct err *err)
{
        char *p = rule->text, *end;

        if (line.n >= sizeof(rule->text) || memchr(line.p, '\0', line.n))
                return err_set(err, -EINVAL, "longer than %d bytes, or no text", LINE_MAX_BYTES - 1);
        snprintf(p, sizeof(rule->text), "%.*s", (int)line.n, line.p);
        /* "c#" is a name: a comment stands at the beginning or behind a blank. */
        for (end = p; *end; end++)
                if (*end == '#' && (end == p || end[-1] == ' ' || end[-1] == '\t'))
                        *end-- = '\0';
        while (end > p && strchr(" \t\r", end[-1]))
                *--end = '\0';
        p += strspn(p, " \t");
        rule->takes_back = *p == '!';
        p += rule->takes_back;
        p += strspn(p, " \t");
        if (!*p)
                return rule->takes_back ? err_set(err, -EINVAL, "nothing stands behind the !") : 1;
        rule->glob = p;
        p += strcspn(p, " \t");
        if (!*p)
                return err_set(err, -EINVAL, "%s needs a range of versions, for example *", rule->glob);
        *p++ = '\0';
        rule->range = p + strspn(p, " \t");
        return semver_range_ok(rule->range) ? 0 : err_set(err, -EINVAL, "%s is no range", rule->range);
}

static bool matches(const struct package *package, const struct rule *rule)
{
        return fnmatch(rule->glob, package->name, 0) == 0 && package_in_range(package->version, rule->range);
}

static bool is_newest(const struct package *package, const struct package *packages, size_t n,
                      const struct rule *rule)
{
        for (size_t i = 0; i < n; i++)
                if (streq(packages[i].name, package->name) && matches(&packages[i], rule) &&
                    package_compare(packages[i].version, package->version) > 0)
                        return false;
        return true;
}

static bool apply_rule(const struct rule *rule, struct package *packages, size_t n)
{
        bool any = false;

        for (size_t i = 0; i < n; i++) {
                if (!matches(&packages[i], rule))
                        continue;
                any = true;
                if (rule->takes_back)
                        packages[i].wanted = false;
                else if (is_newest(&packages[i], packages, n, rule))
                        packages[i].wanted = true;
        }
        return any;
}

int package_spec_apply(struct view spec, struct package *packages, size_t n_packages,
                       void (*on_idle)(void *arg, unsigned line, const char *glob, const char *range),
                       void *arg, struct err *err)
{
        for (unsigned number = 1; spec.n > 0; number++) {
                const char *end = memchr(spec.p, '\n', spec.n);
                size_t n = end ? (size_t)(end - spec.p) : spec.n;
                struct rule rule;
                int r = read_rule((struct view){ spec.p, n }, &rule, err);

                if (r < 0) {
                        char line[16];

                        snprintf(line, sizeof(line), "%u", number);
                        return err_wrap(err, r, "%s", line);
                }
                if (r == 0 && !apply_rule(&rule, packages, n_packages) && !rule.takes_back)
                        on_idle(arg, number, rule.glob, rule.range);
                spec.p += n + (end != NULL);
                spec.n -= n + (end != NULL);
        }
        return 0;
}
