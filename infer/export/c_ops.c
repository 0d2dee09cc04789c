/*
 * c_ops -- how each operator becomes C: one row each; layers
 *
 * A row's function writes the constants of a node and the line that calls its part; of operators
 * that move numbers it is in c_moves.c, of sums and other maths in c_maths.c.  Filters go out in
 * the order in which the part reads them: runs of INFER_C_LANES_WIDE output channels, so that its
 * innermost loop is one over neighbouring numbers.
 */
#include "infer/export/c.h"
#include "nn/op/batchnorm.h"
#include "nn/op/conv2d.h"
#include "nn/op/gelu.h"
#include "nn/op/groupnorm.h"
#include "nn/op/layernorm.h"
#include "nn/op/leakyrelu.h"
#include "nn/op/linear.h"
#include "nn/op/pool.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PART INFER_C_BIT

enum { X, WEIGHT, BIAS };               /* inputs of layers */

static bool in_params(const struct nn_node *node)
{
    return node->op == &nn_op_param || node->op == &nn_op_const;
}

/* The values of input i, which the operator wants as a parameter; NULL: it is computed. */
static const real *param(struct infer_c_site *s, int i)
{
    int id = s->node->in[i];

    if (!in_params(&s->c->graph->node[id])) {
        err_set(s->err, ERR_UNSUPPORTED, "input %d is computed: C has stored weights only", i);
        return NULL;
    }
    return s->c->params->value + s->c->params->offset[s->c->params->entry[id]];
}

bool infer_c_no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "no memory for the text");
}

static bool store(struct infer_c *c, const char *prefix, int id, size_t n, const float *x,
                  struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return err_set(err, ERR_INPUT, "weight %zu is not a finite number", i);
    infer_c_array(&c->weights, prefix, id, n, x);
    c->constants += n;
    return !c->weights.failed || infer_c_no_memory(err);
}

bool infer_c_store(struct infer_c *c, const char *prefix, int id, size_t n, const real *x,
                   struct err *err)
{
    float *copy = malloc((n + 1) * sizeof *copy);
    bool ok;

    if (!copy)
        return infer_c_no_memory(err);
    for (size_t i = 0; i < n; i++)
        copy[i] = (float)x[i];
    ok = store(c, prefix, id, n, copy, err);
    free(copy);
    return ok;
}

bool infer_c_value(struct infer_c *c, int node, char text[32], struct err *err)
{
    const struct nn_node *n = &c->graph->node[node];
    int entry = c->params->entry[node];

    if (n->op == &nn_op_input)
        snprintf(text, 32, "image");
    else if (!in_params(n))
        snprintf(text, 32, "arena + %zu",
                 c->plan->buffer[c->plan->value[node]].offset / sizeof(real));
    else {
        snprintf(text, 32, "value%d", node);
        if (!c->done[node] &&
            !infer_c_store(c, "value", node, (size_t)c->params->count[entry],
                        c->params->value + c->params->offset[entry], err))
            return false;
        c->done[node] = true;
    }
    return true;
}

static int64_t last_dim(const struct shape *s)
{
    return s->dim[s->rank - 1];
}

/* " -3.4e38f, 3.4e38f,": what the relu behind a node limits its value to. */
static void limits(struct infer_c_site *s)
{
    int relu = s->c->after[s->id];

    if (relu < 0)
        str_add(s->calls, "-UNLIMITED, UNLIMITED, ");
    else if (s->c->graph->node[relu].op == &nn_op_relu)
        str_add(s->calls, "0.0f, UNLIMITED, ");
    else
        str_add(s->calls, "0.0f, 6.0f, ");
}

static void declare_window(struct infer_c_site *s, const struct nn_window *w)
{
    str_printf(&s->c->layers,
               "static const struct window window%d = { %d, %d, %d, %d, %d, %d, %d, %d, %d, %d, "
               "%d, %d, %d };\n",
               s->id, w->h, w->w, w->c, w->oh, w->ow, w->kh, w->kw, w->sh, w->sw, w->dh, w->dw,
               w->pt, w->pl);
}

