/*
 * arith -- a function of two values, either of which may be repeated
 *
 * Dimensions are aligned at the last one and equal, or 1 in one of the two: that one is repeated,
 * and its gradient is a sum in the order of the result.  A value without a batch is a parameter.
 * True is 1 and false 0.  mod has the sign of y, fmod that of x; whole_div cuts towards 0.  Where
 * min and max have two alike, the gradient is x's.
 */
#include "nn/op/arith.h"
#include "nn/io/onnx.h"
#include "nn/op/strided.h"

#include <math.h>

static const char *const kinds[] = {
    "add", "sub", "mul", "div", "pow", "min", "max", "prelu", "mod", "fmod", "less", "less_equal",
    "equal", "and", "or", "xor", "whole_div", NULL
};

/* What ONNX calls it; those behind PRelu answer with booleans, or want whole numbers. */
static const char *const onnx_names[] = {
    "Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "PRelu", "Mod", "Mod", "Less", "LessOrEqual",
    "Equal", "And", "Or", "Xor", "Div"
};

static const struct field attrs[] = {
    FIELD_ENUM(struct nn_arith, kind, kinds, NN_ARITH_ADD, "the function"),
    FIELDS_END
};

double nn_arith_of(enum nn_arith_kind kind, double x, double y)
{
    double m;

    switch (kind) {
    case NN_ARITH_ADD: return x + y;
    case NN_ARITH_SUB: return x - y;
    case NN_ARITH_MUL: return x * y;
    case NN_ARITH_DIV: return x / y;
    case NN_ARITH_POW: return pow(x, y);
    case NN_ARITH_MIN: return isnan(x) || x <= y ? x : y;
    case NN_ARITH_MAX: return isnan(x) || x >= y ? x : y;
    case NN_ARITH_PRELU: return x < 0 ? x * y : x;
    case NN_ARITH_MOD:
        m = fmod(x, y);
        return m != 0 && (m < 0) != (y < 0) ? m + y : m;
    case NN_ARITH_FMOD: return fmod(x, y);
    case NN_ARITH_LESS: return x < y;
    case NN_ARITH_LESS_EQUAL: return x <= y;
    case NN_ARITH_EQUAL: return x == y;
    case NN_ARITH_AND: return x != 0 && y != 0;
    case NN_ARITH_OR: return x != 0 || y != 0;
    case NN_ARITH_XOR: return (x != 0) != (y != 0);
    case NN_ARITH_WHOLE_DIV: return y == 0 ? 0 : trunc(x / y);
    case NN_ARITH_KINDS: break;
    }
    return 0;
}

/* d/dx and d/dy of it. */
static void slopes(enum nn_arith_kind kind, double x, double y, double *dx, double *dy)
{
    *dx = *dy = 0;
    switch (kind) {
    case NN_ARITH_ADD:
        *dx = *dy = 1;
        return;
    case NN_ARITH_SUB:
        *dx = 1;
        *dy = -1;
        return;
    case NN_ARITH_MUL:
        *dx = y;
        *dy = x;
        return;
    case NN_ARITH_DIV:
        *dx = 1 / y;
        *dy = -x / (y * y);
        return;
    case NN_ARITH_POW:
        *dx = y * pow(x, y - 1);
        *dy = x > 0 ? pow(x, y) * log(x) : 0;
        return;
    case NN_ARITH_MIN:
        *dx = x <= y;
        *dy = !*dx;
        return;
    case NN_ARITH_MAX:
        *dx = x >= y;
        *dy = !*dx;
        return;
    case NN_ARITH_PRELU:
        *dx = x < 0 ? y : 1;
        *dy = x < 0 ? x : 0;
        return;
    case NN_ARITH_FMOD:
    case NN_ARITH_MOD:
        *dx = 1;
        *dy = -(kind == NN_ARITH_MOD ? floor(x / y) : trunc(x / y));
        return;
    default:
        return;
    }
}

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    (void)attr;
    return nn_strided_type(&nn_op_arith, n_in, in, out, err);
}

/* n numbers; sa and sb are 1 or 0. */
static void forward_row(enum nn_arith_kind kind, int64_t n, const real *a, int64_t sa,
                        const real *b, int64_t sb, real *y)
{
    switch (kind) {
    case NN_ARITH_ADD:
        for (int64_t i = 0; i < n; i++)
            y[i] = a[i * sa] + b[i * sb];
        break;
    case NN_ARITH_SUB:
        for (int64_t i = 0; i < n; i++)
            y[i] = a[i * sa] - b[i * sb];
        break;
    case NN_ARITH_MUL:
        for (int64_t i = 0; i < n; i++)
            y[i] = a[i * sa] * b[i * sb];
        break;
    case NN_ARITH_DIV:
        for (int64_t i = 0; i < n; i++)
            y[i] = a[i * sa] / b[i * sb];
        break;
    default:
        for (int64_t i = 0; i < n; i++)
            y[i] = (real)nn_arith_of(kind, (double)a[i * sa], (double)b[i * sb]);
    }
}

static void forward_rows(const struct nn_call *c, int64_t first, int64_t rows)
{
    const struct nn_arith *a = c->attr;
    struct nn_strided s = nn_strided_broadcast(c);
    int64_t n = nn_strided_width(&s), at[NN_STRIDED_IN];

    for (int64_t r = first; r < first + rows; r++) {
        nn_strided_at(&s, r, at);
        forward_row(a->kind, n, (const real *)c->x[0].data + at[0], nn_strided_next(&s, 0),
                    (const real *)c->x[1].data + at[1], nn_strided_next(&s, 1),
                    (real *)c->y.data + r * n);
    }
}

