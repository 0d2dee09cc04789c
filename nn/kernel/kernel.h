/*
 * kernel -- the slots: what operators call, and what each must do
 *
 * A slot is a function type with its contract.  nn/kernel/kernels.def lists the implementations,
 * worst first; ref.c has every slot in plain C, is the specification, and is never optimised and
 * never removed.  Slots know no operators; operators know no instruction sets.  Arrays are dense
 * unless a stride is named, never overlap unless said, and need no alignment.  `real` is float,
 * double in the gradient-check tree.  Bits of an output depend on its own inputs only, not on what
 * else is computed in the same call, unless said.  All are thread-safe.
 */
#ifndef NN_KERNEL_H
#define NN_KERNEL_H

#include "nn/base/tensor.h"

/*
 * A window sliding over one picture [h,w,c] -> [oh,ow,...]: output (i,j) sees, under tap (r,s), the
 * input at (i*sh - pt + r*dh, j*sw - pl + s*dw).  Places outside read as 0 (pooling: are skipped;
 * each window of a pool sees at least one place inside).  A band of output rows is a window with a
 * smaller oh and pt, which may be negative.
 */
struct nn_window {
    int h, w, c;                /* of the input, c the channels that the window covers */
    int64_t pixel;              /* numbers from a pixel of the input to the next, >= c */
    int oh, ow;
    int kh, kw, sh, sw, dh, dw; /* window, step, dilation */
    int pt, pl;                 /* padding before the first row and column; may be negative */
};

/* C[m,n] = A[m,k] B[k,n], or C += ... when acc.  ta: A lies as [k,m]; tb: B lies as [n,k].  Leading
 * dimensions in numbers.  m, n, k may be 0.  Where rows_alone of the table is not set, an output's
 * last bits may depend on the rows beside it. */
typedef void nn_gemm_f32_fn(bool ta, bool tb, int m, int n, int k, const real *a, int lda,
                            const real *b, int ldb, bool acc, real *c, int ldc);

/* The windows of output pixels [row0,row1) as rows of kh*kw*c numbers (channel fastest), of which
 * columns [col0,col1) go to out[row1-row0][col1-col0]. */
typedef void nn_im2row_f32_fn(const struct nn_window *w, const real *x, int row0, int row1,
                              int col0, int col1, real *out);
/* The transpose of im2row over all columns: adds rows[row1-row0][kh*kw*c] into the pixels that they
 * came from. */
typedef void nn_row2im_f32_fn(const struct nn_window *w, const real *rows, int row0, int row1,
                              real *dx);

/*
 * Convolution, forward and towards its input.  One axis of it, rows or columns: output i sees under
 * tap t the input at i * step + start + t * apart, and skips the tap where that is outside [0,in).
 * Tap t is tap `first + t * every` of the packed filter.  So a band of rows, a phase of a strided
 * backward pass and dilation are all the same.
 */
struct nn_axis {
    int out, in;                /* positions */
    int step, start, apart;     /* apart may be negative, start too */
    int taps, first, every;
};

/*
 * A job: y[n,i,j,k] = bias[k] + sum over taps (t of h, u of w) and channels c of
 *                       x[n, under t, under u, c] b[k, t, u, c]
 * and then, in this order: + y as it was (add), + residual, cut to [lo,hi].  x is float, or of
 * conv_bf16 bf16, y and residual too where y_half.  Channels of a pixel are neighbours; a pixel,
 * row or picture lies as many numbers behind the last as its name says.  Outputs may fall into
 * groups of k_group: then output k sees c channels from k / k_group * c on.  The weights are packed
 * (pack slots), b being those of output 0, which begins a group of NN_GROUP.  y meets neither x nor
 * b; it may be the residual.  The sum of an output goes tap by tap, rows first, channel by channel
 * (bf16: pair by pair), and depends on nothing but the taps that it meets and c.
 */
enum { NN_GROUP = 32 };         /* outputs whose weights lie together */

