/*
 * probe -- see probe.h
 *
 * The rows that count are kept standardised, z = (x - mean) / scale, in 32-bit numbers.  A fit that
 * holds out a fold standardises once more, over its own rows, without touching them:
 *
 *     u = W (z - m) / s + b = (W / s) z + (b - (W / s) m)
 *     dW = (R' z - sum(R) m') / s + W / C       R = p - t of the rows that are learnt from
 *
 * Products are those of the kernels over at most SPAN numbers; whatever is summed beyond that is
 * summed in double, in order.  Threads split the rows of u and the columns of R' z.
 */
#include "infer/embed/probe.h"

#include "infer/calibration.h"
#include "infer/embed/minimize.h"
#include "nn/base/arena.h"
#include "nn/kernel/cpu.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ROWS: of a piece of u; COLUMNS: of one of R' z; FEW: products below which to wake a thread takes
 * as long as they do. */
enum { SPAN = 256, ROWS = 256, COLUMNS = 64, FEW = 1 << 18, NOBODY = -1 };

/* C is tried from 10^-5 to 10^2, two a decade; WORSE in a row that are no better end it. */
enum { GRID = 15, WORSE = 3 };

static double grid(int i)
{
    return pow(10, -5 + i / 2.0);
}

/* What came of the rows of a fold, or of all others. */
struct heard {
    double loss;                /* SINGLE: of rows; MULTI: of known cells */
    int64_t right, cells;
};

struct fit {
    const struct infer_probe_data *d;
    const struct nn_kernels *k;
    struct pool *pool;
    int n, width, labels;
    bool together;              /* one scale for all features */
    int *at;                    /* [n] row of d */
    int *fold, held;            /* [n]; rows of fold `held` are held out, NOBODY: none */
    real *z;                    /* [n,width] */
    double *mean, *scale;       /* [width] of x */
    double *m, *s;              /* [width] of z in the rows that are learnt from */
    double c;
    double of_w, of_b;          /* what weights and biases are multiples of while they are sought:
                                   so the loss bends about alike along all of them */
    /* of the parameters that are tried */
    real *w;                    /* [width,labels] */
    double *b;                  /* [labels] */
    real *rest;                 /* [n,labels] p - t */
    int blocks;
    struct heard *learnt, *unseen;      /* [blocks] */
    double *sum;                /* [blocks,labels] of rest */
    real *part;                 /* [threads,ROWS,labels], and */
    double *u;                  /* as many: of the block at work */
    real *tile;                 /* [threads,labels,COLUMNS] */
    float *said;                /* [d->n,labels] what is said of the held-out rows; NULL: nobody
                                   asks */
    struct arena *mem;
};

static const float *target_of(const struct fit *f, int i)
{
    return f->d->target + (size_t)f->at[i] * (size_t)f->labels;
}

static int likeliest(int n, const double *u)
{
    int best = 0;

    for (int l = 1; l < n; l++)
        if (u[l] > u[best])
            best = l;
    return best;
}

static int label_of(int n, const float *target)
{
    int best = 0;

    for (int l = 1; l < n; l++)
        if (target[l] > target[best])
            best = l;
    return best;
}

/* ---- the loss of rows ------------------------------------------------------------------------ */

/* A row's part of the loss; u becomes its probabilities. */
static void hear_single(int n, double *u, const float *t, struct heard *to)
{
    double most = -INFINITY, all = 0, shown = 0;

    to->right += likeliest(n, u) == label_of(n, t);
    to->cells++;
    for (int l = 0; l < n; l++) {
        most = fmax(most, u[l]);
        shown += (double)t[l] * u[l];
    }
    for (int l = 0; l < n; l++)
        all += exp(u[l] - most);
    to->loss += most + log(all) - shown;
    for (int l = 0; l < n; l++)
        u[l] = exp(u[l] - most) / all;
}

static void hear_multi(int n, double *u, const float *t, struct heard *to)
{
    for (int l = 0; l < n; l++) {
        if (t[l] >= 0) {
            to->loss += infer_softplus(u[l]) - (double)t[l] * u[l];
            to->right += (u[l] > 0) == (t[l] > 0.5f);
            to->cells++;
        }
        u[l] = infer_sigmoid(u[l]);
    }
}