/* Filters [kh,kw,c,k] and their bias (NULL: none) as part CONV reads them. */
static bool store_filters(struct infer_c_site *s, const struct nn_window *w, int groups, int k,
                          const real *weight, const real *bias)
{
    int of = k / groups, runs = (of + INFER_C_LANES_WIDE - 1) / INFER_C_LANES_WIDE;
    size_t taps = (size_t)w->kh * (size_t)w->kw * (size_t)(w->c / groups), at = 0, at_bias = 0;
    size_t lanes = (size_t)groups * (size_t)runs * INFER_C_LANES_WIDE;
    float *out = calloc(taps * lanes + 1, sizeof *out), *out_bias = calloc(lanes, sizeof *out);
    bool ok = out && out_bias;

    for (int g = 0; g < groups && ok; g++)
        for (int first = 0; first < runs * INFER_C_LANES_WIDE; first += INFER_C_LANES_WIDE) {
            for (int l = first; l < first + INFER_C_LANES_WIDE; l++, at_bias++)
                out_bias[at_bias] = l < of && bias ? (float)bias[g * of + l] : 0;
            for (size_t t = 0; t < taps; t++)
                for (int l = first; l < first + INFER_C_LANES_WIDE; l++, at++)
                    out[at] = l < of ? (float)weight[t * (size_t)k + (size_t)(g * of + l)] : 0;
        }
    if (!ok)
        infer_c_no_memory(s->err);
    ok = ok && store(s->c, "weight", s->id, at, out, s->err) &&
         store(s->c, "bias", s->id, at_bias, out_bias, s->err);
    free(out);
    free(out_bias);
    return ok;
}

static bool filters(struct infer_c_site *s, const struct nn_window *w, int groups, int k,
                    bool has_bias)
{
    const real *weight = param(s, WEIGHT), *bias = has_bias ? param(s, BIAS) : NULL;

    if (!weight || (has_bias && !bias) || !store_filters(s, w, groups, k, weight, bias))
        return false;
    if (s->c->deepest < w->c / groups)
        s->c->deepest = w->c / groups;
    declare_window(s, w);
    str_printf(s->calls, "conv(&window%d, %d, %d, ", s->id, groups, k);
    limits(s);
    str_printf(s->calls, "%s, weight%d, bias%d, %s);\n", s->x, s->id, s->id, s->y);
    s->c->parts |= PART(CONV);
    return true;
}

static bool depthwise(struct infer_c_site *s, const struct nn_window *w, bool has_bias)
{
    const real *weight = param(s, WEIGHT), *bias = has_bias ? param(s, BIAS) : NULL;
    real *zero = calloc((size_t)w->c, sizeof *zero);
    bool ok = zero || infer_c_no_memory(s->err);

    ok = ok && weight && (!has_bias || bias) &&
         infer_c_store(s->c, "weight", s->id, (size_t)w->kh * (size_t)w->kw * (size_t)w->c, weight,
                    s->err) &&
         infer_c_store(s->c, "bias", s->id, (size_t)w->c, bias ? bias : zero, s->err);
    free(zero);
    if (!ok)
        return false;
    declare_window(s, w);
    str_printf(s->calls, "depthwise(&window%d, ", s->id);
    limits(s);
    str_printf(s->calls, "%s, weight%d, bias%d, %s);\n", s->x, s->id, s->id, s->y);
    s->c->parts |= PART(DEPTHWISE);
    return true;
}

static bool conv2d(struct infer_c_site *s)
{
    const struct nn_conv2d *a = s->node->attr;
    const int64_t *dim = s->in->dim;
    struct nn_window w = nn_window_of(dim[1], dim[2], dim[3], a->size, a->stride, a->dilation,
                                      a->pad);

    if (a->groups == w.c && a->groups == a->channels)
        return depthwise(s, &w, a->bias);
    if (w.kh * w.kw == 1 && w.sh == 1 && w.sw == 1 && w.oh == w.h && w.ow == w.w) {
        w.w = w.ow = w.h * w.w;         /* pixel by pixel: one long row */
        w.h = w.oh = 1;
    }
    return filters(s, &w, a->groups, a->channels, a->bias);
}

/* A convolution of one pixel, or of a row of them. */
static bool linear(struct infer_c_site *s)
{
    const struct nn_linear *a = s->node->attr;
    const int one[2] = { 1, 1 }, none[4] = { 0 };
    int64_t wide = s->in->dim[s->in->rank - 1];
    struct nn_window w = nn_window_of(1, shape_count(s->in) / wide, wide, one, one, NULL, none);

    return filters(s, &w, 1, a->width, a->bias);
}

