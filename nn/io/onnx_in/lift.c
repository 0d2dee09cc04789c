/*
 * lift -- see lift.h
 *
 * A pattern is looked for from its last node backwards.  Products are taken apart into their
 * factors first, so that the order in which an exporter multiplies does not matter.  Nodes of a
 * pattern that others read too are made beside it.
 */
#include "nn/io/onnx_in/lift.h"

#include "nn/op/gelu.h"

#include <math.h>
#include <string.h>

struct look {
    nn_onnx_reader *r;
    const nn_onnx_names *names;
    const Onnx__GraphProto *g;
};

static bool is_a(const Onnx__NodeProto *node, const char *type, size_t n_in)
{
    return node && !strcmp(nn_onnx_text(node->op_type), type) && node->n_input >= n_in;
}

static const Onnx__NodeProto *maker(const struct look *k, const char *name)
{
    int i = nn_onnx_maker(k->names, name);

    return i < 0 ? NULL : k->g->node[i];
}

static bool same(const char *a, const char *b)
{
    return !strcmp(nn_onnx_text(a), nn_onnx_text(b));
}

/* The one number that a constant of a single number is. */
static bool number_of(const struct look *k, const char *name, double *out)
{
    nn_onnx_val *v = nn_onnx_known(k->names, name);

    if (!v || nn_onnx_count(v->rank, v->dim) != 1 || !nn_onnx_load(k->r, v))
        return false;
    *out = nn_onnx_num(v, 0);
    return true;
}

static bool near(double x, double want)
{
    return fabs(x - want) <= 1e-4 * fabs(want) + 1e-12;
}

/* x of a node of two inputs of which one is a constant number; NULL: it is none. */
static const char *beside(const struct look *k, const Onnx__NodeProto *node, double *number)
{
    if (node->n_input < 2)
        return NULL;
    if (number_of(k, node->input[1], number))
        return node->input[0];
    return number_of(k, node->input[0], number) ? node->input[1] : NULL;
}

/* ---- products -------------------------------------------------------------------------------- */

enum { FACTORS = 8 };

struct product {
    double number;
    const char *factor[FACTORS];
    int n;
};

/* What a product is made of; `stop`, be it a product itself, is one factor. */
static bool factors(const struct look *k, const char *name, const char *stop, int depth,
                    struct product *p)
{
    const Onnx__NodeProto *node = same(name, stop) ? NULL : maker(k, name);
    double number;

    if (number_of(k, name, &number)) {
        p->number *= number;
        return true;
    }
    if (is_a(node, "Mul", 2) && depth < FACTORS)
        return factors(k, node->input[0], stop, depth + 1, p) &&
               factors(k, node->input[1], stop, depth + 1, p);
    if (is_a(node, "Div", 2) && number_of(k, node->input[1], &number) && depth < FACTORS) {
        p->number /= number;
        return factors(k, node->input[0], stop, depth + 1, p);
    }
    if (p->n == FACTORS)
        return false;
    p->factor[p->n++] = name;
    return true;
}

/* Factor i left out is one value: its name; NULL: there is another number of others. */
static const char *other(const struct product *p, int i)
{
    return p->n == 2 ? p->factor[1 - i] : NULL;
}

/* ---- activations ----------------------------------------------------------------------------- */

enum { SILU, HARDSWISH, GELU, GELU_TANH };

static bool lower_activation(nn_onnx_at *a, const struct nn_onnx_lift *l)
{
    static const struct nn_op *const op[] = { &nn_op_silu, &nn_op_hardswish, &nn_op_gelu,
                                              &nn_op_gelu };
    const struct nn_gelu g = { l->kind == GELU_TANH ? NN_GELU_TANH : NN_GELU_NONE };

    return nn_onnx_at_done(a, nn_onnx_v_each(a->r, op[l->kind], l->kind >= GELU ? &g : NULL,
                                             a->x[0]));
}