/* u[ROWS,labels] of the rows from `first` on. */
static void answer_rows(const struct fit *f, int first, int n, real *part, double *u)
{
    int labels = f->labels;

    for (int i = 0; i < n; i++)
        memcpy(u + (size_t)i * (size_t)labels, f->b, (size_t)labels * sizeof *u);
    for (int k = 0; k < f->width; k += SPAN) {
        int span = f->width - k < SPAN ? f->width - k : SPAN;

        f->k->gemm_f32(false, false, n, labels, span,
                       f->z + (size_t)first * (size_t)f->width + (size_t)k, f->width,
                       f->w + (size_t)k * (size_t)labels, labels, false, part, labels);
        for (size_t i = 0; i < (size_t)n * (size_t)labels; i++)
            u[i] += (double)part[i];
    }
}

static void hear_block(void *arg, int block, int worker)
{
    struct fit *f = arg;
    int first = block * ROWS, n = f->n - first < ROWS ? f->n - first : ROWS;
    size_t labels = (size_t)f->labels, mine = (size_t)worker * ROWS * labels;
    double *u = f->u + mine, *sum = f->sum + (size_t)block * labels;

    answer_rows(f, first, n, f->part + mine, u);
    f->learnt[block] = f->unseen[block] = (struct heard){ 0 };
    memset(sum, 0, labels * sizeof *sum);
    for (int i = first; i < first + n; i++, u += labels) {
        bool held = f->fold[i] == f->held;
        struct heard *to = held ? &f->unseen[block] : &f->learnt[block];
        const float *t = target_of(f, i);
        real *rest = f->rest + (size_t)i * labels;

        if (f->d->task == DATA_SINGLE)
            hear_single(f->labels, u, t, to);
        else
            hear_multi(f->labels, u, t, to);
        for (size_t l = 0; l < labels; l++) {
            rest[l] = held || t[l] < 0 ? 0 : (real)(u[l] - (double)t[l]);
            sum[l] += (double)rest[l];
        }
        for (size_t l = 0; held && f->said && l < labels; l++)
            f->said[(size_t)f->at[i] * labels + l] = (float)u[l];
    }
}

/* A piece of the slope: columns of R' z, in double over the blocks. */
struct columns {
    struct fit *f;
    double *g;                  /* [labels,width] */
};

static void slope_columns(void *arg, int piece, int worker)
{
    struct columns *c = arg;
    const struct fit *f = c->f;
    int first = piece * COLUMNS, n = f->width - first < COLUMNS ? f->width - first : COLUMNS;
    size_t labels = (size_t)f->labels, width = (size_t)f->width;
    real *tile = f->tile + (size_t)worker * labels * COLUMNS;

    for (size_t l = 0; l < labels; l++)
        memset(c->g + l * width + (size_t)first, 0, (size_t)n * sizeof *c->g);
    for (int row = 0; row < f->n; row += SPAN) {
        int span = f->n - row < SPAN ? f->n - row : SPAN;

        f->k->gemm_f32(true, false, f->labels, n, span, f->rest + (size_t)row * labels, f->labels,
                       f->z + (size_t)row * width + (size_t)first, f->width, false, tile, n);
        for (size_t l = 0; l < labels; l++)
            for (int k = 0; k < n; k++)
                c->g[l * width + (size_t)(first + k)] += (double)tile[l * (size_t)n + (size_t)k];
    }
}

/* f->w, f->b of the parameters x: W[labels,width], b[labels], times these. */
static void take_parameters(struct fit *f, double of_w, double of_b, const double *x)
{
    const double *b = x + (size_t)f->labels * (size_t)f->width;

    for (int l = 0; l < f->labels; l++) {
        const double *row = x + (size_t)l * (size_t)f->width;

        f->b[l] = of_b * b[l];
        for (int k = 0; k < f->width; k++) {
            double w = of_w * row[k] / f->s[k];

            f->w[(size_t)k * (size_t)f->labels + (size_t)l] = (real)w;
            f->b[l] -= w * f->m[k];
        }
    }
}