static void forward(const struct nn_call *c)
{
    struct nn_strided s = nn_strided_broadcast(c);

    nn_each_rows(c, nn_strided_rows(&s), nn_strided_width(&s), forward_rows);
}

/* One thread, in order: several numbers of dy may be of one of dx. */
static void backward(const struct nn_call *c)
{
    const struct nn_arith *a = c->attr;
    struct nn_strided s = nn_strided_broadcast(c);
    int64_t n = nn_strided_width(&s), rows = nn_strided_rows(&s), at[NN_STRIDED_IN];
    const real *x[2] = { c->x[0].data, c->x[1].data }, *dy = c->dy.data;
    real *dx[2] = { c->dx[0].data, c->dx[1].data };

    for (int64_t r = 0; r < rows; r++) {
        nn_strided_at(&s, r, at);
        for (int64_t i = 0; i < n; i++) {
            int64_t p = at[0] + i * nn_strided_next(&s, 0), q = at[1] + i * nn_strided_next(&s, 1);
            double slope[2];

            slopes(a->kind, (double)x[0][p], (double)x[1][q], &slope[0], &slope[1]);
            if (dx[0])
                dx[0][p] += (real)(slope[0] * (double)dy[r * n + i]);
            if (dx[1])
                dx[1][q] += (real)(slope[1] * (double)dy[r * n + i]);
        }
    }
}

/* The operand as it goes with a result of rank 4: of one number a channel, or turned to our order,
 * which *ours says. */
static bool operands(struct nn_onnx_out *o, const struct nn_onnx_node *node, const char *in[2],
                     bool *ours)
{
    const struct nn_graph *g = node->graph;
    const struct nn_node *n = &g->node[node->id];
    bool picture = n->type.rank == 4;

    *ours = false;
    for (int i = 0; i < 2; i++)
        *ours |= picture && g->node[n->in[i]].type.rank != 4 && g->node[n->in[i]].type.rank > 1;
    for (int i = 0; i < 2; i++) {
        const struct nn_type *t = &g->node[n->in[i]].type;

        in[i] = node->in[i];
        if (*ours)
            in[i] = nn_onnx_turned(o, in[i], t);
        else if (picture && t->rank == 1)
            in[i] = nn_onnx_channels(o, node, i);
        if (!in[i])
            return false;
    }
    return true;
}

static bool is_logic(int kind)
{
    return kind == NN_ARITH_AND || kind == NN_ARITH_OR || kind == NN_ARITH_XOR;
}

static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const struct nn_arith *a = node->attr;
    const struct nn_type *t = &node->graph->node[node->id].type;
    bool answers = a->kind >= NN_ARITH_LESS && a->kind <= NN_ARITH_XOR, ours;
    const char *in[2], *y = node->out, *raw;

    if (a->kind == NN_ARITH_WHOLE_DIV || a->kind == NN_ARITH_MOD)
        return err_set(err, ERR_UNSUPPORTED, "arith: %s is for whole numbers", kinds[a->kind]);
    if (!operands(o, node, in, &ours))
        return false;
    if (ours && !(y = nn_onnx_name(o, node->out)))
        return false;
    raw = answers ? nn_onnx_name(o, node->out) : y;
    for (int i = 0; i < 2 && is_logic(a->kind); i++) {
        const char *name = nn_onnx_name(o, in[i]);

        if (!name || !nn_onnx_cast(o, in[i], NN_ONNX_TO_BOOL, name))
            return false;
        in[i] = name;
    }
    return raw && nn_onnx_begin(o, onnx_names[a->kind], 2, in, raw) &&
           (a->kind != NN_ARITH_FMOD || nn_onnx_int(o, "fmod", 1)) &&
           (!answers || nn_onnx_cast(o, raw, NN_ONNX_TO_FLOAT, y)) &&
           (!ours || nn_onnx_from_nhwc(o, y, t, node->out));
}

const struct nn_op nn_op_arith = {
    .name = "arith", .doc = "a function of two values, either of which may be repeated",
    .in_min = 2, .in_max = 2, .keep = NN_KEEP_X,
    .attr_size = sizeof(struct nn_arith), .attrs = attrs,
    .type = type, .forward = forward, .backward = backward, .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "", "2x5 2x5", NULL }, { "", "2x3x4 =4", NULL }, { "kind=sub", "=3x1 2x3x4", NULL },
        { "kind=mul", "2x3x1x5 2x1x4x5", NULL }, { "kind=mul", "2x3x4x5 =1", NULL },
        { "kind=div", "2x3x4 2x3x1", "gv" }, { "kind=div", "=4 2x3x4", "gv" },
        { "kind=pow", "2x3x4 =4", "vg" }, { "kind=pow", "2x6 2x6", "vg" },
        { "kind=min", "2x3x4 2x3x4", "gv" }, { "kind=max", "2x3x4 =3x4", "gv" },
        { "kind=prelu", "2x3x4 =3x1", "gv" }, { "kind=fmod", "2x7 2x7", "gv" },
        { "kind=less", "2x3x4 =4", "gv" }, { "kind=equal", "2x3x4 2x3x4", "gv" },
        { "kind=and", "2x7 2x7", "gv" }, { "kind=or", "2x7 2x7", "gv" },
        { "kind=xor", "2x7 2x7", "gv" }, { "kind=less_equal", "2x7 2x7", "gv" },
        { "kind=whole_div", "2x7 2x7", "gv" },
        { NULL, NULL, NULL }
    },
};
