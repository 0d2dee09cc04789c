/*
 * xent -- cross-entropy of softmax(logits) with soft targets: the single-label loss
 *
 * With p_n = softmax(x_n), T_n = sum_k t_nk, t'_nk = (1 - smooth) t_nk + smooth / K T_n, weights
 * w_k (1 when not given), u = -log p and q = 1 - p:
 *   loss = sum_n sum_k w_k t'_nk q_nk^gamma u_nk / D,   D = sum_n sum_k w_k t_nk   (0 when D is 0)
 *   dx_nk = (p_nk sum_j w_j t'_nj h_nj - w_k t'_nk h_nk) / D,   h = q^gamma (1 + gamma p u / q)
 * gamma 0 is the cross-entropy, h = 1; above it, it is the focal loss (Lin et al. 2017,
 * arXiv:1708.02002), in which a label that is nearly certain hardly counts.
 * A row of targets that is all zero is a picture without a label and adds nothing.  For rows with a
 * single 1 this is PyTorch's cross_entropy(x, label, weight, label_smoothing) with its mean, which
 * divides by the weights of the labels; for other rows PyTorch divides by N instead, which is the
 * same where the rows add up to 1 and there are no weights.  Sums over the batch are in double and
 * in order.
 */
#include "nn/op/xent.h"
#include "nn/op.h"

#include <math.h>

enum { X, TARGET, WEIGHT };                             /* inputs */

static const struct field attrs[] = {
    FIELD_FLOAT(struct nn_xent, smooth, NULL, 0, 0, 0.99,
                "share of a target that is spread evenly over the labels"),
    FIELD_FLOAT(struct nn_xent, gamma, NULL, 0, 0, 10,
                "of the focal loss: how little counts what is nearly right; 0: as much"),
    FIELDS_END
};

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    (void)attr;
    if (in[X].rank != 2 || in[X].dtype != DTYPE_F32 || !in[X].dim[0].batch || in[X].dim[1].batch)
        return err_set(err, ERR_INPUT, "xent: logits must be batch x labels");
    if (!nn_type_equal(&in[X], &in[TARGET]))
        return err_set(err, ERR_INPUT, "xent: logits and targets have different shapes");
    if (n_in > WEIGHT &&
        (in[WEIGHT].rank != 1 || in[WEIGHT].dim[0].batch || in[WEIGHT].dim[0].n != in[X].dim[1].n))
        return err_set(err, ERR_INPUT, "xent: needs one weight for each of %d labels",
                       in[X].dim[1].n);
    *out = (struct nn_type){ .dtype = DTYPE_F32 };
    return true;
}

/* Two exponentials a number, and sums. */
static int64_t flops(const struct nn_call *c)
{
    return 40 * shape_count(&c->x[X].shape);
}

/* What a row leaves; row N holds the sums. */
struct row {
    double log_sum;             /* log sum_k exp(x_nk) */
    double loss, weight;        /* sum_k w_k t'_nk q_nk^gamma u_nk, sum_k w_k t_nk */
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

/* One row: its logits, targets, weights (or NULL), and the even share that smoothing gives each
 * label. */
struct view {
    int n;
    const real *x, *t, *w;
    double keep, even, gamma;
};

static struct view view(const struct nn_call *c, int64_t row)
{
    const struct nn_xent *a = c->attr;
    int n = (int)c->x[X].shape.dim[1];
    struct view v = { .n = n,
                      .keep = 1 - a->smooth,
                      .gamma = a->gamma,
                      .w = c->n_in > WEIGHT ? c->x[WEIGHT].data : NULL,
                      .x = (const real *)c->x[X].data + row * n,
                      .t = (const real *)c->x[TARGET].data + row * n };

    for (int k = 0; k < n; k++)
        v.even += v.t[k];
    v.even *= a->smooth / n;
    return v;
}

/* w_k t'_nk */
static double pull(const struct view *v, int k)
{
    return (v->w ? v->w[k] : 1) * (v->keep * v->t[k] + v->even);
}

/* q^gamma of a label with u = -log p. */
static double focus(const struct view *v, double u)
{
    return v->gamma > 0 ? pow(-expm1(-u), v->gamma) : 1;
}

/* w_k t'_nk h_nk */
static double slope(const struct view *v, int k, double log_sum)
{
    double u = log_sum - v->x[k], q = -expm1(-u);       /* u / q goes to 1 with u to 0 */

    return pull(v, k) * focus(v, u) * (1 + v->gamma * exp(-u) * (q > 0 ? u / q : 1));
}

static void forward_rows(const struct nn_call *c, int64_t first, int64_t count)
{
    for (int64_t i = first; i < first + count; i++) {
        struct row *row = rows_of(c) + i;
        struct view v = view(c, i);
        double max = v.x[0], sum = 0;

        *row = (struct row){ 0 };
        for (int k = 1; k < v.n; k++)
            max = v.x[k] > max ? v.x[k] : max;
        for (int k = 0; k < v.n; k++)
            sum += exp(v.x[k] - max);
        row->log_sum = max + log(sum);
        for (int k = 0; k < v.n; k++) {
            double u = row->log_sum - v.x[k];

            row->loss += pull(&v, k) * focus(&v, u) * u;
            row->weight += (v.w ? v.w[k] : 1) * v.t[k];
        }
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
        row[n].weight += row[i].weight;
    }
    *(real *)c->y.data = (real)(row[n].weight > 0 ? row[n].loss / row[n].weight : 0);
}

static void backward_rows(const struct nn_call *c, int64_t first, int64_t count)
{
    const struct row *row = rows_of(c), *all = row + c->x[X].shape.dim[0];
    double scale = all->weight > 0 ? *(const real *)c->dy.data / all->weight : 0;

    for (int64_t i = first; i < first + count; i++) {
        struct view v = view(c, i);
        real *dx = (real *)c->dx[X].data + i * v.n;
        double sum = 0;

        for (int k = 0; k < v.n; k++)
            sum += slope(&v, k, row[i].log_sum);
        for (int k = 0; k < v.n; k++)
            dx[k] += (real)(scale * (exp(v.x[k] - row[i].log_sum) * sum -
                                     slope(&v, k, row[i].log_sum)));
    }
}

static void backward(const struct nn_call *c)
{
    if (c->dx[X].data)
        nn_each_rows(c, c->x[X].shape.dim[0], c->x[X].shape.dim[1], backward_rows);
}

const struct nn_op nn_op_xent = {
    .name = "xent",
    .doc = "cross-entropy of softmax(logits) with soft targets, or focal loss; inputs logits, "
           "targets, [label weights]",
    .in_min = 2, .in_max = 3, .keep = NN_KEEP_X | NN_KEEP_STASH,
    .flags = NN_OP_LOSS | NN_OP_ACROSS_BATCH,
    .no_grad = 1 << TARGET | 1 << WEIGHT,
    .attr_size = sizeof(struct nn_xent), .attrs = attrs,
    .type = type, .flops = flops, .space = space, .forward = forward, .backward = backward,
    .cases = (const struct nn_case[]){
        { "", "3x5 3x5", "gp" }, { "smooth=0.1", "4x3 4x3", "gp" }, { "", "4x3 4x3 =3", "gpv" },
        { "smooth=0.2", "2x6 2x6 =6", "gpv" }, { "", "3x4 3x4", "gt" },
        { "gamma=2", "3x5 3x5", "gp" }, { "gamma=0.5 smooth=0.1", "4x3 4x3 =3", "gpv" },
        { "smooth=0.1", "2x9001 2x9001", "gp" },    /* several pieces */
        { NULL, NULL, NULL }
    },
};