static struct heard hear_all(struct fit *f)
{
    struct heard all = { 0 };

    pool_for(f->pool, f->blocks, hear_block, f);
    for (int i = 0; i < f->blocks; i++)
        all.loss += f->learnt[i].loss;
    return all;
}

static double slope(void *ctx, const double *x, double *g)
{
    struct fit *f = ctx;
    struct columns c = { f, g };
    size_t labels = (size_t)f->labels, width = (size_t)f->width;
    double value, square = 0, *gb = g + labels * width;

    take_parameters(f, f->of_w, f->of_b, x);
    value = hear_all(f).loss;
    pool_for(f->pool, (f->width + COLUMNS - 1) / COLUMNS, slope_columns, &c);
    for (size_t l = 0; l < labels; l++) {
        gb[l] = 0;
        for (int i = 0; i < f->blocks; i++)
            gb[l] += f->sum[(size_t)i * labels + l];
        for (size_t k = 0; k < width; k++) {
            double w = f->of_w * x[l * width + k], *to = &g[l * width + k];

            *to = f->of_w * ((*to - gb[l] * f->m[k]) / f->s[k] + w / f->c);
            square += w * w;
        }
        gb[l] *= f->of_b;
    }
    return value + square / (2 * f->c);
}

/* ---- fits ------------------------------------------------------------------------------------ */

/* The root of their mean square for each of n scales. */
static void share_scale(int n, double *scale)
{
    double square = 0;

    for (int k = 0; k < n; k++)
        square += scale[k] * scale[k] / n;
    for (int k = 0; k < n; k++)
        scale[k] = sqrt(square);
}

/* Mean and deviation of z over the rows that are learnt from; of what does not change 1. */
static void standardize(struct fit *f)
{
    int n = 0;

    memset(f->m, 0, (size_t)f->width * sizeof *f->m);
    memset(f->s, 0, (size_t)f->width * sizeof *f->s);
    for (int i = 0; i < f->n; i++) {
        if (f->fold[i] == f->held)
            continue;
        n++;
        for (int k = 0; k < f->width; k++)
            f->m[k] += (double)f->z[(size_t)i * (size_t)f->width + (size_t)k];
    }
    for (int k = 0; k < f->width; k++)
        f->m[k] /= n;
    for (int i = 0; i < f->n; i++)
        for (int k = 0; f->fold[i] != f->held && k < f->width; k++) {
            double far = (double)f->z[(size_t)i * (size_t)f->width + (size_t)k] - f->m[k];

            f->s[k] += far * far;
        }
    for (int k = 0; k < f->width; k++)
        f->s[k] = sqrt(f->s[k] / n);
    if (f->together)
        share_scale(f->width, f->s);
    for (int k = 0; k < f->width; k++)
        if (!(f->s[k] > 1e-6))
            f->s[k] = 1;
}

static void scale_parameters(const struct fit *f, double w, double b, double *x)
{
    size_t weights = (size_t)f->width * (size_t)f->labels;

    for (size_t i = 0; i < weights + (size_t)f->labels; i++)
        x[i] *= i < weights ? w : b;
}

/* The parameters x for f->c, learnt without fold f->held; from where x is. */
static bool learn(struct fit *f, const struct infer_probe_options *o, double *x, struct err *err)
{
    struct infer_minimize_options how = { .slope = 5e-6, .noise = 1e-6 };
    struct infer_minimum found;
    double bend = (double)f->n / (2 * f->labels), w = sqrt(1 / (1 / f->c + bend)),
           b = sqrt(1 / bend);
    bool ok;

    if (o->stop && o->stop(o->stop_ctx))
        return err_set(err, ERR_CANCELLED, "stopped");
    standardize(f);
    f->of_w = w;
    f->of_b = b;
    scale_parameters(f, 1 / w, 1 / b, x);
    ok = infer_minimize((f->width + 1) * f->labels, x, slope, f, &how, &found, err);
    scale_parameters(f, w, b, x);
    return ok;
}

