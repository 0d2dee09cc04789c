/*
 * loss: which operator a setting means; weights that make up for labels being rare
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/str.h"
#include "train/loss.h"

#include <string.h>

/* The line of the graph's text that is the loss. */
static void settings_mean_operators(void **state)
{
    static const char net[] = "image = input shape=3\nfc = linear image width=4\n"
                              "output logits = fc\n";
    static const struct {
        struct train_loss how;
        const char *line; /* NULL: refused */
    } cases[] = {
        { { .task = DATA_SINGLE, .smooth = 0.1 }, "loss = xent fc target smooth=0.1\n" },
        { { .task = DATA_MULTI, .smooth = 0.1 }, "loss = bce fc target\n" },
        { { .kind = TRAIN_LOSS_BCE, .focus = 3 }, "loss = bce fc target\n" },
        { { .kind = TRAIN_LOSS_CE, .focus = 3 }, "loss = xent fc target\n" },
        { { .kind = TRAIN_LOSS_CE, .task = DATA_MULTI }, NULL },
        { { .kind = TRAIN_LOSS_FOCAL, .focus = -1 }, "loss = xent fc target gamma=2\n" },
        { { .kind = TRAIN_LOSS_FOCAL, .focus = 3, .task = DATA_MULTI },
          "loss = bce fc target gamma_pos=3 gamma_neg=3\n" },
        { { .kind = TRAIN_LOSS_ASYMMETRIC, .focus = -1, .task = DATA_MULTI },
          "loss = bce fc target gamma_neg=4 margin=0.05\n" },
        { { .kind = TRAIN_LOSS_ASYMMETRIC, .focus = 1.5 },
          "loss = bce fc target gamma_neg=1.5 margin=0.05\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = { 0 };
        struct nn_graph *g = nn_graph_read(net, strlen(net), 0, NULL, &err);
        struct str text = { 0 };

        assert_non_null(g);
        assert_int_equal(train_loss_add(g, &cases[i].how, &err), cases[i].line != NULL);
        assert_true(nn_graph_write(g, &text));
        if (cases[i].line && !strstr(str_text(&text), cases[i].line))
            fail_msg("no \"%s\" in\n%s", cases[i].line, str_text(&text));
        str_release(&text);
        nn_graph_free(g);
    }
}

static void one_label_a_picture(void **state)
{
    /* 6 of label 0, 2 of label 1, none of 2, 1 of 3, and one picture whose label nobody knows */
    static const int label[] = { 0, 0, 1, 0, -1, 0, 0, 3, 1, 0 };
    struct data_sample sample[10] = { { 0 } };
    struct data_index x = { .task = DATA_SINGLE, .sample = sample, .n = 10, .n_labels = 4 };
    float weight[4];

    (void)state;
    for (int i = 0; i < x.n; i++)
        sample[i].label = label[i];
    train_balanced_weights(&x, weight);
    assert_float_equal(weight[0], 9.0 / (3 * 6), 1e-6);
    assert_float_equal(weight[1], 9.0 / (3 * 2), 1e-6);
    assert_float_equal(weight[2], 1, 0);
    assert_float_equal(weight[3], 9.0 / (3 * 1), 1e-6);
}

static void several_labels(void **state)
{
    static const int8_t mark[][4] = { { 1, 0, 0, 1 }, { 0, 0, -1, 1 }, { 0, -1, 1, 1 },
                                      { 0, 0, 1, 1 } };
    struct data_sample sample[5] = { { 0 } };
    struct data_index x = { .task = DATA_MULTI, .sample = sample, .n = 5, .n_labels = 4 };
    float weight[4];

    (void)state;
    for (int i = 0; i < 4; i++) /* of the fifth nothing is known */
        sample[i].mark = mark[i];
    train_balanced_weights(&x, weight);
    assert_float_equal(weight[0], 3, 1e-6);
    assert_float_equal(weight[1], 1, 0);
    assert_float_equal(weight[2], 0.5, 1e-6);
    assert_float_equal(weight[3], 1, 0);
}

static void nothing_rules(void **state)
{
    enum { MANY = 1000 };
    static struct data_sample sample[MANY];
    struct data_index x = { .task = DATA_SINGLE, .sample = sample, .n = MANY, .n_labels = 2 };
    float weight[2];

    (void)state;
    sample[0].label = 1;
    train_balanced_weights(&x, weight);
    assert_float_equal(weight[0], 1000.0 / (2 * 999), 1e-6);
    assert_float_equal(weight[1], 10, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_mean_operators),
        cmocka_unit_test(one_label_a_picture),
        cmocka_unit_test(several_labels),
        cmocka_unit_test(nothing_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
