/*
 * grow: sides rise from a share to the full side, and stay there; networks of all sizes are one
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/model/model.h"
#include "train/grow.h"

#include <string.h>

static void sides_rise_to_the_full_one(void **state)
{
    static const struct {
        double share;
        int full, first;
    } made[] = {
        { 0.5, 128, 64 }, { 0.5, 224, 128 }, { 0.5, 32, 16 },  { 0.5, 64, 32 },    { 0.3, 200, 72 },
        { 0.1, 96, 16 },  { 0.9, 32, 32 },   { 0.99, 224, 224 }, { 0, 32, 4 },
    };

    (void)state;
    for (int i = 0; i < (int)(sizeof made / sizeof *made); i++) {
        int last = made[i].first;

        assert_int_equal(train_grow_side(made[i].share, made[i].full, 0), last);
        for (int k = 0; k <= 100; k++) {
            int side = train_grow_side(made[i].share, made[i].full, k / 100.0);

            assert_true(side >= last && side <= made[i].full);
            assert_true(k < 75 || side == made[i].full);
            last = side;
        }
    }
}

static void each_side_gets_as_many_epochs(void **state)
{
    int count[4] = { 0 };

    (void)state;
    for (int e = 0; e < 40; e++)
        count[(train_grow_side(0.5, 224, e / 40.0) - 128) / 32]++;
    assert_int_equal(count[0], 10);
    assert_int_equal(count[1], 10);
    assert_int_equal(count[2], 10);
    assert_int_equal(count[3], 10);
}

static void a_share_of_1_is_no_growth(void **state)
{
    (void)state;
    for (int full = 1; full < 300; full += 7)
        assert_int_equal(train_grow_side(1, full, 0), full);
}

static void networks_see_other_sizes_with_the_same_parameters(void **state)
{
    (void)state;
    for (int i = 0; i < nn_model_count(); i++) {
        int side = nn_model_at(i)->least > 128 ? nn_model_at(i)->least : 128;
        struct nn_model_args args = { side, side, 3, 4, 0, 0 };
        struct err err;
        struct nn_graph *g = nn_model_build(nn_model_at(i), &args, &err),
                        *small = train_grow_graph(g, 64, 96, &err);
        const struct nn_type *image;

        if (!small && nn_model_at(i)->one_size) {
            assert_int_equal(err.kind, ERR_UNSUPPORTED);
            nn_graph_free(g);
            continue;
        }
        if (!small)
            fail_msg("%s", err.msg);
        image = &small->node[nn_graph_find_input(small, "image")].type;
        assert_true(image->dim[1].n == 64 && image->dim[2].n == 96 && image->dim[3].n == 3);
        assert_true(nn_graph_check(small, &err));
        assert_int_equal(small->n, g->n);
        for (int k = 0; k < g->n; k++)
            if (g->node[k].op == &nn_op_param)
                assert_true(nn_type_equal(&g->node[k].type, &small->node[k].type));
        nn_graph_free(small);
        nn_graph_free(g);
    }
}

static void networks_that_count_pixels_are_refused(void **state)
{
    static const char text[] = "image = input shape=8x8x3\nf = flatten image\n"
                               "fc = linear f width=2\noutput logits = fc\n";
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(text, strlen(text), 0, NULL, &err);

    (void)state;
    assert_non_null(g);
    assert_null(train_grow_graph(g, 4, 4, &err));
    assert_int_equal(err.kind, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "cannot see pictures of 4x4"));
    nn_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sides_rise_to_the_full_one),
        cmocka_unit_test(each_side_gets_as_many_epochs),
        cmocka_unit_test(a_share_of_1_is_no_growth),
        cmocka_unit_test(networks_see_other_sizes_with_the_same_parameters),
        cmocka_unit_test(networks_that_count_pixels_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