/* Every fold once with f->c, from x[folds][parameters]; what was held out into *t and f->said. */
static bool hold_out(struct fit *f, const struct infer_probe_options *o, int folds, double *x,
                     struct infer_probe_try *t, struct err *err)
{
    size_t parameters = ((size_t)f->width + 1) * (size_t)f->labels;
    struct heard all = { 0 };
    float *said = f->said;

    for (f->held = 0; f->held < folds; f->held++) {
        double *of = x + (size_t)f->held * parameters;

        f->said = NULL;
        if (!learn(f, o, of, err)) {
            f->said = said;
            return false;
        }
        f->said = said;
        take_parameters(f, 1, 1, of);
        hear_all(f);
        for (int i = 0; i < f->blocks; i++) {
            all.loss += f->unseen[i].loss;
            all.right += f->unseen[i].right;
            all.cells += f->unseen[i].cells;
        }
    }
    f->held = NOBODY;
    *t = (struct infer_probe_try){ .c = f->c, .log_loss = all.loss / (double)all.cells,
                                   .right = 100 * (double)all.right / (double)all.cells };
    return true;
}

/* C by what is said of pictures that are held out; out->held_out is that. */
static bool choose(struct fit *f, const struct infer_probe_options *o, struct infer_probe *out,
                   struct err *err)
{
    size_t parameters = ((size_t)f->width + 1) * (size_t)f->labels, all,
           cells = (size_t)f->d->n * (size_t)f->labels;
    double *x = size_mul(parameters, (size_t)out->folds, &all) ? calloc(all, sizeof *x) : NULL;
    float *best = malloc((cells + 1) * sizeof *best), *said = malloc((cells + 1) * sizeof *said);
    bool ok = (x && best && said) ||
              err_set(err, ERR_MEMORY, "no memory to fit %d folds", out->folds);

    for (size_t i = 0; ok && i < cells; i++)
        best[i] = said[i] = NAN;
    for (int i = 0; ok && i < (o->c > 0 ? 1 : GRID) && i - out->best <= WORSE; i++) {
        struct infer_probe_try *t = &out->tried[i];

        f->c = o->c > 0 ? o->c : grid(i);
        f->said = said;
        ok = hold_out(f, o, out->folds, x, t, err);
        out->n_tried += ok;
        if (ok && (i == 0 || t->log_loss < out->tried[out->best].log_loss)) {
            out->best = i;
            memcpy(best, said, cells * sizeof *best);
        }
    }
    f->said = NULL;
    if (ok) {
        out->c = out->tried[out->best].c;
        out->held_out = best;
        best = NULL;
    }
    free(x);
    free(best);
    free(said);
    return ok;
}

/* The last fit, on all rows. */
static bool finish(struct fit *f, const struct infer_probe_options *o, struct infer_probe *out,
                   struct err *err)
{
    size_t width = (size_t)f->width, labels = (size_t)f->labels;
    double *x = calloc((width + 1) * labels, sizeof *x);
    bool ok = x || err_set(err, ERR_MEMORY, "no memory to fit %d labels", f->labels);

    f->held = NOBODY;
    f->c = out->c;
    ok = ok && learn(f, o, x, err);
    for (size_t l = 0; ok && l < labels; l++) {
        double bias = x[labels * width + l];

        for (size_t k = 0; k < width; k++) {
            double w = x[l * width + k] / f->s[k];

            bias -= w * (f->m[k] + f->mean[k] / f->scale[k]);
            out->weight[l * width + k] = (float)(w / f->scale[k]);
        }
        out->bias[l] = (float)bias;
    }
    free(x);
    return ok;
}

/* ---- what is learnt from --------------------------------------------------------------------- */

static bool is_known(const struct infer_probe_data *d, int row)
{
    const float *t = d->target + (size_t)row * (size_t)d->n_labels;

    for (int l = 0; l < d->n_labels; l++)
        if (d->task == DATA_SINGLE ? t[l] > 0 : t[l] >= 0)
            return true;
    return false;
}