struct nn_conv {
    int64_t n;                  /* pictures */
    struct nn_axis h, w;
    int c, k;                   /* channels that an output sees (bf16: even), outputs */
    int k_group;                /* 1, 2, 4, 8 or 16, not less than c; 0: all see the same */
    const void *x;
    int64_t x_picture, x_row, x_pixel;
    const void *b;
    int64_t b_group, b_row, b_column;   /* numbers to the next group, tap of rows, of columns */
    void *y;
    int64_t y_picture, y_row, y_pixel;
    bool y_half;                /* conv_bf16: y and residual are bf16 */
    bool add;
    const real *bias;           /* [k], or NULL */
    const void *residual;       /* as y lies, or NULL */
    real lo, hi;                /* -INFINITY, INFINITY: uncut.  NaN stays. */
};
typedef void nn_conv_f32_fn(const struct nn_conv *job);
typedef void nn_conv_bf16_fn(const struct nn_conv *job);

/* Weights w[taps,c,k], an input channel `ldw` numbers behind the last (>= k), as the kernels want
 * them: b[k/32][taps][c][32], zeros behind output k.  turned: the transpose that backward wants,
 * b[c/32][taps from the last][k][32].  Of bf16 two channels are a pair, b[k/32][taps][c/2][32][2],
 * with a zero behind an odd last one.  Writes groups of outputs [first,end), where they lie in b,
 * and nothing else.  nn_pack_count says how many numbers there are in all. */
typedef void nn_pack_f32_fn(int taps, int c, int k, int64_t ldw, const real *w, bool turned,
                            int first, int end, real *b);
typedef void nn_pack_bf16_fn(int taps, int c, int k, int64_t ldw, const real *w, bool turned,
                             int first, int end, bf16 *b);

static inline int nn_pack_groups(int out)
{
    return (int)(((int64_t)out + NN_GROUP - 1) / NN_GROUP);
}

static inline int64_t nn_pack_count(int taps, int in, int out)
{
    return (int64_t)nn_pack_groups(out) * NN_GROUP * taps * (((int64_t)in + 1) / 2 * 2);
}

/*
 * The same as conv_f32 where both axes have 3 taps, step, apart and every being 1 and first 0, in a
 * quarter of the products: by Winograd's F(4x4,3x3), nn/kernel/winograd.h.  Not of groups; c and k
 * at most NN_WINOGRAD_MOST.  b are weights of 6x6 points, as of so many taps, made by winograd_w.
 * The outputs of a job fall into tiles of 4x4 from its first on.  An output's bits depend on its
 * place in its tile and the 6x6 inputs that the tile sees, and the error is about twice that of
 * conv_f32; what is infinite or NaN spreads over the tiles that see it.  scratch:
 * nn_winograd_scratch bytes, 64-byte aligned.
 */
enum { NN_WINOGRAD_TILE = 4, NN_WINOGRAD_SIDE = 6, NN_WINOGRAD_POINTS = 36,
       NN_WINOGRAD_MOST = 4096, NN_WINOGRAD_RUN = 128 };        /* outputs computed together */
typedef void nn_winograd_f32_fn(const struct nn_conv *job, real *scratch);

/* Numbers of a tile's points of n channels: whole lines. */
static inline int nn_winograd_line(int n)
{
    return (n + 15) / 16 * 16;
}

/* Tiles that are computed together, of so many: what is between their transforms is 8 MB at
 * most. */
static inline int nn_winograd_block(int64_t tiles, int c, int k)
{
    int64_t line = nn_winograd_line(c) +
                   nn_winograd_line(k < NN_WINOGRAD_RUN ? k : NN_WINOGRAD_RUN);
    int64_t most = (8 << 20) / (NN_WINOGRAD_POINTS * (int64_t)sizeof(float) * line);

    most = most < 128 ? most : 128;
    return (int)(tiles < most ? tiles : most);
}

