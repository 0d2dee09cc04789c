/*
 * orthogonal -- momentum made orthogonal: what muon and muon_sgd share
 *
 * M = m M + (1 - m) G;  X = (1 - m) G + m M, divided by its Frobenius norm;
 * some times X = a X + (b A + c A^2) X with A = X X^T
 * The polynomial drives the singular values to about 1, in few rounds rather than exactly: K.
 * Jordan, "Muon: An optimizer for hidden layers in neural networks", 2024, whose a, b and c these
 * are.  Published with M = m M + G and X = G + m M, which is the same direction.  In float where
 * that has bfloat16.  The smaller side of X is multiplied out: X^T instead of X gives the same.
 */
#include "train/optim/optim.h"

#include <math.h>

enum { BLOCK = 64 }; /* rows of a product a piece */

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
static real *orthogonal(const struct train_optim_step *s, int rounds)
{
    const double a = 3.4445, b = -4.7750, c = 2.0315;
    bool wide = s->rows <= s->cols;
    int r = s->rows, n = s->cols, m = wide ? r : n;
    real *x = s->grad, *y = s->scratch, *gram = y + s->n, *square = gram + (int64_t)m * m;

    for (int i = 0; i < rounds; i++) {
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

real *train_orthogonal(const struct train_optim_step *s, int rounds)
{
    double norm;

    train_optim_each(s, momentum);
    norm = fmax(sqrt(train_sumsq(s->k, s->pool, s->n, s->grad)), 1e-7);
    s->k->mix_f32(s->n, (real)(1 / norm), 0, s->grad, s->grad);
    return orthogonal(s, rounds);
}

int64_t train_orthogonal_scratch(int rows, int cols)
{
    int64_t least = rows < cols ? rows : cols;

    return (int64_t)rows * cols + 2 * least * least;
}
