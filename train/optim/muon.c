/*
 * muon -- momentum made orthogonal, for the weights between the first and the last layer
 *
 * M = m M + (1 - m) G;  X = (1 - m) G + m M, divided by its Frobenius norm;
 * five times X = a X + (b A + c A^2) X with A = X X^T;
 * W = (1 - rate d) W - rate 0.2 sqrt(max(rows, columns)) X
 * The polynomial drives the singular values to about 1: K. Jordan, "Muon: An optimizer for hidden
 * layers in neural networks", 2024.  The scale is that of Liu et al., arXiv:2502.16982 (torch's
 * "match_rms_adamw"): it makes steps as large as AdamW's, so that one rate and one decay serve
 * both.  A filter's matrix is [inputs under the window, outputs].  Norms, biases, depthwise filters
 * and the first and last layer take AdamW's step, as the first publication advises.  In float where
 * that has bfloat16.  The smaller side of X is multiplied out: X^T instead of X gives the same.
 */
#include "train/optim/optim.h"

#include <math.h>

enum { ITERATIONS = 5, BLOCK = 64 }; /* BLOCK: rows of a product a piece */

/* C[m,n] = A B, A or B transposed where said, in blocks of rows. */
struct product {
    const struct nn_kernels *k;
    bool ta, tb;
    int m, n, inner;
    const real *a, *b;
    int lda, ldb;
    real *c;
};

static void product_block(void *arg, int i, int worker)
{
    const struct product *p = arg;
    int64_t row = (int64_t)i * BLOCK;
    int rows = p->m - row < BLOCK ? (int)(p->m - row) : BLOCK;

    (void)worker;
    p->k->gemm_f32(p->ta, p->tb, rows, p->n, p->inner, p->a + (p->ta ? row : row * p->lda), p->lda,
                   p->b, p->ldb, false, p->c + row * p->n, p->n);
}

static void multiply(const struct train_optim_step *s, struct product p)
{
    p.k = s->k;
    p.lda = p.ta ? p.m : p.inner;
    p.ldb = p.tb ? p.inner : p.n;
    pool_for(s->pool, (p.m + BLOCK - 1) / BLOCK, product_block, &p);
}

/* X in s->grad, its spare in s->scratch; returns where X is then. */
static real *orthogonal(const struct train_optim_step *s)
{
    const double a = 3.4445, b = -4.7750, c = 2.0315;
    bool wide = s->rows <= s->cols;
    int r = s->rows, n = s->cols, m = wide ? r : n;
    real *x = s->grad, *y = s->scratch, *gram = y + s->n, *square = gram + (int64_t)m * m;

    for (int i = 0; i < ITERATIONS; i++) {
        struct product power = { .ta = !wide, .tb = wide, .m = m, .n = m, .inner = wide ? n : r,
                                 .a = x, .b = x, .c = gram };
        real *old = x;

        multiply(s, power);
        multiply(s, (struct product){ .m = m, .n = m, .inner = m, .a = gram, .b = gram,
                                      .c = square });
        s->k->mix_f32((int64_t)m * m, (real)c, (real)b, gram, square);
        multiply(s, (struct product){ .m = r, .n = n, .inner = m, .a = wide ? square : x,
                                      .b = wide ? x : square, .c = y });
        s->k->mix_f32(s->n, 1, (real)a, x, y);
        x = y;
        y = old;
    }
    return x;
}

static void momentum(const struct train_optim_step *s)
{
    real keep = (real)s->momentum, add = (real)(1 - s->momentum);

    s->k->mix_f32(s->n, keep, add, s->grad, s->moment[0]);
    s->k->mix_f32(s->n, add, keep, s->moment[0], s->grad);
}

static void walk(const struct train_optim_step *s)
{
    s->k->mix_f32(s->n, (real)(1 - s->rate * s->decay), (real)-s->rate, s->grad, s->value);
}

static void matrix(const struct train_optim_step *s)
{
    struct train_optim_step last = *s;
    double norm, scale = 0.2 * sqrt(s->rows > s->cols ? s->rows : s->cols);

    train_optim_each(s, momentum);
    norm = fmax(sqrt(train_sumsq(s->k, s->pool, s->n, s->grad)), 1e-7);
    s->k->mix_f32(s->n, (real)(1 / norm), 0, s->grad, s->grad);
    last.grad = orthogonal(s);
    last.rate *= scale;
    last.decay /= scale;
    train_optim_each(&last, walk);
}

static int64_t scratch(int rows, int cols)
{
    int64_t least = rows < cols ? rows : cols;

    return (int64_t)rows * cols + 2 * least * least;
}

const struct train_optim train_optim_muon = {
    .name = "muon",
    .doc = "orthogonal momentum between the first and the last layer, AdamW elsewhere",
    .moments = 2,
    .lr = 6e-3,
    .lr_multi = 6e-3,
    .power = 0.5,
    .momentum = 0.95,
    .beta2 = 0.95,
    .decay = 0.025,
    .step = train_adamw_step,
    .matrices = TRAIN_HIDDEN_MATRICES,
    .matrix = matrix,
    .scratch = scratch,
};