/* Bytes for jobs of up to `tiles` tiles. */
static inline size_t nn_winograd_scratch(int64_t tiles, int c, int k)
{
    size_t line = (size_t)(nn_winograd_line(c) +
                           nn_winograd_line(k < NN_WINOGRAD_RUN ? k : NN_WINOGRAD_RUN));

    return NN_WINOGRAD_POINTS * sizeof(real) *
           ((size_t)nn_winograd_block(tiles, c, k) * line + 2 * 16);
}

/* u[36][n] from packed weights w[9][n], which may be the last 9 n numbers of u. */
typedef void nn_winograd_w_f32_fn(int64_t n, const real *w, real *u);

/*
 * dw[t,u,c,k] = (add: what it was) + sum over pictures and output pixels (i,j) of
 *                 x[n, under t, under u, c] dy[n,i,j,k]
 * with the axes and groups of the forward job, but dw of tap (t,u) lies at t * dw_row + u *
 * dw_column (first and every mean nothing).  x and dy are bf16 where x_half, dy_half; convdw_bf16
 * rounds those that are not.  The order of the sum is a function of the job's sizes alone.  Where x
 * or dy is infinite or NaN, dw may be NaN of any tap.  scratch: NN_CONVDW_SCRATCH bytes, 64-byte
 * aligned.
 */
enum { NN_CONVDW_SCRATCH = 1 << 20 };

struct nn_convdw {
    int64_t n;
    struct nn_axis h, w;
    int c, k, k_group;
    bool x_half, dy_half;
    const void *x;
    int64_t x_picture, x_row, x_pixel;
    const void *dy;
    int64_t dy_picture, dy_row, dy_pixel;
    real *dw;
    int64_t dw_row, dw_column, dw_channel;      /* numbers; outputs are neighbours */
    bool add;
    void *scratch;
};
typedef void nn_convdw_f32_fn(const struct nn_convdw *job);
typedef void nn_convdw_bf16_fn(const struct nn_convdw *job);

/* Rounds to the nearest bf16, ties to even; NaN stays NaN.  And back, exactly. */
typedef void nn_to_bf16_fn(int64_t n, const real *x, bf16 *y);
typedef void nn_from_bf16_fn(int64_t n, const bf16 *x, real *y);

/* Depthwise convolution of one picture: y[oh,ow,c], weight [kh,kw,c]; bias [c] or NULL.  The pixels
 * of the input are dense.  The gradients add. */
typedef void nn_dwconv_f32_fn(const struct nn_window *w, const real *x, const real *weight,
                              const real *bias, real *y);
typedef void nn_dwconv_dx_f32_fn(const struct nn_window *w, const real *dy, const real *weight,
                                 real *dx);
typedef void nn_dwconv_dw_f32_fn(const struct nn_window *w, const real *x, const real *dy,
                                 real *dweight);

/* Largest value under the window; where[] = its index in x (first of equals), or where is NULL.
 * NaN wins. */
typedef void nn_maxpool_f32_fn(const struct nn_window *w, const real *x, real *y, int32_t *where);
/* dx[p] = (add: what it was) + sum of dy[i] where where[i] = p, a place under window i; dx is
 * written also where no window sees it. */
typedef void nn_maxpool_dx_f32_fn(const struct nn_window *w, const int32_t *where, const real *dy,
                                  bool add, real *dx);
/* Mean under the window: over the places inside the picture, or over kh*kw when whole.  The
 * gradient adds, or (not add) is written, also where no window sees it. */
typedef void nn_avgpool_f32_fn(const struct nn_window *w, bool whole, const real *x, real *y);
typedef void nn_avgpool_dx_f32_fn(const struct nn_window *w, bool whole, const real *dy, bool add,
                                  real *dx);

/*
 * The same with x and y, dx and dy in bf16, whose numbers are rounded once, when they are stored.
 * Weights, their gradients and biases are real.  dwconv cuts y to [lo,hi], NaN stays (-INFINITY,
 * INFINITY: uncut).  Not add: dx is written, also where no window sees it.  half_y, half_dy: bf16,
 * else real.
 */
typedef void nn_dwconv_bf16_fn(const struct nn_window *w, const bf16 *x, const real *weight,
                               const real *bias, real lo, real hi, bf16 *y);
