/*
 * depth: layers of a chain are groups, blocks with branches are one each, in graphs by hand and in
 * the networks that there are
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/model/model.h"
#include "train/depth.h"

#include <stdlib.h>
#include <string.h>

/* A chain, a residual block with a weight in its shortcut, two heads that are added up. */
static const char text[] = "image = input shape=6x6x3\n"
                           "c1 = conv2d image channels=4 size=3 pad=1\n"
                           "n1 = batchnorm c1\n"
                           "r1 = relu n1\n"
                           "a = conv2d r1 channels=4 size=3 pad=1\n"
                           "na = batchnorm a\n"
                           "ra = relu na\n"
                           "b = conv2d ra channels=4 size=3 pad=1\n"
                           "s = conv2d r1 channels=4\n"
                           "sum = add b s\n"
                           "n2 = batchnorm sum\n"
                           "m = meanpool n2\n"
                           "f1 = linear m width=3 bias=true\n"
                           "f2 = linear m width=3\n"
                           "f = add f1 f2\n"
                           "beside = linear m width=2\n"
                           "output logits = f\n";

static void groups_are_what_everything_passes(void **state)
{
    static const struct {
        const char *name;
        int depth;
    } known[] = { { "c1.weight", 2 }, { "n1.bias", 2 }, { "a.weight", 1 }, { "na.weight", 1 },
                  { "b.weight", 1 }, { "s.weight", 1 }, { "n2.weight", 1 }, { "f1.weight", 0 },
                  { "f1.bias", 0 }, { "f2.weight", 0 }, { "beside.weight", 0 } };
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(text, strlen(text), 0, NULL, &err);
    int depth[100];

    (void)state;
    if (!g)
        fail_msg("%s", err.msg);
    assert_true(g->n <= 100);
    assert_int_equal(train_depths(g, depth), 3);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (depth[nn_graph_find(g, known[i].name)] != known[i].depth)
            fail_msg("%s: %d", known[i].name, depth[nn_graph_find(g, known[i].name)]);
    nn_graph_free(g);
}

/* The first weight is the deepest, the last layer lies at 0, and blocks are not torn apart. */
static void networks_have_as_many_groups_as_blocks(void **state)
{
    static const struct {
        const char *name;
        int groups;
    } known[] = { { "resnet18", 10 }, { "resnet50", 18 }, { "mobilenet_v1_0.25", 28 },
                  { "vit_tiny_patch16_224", 27 } };

    (void)state;
    for (int i = 0; i < nn_model_count(); i++) {
        const struct nn_model *m = nn_model_at(i);
        struct nn_model_args args = { m->least, m->least, 3, 5, 0, 0 };
        struct err err = { 0 };
        struct nn_graph *g = nn_model_build(m, &args, &err);
        int *depth = g ? malloc((size_t)g->n * sizeof *depth) : NULL, groups, first = -1, last = -1;

        if (!depth)
            fail_msg("%s: %s", m->name, err.msg);
        groups = train_depths(g, depth);
        for (int k = 0; k < g->n; k++) {
            assert_true(depth[k] >= 0 && depth[k] < groups);
            if (!train_is_weight(g, k))
                continue;
            first = first < 0 ? k : first;
            last = k;
        }
        if (depth[first] != groups - 1 || depth[last] != 0 || groups < 3)
            fail_msg("%s: %d groups, %s has depth %d, %s %d", m->name, groups, g->node[first].name,
                     depth[first], g->node[last].name, depth[last]);
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            if (!strcmp(known[k].name, m->name) && groups != known[k].groups)
                fail_msg("%s: %d groups", m->name, groups);
        free(depth);
        nn_graph_free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_what_everything_passes),
        cmocka_unit_test(networks_have_as_many_groups_as_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
