/*
 * json: texts written member by member are JSON, whatever is in them
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/json.h"
#include "nn/base/record.h"

#include <math.h>
#include <string.h>

static void commas_stand_between_members_only(void **state)
{
    struct str out = { 0 };

    (void)state;
    json_begin(&out, NULL, '{');
    json_text(&out, "a", "x");
    json_begin(&out, "b", '[');
    json_number(&out, NULL, 1);
    json_begin(&out, NULL, '{');
    json_end(&out, '}');
    json_raw(&out, NULL, "[2]");
    json_end(&out, ']');
    json_text(&out, "c", NULL);
    json_end(&out, '}');
    assert_string_equal(str_text(&out), "{\"a\":\"x\",\"b\":[1,{},[2]],\"c\":null}");
    str_release(&out);
}

static void hostile_text_is_still_json(void **state)
{
    struct err err = { 0 };
    struct str out = { 0 };
    json_t *back;

    (void)state;
    json_begin(&out, NULL, '{');
    json_text(&out, "\"\n", "</script>\x01\xff\\");
    json_end(&out, '}');
    back = record_parse(str_text(&out), out.len, &err);
    assert_non_null(back);
    assert_string_equal(json_string_value(json_object_get(back, "\"\n")),
                        "</script>\x01\xef\xbf\xbd\\");
    json_decref(back);
    str_release(&out);
}

static void numbers_read_back_and_others_are_null(void **state)
{
    struct str out = { 0 };

    (void)state;
    json_begin(&out, NULL, '[');
    json_number(&out, NULL, 1e14);
    json_number(&out, NULL, 0.1);
    json_number(&out, NULL, NAN);
    json_number(&out, NULL, INFINITY);
    json_float(&out, NULL, 0.1f);
    json_end(&out, ']');
    assert_string_equal(str_text(&out), "[100000000000000,0.1,null,null,0.1]");
    str_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_stand_between_members_only),
        cmocka_unit_test(hostile_text_is_still_json),
        cmocka_unit_test(numbers_read_back_and_others_are_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
