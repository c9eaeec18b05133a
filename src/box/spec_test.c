/* Every row of spec.def: both bounds are inside, one step beyond either is refused by name. */
#include "box/box.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <cmocka.h>

static struct box_spec least_spec(void)
{
        struct box_spec spec;

        box_spec_init(&spec, 1);
#define SPEC_U32(field, least, most) spec.field = (least);
#define SPEC_U64(field, least, most) spec.field = (least);
#include "box/spec.def"
#undef SPEC_U32
#undef SPEC_U64
        return spec;
}

static void check_refused(const struct box_spec *spec, const char *name)
{
        const char *field = "";

        assert_int_equal(box_spec_check(spec, &field), -EINVAL);
        assert_string_equal(field, name);
}

static void test_bounds(void **state)
{
        const char *field = "";
        struct box_spec spec = least_spec();

        assert_int_equal(box_spec_check(&spec, &field), 0);
#define ROW(field_, least, most)                                                                             \
        spec = least_spec();                                                                                 \
        spec.field_ = (most);                                                                                \
        assert_int_equal(box_spec_check(&spec, &field), 0);                                                  \
        spec.field_++;                                                                                       \
        check_refused(&spec, #field_);                                                                       \
        spec.field_ = (least);                                                                               \
        spec.field_--; /* below 0 it is the largest number there is */                                       \
        check_refused(&spec, #field_);
#define SPEC_U32 ROW
#define SPEC_U64 ROW
#include "box/spec.def"
#undef SPEC_U32
#undef SPEC_U64
#undef ROW
}

static void test_every_end_and_step_has_words(void **state)
{
        for (int i = 0; i < END_COUNT; i++)
                assert_non_null(box_end_name((enum report_end)i));
        assert_string_equal(box_end_name(END_REFUSED), "refused");
        assert_string_equal(box_end_name(END_COUNT), "unknown");
        assert_non_null(strstr(box_step_name(-1), "unknown"));
        assert_non_null(strstr(box_step_name(1 << 20), "unknown"));
}

static void test_reports_that_are_none(void **state)
{
        struct box_report report = { .magic = REPORT_MAGIC, .end = END_READY, .job = 7 }, got;
        int sv[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
        assert_int_equal(box_report_recv(sv[0], &got), BOX_AGAIN);
        assert_int_equal(send(sv[1], &report, sizeof(report), 0), sizeof(report));
        assert_int_equal(box_report_recv(sv[0], &got), 0);
        assert_int_equal(got.job, 7);
        assert_int_equal(send(sv[1], &report, sizeof(report) - 1, 0), sizeof(report) - 1);
        assert_int_equal(box_report_recv(sv[0], &got), -EBADMSG);
        report.end = END_COUNT;
        assert_int_equal(send(sv[1], &report, sizeof(report), 0), sizeof(report));
        assert_int_equal(box_report_recv(sv[0], &got), -EBADMSG);
        report.end = END_READY;
        report.magic++;
        assert_int_equal(send(sv[1], &report, sizeof(report), 0), sizeof(report));
        assert_int_equal(box_report_recv(sv[0], &got), -EBADMSG);
        close(sv[1]);
        assert_int_equal(box_report_recv(sv[0], &got), BOX_GONE);
        close(sv[0]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bounds),
                cmocka_unit_test(test_every_end_and_step_has_words),
                cmocka_unit_test(test_reports_that_are_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