/* The rows that count, into f->at. */
static bool pick_rows(struct fit *f, struct err *err)
{
    const struct infer_probe_data *d = f->d;

    f->at = arena_array(f->mem, (size_t)d->n + 1, sizeof *f->at);
    if (!f->at)
        return err_set(err, ERR_MEMORY, "no memory for %d pictures", d->n);
    for (int i = 0; i < d->n; i++) {
        if ((d->use && !d->use[i]) || !is_known(d, i))
            continue;
        for (int k = 0; k < d->width; k++)
            if (!isfinite(d->row[(size_t)i * (size_t)d->width + (size_t)k]))
                return err_set(err, ERR_INPUT, "a feature of picture %d is no finite number", i);
        f->at[f->n++] = i;
    }
    return f->n || err_set(err, ERR_INPUT, "no picture has a known label");
}

/* f->z, f->mean and f->scale of the rows that count. */
static void make_rows(struct fit *f)
{
    size_t width = (size_t)f->width;

    for (int i = 0; i < f->n; i++)
        for (size_t k = 0; k < width; k++)
            f->mean[k] += (double)f->d->row[(size_t)f->at[i] * width + k];
    for (size_t k = 0; k < width; k++)
        f->mean[k] /= f->n;
    for (int i = 0; i < f->n; i++)
        for (size_t k = 0; k < width; k++) {
            double far = (double)f->d->row[(size_t)f->at[i] * width + k] - f->mean[k];

            f->scale[k] += far * far;
        }
    for (size_t k = 0; k < width; k++)
        f->scale[k] = sqrt(f->scale[k] / f->n);
    if (f->together)
        share_scale(f->width, f->scale);
    for (size_t k = 0; k < width; k++)
        if (!(f->scale[k] > fmax(1e-6 * fabs(f->mean[k]), 1e-12)))
            f->scale[k] = 1;
    for (int i = 0; i < f->n; i++)
        for (size_t k = 0; k < width; k++)
            f->z[(size_t)i * width + k] =
                (real)(((double)f->d->row[(size_t)f->at[i] * width + k] - f->mean[k]) /
                       f->scale[k]);
}

static bool make_room(struct fit *f, struct err *err)
{
    size_t n = (size_t)f->n, width = (size_t)f->width, labels = (size_t)f->labels, cells,
           workers = (size_t)pool_threads(f->pool), mine = workers * ROWS * labels;
    bool ok;

    f->blocks = (f->n + ROWS - 1) / ROWS;
    ok = size_mul(n, width, &cells) && (f->z = arena_array(f->mem, cells, sizeof *f->z)) &&
         (f->mean = arena_array(f->mem, width, sizeof *f->mean)) &&
         (f->scale = arena_array(f->mem, width, sizeof *f->scale)) &&
         (f->m = arena_array(f->mem, width, sizeof *f->m)) &&
         (f->s = arena_array(f->mem, width, sizeof *f->s)) &&
         (f->fold = arena_array(f->mem, n, sizeof *f->fold)) &&
         (f->w = arena_array(f->mem, width * labels, sizeof *f->w)) &&
         (f->b = arena_array(f->mem, labels, sizeof *f->b)) &&
         (f->rest = arena_array(f->mem, n * labels, sizeof *f->rest)) &&
         (f->learnt = arena_array(f->mem, (size_t)f->blocks, sizeof *f->learnt)) &&
         (f->unseen = arena_array(f->mem, (size_t)f->blocks, sizeof *f->unseen)) &&
         (f->sum = arena_array(f->mem, (size_t)f->blocks * labels, sizeof *f->sum)) &&
         (f->part = arena_array(f->mem, mine, sizeof *f->part)) &&
         (f->u = arena_array(f->mem, mine, sizeof *f->u)) &&
         (f->tile = arena_array(f->mem, workers * labels * COLUMNS, sizeof *f->tile));
    ok &= ((int64_t)f->width + 1) * f->labels <= INT_MAX;
    return ok || err_set(err, ERR_MEMORY, "no memory to fit %d labels to %d pictures of %d numbers",
                         f->labels, f->n, f->width);
}

/* ---- folds ----------------------------------------------------------------------------------- */

