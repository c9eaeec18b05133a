/* A Java source and the name it must have. */
#include "job/naming.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static void test_java(void **state)
{
        static const struct {
                const char *source;
                const char *name;
        } rows[] = {
                { "public class Main { public static void main(String[] a) {} }", "Main.java" },
                { "class Foo { } public class Bar { }", "Bar.java" },
                { "class Helper { } class App { static void main(String[] a) {} }", "App.java" },
                { "class Helper { void run() { new Object() { void main() {} }; } } class B { }",
                  "Helper.java" },
                { "package org.example;\npublic final class X {}", "org/example/X.java" },
                { "/* package no; */ package a . b ; import java.util.*; class Y {}", "a/b/Y.java" },
                { "// public class No {}\npublic class Yes {}", "Yes.java" },
                { "class A { String s = \"public class B {\\\"\"; char c = '\\''; char d = '{'; } public "
                  "class C {}",
                  "C.java" },
                { "class A { String s = \"\"\"\n public class B { \" } }\n\"\"\"; } public interface D {}",
                  "D.java" },
                { "public enum E { P, Q }", "E.java" },
                { "public record R(int x, int y) { }", "R.java" },
                { "public @interface Note { }", "Note.java" },
                { "@SuppressWarnings({\"unchecked\"}) public class G<T> { }", "G.java" },
                { "public sealed interface S permits T {} record T() implements S {}", "S.java" },
                { "import a.record; public class Z {}", "Z.java" },
                { "class Only {}", "Only.java" },
                { "", "Main.java" },
                { "void main() { }", "Main.java" },
                { "int x = ; not java at all {{{{", "Main.java" },
                { "}}}} public class K {}", "K.java" },
                { "class \xc3\x9c { public static void main(String[] a) {} }", "\xc3\x9c.java" },
                { "\"unterminated public class A", "Main.java" },
                { "/* unterminated public class A", "Main.java" },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char name[NAMING_MAX];

                naming_java(view_of(rows[i].source), name);
                if (!streq(name, rows[i].name))
                        fail_msg("row %zu: %s, want %s", i, name, rows[i].name);
        }
}

static void test_long_words_are_cut(void **state)
{
        struct bytes source CLEANUP(bytes_deinit) = BYTES_INIT(MIB);
        char name[NAMING_MAX];

        assert_int_equal(bytes_add_text(&source, "package "), 0);
        for (int i = 0; i < 1000; i++)
                assert_int_equal(bytes_add_text(&source, "pack.age."), 0);
        assert_int_equal(bytes_add_text(&source, "end; public class "), 0);
        for (int i = 0; i < 1000; i++)
                assert_int_equal(bytes_add_text(&source, "Long"), 0);
        naming_java(bytes_view(&source), name);
        assert_true(strlen(name) < NAMING_MAX);
        assert_non_null(strstr(name, ".java"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_java),
                cmocka_unit_test(test_long_words_are_cut),
        };

        return cmocka_run_group_tests_name("naming", tests, NULL, NULL);
}