/* The inside of tanh is sqrt(2/pi) (x + 0.044715 x^3). */
static bool is_tanh_inside(const struct look *k, const char *name, const char *x)
{
    struct product p = { .number = 1 }, q;
    const Onnx__NodeProto *sum, *power;
    double number = 0;

    if (!factors(k, name, x, 0, &p) || !near(p.number, 0.7978845608))
        return false;
    for (int i = 0; i < p.n; i++) {
        sum = maker(k, p.factor[i]);
        if (!is_a(sum, "Add", 2))
            continue;
        if (p.n == 2 && same(other(&p, i), x)) {        /* x (1 + 0.044715 x x) */
            const char *square = beside(k, sum, &number);

            q = (struct product){ .number = 1 };
            return square && near(number, 1) && factors(k, square, x, 0, &q) && q.n == 2 &&
                   near(q.number, 0.044715) && same(q.factor[0], x) && same(q.factor[1], x);
        }
        for (int s = 0; p.n == 1 && s < 2; s++) {
            if (!same(sum->input[s], x))
                continue;
            q = (struct product){ .number = 1 };
            if (!factors(k, sum->input[1 - s], x, 0, &q) || !near(q.number, 0.044715))
                return false;
            if (q.n == 3)
                return same(q.factor[0], x) && same(q.factor[1], x) && same(q.factor[2], x);
            power = q.n == 1 ? maker(k, q.factor[0]) : NULL;
            return is_a(power, "Pow", 2) && same(power->input[0], x) &&
                   number_of(k, power->input[1], &number) && number == 3;
        }
    }
    return false;
}

/* 1 + erf(x / sqrt 2), or 1 + tanh(...), of which x? */
static bool is_gelu_part(const struct look *k, const Onnx__NodeProto *sum, const char *x, int *kind)
{
    struct product p = { .number = 1 };
    const Onnx__NodeProto *f;
    const char *inside;
    double one;

    if (!is_a(sum, "Add", 2) || !(inside = beside(k, sum, &one)) || one != 1)
        return false;
    f = maker(k, inside);
    *kind = is_a(f, "Erf", 1) ? GELU : GELU_TANH;
    if (*kind == GELU)
        return factors(k, f->input[0], x, 0, &p) && p.n == 1 && same(p.factor[0], x) &&
               near(p.number, 0.70710678);
    return is_a(f, "Tanh", 1) && is_tanh_inside(k, f->input[0], x);
}

/* min(max(x + 3, 0), 6) */
static bool is_clip6(const struct look *k, const Onnx__NodeProto *clip, const char *x)
{
    const Onnx__NodeProto *sum = clip ? maker(k, clip->n_input ? clip->input[0] : "") : NULL;
    const Onnx__AttributeProto *min, *max;
    double lo = 0, hi = 0, three;
    const char *from;

    if (!is_a(clip, "Clip", 1) || !is_a(sum, "Add", 2))
        return false;
    min = nn_onnx_attribute(clip, "min");
    max = nn_onnx_attribute(clip, "max");
    if (min || max) {
        lo = min ? (double)min->f : -1;
        hi = max ? (double)max->f : -1;
    } else if (clip->n_input < 3 || !number_of(k, clip->input[1], &lo) ||
               !number_of(k, clip->input[2], &hi)) {
        return false;
    }
    from = beside(k, sum, &three);
    return lo == 0 && hi == 6 && from && same(from, x) && three == 3;
}

/* Is the node that ends at `result` x times the gate, and what? */
static bool is_gated(const struct look *k, const char *result, const char *gate, const char *x,
                     struct nn_onnx_lift *l)
{
    const Onnx__NodeProto *f = maker(k, gate);
    const Onnx__AttributeProto *alpha = f ? nn_onnx_attribute(f, "alpha") : NULL;
    const Onnx__AttributeProto *beta = f ? nn_onnx_attribute(f, "beta") : NULL;
    struct product p = { .number = 1 };

    if (!f || !factors(k, result, x, 0, &p) || p.n != 2 ||
        !((same(p.factor[0], x) && same(p.factor[1], gate)) ||
          (same(p.factor[1], x) && same(p.factor[0], gate))))
        return false;
    l->x = x;
    l->lower = lower_activation;
    l->kind = SILU;
    if (is_a(f, "Sigmoid", 1) && same(f->input[0], x) && p.number == 1)
        return true;
    l->kind = HARDSWISH;
    if (is_a(f, "HardSigmoid", 1) && same(f->input[0], x) && p.number == 1 && alpha &&
        near((double)alpha->f, 1.0 / 6) && (!beta || beta->f == 0.5f))
        return true;
    if (near(p.number, 1.0 / 6) && is_clip6(k, f, x))
        return true;
    return near(p.number, 0.5) && is_gelu_part(k, f, x, &l->kind);
}

/* All values that are multiplied, products among them. */
static void operands(const struct look *k, const char *name, int depth, const char **out, int *n)
{
    const Onnx__NodeProto *node = maker(k, name);
    double number;

    if (depth && *n < 2 * FACTORS && !number_of(k, name, &number))
        out[(*n)++] = name;
    if (depth == 3 || !(is_a(node, "Mul", 2) ||
                        (is_a(node, "Div", 2) && number_of(k, node->input[1], &number))))
        return;
    operands(k, node->input[0], depth + 1, out, n);
    operands(k, node->input[1], depth + 1, out, n);
}