/* y = x * scale + shift, and norms: the call of a part with both; "part(first, " stands. */
static bool channels(struct infer_c_site *s, size_t n, const real *scale, const real *shift)
{
    real *zero = calloc(n, sizeof *zero);
    bool ok = (zero || infer_c_no_memory(s->err)) &&
              infer_c_store(s->c, "scale", s->id, n, scale, s->err) &&
              infer_c_store(s->c, "shift", s->id, n, shift ? shift : zero, s->err);

    free(zero);
    str_printf(s->calls, "scale%d, shift%d, %s, %s);\n", s->id, s->id, s->x, s->y);
    return ok;
}

static long long pixels(const struct infer_c_site *s)
{
    return s->count / last_dim(s->out);
}

/* Where it could not be folded into what is before it. */
static bool batchnorm(struct infer_c_site *s)
{
    enum { GAMMA = 1, BETA, MEAN, VAR };
    const struct nn_bn *a = s->node->attr;
    const real *of[VAR + 1] = { NULL };
    size_t n = (size_t)last_dim(s->out);
    real *scale = calloc(2 * n, sizeof *scale);
    bool ok = scale || infer_c_no_memory(s->err);

    for (int i = GAMMA; i <= VAR && ok; i++)
        ok = (of[i] = param(s, i)) != NULL;
    for (size_t i = 0; i < n && ok; i++) {
        double f = of[GAMMA][i] / sqrt(of[VAR][i] + a->epsilon);

        scale[i] = (real)f;
        scale[n + i] = (real)(of[BETA][i] - of[MEAN][i] * f);
    }
    str_printf(s->calls, "affine(%lld, %zu, ", pixels(s), n);
    ok = ok && channels(s, n, scale, scale + n);
    free(scale);
    s->c->parts |= PART(AFFINE);
    return ok;
}

static bool scale(struct infer_c_site *s)
{
    const real *gamma = param(s, 1);
    size_t n = (size_t)last_dim(s->out);

    str_printf(s->calls, "affine(%lld, %zu, ", pixels(s), n);
    s->c->parts |= PART(AFFINE);
    return gamma && channels(s, n, gamma, NULL);
}

void infer_c_argument(struct infer_c_site *s, double x)
{
    infer_c_number(s->calls, (float)x);
    str_add(s->calls, ", ");
}

static bool groupnorm(struct infer_c_site *s)
{
    const struct nn_groupnorm *a = s->node->attr;
    const real *gamma = param(s, 1), *beta = param(s, 2);
    size_t n = (size_t)last_dim(s->out);

    str_printf(s->calls, "groupnorm(%lld, %zu, %d, ", pixels(s), n, a->groups);
    infer_c_argument(s, a->epsilon);
    s->c->parts |= PART(GROUPNORM);
    return gamma && beta && channels(s, n, gamma, beta);
}

static bool layernorm(struct infer_c_site *s)
{
    const struct nn_layernorm *a = s->node->attr;
    const real *gamma = param(s, 1), *beta = param(s, 2);
    size_t n = (size_t)last_dim(s->out);

    str_printf(s->calls, "layernorm(%lld, %zu, ", pixels(s), n);
    infer_c_argument(s, a->epsilon);
    s->c->parts |= PART(LAYERNORM);
    return gamma && beta && channels(s, n, gamma, beta);
}

/* name(numbers, x, y) */
static bool map(struct infer_c_site *s, enum infer_c_part_id part, const char *name)
{
    str_printf(s->calls, "%s(%lld, %s, %s);\n", name, s->count, s->x, s->y);
    s->c->parts |= (uint64_t)1 << part;
    return true;
}

static bool clamp(struct infer_c_site *s, const char *high)
{
    str_printf(s->calls, "clamp(%lld, 0.0f, %s, %s, %s);\n", s->count, high,
               s->x, s->y);
    s->c->parts |= PART(CLAMP);
    return true;
}

static bool relu(struct infer_c_site *s)
{
    return clamp(s, "UNLIMITED");
}

static bool relu6(struct infer_c_site *s)
{
    return clamp(s, "6.0f");
}

