#pragma once

/*
 * Configuration: defaults < YAML file < environment < flags, then read-only.
 *
 * File: --config FILE, else CODERUNR_CONFIG, else /etc/coderunr/config.yaml if it exists.
 * A value that cannot be read, is out of range, or a key nobody knows stops the start with one sentence that
 * names the key and where it came from.
 */

#include "util/base.h"
#include "config/limits.h"

struct err;

enum config_option {
#define OPTION(field, KIND, fallback, least, most, text) CONFIG_OPTION_##field,
#include "config/options.def"
#undef OPTION
        CONFIG_OPTION_COUNT
};

enum config_kind { CONFIG_TEXT, CONFIG_FLAG, CONFIG_COUNT, CONFIG_BYTES, CONFIG_DURATION };
enum config_source { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_ENVIRONMENT, CONFIG_ARGUMENT };

#define CONFIG_TYPE_TEXT     char *
#define CONFIG_TYPE_FLAG     bool
#define CONFIG_TYPE_COUNT    uint64_t
#define CONFIG_TYPE_BYTES    uint64_t
#define CONFIG_TYPE_DURATION uint64_t /* nanoseconds */

/* One limit set for one language by limit_overrides. */
struct config_override {
        char *language;
        int stage; /* enum stage, or -1 for both */
        enum limit limit;
        uint64_t value; /* never 0: a 0 written there falls through and is not kept */
};

struct config {
#define OPTION(field, KIND, fallback, least, most, text) CONFIG_TYPE_##KIND field;
#include "config/options.def"
#undef OPTION
        struct limits limits[2]; /* by enum stage */
        struct config_override *overrides;
        size_t n_overrides;
        unsigned char sources[CONFIG_OPTION_COUNT]; /* enum config_source of each option */
        unsigned char limit_sources[2][LIMIT_COUNT];
};

/*
 * On and off the command line: a flag of kind FLAG may stand alone ("--lenient-content-type"), every other takes its
 * value after '=' or as the next word.  Of two flags for the same thing the later one wins; in the file and in the environment
 * "run_max_open_files" stands above "max_open_files", whatever their order.
 */

/*
 * Load.  @arguments are "--key=value" and "--key value" words already cut from the command line (NULL-terminated, may be
 * NULL); @environment as environ.  Words it does not know are an error.
 */
int config_load(struct config *config, const char *const *arguments, char *const *environment,
                struct err *err) MUST_USE;
void config_deinit(struct config *config);

/* Print every option, its value in force and where that came from; as a table or as JSON. */
int config_print(const struct config *config, bool json);

/* Is @word (without value) the flag of an option? For the command line to tell options from operands. */
bool config_is_flag(const char *word);

/* How many words (1 or 2) the option that begins at @words takes, its value included; 0 when it is none of ours.
 * @words is NULL-terminated. */
size_t config_flag_words(const char *const *words);