static bool find_activation(const struct look *k, const Onnx__NodeProto *node,
                            struct nn_onnx_lift *l)
{
    const char *name[2 * FACTORS];
    int n = 0;

    if ((!is_a(node, "Mul", 2) && !is_a(node, "Div", 2)) || node->n_output != 1)
        return false;
    operands(k, node->output[0], 0, name, &n);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            if (i != j && is_gated(k, node->output[0], name[i], name[j], l))
                return true;
    return false;
}

/* ---- norms ----------------------------------------------------------------------------------- */

/* The constant operand of a product or sum, of as many numbers as there are channels. */
static const char *with_vector(const struct look *k, const Onnx__NodeProto *node,
                               nn_onnx_val **vector)
{
    for (int i = 0; i < 2; i++) {
        *vector = nn_onnx_known(k->names, node->input[i]);
        if (*vector && !nn_onnx_known(k->names, node->input[1 - i]))
            return node->input[1 - i];
    }
    return NULL;
}

/* The one dimension that a mean is over; false: it is no such mean. */
static bool mean_over(const struct look *k, const Onnx__NodeProto *node, int64_t *axis)
{
    const Onnx__AttributeProto *axes = node ? nn_onnx_attribute(node, "axes") : NULL;
    const Onnx__AttributeProto *keep = node ? nn_onnx_attribute(node, "keepdims") : NULL;
    double number;

    if (!is_a(node, "ReduceMean", 1) || (keep && !keep->i))
        return false;
    if (axes && axes->n_ints == 1) {
        *axis = axes->ints[0];
        return true;
    }
    if (axes || node->n_input < 2 || !number_of(k, node->input[1], &number))
        return false;
    *axis = nn_onnx_whole(number);
    return true;
}

static bool lower_layernorm(nn_onnx_at *a, const struct nn_onnx_lift *l)
{
    nn_onnx_val *x = a->x[0];
    int axis = nn_onnx_at_axis(a, l->kind, x->rank);

    a->r->hint = nn_onnx_at_name(a, l->p[0]);
    return axis >= 0 && a->r->hint &&
           nn_onnx_at_done(a, nn_onnx_layer_normed(a->r, x, axis, l->p[0], l->p[1], l->number));
}

/* (x - mean x) / sqrt(mean (x - mean x)^2 + epsilon): x, the axis and epsilon. */
static bool is_normed(const struct look *k, const char *name, struct nn_onnx_lift *l)
{
    const Onnx__NodeProto *div = maker(k, name), *sub, *root, *sum, *var, *square, *mean;
    const char *inside;
    int64_t axis, same_axis;
    double two;

    if (!is_a(div, "Div", 2))
        return false;
    sub = maker(k, div->input[0]);
    root = maker(k, div->input[1]);
    if (!is_a(sub, "Sub", 2) || !is_a(root, "Sqrt", 1))
        return false;
    mean = maker(k, sub->input[1]);
    sum = maker(k, root->input[0]);
    if (!mean_over(k, mean, &axis) || !same(mean->input[0], sub->input[0]) || !is_a(sum, "Add", 2))
        return false;
    inside = beside(k, sum, &l->number);
    var = inside ? maker(k, inside) : NULL;
    if (!mean_over(k, var, &same_axis) || axis != same_axis)
        return false;
    square = maker(k, var->input[0]);
    if (!square || !square->n_input || !is_a(maker(k, square->input[0]), "Sub", 2) ||
        !same(maker(k, square->input[0])->input[0], sub->input[0]) ||
        !same(maker(k, square->input[0])->input[1], sub->input[1]))
        return false;
    if (is_a(square, "Pow", 2) ? !number_of(k, square->input[1], &two) || two != 2
                               : !is_a(square, "Mul", 2) ||
                                     !same(square->input[0], square->input[1]))
        return false;
    l->x = sub->input[0];
    l->number = nn_onnx_decimal((float)l->number);
    l->kind = (int)axis;
    return axis > -SHAPE_MAX_RANK && axis < SHAPE_MAX_RANK;
}

static bool lower_groupnorm(nn_onnx_at *a, const struct nn_onnx_lift *l)
{
    return nn_onnx_at_done(a, nn_onnx_group_normed(a->r, a->x[0], l->kind, l->p[0], l->p[1],
                                                   l->number));
}

