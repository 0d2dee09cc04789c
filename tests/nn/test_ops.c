/*
 * test_ops -- what every operator must have and keep, from its own table of cases
 *
 * Generic over ops.def x cases x variants.  test_ops_backward has gradients, test_ops_same what may
 * change no answer.
 */
#include "tests/nn/op_case.h"

static void every_op_has_cases(void **state)
{
    (void)state;
    for (int i = 0; i < nn_op_count(); i++) {
        const struct nn_op *op = nn_op_at(i);

        assert_non_null(op->doc);
        assert_non_null(op->type);
        if (!(op->flags & NN_OP_LEAF) && (!op->cases || !op->cases[0].attr || !op->forward))
            fail_msg("%s has no cases or no forward", op->name);
    }
}

/* Some case, in real or with pictures in bf16, can be computed so. */
static bool has_case(const struct nn_op *op, const struct nn_choice *choice, int variant)
{
    bool found = false;

    for (const struct nn_case *c = op->cases; c->attr && !found; c++) {
        struct fixture f = { .op = op, .c = c };

        make_graph(&f);
        begin_call(&f, NN_TRAIN, 1, "auto");
        found = choice->can(&f.call, variant);
        f.call.x[0].dtype = f.call.y.dtype = DTYPE_BF16;
        found |= choice->can(&f.call, variant);
        nn_graph_free(f.g);
    }
    return found;
}

/* Kernels, and so some variants, are for float alone. */
static void every_variant_has_a_case(void **state)
{
    (void)state;
    if (sizeof(real) != sizeof(float))
        skip();
    for (int i = 0; i < nn_op_count(); i++) {
        const struct nn_op *op = nn_op_at(i);
        int n = 0;

        for (const struct nn_choice *k = op->choices; k && k->name; k++, n++) {
            int v = 0;

            for (; k->variant[v]; v++)
                if (!has_case(op, k, v))
                    fail_msg("%s: no case for %s=%s", op->name, k->name, k->variant[v]);
            assert_in_range(v, 2, NN_VARIANTS);
        }
        assert_in_range(n, 0, NN_CHOICES);
    }
}

static void forward_writes_what_type_says(void **state)
{
    (void)state;
    EACH_CASE(op, c)
        for (int mode = NN_INFER; mode <= NN_TRAIN; mode++) {
            struct fixture f = make(op, c, mode, 1, "auto", 0);

            nn_op_forward(op, &f.call);
            for (int64_t i = 0; i < shape_count(&f.call.y.shape); i++)
                if (isnan(((real *)f.call.y.data)[i]))
                    fail_msg("%s {%s} %s: number %lld was not written", op->name, c->attr, c->in,
                             (long long)i);
            drop(&f);
        }
}

static void text_round_trip(void **state)
{
    (void)state;
    EACH_CASE(op, c) {
        struct fixture f = { .op = op, .c = c };
        struct str text = { 0 }, again = { 0 };
        struct err err = { 0 };
        struct nn_graph *g;

        make_graph(&f);
        assert_true(nn_graph_write(f.g, &text));
        g = nn_graph_read(str_text(&text), text.len, 0, NULL, &err);
        if (!g)
            fail_msg("%s: %s\n%s", op->name, err.msg, str_text(&text));
        assert_true(nn_graph_equal(f.g, g));
        assert_true(nn_graph_write(g, &again));
        assert_string_equal(str_text(&text), str_text(&again));
        str_release(&text);
        str_release(&again);
        nn_graph_free(g);
        nn_graph_free(f.g);
    }
}

/* A value within the field's range, small ones preferred. */
static double draw_value(const struct field *f, uint64_t i)
{
    double u = rng_f64(9, rng_stream(RNG_TEST, 1), i), lo = f->min, hi = f->max;

    if (f->kind == FIELD_KIND_BOOL)
        return u > 0.5;
    if (f->kind == FIELD_KIND_ENUM) {
        int n = 0;

        while (f->names[n])
            n++;
        return (int)(u * n);
    }
    if (rng_u32(9, rng_stream(RNG_TEST, 2), i) % 4)
        hi = fmin(hi, lo + 6);
    return f->kind == FIELD_KIND_FLOAT || f->kind == FIELD_KIND_FLOATS
               ? lo + u * (hi - lo)
               : floor(lo + u * (hi - lo + 0.999));
}

/* Attributes within their ranges and inputs of any type: type() answers or refuses; what it accepts
 * and is small runs.  The sanitizers watch. */
static void random_attributes_never_crash(void **state)
{
    static const int dims[] = { 1, 1, 2, 3, 4, 5, 7, 8, 12, 33 };
    uint64_t draw = 0;

    (void)state;
    for (int o = 0; o < nn_op_count(); o++) {
        const struct nn_op *op = nn_op_at(o);
        int accepted = 0;

        for (int round = 0; round < 3000; round++) {
            struct nn_type in[NN_MAX_IN] = { 0 }, out = { 0 };
            _Alignas(16) char attr[512] = { 0 };
            struct err err = { 0 };
            int n_in = op->in_min + (int)(rng_u32(9, 3, draw++) %
                                          (uint32_t)(op->in_max - op->in_min + 1));

            assert_true(op->attr_size <= sizeof attr);
            for (const struct field *f = op->attrs; f && f->name; f++)
                for (int k = 0; k < f->count; k++) {
                    double v = draw_value(f, draw++);
                    char *at = field_at(f, attr);

                    if (f->kind == FIELD_KIND_BOOL)
                        *(bool *)at = v > 0;
                    else if (f->kind == FIELD_KIND_FLOAT || f->kind == FIELD_KIND_FLOATS)
                        ((double *)at)[k] = v;
                    else if (f->kind != FIELD_KIND_STRING)
                        ((int *)at)[k] = (int)v;
                }
            field_fill(op->attrs, attr);
            for (int i = 0; i < n_in; i++) {
                bool batch = rng_u32(9, 6, (uint64_t)round) % 8;

                in[i].dtype = DTYPE_F32;
                in[i].rank = round % 3 ? (i ? in[0].rank : 2 + 2 * (int)(draw % 2))
                                       : (int)(rng_u32(9, 4, draw++) % 9);
                for (int d = 0; d < in[i].rank; d++) {
                    int n = dims[rng_u32(9, 5, draw++) % 10];

                    in[i].dim[d] = (struct nn_dim){ d || !batch ? n : 1, d == 0 && batch };
                    if (i && round % 2)
                        in[i].dim[d] = in[0].dim[d];
                }
                if (i && op->param && n_in) {
                    struct nn_param p = { 0 };

                    if (op->param(attr, &in[0], i, &p))
                        in[i] = nn_type_of_param(&p);
                }
            }
            if (op->type(attr, n_in, in, &out, &err))
                accepted++;
            else
                assert_true(err.kind != ERR_NONE && err.msg[0]);
        }
        if (!accepted && !(op->flags & NN_OP_LEAF))
            fail_msg("%s: none of the random types was accepted", op->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op_has_cases),
        cmocka_unit_test(every_variant_has_a_case),
        cmocka_unit_test(forward_writes_what_type_says),
        cmocka_unit_test(text_round_trip),
        cmocka_unit_test(random_attributes_never_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