static bool leakyrelu(struct infer_c_site *s)
{
    const struct nn_leakyrelu *a = s->node->attr;

    str_printf(s->calls, "leaky(%lld, ", s->count);
    infer_c_argument(s, a->slope);
    str_printf(s->calls, "%s, %s);\n", s->x, s->y);
    s->c->parts |= PART(LEAKY);
    return true;
}

static bool gelu(struct infer_c_site *s)
{
    return ((const struct nn_gelu *)s->node->attr)->approximate == NN_GELU_TANH
               ? map(s, INFER_C_GELU_TANH, "gelu_tanh")
               : map(s, INFER_C_GELU, "gelu");
}

static bool silu(struct infer_c_site *s)
{
    return map(s, INFER_C_SILU, "silu");
}

static bool hardswish(struct infer_c_site *s)
{
    return map(s, INFER_C_HARDSWISH, "hardswish");
}

static bool sigmoid(struct infer_c_site *s)
{
    return map(s, INFER_C_SIGMOID, "sigmoid");
}

static bool tanh_(struct infer_c_site *s)
{
    return map(s, INFER_C_TANHS, "tanhs");
}

static bool softmax(struct infer_c_site *s)
{
    str_printf(s->calls, "softmax(%lld, %lld, %s, %s);\n", pixels(s),
               (long long)last_dim(s->out), s->x, s->y);
    s->c->parts |= PART(SOFTMAX);
    return true;
}

bool infer_c_input(struct infer_c_site *s, int i, char text[32])
{
    return infer_c_value(s->c, s->node->in[i], text, s->err);
}

static bool add(struct infer_c_site *s)
{
    char b[32];

    if (!infer_c_input(s, 1, b))
        return false;
    str_printf(s->calls, "add(%lld, ", s->count);
    limits(s);
    str_printf(s->calls, "%s, %s, %s);\n", s->x, b, s->y);
    s->c->parts |= PART(ADD);
    return true;
}

static bool mul(struct infer_c_site *s)
{
    char b[32];

    if (!infer_c_input(s, 1, b))
        return false;
    str_printf(s->calls, "mul(%lld, %s, %s, %s);\n", s->count, s->x, b,
               s->y);
    s->c->parts |= PART(MUL);
    return true;
}

/* A product with factors that are computed. */
static bool gate(struct infer_c_site *s)
{
    size_t n = (size_t)last_dim(s->out);
    real *zero = calloc(n, sizeof *zero);
    bool ok = zero || infer_c_no_memory(s->err);
    char by[32];

    ok = ok && infer_c_input(s, 1, by) && infer_c_store(s->c, "shift", s->id, n, zero, s->err);
    if (ok)
        str_printf(s->calls, "affine(%lld, %zu, %s, shift%d, %s, %s);\n", pixels(s), n, by, s->id,
                   s->x, s->y);
    free(zero);
    s->c->parts |= PART(AFFINE);
    return ok;
}

static struct nn_window pool_window(struct infer_c_site *s)
{
    const struct nn_pool *a = s->node->attr;
    const int64_t *dim = s->in->dim;
    struct nn_window w = nn_window_of(dim[1], dim[2], dim[3], a->size, a->stride, NULL, a->pad);

    declare_window(s, &w);
    return w;
}

static bool maxpool(struct infer_c_site *s)
{
    pool_window(s);
    str_printf(s->calls, "maxpool(&window%d, %s, %s);\n", s->id, s->x, s->y);
    s->c->parts |= PART(MAXPOOL);
    return true;
}

static bool avgpool(struct infer_c_site *s)
{
    pool_window(s);
    str_printf(s->calls, "avgpool(&window%d, %d, %s, %s);\n", s->id,
               ((const struct nn_pool *)s->node->attr)->whole, s->x, s->y);
    s->c->parts |= PART(AVGPOOL);
    return true;
}

static bool meanpool(struct infer_c_site *s)
{
    str_printf(s->calls, "meanpool(%lld, %lld, %s, %s);\n",
               (long long)(s->in->dim[1] * s->in->dim[2]), (long long)s->in->dim[3], s->x, s->y);
    s->c->parts |= PART(MEANPOOL);
    return true;
}

