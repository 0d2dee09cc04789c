/*
 * recipe: each can be meant; what a later layer says takes the place of what an earlier one said
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/str.h"
#include "train/recipe.h"

#include <string.h>

static struct train_cfg defaults(void)
{
    struct train_cfg cfg = { 0 };

    field_defaults(train_cfg_fields, &cfg);
    return cfg;
}

static void each_recipe_can_be_meant_and_help_names_it(void **state)
{
    struct str names = { 0 };

    (void)state;
    for (const struct train_recipe *r = train_recipes; r->name; r++) {
        struct train_cfg cfg = defaults(), before = cfg;
        struct arena *mem = arena_new();
        struct err err = { 0 };

        if (!train_recipe_apply(r->name, &cfg, mem, &err) || !train_check(&cfg, &err))
            fail_msg("%s: %s", r->name, err.msg);
        assert_false(field_equal(train_cfg_fields, &cfg, &before));
        assert_int_equal(strlen(r->date), strlen("2026-01-31"));
        str_printf(&names, "%s%s", names.len ? ", " : "", r->name);
        arena_free(mem);
    }
    assert_string_equal(str_text(&names), TRAIN_RECIPE_NAMES);
    str_release(&names);
}

static void a_name_that_is_none_tells_the_nearest(void **state)
{
    struct train_cfg cfg = defaults();
    struct arena *mem = arena_new();
    struct err err = { 0 };

    (void)state;
    assert_false(train_recipe_apply("photo", &cfg, mem, &err));
    assert_int_equal(err.kind, ERR_USAGE);
    assert_non_null(strstr(err.msg, "did you mean photos?"));
    arena_free(mem);
}

static void a_layer_that_says_how_long_is_alone_with_it(void **state)
{
    static const char *const members[] = { "epochs", "steps", "time" };

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct train_cfg cfg = { .epochs = 3, .steps = 4, .time = 5 };
        bool said[TRAIN_SAID] = { false };

        said[field_find(train_cfg_fields, members[i]) - train_cfg_fields] = true;
        train_layer(&cfg, said);
        assert_int_equal(cfg.epochs, i == 0 ? 3 : 0);
        assert_int_equal(cfg.steps, i == 1 ? 4 : 0);
        assert_true(cfg.time == (i == 2 ? 5 : 0));
    }
}

static void a_layer_that_does_not_changes_nothing_of_it(void **state)
{
    struct train_cfg cfg = { .steps = 4 };
    bool said[TRAIN_SAID] = { false };

    (void)state;
    said[field_find(train_cfg_fields, "lr") - train_cfg_fields] = true;
    train_layer(&cfg, said);
    assert_int_equal(cfg.steps, 4);
}

static void another_optimiser_has_its_own_rate(void **state)
{
    struct train_cfg cfg = defaults();
    bool said[TRAIN_SAID] = { false };

    (void)state;
    cfg.lr = 0.5;
    cfg.decay = 0.1;
    said[field_find(train_cfg_fields, "optim") - train_cfg_fields] = true;
    said[field_find(train_cfg_fields, "decay") - train_cfg_fields] = true;
    train_layer(&cfg, said);
    assert_true(cfg.lr == 0);
    assert_true(cfg.decay == 0.1);
}

static bool *say(bool said[TRAIN_SAID], const char *member)
{
    memset(said, 0, TRAIN_SAID * sizeof *said);
    said[field_find(train_cfg_fields, member) - train_cfg_fields] = true;
    return said;
}

static void a_recipe_lies_beneath_what_does_not_meddle_with_it(void **state)
{
    struct train_cfg cfg = defaults(), recipe = defaults(), before;
    struct arena *mem = arena_new();
    bool said[TRAIN_SAID], applied = false;
    struct err err = { 0 };

    (void)state;
    assert_true(train_recipe_apply("fast", &recipe, mem, &err));
    cfg.seed = 7;
    assert_true(train_recipe_beneath("fast", say(said, "seed"), &cfg, mem, &applied, &err));
    assert_true(applied);
    recipe.seed = 7;
    assert_true(field_equal(train_cfg_fields, &cfg, &recipe));

    cfg = defaults();
    cfg.time = 60;
    assert_true(train_recipe_beneath("fast", say(said, "time"), &cfg, mem, &applied, &err));
    assert_true(applied);
    assert_true(cfg.time == 60);
    assert_int_equal(cfg.epochs, 0);
    assert_string_equal(cfg.arch, recipe.arch);

    /* Said, though as it would be by itself. */
    cfg = before = defaults();
    assert_true(train_recipe_beneath("fast", say(said, "optim"), &cfg, mem, &applied, &err));
    assert_false(applied);
    assert_true(field_equal(train_cfg_fields, &cfg, &before));
    arena_free(mem);
}

static void there_is_room_for_all_settings(void **state)
{
    (void)state;
    assert_true(field_count(train_cfg_fields) <= TRAIN_SAID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_recipe_can_be_meant_and_help_names_it),
        cmocka_unit_test(a_name_that_is_none_tells_the_nearest),
        cmocka_unit_test(a_layer_that_says_how_long_is_alone_with_it),
        cmocka_unit_test(a_layer_that_does_not_changes_nothing_of_it),
        cmocka_unit_test(another_optimiser_has_its_own_rate),
        cmocka_unit_test(a_recipe_lies_beneath_what_does_not_meddle_with_it),
        cmocka_unit_test(there_is_room_for_all_settings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
