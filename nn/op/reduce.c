/*
 * reduce -- one number of all along some dimensions: sum, mean, largest, least, product, place
 *
 * Sums are made in double, in the order in which the numbers lie.  The gradient of max and min goes
 * to the first that is it; the place of the largest has none.
 */
#include "nn/op/reduce.h"
#include "nn/io/onnx.h"
#include "nn/op.h"

#include <math.h>

static const char *const kinds[] = { "sum", "mean", "max", "min", "prod", "argmax", "argmin",
                                     NULL };

static const struct field attrs[] = {
    FIELD_ENUM(struct nn_reduce, kind, kinds, NN_REDUCE_SUM, "what is made of them"),
    FIELD_LIST(struct nn_reduce, axes, SHAPE_MAX_RANK - 1, 0, SHAPE_MAX_RANK - 1,
               "dimensions, from 1"),
    FIELD_BOOL(struct nn_reduce, keep, "they stay, as 1"),
    FIELD_BOOL(struct nn_reduce, last, "argmax, argmin: of several the last place"),
    FIELDS_END
};

static unsigned gone(const struct nn_reduce *a)
{
    unsigned set = 0;

    for (int i = 0; i < SHAPE_MAX_RANK - 1 && a->axes[i]; i++)
        set |= 1u << a->axes[i];
    return set;
}

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    const struct nn_reduce *a = attr;
    unsigned set = gone(a);

    (void)n_in;
    if (in[0].rank < 1 || !in[0].dim[0].batch || !set || set >> in[0].rank)
        return err_set(err, ERR_INPUT, "reduce: axes are no dimensions after the batch of %d",
                       in[0].rank);
    if (a->kind >= NN_REDUCE_ARGMAX && set & (set - 1))
        return err_set(err, ERR_INPUT, "reduce: a place in one dimension, not several");
    *out = (struct nn_type){ .dtype = in[0].dtype };
    for (int d = 0; d < in[0].rank; d++)
        if (!(set >> d & 1))
            out->dim[out->rank++] = in[0].dim[d];
        else if (a->keep)
            out->dim[out->rank++].n = 1;
    return nn_type_fits(&nn_op_reduce, &in[0], err) && nn_type_fits(&nn_op_reduce, out, err);
}

/* The dimensions that stay and those that go, with their steps in x. */
struct form {
    int n_stay, n_go;
    int64_t stay[SHAPE_MAX_RANK], stay_step[SHAPE_MAX_RANK];
    int64_t go[SHAPE_MAX_RANK], go_step[SHAPE_MAX_RANK];
    int64_t count;              /* numbers that become one */
};

static struct form form_of(const struct nn_call *c)
{
    const struct shape *x = &c->x[0].shape;
    unsigned set = gone(c->attr);
    int64_t step[SHAPE_MAX_RANK], n = 1;
    struct form f = { .count = 1 };

    for (int d = x->rank - 1; d >= 0; n *= x->dim[d--])
        step[d] = n;
    for (int d = 0; d < x->rank; d++)
        if (set >> d & 1) {
            f.go[f.n_go] = x->dim[d];
            f.go_step[f.n_go++] = step[d];
            f.count *= x->dim[d];
        } else {
            f.stay[f.n_stay] = x->dim[d];
            f.stay_step[f.n_stay++] = step[d];
        }
    return f;
}

static int64_t at(int n, const int64_t *dim, const int64_t *step, int64_t i)
{
    int64_t place = 0;

    for (int d = n - 1; d >= 0; i /= dim[d--])
        place += i % dim[d] * step[d];
    return place;
}

/* Of `count` numbers the one that is the largest or least, by its place. */
static int64_t extreme(const struct form *f, const real *x, bool least, bool last)
{
    int64_t best = 0;
    real value = x[0];

    for (int64_t k = 1; k < f->count; k++) {
        real v = x[at(f->n_go, f->go, f->go_step, k)];

        if (isnan(v) ? !isnan(value) : least ? v < value : v > value) {
            best = k;
            value = v;
        } else if (last && v == value) {
            best = k;
        }
    }
    return best;
}

static real reduced(const struct nn_reduce *a, const struct form *f, const real *x)
{
    bool place = a->kind >= NN_REDUCE_ARGMAX;
    double sum = a->kind == NN_REDUCE_PROD;

    if (place || a->kind == NN_REDUCE_MAX || a->kind == NN_REDUCE_MIN) {
        int64_t k = extreme(f, x, a->kind == NN_REDUCE_MIN || a->kind == NN_REDUCE_ARGMIN, a->last);

        return place ? (real)k : x[at(f->n_go, f->go, f->go_step, k)];
    }
    for (int64_t k = 0; k < f->count; k++) {
        double v = (double)x[at(f->n_go, f->go, f->go_step, k)];

        sum = a->kind == NN_REDUCE_PROD ? sum * v : sum + v;
    }
    return (real)(a->kind == NN_REDUCE_MEAN ? sum / (double)f->count : sum);
}