static const struct row {
    const struct nn_op *op;
    infer_c_write *write;
} rows[] = {
    { &nn_op_conv2d, conv2d },
    { &nn_op_linear, linear },
    { &nn_op_batchnorm, batchnorm },
    { &nn_op_groupnorm, groupnorm },
    { &nn_op_layernorm, layernorm },
    { &nn_op_scale, scale },
    { &nn_op_relu, relu },
    { &nn_op_relu6, relu6 },
    { &nn_op_leakyrelu, leakyrelu },
    { &nn_op_gelu, gelu },
    { &nn_op_silu, silu },
    { &nn_op_hardswish, hardswish },
    { &nn_op_sigmoid, sigmoid },
    { &nn_op_tanh, tanh_ },
    { &nn_op_softmax, softmax },
    { &nn_op_add, add },
    { &nn_op_mul, mul },
    { &nn_op_gate, gate },
    { &nn_op_maxpool, maxpool },
    { &nn_op_avgpool, avgpool },
    { &nn_op_meanpool, meanpool },
    { &nn_op_flatten, infer_c_same },
    { &nn_op_reshape, infer_c_same },
    { &nn_op_dropout, infer_c_same },
    { &nn_op_droppath, infer_c_same },
    { &nn_op_concat, infer_c_concat },
    { &nn_op_pad, infer_c_pad },
    { &nn_op_transpose, infer_c_transpose },
    { &nn_op_slice, infer_c_slice },
    { &nn_op_expand, infer_c_expand },
    { &nn_op_gather, infer_c_gather },
    { &nn_op_resize, infer_c_resize },
    { &nn_op_embed, infer_c_embed },
    { &nn_op_math, infer_c_math },
    { &nn_op_arith, infer_c_arith },
    { &nn_op_where, infer_c_where },
    { &nn_op_reduce, infer_c_reduce },
    { &nn_op_lrn, infer_c_lrn },
    { &nn_op_matmul, infer_c_matmul },
    { &nn_op_attention, infer_c_attention },
};

static const struct row *find(const struct nn_op *op)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].op == op)
            return &rows[i];
    return NULL;
}

bool infer_c_knows(const struct nn_op *op)
{
    return find(op);
}

void infer_c_fuse(struct infer_c *c, const int *uses)
{
    for (int i = 0; i < c->graph->n; i++)
        c->after[i] = -1;
    for (int i = 0; i < c->graph->n; i++) {
        const struct nn_node *node = &c->graph->node[i];
        int x = node->n_in ? node->in[0] : -1;
        const struct nn_op *made_by = x < 0 ? NULL : c->graph->node[x].op;

        if ((node->op == &nn_op_relu || node->op == &nn_op_relu6) && uses[x] == 1 &&
            c->plan->value[x] == c->plan->value[i] &&
            (made_by == &nn_op_conv2d || made_by == &nn_op_linear || made_by == &nn_op_add)) {
            c->after[x] = i;
            c->done[i] = true;
        }
    }
}

bool infer_c_node(struct infer_c *c, int node, struct err *err)
{
    const struct nn_node *n = &c->graph->node[node];
    const struct row *row = find(n->op);
    struct infer_c_site s = { .c = c, .id = node, .node = n, .out = &c->plan->shape[node],
                              .count = shape_count(&c->plan->shape[node]), .calls = &c->calls,
                              .err = err };
    size_t before, at;

    if (!row)
        return err_set(err, ERR_UNSUPPORTED, "node \"%s\": there is no C for operator %s", n->name,
                       n->op->name);
    s.in = &c->plan->shape[n->in[0]];
    if (!infer_c_value(c, n->in[0], s.x, err) || !infer_c_value(c, node, s.y, err))
        return err_in(err, "node \"%s\"", n->name);
    before = c->calls.len;
    str_add(&c->calls, "    /* ");
    infer_c_comment(&c->calls, n->name);
    str_printf(&c->calls, ": %s -> ", n->op->name);
    for (int i = 1; i < s.out->rank; i++)
        str_printf(&c->calls, "%s%lld", i > 1 ? "x" : "", (long long)s.out->dim[i]);
    str_add(&c->calls, " */\n    ");
    at = c->calls.len;
    if (!row->write(&s))
        return err_in(err, "node \"%s\"", n->name);
    if (c->calls.len == at)
        str_cut(&c->calls, before);     /* nothing is left to do */
    return true;
}
