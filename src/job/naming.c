/*
 * javac refuses a public class in a file of another name, and `java` must be told the class; clients send
 * "file0.code" or "solution.java".  So the source is read as far as needed: comments, strings and text
 * blocks are skipped, braces counted, and only words outside all braces (and `void main` one level in) matter.
 * A source this reader misunderstands is one javac will explain better: the name is then merely a name.
 */
#include "job/naming.h"

#include <ctype.h>
#include <stdio.h>

enum { WORD_MAX = 128 };

struct reader {
        const char *p;
        const char *end;
        int depth;
        bool public;     /* seen since the last ; { } outside all braces */
        bool want_name;  /* `class` and the like came just before */
        bool in_package; /* between `package` and its ; */
        bool after_void;
        char package[NAMING_MAX / 2];
        char first[WORD_MAX]; /* types by what speaks for them */
        char with_main[WORD_MAX];
        char public_type[WORD_MAX];
        char current[WORD_MAX]; /* the type whose body we are in, or come to */
};

static bool starts(const struct reader *r, const char *text)
{
        size_t n = strlen(text);

        return (size_t)(r->end - r->p) >= n && memcmp(r->p, text, n) == 0;
}

/* To behind @close; a backslash hides the byte after it when @escapes. */
static void skip_to(struct reader *r, const char *close, bool escapes)
{
        for (; r->p < r->end; r->p++) {
                if (escapes && *r->p == '\\' && r->p + 1 < r->end) {
                        r->p++;
                        continue;
                }
                if (starts(r, close)) {
                        r->p += strlen(close);
                        return;
                }
        }
}

static bool skip_comment_or_text(struct reader *r)
{
        static const struct {
                const char *open;
                const char *close;
                bool escapes;
        } rows[] = {
                { "//", "\n", false }, { "/*", "*/", false }, { "\"\"\"", "\"\"\"", true },
                { "\"", "\"", true },  { "'", "'", true },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if (starts(r, rows[i].open)) {
                        r->p += strlen(rows[i].open);
                        skip_to(r, rows[i].close, rows[i].escapes);
                        return true;
                }
        return false;
}

static bool is_word_byte(char c)
{
        return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static bool is_type_word(const char *word)
{
        return streq(word, "class") || streq(word, "interface") || streq(word, "enum") ||
               streq(word, "record");
}

static void set_once(char to[WORD_MAX], const char *from)
{
        if (!*to)
                memcpy(to, from, WORD_MAX);
}

static void take_type(struct reader *r, const char *name)
{
        memcpy(r->current, name, WORD_MAX);
        set_once(r->first, name);
        if (r->public)
                set_once(r->public_type, name);
        r->want_name = false;
}

static void take_word(struct reader *r, const char *word)
{
        size_t n = strlen(r->package);

        if (r->depth == 1 && r->after_void && streq(word, "main"))
                set_once(r->with_main, r->current);
        r->after_void = streq(word, "void");
        if (r->depth > 0)
                return;
        if (r->in_package)
                snprintf(r->package + n, sizeof(r->package) - n, "%s", word);
        else if (r->want_name)
                take_type(r, word);
        else if (streq(word, "package"))
                r->in_package = true;
        else if (streq(word, "public"))
                r->public = true;
        else
                r->want_name = is_type_word(word);
}

static void take_mark(struct reader *r, char c)
{
        size_t n = strlen(r->package);

        if (r->in_package && c == '.' && n + 1 < sizeof(r->package))
                memcpy(r->package + n, "/", 2);
        if (c == '{')
                r->depth++;
        if (c == '}' && r->depth > 0)
                r->depth--;
        if (r->depth == 0 && strchr(";{}", c))
                r->public = r->in_package = false;
        if (!isspace((unsigned char)c))
                r->want_name = r->after_void = false;
}

static void read_word(struct reader *r)
{
        char word[WORD_MAX] = "";
        size_t n = 0;

        while (r->p < r->end && is_word_byte(*r->p)) {
                if (n < sizeof(word) - 1)
                        word[n++] = *r->p;
                r->p++;
        }
        take_word(r, word);
}

void naming_java(struct view source, char ret_name[NAMING_MAX])
{
        struct reader r = { .p = source.p, .end = source.p + source.n };
        const char *name;

        while (r.p < r.end) {
                if (skip_comment_or_text(&r))
                        continue;
                if (is_word_byte(*r.p))
                        read_word(&r);
                else
                        take_mark(&r, *r.p++);
        }
        name = *r.public_type ? r.public_type : *r.with_main ? r.with_main : *r.first ? r.first : "Main";
        snprintf(ret_name, NAMING_MAX, "%s%s%s.java", r.package, *r.package ? "/" : "", name);
}
