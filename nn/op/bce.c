/*
 * bce -- binary cross-entropy of sigmoid(logits), each label alone: the multi-label loss
 *
 * With s = sigmoid(x_nk), target t_nk in [0,1] and positive weights w_k (1 when not given):
 *   loss = mean over the known n,k of  -w_k t log s - (1 - t) log(1 - s)    (0 when none is known)
 *   dx = ((1 - t) s - w_k t (1 - s)) / known
 * A negative target is unknown and left out.  Where all are known this is PyTorch's
 * binary_cross_entropy_with_logits(x, t, pos_weight).  -log s = max(-x, 0) + log(1 + exp(-|x|)), so
 * that nothing overflows.  Sums over the batch are in double and in order.
 */
#include "nn/op.h"

#include <math.h>

enum { X, TARGET, WEIGHT };                             /* inputs */

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    (void)attr;
    if (in[X].rank != 2 || in[X].dtype != DTYPE_F32 || !in[X].dim[0].batch || in[X].dim[1].batch)
        return err_set(err, ERR_INPUT, "bce: logits must be batch x labels");
    if (!nn_type_equal(&in[X], &in[TARGET]))
        return err_set(err, ERR_INPUT, "bce: logits and targets have different shapes");
    if (n_in > WEIGHT &&
        (in[WEIGHT].rank != 1 || in[WEIGHT].dim[0].batch || in[WEIGHT].dim[0].n != in[X].dim[1].n))
        return err_set(err, ERR_INPUT, "bce: needs one weight for each of %d labels",
                       in[X].dim[1].n);
    *out = (struct nn_type){ .dtype = DTYPE_F32 };
    return true;
}

/* An exponential and a logarithm a number. */
static int64_t flops(const struct nn_call *c)
{
    return 40 * shape_count(&c->x[X].shape);
}

/* What a row leaves; row N holds the sums. */
struct row {
    double loss, known;
};

static void space(const struct nn_call *c, size_t *stash, size_t *scratch)
{
    size_t bytes = (size_t)(c->x[X].shape.dim[0] + 1) * sizeof(struct row);

    *stash = c->mode == NN_TRAIN ? bytes : 0;
    *scratch = c->mode == NN_TRAIN ? 0 : bytes;
}

static struct row *rows_of(const struct nn_call *c)
{
    return c->stash ? c->stash : c->scratch;
}

static void forward_rows(const struct nn_call *c, int64_t first, int64_t count)
{
    int64_t n = c->x[X].shape.dim[1];
    const real *w = c->n_in > WEIGHT ? c->x[WEIGHT].data : NULL;

    for (int64_t i = first; i < first + count; i++) {
        const real *x = (const real *)c->x[X].data + i * n;
        const real *t = (const real *)c->x[TARGET].data + i * n;
        struct row row = { 0 };

        for (int64_t k = 0; k < n; k++) {
            double tail = log1p(exp(-fabs((double)x[k])));

            if (t[k] < 0)
                continue;
            row.loss += (w ? w[k] : 1) * t[k] * (fmax(-x[k], 0) + tail) +
                        (1 - t[k]) * (fmax(x[k], 0) + tail);
            row.known++;
        }
        rows_of(c)[i] = row;
    }
}

static void forward(const struct nn_call *c)
{
    int64_t n = c->x[X].shape.dim[0];
    struct row *row = rows_of(c);

    nn_each_rows(c, n, c->x[X].shape.dim[1], forward_rows);
    row[n] = (struct row){ 0 };
    for (int64_t i = 0; i < n; i++) {
        row[n].loss += row[i].loss;
        row[n].known += row[i].known;
    }
    *(real *)c->y.data = (real)(row[n].known > 0 ? row[n].loss / row[n].known : 0);
}

static void backward_rows(const struct nn_call *c, int64_t first, int64_t count)
{
    int64_t n = c->x[X].shape.dim[1];
    const real *w = c->n_in > WEIGHT ? c->x[WEIGHT].data : NULL;
    double known = rows_of(c)[c->x[X].shape.dim[0]].known;
    double scale = known > 0 ? *(const real *)c->dy.data / known : 0;

    for (int64_t i = first * n; i < (first + count) * n; i++) {
        double x = ((const real *)c->x[X].data)[i], t = ((const real *)c->x[TARGET].data)[i];
        double e = exp(-fabs(x)), s = (x < 0 ? e : 1) / (1 + e), rest = (x < 0 ? 1 : e) / (1 + e);

        if (t >= 0)
            ((real *)c->dx[X].data)[i] +=
                (real)(scale * ((1 - t) * s - (w ? w[i % n] : 1) * t * rest));
    }
}

static void backward(const struct nn_call *c)
{
    if (c->dx[X].data)
        nn_each_rows(c, c->x[X].shape.dim[0], c->x[X].shape.dim[1], backward_rows);
}

const struct nn_op nn_op_bce = {
    .name = "bce",
    .doc = "binary cross-entropy of sigmoid(logits), each label alone; inputs logits, targets, "
           "[positive weights]",
    .in_min = 2, .in_max = 3, .keep = NN_KEEP_X | NN_KEEP_STASH,
    .flags = NN_OP_LOSS | NN_OP_ACROSS_BATCH,
    .no_grad = 1 << TARGET | 1 << WEIGHT,
    .type = type, .flops = flops, .space = space, .forward = forward, .backward = backward,
    .cases = (const struct nn_case[]){
        { "", "3x5 3x5", "gt" }, { "", "4x3 4x3", "gu" }, { "", "4x3 4x3 =3", "guv" },
        { "", "2x7 2x7", "gp" },
        { "", "2x9001 2x9001 =9001", "guv" },       /* several pieces */
        { NULL, NULL, NULL }
    },
};
