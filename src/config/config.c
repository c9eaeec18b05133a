/*
 * Defaults, then the file, then PORT, RUNNER_*, PISTON_* and CODERUNR_* of the environment, then flags: each later one
 * writes over the earlier.  Everything that reaches the struct has been read and bounded by option_set().
 *
 * A CODERUNR_ name nobody knows stops the start, since it is most often a typing error in a limit; a
 * PISTON_ name nobody knows may belong to something else and is only logged.
 */
#include "config/config_priv.h"
#include "config/value.h"
#include "util/err.h"
#include "util/log.h"

#include <ctype.h>
#include <stdio.h>

static const char default_file[] = "/etc/coderunr/config.yaml";

/* CODERUNR_ names that are not options: of this function, of the command line, of ./dev, of programs in a box. */
static const char *const other_names[] = { "KEY", "ENGINE_KEY", "CONFIG", "URL", "BUILD", "LANGUAGE" };

enum { NAME_MAX_BYTES = 64 };

static const char *get_environment(char *const *environment, const char *name)
{
        size_t n = strlen(name);

        for (; environment && *environment; environment++)
                if (strncmp(*environment, name, n) == 0 && (*environment)[n] == '=')
                        return *environment + n + 1;
        return NULL;
}

/* Piston and CodeRunr listen wherever they are told to and know no keys: who tells them so in their words goes on to be served. */
static int expect_anybody(struct config *config, const char *where, struct err *err)
{
        if (config->sources[CONFIG_OPTION_anonymous] != CONFIG_DEFAULT)
                return 0;
        return option_set(config, "anonymous", "true", CONFIG_ENVIRONMENT, where, err);
}

/* Who configures as for Piston has clients of Piston. */
static int expect_piston(struct config *config, const char *where, struct err *err)
{
        if (config->sources[CONFIG_OPTION_websocket_dialect] != CONFIG_DEFAULT)
                return 0;
        return option_set(config, "websocket_dialect", "piston", CONFIG_ENVIRONMENT, where, err);
}

static int set_environment(struct config *config, const char *prefix, const char *name, const char *text,
                           struct err *err)
{
        char lower[NAME_MAX_BYTES] = "", where[NAME_MAX_BYTES * 2];
        const char *near;
        int r;

        for (size_t i = 0; name[i] && i < sizeof(lower) - 1; i++)
                lower[i] = (char)tolower((unsigned char)name[i]);
        snprintf(where, sizeof(where), "%s%s", prefix, name);
        r = option_set(config, lower, text, CONFIG_ENVIRONMENT, where, err);
        if (r == 0 && streq(prefix, "PISTON_") && streq(lower, "bind_address"))
                r = expect_anybody(config, where, err);
        if (r == 0 && streq(prefix, "PISTON_"))
                return expect_piston(config, where, err);
        if (r <= 0)
                return r;
        if (r == OPTION_UNUSED || streq(prefix, "PISTON_")) {
                log_warn("%s: has no meaning here and is ignored", where);
                return 0;
        }
        near = option_suggest(lower);
        if (!near)
                return err_set(err, -EINVAL, "%s: no such option; `coderunr config` lists them all", where);
        for (size_t i = 0; i <= strlen(near); i++)
                lower[i] = (char)toupper((unsigned char)near[i]);
        return err_set(err, -EINVAL, "%s: no such option; did you mean CODERUNR_%s?", where, lower);
}

static bool is_other_name(const char *name)
{
        for (size_t i = 0; i < ARRAY_LEN(other_names); i++)
                if (streq(other_names[i], name))
                        return true;
        return false;
}