static void forward_range(const struct nn_call *c, int64_t first, int64_t n)
{
    struct form f = form_of(c);

    for (int64_t i = first; i < first + n; i++)
        ((real *)c->y.data)[i] =
            reduced(c->attr, &f, (const real *)c->x[0].data + at(f.n_stay, f.stay, f.stay_step, i));
}

static int64_t flops(const struct nn_call *c)
{
    return shape_count(&c->x[0].shape);
}

/* Pieces as large as if each number were `count`. */
static void forward(const struct nn_call *c)
{
    nn_each_rows(c, shape_count(&c->y.shape), 1, forward_range);
}

static double others(const struct form *f, const real *x, int64_t but)
{
    double product = 1;

    for (int64_t k = 0; k < f->count; k++)
        product *= k == but ? 1 : (double)x[at(f->n_go, f->go, f->go_step, k)];
    return product;
}

static void backward_range(const struct nn_call *c, int64_t first, int64_t n)
{
    const struct nn_reduce *a = c->attr;
    struct form f = form_of(c);

    for (int64_t i = first; i < first + n; i++) {
        int64_t from = at(f.n_stay, f.stay, f.stay_step, i);
        const real *x = (const real *)c->x[0].data + from, dy = ((const real *)c->dy.data)[i];
        real *dx = (real *)c->dx[0].data + from;

        if (a->kind == NN_REDUCE_MAX || a->kind == NN_REDUCE_MIN) {
            dx[at(f.n_go, f.go, f.go_step, extreme(&f, x, a->kind == NN_REDUCE_MIN, false))] += dy;
            continue;
        }
        for (int64_t k = 0; a->kind < NN_REDUCE_ARGMAX && k < f.count; k++)
            dx[at(f.n_go, f.go, f.go_step, k)] +=
                a->kind == NN_REDUCE_PROD ? (real)((double)dy * others(&f, x, k))
                : a->kind == NN_REDUCE_MEAN ? dy / (real)f.count
                                            : dy;
    }
}

static void backward(const struct nn_call *c)
{
    if (c->dx[0].data)
        nn_each_range(c, shape_count(&c->y.shape), backward_range);
}

/* In our order, as what is left has it. */
static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    static const char *const name[] = { "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin",
                                        "ReduceProd", "ArgMax", "ArgMin" };
    const struct nn_reduce *a = node->attr;
    const struct nn_graph *g = node->graph;
    const struct nn_node *n = &g->node[node->id];
    bool place = a->kind >= NN_REDUCE_ARGMAX, turned = n->type.rank == 4;
    const char *x = nn_onnx_turned(o, node->in[0], &g->node[n->in[0]].type), *in[2] = { x };
    const char *y = turned ? nn_onnx_name(o, node->out) : node->out;
    const char *raw = place ? nn_onnx_name(o, node->out) : y;
    int64_t axes[SHAPE_MAX_RANK];
    int list[SHAPE_MAX_RANK], k = 0;

    (void)err;
    for (int d = 1; d < SHAPE_MAX_RANK; d++)
        if (gone(a) >> d & 1) {
            axes[k] = d;
            list[k++] = d;
        }
    if (!x || !y || !raw)
        return false;
    if (a->kind == NN_REDUCE_SUM)       /* an input since opset 13 */
        in[1] = nn_onnx_int64s(o, "axes", k, axes);
    return nn_onnx_begin(o, name[a->kind], a->kind == NN_REDUCE_SUM ? 2 : 1, in, raw) &&
           (a->kind == NN_REDUCE_SUM ||
            (place ? nn_onnx_int(o, "axis", list[0]) : nn_onnx_ints(o, "axes", k, list))) &&
           nn_onnx_int(o, "keepdims", a->keep) &&
           (!place || (nn_onnx_int(o, "select_last_index", a->last) &&
                       nn_onnx_cast(o, raw, NN_ONNX_TO_FLOAT, y))) &&
           (!turned || nn_onnx_from_nhwc(o, y, &n->type, node->out));
}

const struct nn_op nn_op_reduce = {
    .name = "reduce", .doc = "one number of all along some dimensions",
    .in_min = 1, .in_max = 1, .keep = NN_KEEP_X,
    .attr_size = sizeof(struct nn_reduce), .attrs = attrs,
    .type = type, .flops = flops, .forward = forward, .backward = backward,
    .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "axes=1x0", "2x5", NULL }, { "kind=mean axes=1x2 keep=true", "2x3x4x5", NULL },
        { "kind=max axes=2x0", "2x3x4x2", NULL }, { "kind=min axes=1x3", "2x3x4x2", NULL },
        { "kind=prod axes=2x0", "2x3x4", "v" }, { "kind=argmax axes=2x0", "2x3x4", NULL },
        { "kind=argmin axes=1x0 keep=true last=true", "2x3x4", NULL },
        { NULL, NULL, NULL }
    },
};
