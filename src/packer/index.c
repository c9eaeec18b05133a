/* Theory of operation: a line that is not exactly what it should be is not there. */
#include "packer/index.h"

#include <ctype.h>
#include <stdio.h>

enum { FIELDS = 4, URL_MAX = 4096 };

bool index_name_ok(struct view name)
{
        if (name.n == 0 || name.n > INDEX_NAME_MAX || name.p[0] == '.')
                return false;
        for (size_t i = 0; i < name.n; i++)
                if (!isalnum((unsigned char)name.p[i]) && (!name.p[i] || !strchr("._+#-", name.p[i])))
                        return false;
        return true;
}

int index_version(const char *text, struct semver *ret_version)
{
        static const char *const tails[] = { "", ".0", ".0.0" };
        char whole[INDEX_NAME_MAX + 8];

        for (size_t i = 0; i < ARRAY_LEN(tails); i++)
                if ((size_t)snprintf(whole, sizeof(whole), "%s%s", text, tails[i]) < sizeof(whole) &&
                    semver_parse(whole, ret_version) == 0)
                        return 0;
        return -EINVAL;
}

static struct view cut(struct view *line, char mark)
{
        const char *end = memchr(line->p, mark, line->n);
        struct view field = { line->p, end ? (size_t)(end - line->p) : line->n };
        size_t taken = field.n + (end ? 1 : 0);

        *line = (struct view){ line->p + taken, line->n - taken };
        while (field.n > 0 && isspace((unsigned char)field.p[0]))
                field = (struct view){ field.p + 1, field.n - 1 };
        while (field.n > 0 && isspace((unsigned char)field.p[field.n - 1]))
                field.n--;
        return field;
}

static bool is_sum(struct view sum)
{
        for (size_t i = 0; i < sum.n; i++)
                if (!isxdigit((unsigned char)sum.p[i]))
                        return false;
        return sum.n == INDEX_SUM_TEXT - 1;
}

static bool parse_line(struct view text, struct index_line *line)
{
        struct view field[FIELDS];
        struct semver version;

        for (size_t i = 0; i < FIELDS; i++)
                field[i] = i + 1 < FIELDS ? cut(&text, ',') : cut(&text, '\n');
        if (!index_name_ok(field[0]) || !index_name_ok(field[1]) || !is_sum(field[2]) || field[3].n == 0 ||
            field[3].n > URL_MAX || memchr(field[3].p, '\0', field[3].n))
                return false;
        *line = (struct index_line){ .url = NULL };
        memcpy(line->name, field[0].p, field[0].n);
        memcpy(line->version, field[1].p, field[1].n);
        for (size_t i = 0; i < field[2].n; i++)
                line->sum[i] = (char)tolower((unsigned char)field[2].p[i]);
        if (index_version(line->version, &version) < 0)
                return false;
        line->url = strndup(field[3].p, field[3].n);
        return line->url;
}

int index_parse(struct view text, struct index *ret_index)
{
        struct index index = { .lines = NULL };
        size_t room = 1;

        for (size_t i = 0; i < text.n; i++)
                room += text.p[i] == '\n';
        index.lines = calloc(MIN(room, (size_t)INDEX_LINES_MAX), sizeof(*index.lines));
        if (!index.lines)
                return -ENOMEM;
        while (text.n > 0 && index.n < MIN(room, (size_t)INDEX_LINES_MAX))
                if (parse_line(cut(&text, '\n'), &index.lines[index.n]))
                        index.n++;
        *ret_index = index;
        return 0;
}

void index_deinit(struct index *index)
{
        for (size_t i = 0; i < index->n; i++)
                free(index->lines[i].url);
        free(index->lines);
        *index = (struct index){ 0 };
}

const struct index_line *index_find(const struct index *index, const char *name, const char *range)
{
        const struct index_line *best = NULL;
        struct semver newest = { 0 }, version;

        for (size_t i = 0; i < index->n; i++) {
                const struct index_line *line = &index->lines[i];

                if (!streq(line->name, name) || index_version(line->version, &version) < 0 ||
                    !semver_satisfies(&version, range))
                        continue;
                if (!best || semver_compare(&version, &newest) > 0) {
                        best = line;
                        newest = version;
                }
        }
        return best;
}
