/*
 * remake: last layers for other labels, of every kind that there is, and nothing else changed
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/model/model.h"
#include "nn/params.h"
#include "train/remake.h"

#include <string.h>

static struct nn_graph *read(const char *text)
{
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(text, strlen(text), 0, NULL, &err);

    if (!g)
        fail_msg("%s", err.msg);
    return g;
}

/* What parameters of g are in the other graph too, with the same shape; the rest are `other`. */
static void assert_others(const struct nn_graph *g, const struct nn_graph *like,
                          const char *const *other)
{
    for (int i = 0; i < g->n; i++) {
        bool differs = false;

        for (const char *const *name = other; *name; name++)
            differs |= !strcmp(*name, g->node[i].name);
        if (g->node[i].op == &nn_op_param && differs == (nn_params_find(like, g, i) >= 0))
            fail_msg("%s: %s", g->node[i].name, differs ? "the same" : "another");
    }
}

static void last_layers_get_other_labels(void **state)
{
    static const struct {
        const char *text, *other[5];
    } known[] = {
        { "image = input shape=6x6x3\nc = conv2d image channels=4\nm = meanpool c\n"
          "fc = linear m width=3 bias=true\noutput logits = fc\n",
          { "fc.weight", "fc.bias", NULL } },
        { "image = input shape=6x6x3\nc = conv2d image channels=4\nr = relu c\n"
          "head = conv2d r channels=3 bias=true\nm = meanpool head\noutput logits = m\n",
          { "head.weight", "head.bias", NULL } },
        { "image = input shape=6x6x3\nm = meanpool image\na = linear m width=3\n"
          "b = linear m width=3 bias=true\ns = add a b\noutput logits = s\n",
          { "a.weight", "b.weight", "b.bias", NULL } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct nn_graph *g = read(known[i].text), *other;
        struct err err = { 0 };

        other = train_remake_head(g, 7, &err);
        if (!other)
            fail_msg("net %zu: %s", i, err.msg);
        assert_int_equal(other->node[nn_graph_find_output(other, "logits")].type.dim[1].n, 7);
        assert_others(other, g, known[i].other);
        nn_graph_free(other);
        other = train_remake_head(g, 3, &err);
        assert_true(other && nn_graph_equal(g, other));
        nn_graph_free(other);
        nn_graph_free(g);
    }
}

/* Of every network that has a name it is the network for so many labels. */
static void networks_are_what_they_are_for_other_labels(void **state)
{
    (void)state;
    for (int i = 0; i < nn_model_count(); i++) {
        const struct nn_model *m = nn_model_at(i);
        struct nn_model_args args = { m->least, m->least, 3, 5, 0, 0 };
        struct err err = { 0 };
        struct nn_graph *five = m->sample ? nn_model_build(m, &args, &err) : NULL, *two, *remade;

        if (!five)
            continue;
        args.labels = 2;
        two = nn_model_build(m, &args, &err);
        remade = train_remake_head(five, 2, &err);
        if (!two || !remade)
            fail_msg("%s: %s", m->name, err.msg);
        assert_true(nn_graph_equal(two, remade));
        nn_graph_free(five);
        nn_graph_free(two);
        nn_graph_free(remade);
    }
}

static void what_has_no_last_layer_is_refused(void **state)
{
    static const char *const text[] = {
        "image = input shape=6x6x3\nm = meanpool image\noutput logits = m\n",
        /* the scale behind it is of three labels */
        "image = input shape=6x6x3\nm = meanpool image\nfc = linear m width=3\nn = batchnorm fc\n"
        "output logits = n\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        struct nn_graph *g = read(text[i]);
        struct err err = { 0 };

        assert_null(train_remake_head(g, 2, &err));
        assert_int_equal(err.kind, ERR_UNSUPPORTED);
        assert_non_null(strstr(err.msg, "cannot be made anew for 2 labels"));
        nn_graph_free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_layers_get_other_labels),
        cmocka_unit_test(networks_are_what_they_are_for_other_labels),
        cmocka_unit_test(what_has_no_last_layer_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