typedef void nn_dwconv_dx_bf16_fn(const struct nn_window *w, const bf16 *dy, const real *weight,
                                  bool add, bf16 *dx);
typedef void nn_dwconv_dw_bf16_fn(const struct nn_window *w, const bf16 *x, const bf16 *dy,
                                  real *dweight);
typedef void nn_maxpool_bf16_fn(const struct nn_window *w, const bf16 *x, bf16 *y, int32_t *where);
typedef void nn_maxpool_dx_bf16_fn(const struct nn_window *w, const int32_t *where, const bf16 *dy,
                                   bool add, bf16 *dx);
typedef void nn_avgpool_bf16_fn(const struct nn_window *w, bool whole, const bf16 *x, bool half_y,
                                void *y);
typedef void nn_avgpool_dx_bf16_fn(const struct nn_window *w, bool whole, bool half_dy,
                                   const void *dy, bool add, bf16 *dx);

/* y = a + b;  y = a * b;  y += a * b.  In the first two y may be a or b. */
typedef void nn_add_f32_fn(int64_t n, const real *a, const real *b, real *y);
typedef void nn_mul_f32_fn(int64_t n, const real *a, const real *b, real *y);
typedef void nn_muladd_f32_fn(int64_t n, const real *a, const real *b, real *y);
/* y = min(max(x, lo), hi); NaN stays.  y may be x.  dx += lo < y < hi ? dy : 0 */
typedef void nn_clamp_f32_fn(int64_t n, real lo, real hi, const real *x, real *y);
typedef void nn_clamp_dx_f32_fn(int64_t n, real lo, real hi, const real *y, const real *dy,
                                real *dx);
/* y = 1 / (1 + exp(-x)) within 3 units of the last place; never overflows.  y may be x.
 * dx += dy y (1 - y) */
typedef void nn_sigmoid_f32_fn(int64_t n, const real *x, real *y);
typedef void nn_sigmoid_dx_f32_fn(int64_t n, const real *y, const real *dy, real *dx);

/* y = tanh(x) within 3 units of the last place.  y may be x.  dx += dy (1 - y^2) */
typedef void nn_tanh_f32_fn(int64_t n, const real *x, real *y);
typedef void nn_tanh_dx_f32_fn(int64_t n, const real *y, const real *dy, real *dx);
/* y = x > 0 ? x : slope x.  y may be x.  dx += dy (y > 0 ? 1 : slope) */
typedef void nn_leaky_f32_fn(int64_t n, real slope, const real *x, real *y);
typedef void nn_leaky_dx_f32_fn(int64_t n, real slope, const real *y, const real *dy, real *dx);
/* y = x P(x), P the normal distribution: (1 + erf(x / sqrt 2)) / 2, or where near its approximation
 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.  Within 8 + 2 x^2 units of the last place; near
 * within 2^-21 |x|.  y may be x; x is finite.  The gradient adds. */
typedef void nn_gelu_f32_fn(int64_t n, bool near, const real *x, real *y);
typedef void nn_gelu_dx_f32_fn(int64_t n, bool near, const real *x, const real *dy, real *dx);
/* y = x s, s = 1 / (1 + exp(-x)).  y may be x; x is finite.  dx += dy s (1 + x (1 - s)) */
typedef void nn_silu_f32_fn(int64_t n, const real *x, real *y);
typedef void nn_silu_dx_f32_fn(int64_t n, const real *x, const real *dy, real *dx);
/* y = x min(max(x + 3, 0), 6) / 6.  y may be x; x is finite.  dx += dy times 0 up to -3, 1 from 3
 * on, x / 3 + 1 / 2 between. */
typedef void nn_hardswish_f32_fn(int64_t n, const real *x, real *y);
typedef void nn_hardswish_dx_f32_fn(int64_t n, const real *x, const real *dy, real *dx);

/* Each of `rows` rows of n numbers: y = exp(x - max) / sum.  y may be x.
 * dx += y (dy - sum of y dy over the row) */
