/*
 * record: structs survive JSON; JSON that does not fit is refused, naming the key
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/record.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct thing {
    bool flag;
    int epochs, mode, size[2], shape[4];
    double rate, mean[3], time;
    const char *name, *none;
};

static const char *const modes[] = { "zeros", "ones", NULL };

static const struct field table[] = {
    FIELD_BOOL(struct thing, flag, "yes or no"),
    FIELD_INT(struct thing, epochs, NULL, 10, 1, 1000, "passes"),
    FIELD_ENUM(struct thing, mode, modes, 0, "first values"),
    FIELD_INTS(struct thing, size, NULL, 2, 1, 1, 64, "window"),
    FIELD_LIST(struct thing, shape, 4, 1, INT_MAX, "dimensions"),
    FIELD_FLOAT(struct thing, rate, NULL, 0.1, 0, 1e9, "learning rate"),
    FIELD_FLOATS(struct thing, mean, 3, 0.5, 0, 1, "of the channels"),
    FIELD_DURATION(struct thing, time, 90, "limit"),
    FIELD_STRING(struct thing, name, NULL, NULL, "what"),
    FIELD_STRING(struct thing, none, NULL, NULL, "nothing"),
    FIELDS_END
};

static const struct thing sample = {
    .flag = true, .epochs = 90, .mode = 1, .size = { 3, 5 }, .shape = { 7, 9 }, .rate = 0.1,
    .mean = { 0.485, 0.456, 1.0 / 3 }, .time = 1.5, .name = "a \"quoted\"\n\xC3\xA9",
};

static const char sample_json[] =
    "{\"flag\":true,\"epochs\":90,\"mode\":\"ones\",\"size\":[3,5],\"shape\":[7,9],\"rate\":0.1,"
    "\"mean\":[0.485,0.456,0.3333333333333333],\"time\":1.5,"
    "\"name\":\"a \\\"quoted\\\"\\n\xC3\xA9\",\"none\":null}";

static json_t *parse(const char *text)
{
    struct err err = { 0 };
    json_t *json = record_parse(text, strlen(text), &err);

    if (!json)
        fail_msg("%s: %s", text, err.msg);
    return json;
}

static void structs_survive_json(void **state)
{
    struct arena *mem = arena_new();
    struct err err = { 0 };
    struct thing back;
    json_t *json = record_to_json(table, &sample);
    char *text = record_dump(json);

    (void)state;
    assert_string_equal(text, sample_json);
    json_decref(json);

    json = parse(text);
    field_defaults(table, &back);
    if (!record_from_json(table, &back, json, mem, &err))
        fail_msg("%s", err.msg);
    json_decref(json);
    free(text);
    assert_true(field_equal(table, &sample, &back));
    arena_free(mem);
}

static void members_left_out_keep_their_value(void **state)
{
    struct thing t = sample;
    struct err err = { 0 };
    json_t *json = parse("{\"epochs\":7,\"size\":2,\"time\":\"20m\",\"shape\":[],\"rate\":3}");

    (void)state;
    assert_true(record_from_json(table, &t, json, NULL, &err));
    assert_int_equal(t.epochs, 7);
    assert_int_equal(t.size[0], 2);
    assert_int_equal(t.size[1], 2);
    assert_int_equal(t.shape[0], 0);
    assert_true(t.time == 1200);
    assert_true(t.rate == 3);
    assert_string_equal(t.name, sample.name);
    json_decref(json);
}

static void what_does_not_fit_is_refused_naming_the_key(void **state)
{
    static const struct { const char *json, *message; } bad[] = {
        { "[]", "not a JSON object" },
        { "{\"epoch\":3}", "unknown key \"epoch\"; did you mean \"epochs\"?" },
        { "{\"xyzzy\":3}", "unknown key \"xyzzy\"" },
        { "{\"epochs\":0}", "epochs: 0 is not in 1 to 1000" },
        { "{\"epochs\":9223372036854775807}", "epochs: 9.223372036854776e+18 is not in 1 to 1000" },
        { "{\"epochs\":3.0}", "epochs: is a fraction, not a whole number" },
        { "{\"epochs\":\"3\"}", "epochs: is a text, not a whole number" },
        { "{\"epochs\":null}", "epochs: is null, not a whole number" },
        { "{\"epochs\":[3]}", "epochs: is a list, not a whole number" },
        { "{\"flag\":1}", "flag: is a number, not true or false" },
        { "{\"mode\":1}", "mode: is a number, not a text" },
        { "{\"mode\":\"one\"}", "mode: \"one\" is not one of zeros|ones; did you mean ones?" },
        { "{\"size\":[1,2,3]}", "size: has 3 numbers, not 2" },
        { "{\"size\":[1]}", "size: has 1 numbers, not 2" },
        { "{\"size\":[]}", "size: has 0 numbers, not 2" },
        { "{\"size\":[1,{}]}", "size: is an object, not a whole number" },
        { "{\"size\":[1,99]}", "size: 99 is not in 1 to 64" },
        { "{\"shape\":[1,2,3,4,5]}", "shape: has 5 numbers, not 4" },
        { "{\"name\":3}", "name: is a number, not a text" },
        { "{\"time\":\"soon\"}", "time: \"soon\" is not a time such as 90, 90s, 20m or 1.5h" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct thing t = sample;
        struct err err = { 0 };
        json_t *json = parse(bad[i].json);

        assert_false(record_from_json(table, &t, json, NULL, &err));
        assert_int_equal(err.kind, ERR_INPUT);
        assert_string_equal(err.msg, bad[i].message);
        json_decref(json);
    }
}

static void parsing_is_strict_and_names_the_line(void **state)
{
    static const struct { const char *text, *words; } bad[] = {
        { "", "line 1" }, { "{", "line 1" }, { "{}\n{}", "line 2" },
        { "{\"a\":1,\n\"a\":2}", "line 2: duplicate" }, { "{\"a\":NaN}", "line 1" },
        { "{\"a\":\"\\u0000\"}", "line 1" }, { "{\"a\":\"\xFF\"}", "line 1" },
        { "{'a':1}", "line 1" }, { "{\"a\":1,}", "line 1" }, { "3", "line 1" },
        { "{\"a\":99999999999999999999}", "line 1: too big" }, { "{\"a\":1e999}", "line 1" },
    };
    static char deep[100001];
    struct err err = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        err = (struct err){ 0 };
        assert_null(record_parse(bad[i].text, strlen(bad[i].text), &err));
        assert_int_equal(err.kind, ERR_INPUT);
        if (!strstr(err.msg, bad[i].words))
            fail_msg("%s: \"%s\" lacks \"%s\"", bad[i].text, err.msg, bad[i].words);
    }
    memset(deep, '[', sizeof deep - 1);
    assert_null(record_parse(deep, sizeof deep - 1, &err));
}

static void dumps_are_one_line_and_read_back(void **state)
{
    static const char text[] = "{\"z\":1,\"a\":[true,false,null,[],{}],\"r\":3.0,\"s\":1e-300,"
                               "\"n\":-9223372036854775808,\"t\":\"\\u0001\"}";
    json_t *json = parse(text), *back;
    char *dump = record_dump(json);

    (void)state;
    assert_string_equal(dump, text);
    back = parse(dump);
    assert_true(json_equal(json, back));
    json_decref(back);
    json_decref(json);
    free(dump);
}

static void dumps_for_people_have_a_member_a_line(void **state)
{
    static const char text[] =
        "{\"a\":[1,2.5],\"b\":{\"c\":[\"x\",\"y\"],\"d\":{}},\"e\":[]}";
    struct err err;
    json_t *json = record_parse(text, strlen(text), &err), *back;
    char *dump = record_dump_lines(json);

    (void)state;
    assert_string_equal(dump, "{\n  \"a\": [1, 2.5],\n  \"b\": {\n    \"c\": [\n      \"x\",\n"
                              "      \"y\"\n    ],\n    \"d\": {}\n  },\n  \"e\": []\n}\n");
    back = parse(dump);
    assert_true(json_equal(json, back));
    json_decref(back);
    json_decref(json);
    free(dump);
}

static void text_that_is_no_utf8_and_numbers_that_are_none_stay_valid_json(void **state)
{
    struct thing t = sample;
    json_t *json;
    char *dump;

    (void)state;
    t.name = "bad \xFF name";
    t.rate = NAN;
    t.mean[1] = INFINITY;
    t.mode = 9;
    json = record_to_json(table, &t);
    assert_non_null(json);
    dump = record_dump(json);
    assert_non_null(strstr(dump, "\"bad \xEF\xBF\xBD name\""));
    assert_non_null(strstr(dump, "\"rate\":null"));
    json_decref(json);
    json = parse(dump);
    json_decref(json);
    free(dump);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structs_survive_json),
        cmocka_unit_test(members_left_out_keep_their_value),
        cmocka_unit_test(what_does_not_fit_is_refused_naming_the_key),
        cmocka_unit_test(parsing_is_strict_and_names_the_line),
        cmocka_unit_test(dumps_are_one_line_and_read_back),
        cmocka_unit_test(dumps_for_people_have_a_member_a_line),
        cmocka_unit_test(text_that_is_no_utf8_and_numbers_that_are_none_stay_valid_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
