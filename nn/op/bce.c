/*
 * bce -- binary cross-entropy of sigmoid(logits), each label alone: the multi-label loss
 *
 * With p = sigmoid(x_nk), target t_nk in [0,1] and positive weights w_k (1 when not given):
 *   loss = mean over the known n,k of  w_k t P + (1 - t) N    (0 when none is known)
 *   P = (1 - p)^gamma_pos (-log p),   N = r^gamma_neg (-log(1 - r)),   r = max(p - margin, 0)
 * and by x, with q = 1 - p:
 *   dP = -q^gamma_pos (q + gamma_pos p (-log p))
 *   dN = p q r^gamma_neg (gamma_neg (-log(1 - r)) / r + 1 / (1 - r)),   0 where p <= margin
 * All three attributes 0 it is the cross-entropy, PyTorch's binary_cross_entropy_with_logits(x, t,
 * pos_weight) where all are known; one gamma for both it is the focal loss (Lin et al. 2017,
 * arXiv:1708.02002), all it is the asymmetric loss (Ben-Baruch et al. 2020, arXiv:2009.14119) with
 * its true gradient: focus is differentiated too.  A negative target is unknown and left out.
 * -log p = max(-x, 0) + log(1 + exp(-|x|)), so that nothing overflows.  Sums over the batch are in
 * double and in order.
 */
#include "nn/op/bce.h"
#include "nn/op.h"

#include <math.h>

enum { X, TARGET, WEIGHT };                             /* inputs */

static const struct field attrs[] = {
    FIELD_FLOAT(struct nn_bce, gamma_pos, NULL, 0, 0, 10,
                "how little counts a label that is nearly found; 0: as much"),
    FIELD_FLOAT(struct nn_bce, gamma_neg, NULL, 0, 0, 10,
                "how little counts a label that is nearly ruled out; 0: as much"),
    FIELD_FLOAT(struct nn_bce, margin, NULL, 0, 0, 0.9,
                "labels that are not there count from this probability on"),
    FIELDS_END
};

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

/* Exponentials, a logarithm and powers a number. */
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

/* Of a logit: p, q and the negative logarithms of both. */
struct logit {
    double p, q, log_p, log_q;
};

static struct logit logit_of(double x)
{
    double e = exp(-fabs(x)), tail = log1p(e);

    return (struct logit){ .p = (x < 0 ? e : 1) / (1 + e), .q = (x < 0 ? 1 : e) / (1 + e),
                           .log_p = fmax(-x, 0) + tail, .log_q = fmax(x, 0) + tail };
}

/* x^gamma, and 1 where gamma is 0 without a pow. */
static double focus(double x, double gamma)
{
    return gamma > 0 ? pow(x, gamma) : 1;
}

static double positive(const struct nn_bce *a, const struct logit *l)
{
    return focus(l->q, a->gamma_pos) * l->log_p;
}

static double positive_slope(const struct nn_bce *a, const struct logit *l)
{
    return -focus(l->q, a->gamma_pos) * (l->q + a->gamma_pos * l->p * l->log_p);
}

/* -log(1 - r) */
static double log_rest(const struct nn_bce *a, const struct logit *l, double r)
{
    return a->margin > 0 ? -log1p(-r) : l->log_q;
}

static double negative(const struct nn_bce *a, const struct logit *l)
{
    double r = l->p - a->margin;

    return r > 0 ? focus(r, a->gamma_neg) * log_rest(a, l, r) : 0;
}

static double negative_slope(const struct nn_bce *a, const struct logit *l)
{
    double r = l->p - a->margin, share = a->margin > 0 ? l->q / (l->q + a->margin) : 1;

    if (r <= 0)
        return 0;
    return l->p * focus(r, a->gamma_neg) *
           (a->gamma_neg * l->q * log_rest(a, l, r) / r + share);
}

static void forward_rows(const struct nn_call *c, int64_t first, int64_t count)
{
    int64_t n = c->x[X].shape.dim[1];
    const real *w = c->n_in > WEIGHT ? c->x[WEIGHT].data : NULL;
    const struct nn_bce *a = c->attr;

    for (int64_t i = first; i < first + count; i++) {
        const real *x = (const real *)c->x[X].data + i * n;
        const real *t = (const real *)c->x[TARGET].data + i * n;
        struct row row = { 0 };

        for (int64_t k = 0; k < n; k++) {
            struct logit l = logit_of(x[k]);

            if (t[k] < 0)
                continue;
            row.loss += (w ? w[k] : 1) * t[k] * positive(a, &l) + (1 - t[k]) * negative(a, &l);
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
    const struct nn_bce *a = c->attr;
    double known = rows_of(c)[c->x[X].shape.dim[0]].known;
    double scale = known > 0 ? *(const real *)c->dy.data / known : 0;

    for (int64_t i = first * n; i < (first + count) * n; i++) {
        struct logit l = logit_of(((const real *)c->x[X].data)[i]);
        double t = ((const real *)c->x[TARGET].data)[i];

        if (t >= 0)
            ((real *)c->dx[X].data)[i] +=
                (real)(scale * ((1 - t) * negative_slope(a, &l) +
                                (w ? w[i % n] : 1) * t * positive_slope(a, &l)));
    }
}

static void backward(const struct nn_call *c)
{
    if (c->dx[X].data)
        nn_each_rows(c, c->x[X].shape.dim[0], c->x[X].shape.dim[1], backward_rows);
}

const struct nn_op nn_op_bce = {
    .name = "bce",
    .doc = "binary cross-entropy of sigmoid(logits), each label alone, or focal or asymmetric "
           "loss; inputs logits, targets, [positive weights]",
    .in_min = 2, .in_max = 3, .keep = NN_KEEP_X | NN_KEEP_STASH,
    .flags = NN_OP_LOSS | NN_OP_ACROSS_BATCH,
    .no_grad = 1 << TARGET | 1 << WEIGHT,
    .attr_size = sizeof(struct nn_bce), .attrs = attrs,
    .type = type, .flops = flops, .space = space, .forward = forward, .backward = backward,
    .cases = (const struct nn_case[]){
        { "", "3x5 3x5", "gt" }, { "", "4x3 4x3", "gu" }, { "", "4x3 4x3 =3", "guv" },
        { "", "2x7 2x7", "gp" },
        { "gamma_pos=2 gamma_neg=2", "4x3 4x3 =3", "guv" },
        { "gamma_pos=1 gamma_neg=4 margin=0.05", "4x5 4x5", "gu" },
        { "gamma_neg=0.5 margin=0.2", "4x5 4x5", "gp" }, { "margin=0.3", "3x5 3x5", "gt" },
        { "", "2x9001 2x9001 =9001", "guv" },       /* several pieces */
        { NULL, NULL, NULL }
    },
};