typedef void nn_softmax_f32_fn(int64_t rows, int n, const real *x, real *y);
typedef void nn_softmax_dx_f32_fn(int64_t rows, int n, const real *y, const real *dy, real *dx);

/* sum[c] += column sums of x[rows,n]; in row order. */
typedef void nn_colsum_f32_fn(int64_t rows, int n, const real *x, real *sum);
/* sum[c] += column sums of (x - mean[c])^2, in row order. */
typedef void nn_colvar_f32_fn(int64_t rows, int n, const real *x, const real *mean, real *sum);
/* sum[c] += column sums of a * (b - mean[c]), in row order; mean NULL is 0. */
typedef void nn_coldot_f32_fn(int64_t rows, int n, const real *a, const real *b, const real *mean,
                              real *sum);
/* y = x * scale[c] + shift[c]; scale or shift may be NULL (1, 0).  y may be x. */
typedef void nn_affine_f32_fn(int64_t rows, int n, const real *x, const real *scale,
                              const real *shift, real *y);
/* dx += dy * p[c] + x * q[c] + r[c]; x, q and r all NULL: dx += dy * p[c] */
typedef void nn_norm_dx_f32_fn(int64_t rows, int n, const real *dy, const real *x, const real *p,
                               const real *q, const real *r, real *dx);

/*
 * Batch-norm with what follows it, on rows of n channels.  x and dx are real, or bf16 where half_x;
 * y and dy where half_y; residual and dresidual where half_r.  All sums in row order.  With g = dy
 * where lo < z < hi, else 0 (without cuts g = dy), z being
 * y, or x scale[c] + shift[c] where that is NULL:
 *   bn_stats  sum[c] += sum of (x - mean[c]);  dot[c] += sum of (x - mean[c])^2
 *   bn_apply  y = cut(x scale[c] + shift[c] + residual); NaN stays; y may be x or the residual
 *   bn_sums   sum[c] += sum of g;  dot[c] += sum of g (x - mean[c])
 *   bn_grad   dx += p[c] g + q[c] x + r[c];  dresidual += g
 * In the last, fresh and fresh_r: = instead of +=; dx or dresidual NULL: not wanted.  large: all
 * is so much that what is written has left the caches before somebody reads it.
 */
struct nn_bn_rows {
    int64_t rows;
    int n;
    bool half_x, half_y, half_r, cuts, fresh, fresh_r, large;
    real lo, hi;
    const void *x, *residual, *dy;      /* residual NULL: 0 */
    void *y, *dx, *dresidual;
    const real *scale, *shift, *mean, *p, *q, *r;
    real *sum, *dot;
};
typedef void nn_bn_stats_fn(const struct nn_bn_rows *b);
typedef void nn_bn_apply_fn(const struct nn_bn_rows *b);
typedef void nn_bn_sums_fn(const struct nn_bn_rows *b);
typedef void nn_bn_grad_fn(const struct nn_bn_rows *b);

/* Each row by itself: z = (x - mean) inv, inv = 1 / sqrt(variance + eps), the variance a mean;
 * y = z * scale[c] + shift[c].  y may be x.  stat NULL, or mean and inv of each row: stat[rows][2].
 * With g = dy * scale[c], z from x and stat, and means over the row:
 *   dx += inv (g - mean of g - z mean of (g z));   sum[c] += column sums of dy * z, in row order */
typedef void nn_rownorm_f32_fn(int64_t rows, int n, real eps, const real *x, const real *scale,
                               const real *shift, real *y, real *stat);
typedef void nn_rownorm_dx_f32_fn(int64_t rows, int n, const real *x, const real *stat,
                                  const real *scale, const real *dy, real *dx);
typedef void nn_rownorm_dw_f32_fn(int64_t rows, int n, const real *x, const real *stat,
                                  const real *dy, real *sum);

/* v = momentum v + (g + decay w);  w -= rate (nesterov ? g + decay w + momentum v : v) */
typedef void nn_sgd_f32_fn(int64_t n, real rate, real momentum, real decay, bool nesterov,
                           const real *g, real *w, real *v);
