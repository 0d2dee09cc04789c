/*
 * choose: the recipe that pictures get when nobody names one
 */
#include "tests/data/made.h"

#include "train/choose.h"

static unsigned char *big_endian(unsigned char *at, uint32_t v)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (unsigned char)(v >> shift);
    return at;
}

/* n grey pictures of two labels, as MNIST has them. */
static struct data_index *small_pictures(struct made_folder *f, const char *dir, uint32_t n,
                                         uint32_t side)
{
    size_t count = (size_t)n * side * side;
    unsigned char *bytes = malloc(16 + count), *at;
    struct data_source_options how = { 0 };
    struct err err = { 0 };
    struct data_index *x;
    char name[64];

    assert_non_null(bytes);
    at = big_endian(big_endian(big_endian(big_endian(bytes, 0x803), n), side), side);
    for (size_t i = 0; i < count; i++)
        *at++ = (unsigned char)i;
    snprintf(name, sizeof name, "%s/train-images-idx3-ubyte", dir);
    made_file(f, name, bytes, 16 + count);
    at = big_endian(big_endian(bytes, 0x801), n);
    for (uint32_t i = 0; i < n; i++)
        *at++ = i & 1;
    snprintf(name, sizeof name, "%s/train-labels-idx1-ubyte", dir);
    made_file(f, name, bytes, 8 + n);
    free(bytes);
    x = data_index_open(made_path(f, dir), &how, &err);
    if (!x)
        fail_msg("%s", err.msg);
    return x;
}

static void many_small_pictures_have_a_recipe(void **state)
{
    static const struct {
        const char *dir;
        uint32_t n, side;
        bool fast;
    } set[] = {
        { "many", 40000, 28, true }, { "few", 39999, 28, false }, { "tiny", 40000, 20, false },
        { "large", 40000, 41, false },
    };
    struct made_folder f;

    (void)state;
    made_open(&f);
    for (size_t i = 0; i < sizeof set / sizeof *set; i++) {
        struct data_index *x = small_pictures(&f, set[i].dir, set[i].n, set[i].side);
        struct train_cfg cfg = { .background = { 255, 255, 255 } };
        const char *recipe = "unset";
        struct err err = { 0 };

        assert_true(train_choose_recipe(x, 1, NULL, &cfg, &recipe, &err));
        if (!set[i].fast != !recipe || (recipe && strcmp(recipe, "fast")))
            fail_msg("%s: recipe %s", set[i].dir, recipe ? recipe : "none");
        x->task = DATA_MULTI;
        assert_true(train_choose_recipe(x, 1, NULL, &cfg, &recipe, &err));
        assert_null(recipe);
        data_index_free(x);
    }
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_small_pictures_have_a_recipe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
