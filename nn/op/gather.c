/*
 * gather -- places of one dimension, which another value names
 *
 * y[..., i, ...] = x[..., index[i], ...] with index a constant [n], or [N,n] of each picture its
 * own.  x has a batch, or is a table without one.  What is no place of x is the nearest.  The
 * gradient of a place is a sum in the order of the result.
 */
#include "nn/op/gather.h"
#include "nn/io/onnx.h"
#include "nn/op.h"

#include <string.h>

enum { X, INDEX };

static const struct field attrs[] = {
    FIELD_INT(struct nn_gather, axis, NULL, 0, 0, SHAPE_MAX_RANK - 1,
              "dimension of x; 0, the first, of a table alone"),
    FIELDS_END
};

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    const struct nn_gather *a = attr;
    const struct nn_type *x = &in[X], *index = &in[INDEX];
    bool batch = x->rank && x->dim[0].batch, own = index->rank && index->dim[0].batch;

    (void)n_in;
    if (a->axis < batch || a->axis >= x->rank || index->rank != 1 + own || (!batch && !own) ||
        (batch && own && x->dim[0].n != index->dim[0].n))
        return err_set(err, ERR_INPUT,
                       "gather: wants a dimension of x, and places [n] or batch x n");
    *out = (struct nn_type){ .dtype = x->dtype, .rank = x->rank + !batch };
    if (out->rank > SHAPE_MAX_RANK)
        return err_set(err, ERR_INPUT, "gather: too many dimensions");
    memcpy(out->dim + !batch, x->dim, (size_t)x->rank * sizeof *x->dim);
    out->dim[0] = batch ? x->dim[0] : index->dim[0];
    out->dim[a->axis + !batch].n = index->dim[own].n;
    return nn_type_fits(&nn_op_gather, out, err);
}

/* y as [pictures][outer][n][inner], x as [pictures or 1][outer][places][inner]. */
struct form {
    bool batch, own;
    int64_t outer, n, places, inner;
};

static struct form form_of(const struct nn_call *c)
{
    const struct nn_gather *a = c->attr;
    const struct shape *x = &c->x[X].shape, *index = &c->x[INDEX].shape;
    struct form f = { .batch = c->y.shape.rank == x->rank, .own = index->rank == 2, .outer = 1,
                      .n = index->dim[index->rank - 1], .places = x->dim[a->axis], .inner = 1 };

    for (int d = f.batch; d < x->rank; d++)
        *(d < a->axis ? &f.outer : &f.inner) *= d == a->axis ? 1 : x->dim[d];
    return f;
}

/* Row r of y is where in x? */
static int64_t place(const struct nn_call *c, const struct form *f, int64_t r)
{
    int64_t i = r % f->n, picture = r / f->n / f->outer, outer = r / f->n % f->outer;
    real at = ((const real *)c->x[INDEX].data)[(f->own ? picture * f->n : 0) + i];
    int64_t k = at > 0 ? at < (real)f->places ? (int64_t)at : f->places - 1 : 0;

    return (((f->batch ? picture * f->outer : 0) + outer) * f->places + k) * f->inner;
}

static void forward_rows(const struct nn_call *c, int64_t first, int64_t rows)
{
    struct form f = form_of(c);

    for (int64_t r = first; r < first + rows; r++)
        memcpy((real *)c->y.data + r * f.inner, (const real *)c->x[X].data + place(c, &f, r),
               (size_t)f.inner * sizeof(real));
}

static void forward(const struct nn_call *c)
{
    struct form f = form_of(c);

    nn_each_rows(c, shape_count(&c->y.shape) / f.inner, f.inner, forward_rows);
}

/* One thread, in order: several rows of dy may be of one of dx. */
static void backward(const struct nn_call *c)
{
    struct form f = form_of(c);
    int64_t rows = shape_count(&c->y.shape) / f.inner;

    for (int64_t r = 0; c->dx[X].data && r < rows; r++) {
        real *dx = (real *)c->dx[X].data + place(c, &f, r);

        c->k->add_f32(f.inner, dx, (const real *)c->dy.data + r * f.inner, dx);
    }
}

static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    const struct nn_gather *a = node->attr;
    const struct nn_graph *g = node->graph;
    const struct nn_node *n = &g->node[node->id];
    const struct nn_type *x = &g->node[n->in[X]].type, *index = &g->node[n->in[INDEX]].type;
    bool table = !x->dim[0].batch;
    const char *at = nn_onnx_name(o, node->in[INDEX]), *y = node->out, *from = node->in[X];

    if (index->rank == 2 && !(table && a->axis == 0))
        return err_set(err, ERR_UNSUPPORTED, "gather: places of each picture");
    if (table && n->type.rank == 4)
        y = nn_onnx_name(o, node->out);
    return at && y && nn_onnx_cast(o, node->in[INDEX], NN_ONNX_TO_INT64, at) &&
           nn_onnx_begin(o, "Gather", 2, (const char *[]){ from, at }, y) &&
           nn_onnx_int(o, "axis", table ? a->axis : nn_onnx_axis(x->rank, a->axis)) &&
           (y == node->out || nn_onnx_from_nhwc(o, y, &n->type, node->out));
}

const struct nn_op nn_op_gather = {
    .name = "gather", .onnx = "Gather", .doc = "places of one dimension, which another value names",
    .in_min = 2, .in_max = 2, .keep = NN_KEEP_X, .no_grad = 1 << INDEX,
    .attr_size = sizeof(struct nn_gather), .attrs = attrs,
    .type = type, .flops = nn_no_flops, .forward = forward, .backward = backward,
    .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "axis=1", "2x4x3 =5", "gt" }, { "axis=2", "2x3x4x2 =3", "gt" },
        { "axis=1", "3x4x2 3x2", "gt" }, { "", "=4x3 2x5", "gt" },
        { NULL, NULL, NULL }
    },
};