/* m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  u = m_scale m / (sqrt(v_scale v) +
 * eps).  u may be g. */
typedef void nn_adam_f32_fn(int64_t n, real beta1, real beta2, real m_scale, real v_scale, real eps,
                            const real *g, real *m, real *v, real *u);
/* w = (1 - rate decay) w - rate sign(beta1 m + (1 - beta1) g);  m = beta2 m + (1 - beta2) g.  The
 * sign of 0 is 0. */
typedef void nn_lion_f32_fn(int64_t n, real rate, real beta1, real beta2, real decay, const real *g,
                            real *w, real *m);
/* y = a y + b x;  x may be y. */
typedef void nn_mix_f32_fn(int64_t n, real a, real b, const real *x, real *y);
/* y += f (x - y): equal numbers stay as they are. */
typedef void nn_blend_f32_fn(int64_t n, real f, const real *x, real *y);
/* The sum of x^2, in double, in a fixed order; finite exactly where all of x is (floats' squares
 * cannot overflow). */
typedef double nn_sumsq_f32_fn(int64_t n, const real *x);

/* The slots, once: name of the slot. */
#define NN_SLOTS(SLOT) \
    SLOT(conv_f32) SLOT(conv_bf16) SLOT(pack_f32) SLOT(pack_bf16) SLOT(winograd_f32) \
    SLOT(winograd_w_f32) SLOT(convdw_f32) SLOT(convdw_bf16) SLOT(to_bf16) SLOT(from_bf16) \
    SLOT(gemm_f32) SLOT(im2row_f32) SLOT(row2im_f32) SLOT(dwconv_f32) SLOT(dwconv_dx_f32) \
    SLOT(dwconv_dw_f32) SLOT(maxpool_f32) SLOT(maxpool_dx_f32) SLOT(avgpool_f32) \
    SLOT(avgpool_dx_f32) \
    SLOT(dwconv_bf16) SLOT(dwconv_dx_bf16) SLOT(dwconv_dw_bf16) SLOT(maxpool_bf16) \
    SLOT(maxpool_dx_bf16) SLOT(avgpool_bf16) SLOT(avgpool_dx_bf16) \
    SLOT(add_f32) SLOT(mul_f32) SLOT(muladd_f32) SLOT(clamp_f32) SLOT(clamp_dx_f32) \
    SLOT(sigmoid_f32) SLOT(sigmoid_dx_f32) SLOT(tanh_f32) SLOT(tanh_dx_f32) \
    SLOT(leaky_f32) SLOT(leaky_dx_f32) SLOT(gelu_f32) SLOT(gelu_dx_f32) \
    SLOT(silu_f32) SLOT(silu_dx_f32) SLOT(hardswish_f32) SLOT(hardswish_dx_f32) \
    SLOT(softmax_f32) SLOT(softmax_dx_f32) \
    SLOT(colsum_f32) SLOT(colvar_f32) SLOT(coldot_f32) SLOT(affine_f32) SLOT(norm_dx_f32) \
    SLOT(bn_stats) SLOT(bn_apply) SLOT(bn_sums) SLOT(bn_grad) \
    SLOT(rownorm_f32) SLOT(rownorm_dx_f32) SLOT(rownorm_dw_f32) \
    SLOT(sgd_f32) SLOT(adam_f32) SLOT(lion_f32) SLOT(mix_f32) SLOT(blend_f32) SLOT(sumsq_f32)

/* The filled table: const, shared, part of a plan.  name: which implementation each slot has. */
struct nn_kernels {
#define SLOT(s) nn_##s##_fn *s;
    NN_SLOTS(SLOT)
#undef SLOT
    bool rows_alone;            /* gemm_f32 keeps to the rule of bits; OpenBLAS does not */
    bool multiplies_bf16;       /* conv_bf16 has instructions for it */
    struct {
#define SLOT(s) const char *s;
        NN_SLOTS(SLOT)
#undef SLOT
    } name;
};

#endif