static bool all_are(const struct look *k, const char *name, double number)
{
    nn_onnx_val *v = nn_onnx_known(k->names, name);

    if (!v || !nn_onnx_load(k->r, v))
        return false;
    for (int64_t i = 0; i < nn_onnx_count(v->rank, v->dim); i++)
        if (nn_onnx_num(v, i) != number)
            return false;
    return true;
}

/* Reshape(InstanceNormalization(Reshape(x, [0, groups, -1]), ones, zeros), shape). */
static bool is_grouped(const struct look *k, const char *name, struct nn_onnx_lift *l)
{
    const Onnx__NodeProto *back = maker(k, name), *norm, *to;
    const Onnx__AttributeProto *epsilon;
    nn_onnx_val *shape;

    if (!is_a(back, "Reshape", 2))
        return false;
    norm = maker(k, back->input[0]);
    if (!is_a(norm, "InstanceNormalization", 3) || !all_are(k, norm->input[1], 1) ||
        !all_are(k, norm->input[2], 0))
        return false;
    to = maker(k, norm->input[0]);
    shape = is_a(to, "Reshape", 2) ? nn_onnx_known(k->names, to->input[1]) : NULL;
    if (!shape || shape->rank != 1 || shape->dim[0] != 3 || !nn_onnx_load(k->r, shape) ||
        nn_onnx_num(shape, 0) != 0 || nn_onnx_num(shape, 2) != -1 || nn_onnx_num(shape, 1) < 1 ||
        nn_onnx_num(shape, 1) > 1e6)
        return false;
    epsilon = nn_onnx_attribute(norm, "epsilon");
    l->x = to->input[0];
    l->kind = (int)nn_onnx_num(shape, 1);
    l->number = epsilon ? nn_onnx_decimal(epsilon->f) : 1e-5;
    return true;
}

/* norm * gamma + beta */
static bool find_norm(const struct look *k, const Onnx__NodeProto *node, struct nn_onnx_lift *l)
{
    const Onnx__NodeProto *product;
    const char *scaled, *inner;

    if (!is_a(node, "Add", 2) || !(scaled = with_vector(k, node, &l->p[1])))
        return false;
    product = maker(k, scaled);
    if (!is_a(product, "Mul", 2) || !(inner = with_vector(k, product, &l->p[0])))
        return false;
    l->name = scaled;
    l->lower = lower_layernorm;
    if (is_normed(k, inner, l))
        return true;
    l->lower = lower_groupnorm;
    return is_grouped(k, inner, l);
}

/* ---- products and sums ----------------------------------------------------------------------- */

static bool lower_linear(nn_onnx_at *a, const struct nn_onnx_lift *l)
{
    /* exporters fold the transposed matrix, which then has lost its name */
    const char *name = nn_onnx_at_name(a, l->p[1]);
    nn_onnx_val *w = nn_onnx_v_transpose(a->r, l->p[0], (const int64_t[]){ 1, 0 });

    return w && nn_onnx_at_done(a, nn_onnx_linear(a->r, a->x[0], w, l->p[1], name));
}

/* MatMul with a stored matrix, and a bias. */
static bool find_linear(const struct look *k, const Onnx__NodeProto *node, struct nn_onnx_lift *l)
{
    const Onnx__NodeProto *product;
    const char *inner;

    if (!is_a(node, "Add", 2) || !(inner = with_vector(k, node, &l->p[1])))
        return false;
    product = maker(k, inner);
    if (!is_a(product, "MatMul", 2) || nn_onnx_known(k->names, product->input[0]))
        return false;
    l->p[0] = nn_onnx_known(k->names, product->input[1]);
    l->x = product->input[0];
    l->lower = lower_linear;
    return l->p[0] && l->p[0]->rank == 2 && l->p[1]->rank == 1 &&
           l->p[1]->dim[0] == l->p[0]->dim[1];
}

bool nn_onnx_lift_find(nn_onnx_reader *r, const nn_onnx_names *names, const Onnx__GraphProto *g,
                       const Onnx__NodeProto *node, struct nn_onnx_lift *l)
{
    const struct look k = { r, names, g };

    *l = (struct nn_onnx_lift){ .lower = NULL };
    if (find_activation(&k, node, l))
        return true;
    *l = (struct nn_onnx_lift){ .lower = NULL };
    if (find_norm(&k, node, l))
        return true;
    *l = (struct nn_onnx_lift){ .lower = NULL };
    return find_linear(&k, node, l);
}