/* The names with @prefix; @narrow: those for one stage only. */
static int walk_environment(struct config *config, char *const *environment, const char *prefix, bool narrow,
                            struct err *err)
{
        for (; environment && *environment; environment++) {
                const char *word = *environment, *equals = strchr(word, '=');
                char name[NAME_MAX_BYTES], lower[NAME_MAX_BYTES];
                int r;

                if (!equals || strncmp(word, prefix, strlen(prefix)) != 0)
                        continue;
                word += strlen(prefix);
                snprintf(name, sizeof(name), "%.*s", (int)MIN(equals - word, NAME_MAX_BYTES), word);
                for (size_t i = 0; i == 0 || name[i - 1]; i++)
                        lower[i] = (char)tolower((unsigned char)name[i]);
                if (option_is_narrow(lower) != narrow || is_other_name(name))
                        continue;
                r = set_environment(config, prefix, name, equals + 1, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* PORT as Piston reads it: the port of the default address; CodeRunr takes a whole address there. */
static int apply_port(struct config *config, char *const *environment, struct err *err)
{
        const char *port = get_environment(environment, "PORT");
        char address[256];
        uint64_t number;
        int r;

        if (!port || !*port)
                return 0;
        if (strchr(port, ':'))
                snprintf(address, sizeof(address), "%s", port);
        else if (value_parse_count(port, &number) < 0 || number < 1 || number > 65535)
                return err_set(err, -EINVAL,
                               "PORT: \"%s\" is not a port; CODERUNR_BIND_ADDRESS says where to listen",
                               port);
        else
                snprintf(address, sizeof(address), "127.0.0.1:%s", port);
        r = option_set(config, "bind_address", address, CONFIG_ENVIRONMENT, "PORT", err);
        return r || !strchr(port, ':') ? r : expect_anybody(config, "PORT", err);
}

static int apply_environment(struct config *config, char *const *environment, struct err *err)
{
        static const char *const prefixes[] = { "PISTON_", "CODERUNR_" };
        int r = 0;

        if (config->sources[CONFIG_OPTION_bind_address] == CONFIG_DEFAULT)
                r = apply_port(config, environment, err);
        r = r ? r : runner_environment_apply(config, environment, err);
        for (size_t i = 0; i < ARRAY_LEN(prefixes) && r == 0; i++) {
                r = walk_environment(config, environment, prefixes[i], false, err);
                if (r == 0)
                        r = walk_environment(config, environment, prefixes[i], true, err);
        }
        return r;
}

/* "--run-timeout=3s" -> "run_timeout"; false when @word is no flag at all. */
static bool flag_name(const char *word, char name[NAME_MAX_BYTES], const char **ret_value)
{
        size_t n;

        if (strncmp(word, "--", 2) != 0)
                return false;
        word += 2;
        n = strcspn(word, "=");
        if (n == 0 || n >= NAME_MAX_BYTES)
                return false;
        for (size_t i = 0; i < n; i++)
                name[i] = word[i] == '-' ? '_' : word[i];
        name[n] = '\0';
        *ret_value = word[n] ? word + n + 1 : NULL;
        return true;
}

bool config_is_flag(const char *word)
{
        char name[NAME_MAX_BYTES];
        const char *value;
        enum limit limit;
        int stage;

        if (!flag_name(word, name, &value))
                return false;
        for (int i = 0; i < CONFIG_OPTION_COUNT; i++)
                if (streq(option_rows[i].name, name))
                        return true;
        return streq(name, "config") || limit_find(name, &limit, &stage);
}

static bool may_stand_alone(const char *name)
{
        for (int i = 0; i < CONFIG_OPTION_COUNT; i++)
                if (streq(option_rows[i].name, name))
                        return option_rows[i].kind == CONFIG_FLAG;
        return false;
}

size_t config_flag_words(const char *const *words)
{
        char name[NAME_MAX_BYTES];
        const char *value;
        bool ignored;

        if (!*words || !config_is_flag(*words) || !flag_name(*words, name, &value))
                return 0;
        if (value || !words[1])
                return 1;
        if (may_stand_alone(name) && value_parse_flag(words[1], &ignored) < 0)
                return 1;
        return 2;
}

static int unknown_flag(const char *word, struct err *err)
{
        char name[NAME_MAX_BYTES], flag[NAME_MAX_BYTES];
        const char *value, *near = flag_name(word, name, &value) ? option_suggest(name) : NULL;

        if (!near)
                return err_set(err, -EINVAL, "%s: no such option; `coderunr config` lists them all", word);
        snprintf(flag, sizeof(flag), "%s", near);
        for (char *p = flag; *p; p++)
                *p = *p == '_' ? '-' : *p;
        return err_set(err, -EINVAL, "%s: no such option; did you mean --%s?", word, flag);
}

/* One flag at @words; @file: only --config is wanted now, else only the others. */
static int apply_flag(struct config *config, const char *const *words, const char **file, struct err *err)
{
        size_t n = config_flag_words(words);
        char name[NAME_MAX_BYTES];
        const char *value = NULL;

        if (n == 0)
                return unknown_flag(*words, err);
        flag_name(*words, name, &value);
        if (!value && n == 1 && !may_stand_alone(name))
                return err_set(err, -EINVAL, "%s: needs a value", *words);
        if (!value)
                value = n == 2 ? words[1] : "true";
        if (streq(name, "config")) {
                if (file)
                        *file = value;
                return 0;
        }
        return file ? 0 : option_set(config, name, value, CONFIG_ARGUMENT, *words, err);
}

static int apply_flags(struct config *config, const char *const *words, const char **file, struct err *err)
{
        while (words && *words) {
                int r = apply_flag(config, words, file, err);

                if (r != 0)
                        return r;
                words += config_flag_words(words);
        }
        return 0;
}

static int apply_file(struct config *config, const char *path, struct err *err)
{
        if (path)
                return config_load_file(config, path, err);
        if (access(default_file, F_OK) == 0)
                return config_load_file(config, default_file, err);
        return 0;
}

int config_load(struct config *config, const char *const *arguments, char *const *environment,
                struct err *err)
{
        const char *file = get_environment(environment, "CODERUNR_CONFIG");
        int r;

        *config = (struct config){ 0 };
        if (file && !*file)
                file = NULL;
        r = apply_flags(config, arguments, &file, err);
        if (r == 0)
                r = option_set_defaults(config, err);
        if (r == 0)
                r = apply_file(config, file, err);
        if (r == 0)
                r = apply_environment(config, environment, err);
        if (r == 0)
                r = apply_flags(config, arguments, NULL, err);
        if (r < 0)
                config_deinit(config);
        return r;
}

void config_deinit(struct config *config)
{
        overrides_deinit(config);
        for (int i = 0; i < CONFIG_OPTION_COUNT; i++)
                if (option_rows[i].kind == CONFIG_TEXT)
                        free(*(char **)((char *)config + option_rows[i].offset));
        *config = (struct config){ 0 };
}