/* Of each row its label; where there may be several the rarest that it has, labels for none. */
static void kinds_of(const struct fit *f, int *count, int *kind)
{
    for (int i = 0; i < f->n; i++)
        for (int l = 0; l < f->labels; l++)
            count[l] += target_of(f, i)[l] > 0.5f;
    for (int i = 0; i < f->n; i++) {
        const float *t = target_of(f, i);

        kind[i] = f->d->task == DATA_SINGLE ? label_of(f->labels, t) : f->labels;
        for (int l = 0; f->d->task == DATA_MULTI && l < f->labels; l++)
            if (t[l] > 0.5f && (kind[i] == f->labels || count[l] < count[kind[i]]))
                kind[i] = l;
    }
}

/* f->fold; how many there are, 0: nothing can be held out, -1: memory is out. */
static int make_folds(struct fit *f, const struct infer_probe_options *o)
{
    int *count = arena_array(f->mem, (size_t)f->labels, sizeof *count),
        *kind = arena_array(f->mem, (size_t)f->n, sizeof *kind),
        folds = o->folds ? o->folds : INFER_PROBE_FOLDS;
    bool several = false;

    if (!count || !kind)
        return -1;
    kinds_of(f, count, kind);
    for (int i = 1; i < f->n; i++)
        several |= kind[i] != kind[0];
    folds = folds < f->n ? folds : f->n;
    if (folds < 2 || !several) {
        memset(f->fold, 0, (size_t)f->n * sizeof *f->fold);
        return 0;
    }
    return infer_probe_share_out(f->n, kind, NULL, folds, o->seed, f->fold) ? folds : -1;
}

/* out->fold. */
static bool keep_folds(const struct fit *f, struct infer_probe *out, struct err *err)
{
    out->fold = malloc(((size_t)f->d->n + 1) * sizeof *out->fold);
    if (!out->fold)
        return err_set(err, ERR_MEMORY, "no memory for %d pictures", f->d->n);
    for (int i = 0; i < f->d->n; i++)
        out->fold[i] = -1;
    for (int i = 0; i < f->n; i++)
        out->fold[f->at[i]] = f->fold[i];
    return true;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool fit(struct fit *f, const struct infer_probe_options *o, struct infer_probe *out,
                struct err *err)
{
    if (!pick_rows(f, err) || !make_room(f, err))
        return false;
    if ((int64_t)f->n * f->width * f->labels < FEW)
        f->pool = NULL;
    make_rows(f);
    out->n = f->n;
    out->folds = make_folds(f, o);
    if (out->folds < 0)
        return err_set(err, ERR_MEMORY, "no memory for %d pictures", f->n);
    out->c = o->c > 0 ? o->c : 1;
    return (!out->folds || (keep_folds(f, out, err) && choose(f, o, out, err))) &&
           finish(f, o, out, err);
}

bool infer_probe_fit(const struct infer_probe_data *d, const struct infer_probe_options *o,
                     struct infer_probe *out, struct err *err)
{
    struct fit f = { .d = d, .pool = o->pool, .together = o->together,
                     .width = d->width, .labels = d->n_labels,
                     .held = NOBODY, .mem = arena_new(), .k = nn_kernels_get(o->isa, err) };
    bool ok = f.mem && f.k;

    *out = (struct infer_probe){ .task = d->task, .width = d->width, .n_labels = d->n_labels };
    out->weight = calloc((size_t)d->n_labels * (size_t)d->width + 1, sizeof *out->weight);
    out->bias = calloc((size_t)d->n_labels + 1, sizeof *out->bias);
    if (f.k && (!f.mem || !out->weight || !out->bias))
        ok = err_set(err, ERR_MEMORY, "no memory to fit %d labels", d->n_labels);
    ok = ok && fit(&f, o, out, err);
    arena_free(f.mem);
    if (!ok)
        infer_probe_release(out);
    return ok;
}

void infer_probe_release(struct infer_probe *p)
{
    free(p->weight);
    free(p->bias);
    free(p->held_out);
    free(p->fold);
    *p = (struct infer_probe){ 0 };
}
