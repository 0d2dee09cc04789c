/*
 * few -- see few.h
 */
#include "infer/few.h"

#include "nn/base/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const infer_few_names[] = { "prototypes", "neighbours", "probe", NULL };

/* Parts at most.  As many as the rarest label has pictures, so that each part has one of it: to
 * leave out one picture alone makes its label rarer than the others, and whoever learns that is
 * wrong about it. */
enum { FOLDS = 10 };

/* t is of the mean square over the numbers of a row, and tried from 1/2 on, doubled; so is b. */
enum { SHARP = 7, LOUD = 7 };
static const double first_try = 0.5;

/* A label without a picture is never told. */
static const double never = -1e4;

static double nth(int i)
{
    return ldexp(first_try, i);
}

/* The pictures that count, standardised over those that are not held out. */
struct rows {
    int n, width, labels;
    const double *x;            /* [n,width] */
    const int *label, *fold;    /* [n] */
    double *m, *s;              /* [width] */
    double *z;                  /* [n,width] */
    double *prototype;          /* [labels,width]; of a label without a picture NaN */
};

static void standardize(struct rows *r, int held)
{
    size_t width = (size_t)r->width;
    int n = 0;

    memset(r->m, 0, width * sizeof *r->m);
    memset(r->s, 0, width * sizeof *r->s);
    for (int i = 0; i < r->n; i++)
        if (r->fold[i] != held) {
            n++;
            for (size_t k = 0; k < width; k++)
                r->m[k] += r->x[(size_t)i * width + k];
        }
    for (size_t k = 0; k < width; k++)
        r->m[k] /= n;
    for (int i = 0; i < r->n; i++)
        for (size_t k = 0; r->fold[i] != held && k < width; k++) {
            double far = r->x[(size_t)i * width + k] - r->m[k];

            r->s[k] += far * far;
        }
    for (size_t k = 0; k < width; k++) {
        r->s[k] = sqrt(r->s[k] / n);
        if (!(r->s[k] > fmax(1e-6 * fabs(r->m[k]), 1e-12)))
            r->s[k] = 1;
    }
    for (int i = 0; i < r->n; i++)
        for (size_t k = 0; k < width; k++)
            r->z[(size_t)i * width + k] = (r->x[(size_t)i * width + k] - r->m[k]) / r->s[k];
}

static void make_prototypes(struct rows *r, int held)
{
    size_t width = (size_t)r->width;

    memset(r->prototype, 0, (size_t)r->labels * width * sizeof *r->prototype);
    for (int l = 0; l < r->labels; l++) {
        double *p = r->prototype + (size_t)l * width;
        int n = 0;

        for (int i = 0; i < r->n; i++)
            if (r->label[i] == l && r->fold[i] != held) {
                n++;
                for (size_t k = 0; k < width; k++)
                    p[k] += r->z[(size_t)i * width + k];
            }
        for (size_t k = 0; k < width; k++)
            p[k] /= n;
    }
}

/* Mean square of the difference of two rows. */
static double distance(int width, const double *a, const double *b)
{
    double sum = 0;

    for (int k = 0; k < width; k++)
        sum += (a[k] - b[k]) * (a[k] - b[k]);
    return sum / width;
}

static double exp_sum(int n, double *u)
{
    double most = -INFINITY, sum = 0;

    for (int i = 0; i < n; i++)
        most = fmax(most, u[i]);
    for (int i = 0; i < n; i++)
        sum += u[i] = exp(u[i] - most);
    return sum;
}

static void softmax(int n, double *u)
{
    double sum = exp_sum(n, u);

    for (int i = 0; i < n; i++)
        u[i] /= sum;
}

/* What was said of a picture that was held out, u becoming probabilities, into *t. */
static void hear(const struct rows *r, int i, double *u, double *lost, struct infer_few_try *t)
{
    int best = 0;

    softmax(r->labels, u);
    for (int l = 1; l < r->labels; l++)
        if (u[l] > u[best])
            best = l;
    lost[i] = -log(fmax(u[r->label[i]], 1e-12));
    t->log_loss += lost[i] / r->n;
    t->right += 100.0 * (best == r->label[i]) / r->n;
}

/* ---- prototypes and neighbours: distances of held-out pictures, then t and b ----------------- */

/* What the head says of picture i, from its distances to prototypes or pictures: u[labels]. */
static void say(const struct rows *r, enum infer_few_kind kind, const double *far, int held,
                double t, double b, double *room, double *u)
{
    if (kind == INFER_FEW_PROTOTYPES) {
        for (int l = 0; l < r->labels; l++)
            u[l] = isnan(far[l]) ? never : -t * far[l];
        return;
    }
    memset(u, 0, (size_t)r->labels * sizeof *u);
    for (int j = 0; j < r->n; j++)
        room[j] = r->fold[j] == held ? -INFINITY : -t * far[j];
    softmax(r->n, room);
    for (int j = 0; j < r->n; j++)
        u[r->label[j]] += b * room[j];
}

/* far[n,labels] or [n,n]: of each picture, to those that are learnt from without it. */
static void measure(struct rows *r, enum infer_few_kind kind, int folds, double *far)
{
    int to = kind == INFER_FEW_PROTOTYPES ? r->labels : r->n;

    for (int f = 0; f < folds; f++) {
        standardize(r, f);
        make_prototypes(r, f);
        for (int i = 0; i < r->n; i++)
            for (int k = 0; r->fold[i] == f && k < to; k++)
                far[(size_t)i * (size_t)to + (size_t)k] =
                    distance(r->width, r->z + (size_t)i * (size_t)r->width,
                             (kind == INFER_FEW_PROTOTYPES ? r->prototype : r->z) +
                                 (size_t)k * (size_t)r->width);
    }
}

/* The best t and b, and what came of them, of each picture in lost[0][n]; lost[1], room[n],
 * u[labels]. */
static struct infer_few_try try_out(const struct rows *r, enum infer_few_kind kind,
                                    const double *far, double *lost[2], double *room, double *u,
                                    double *t, double *b)
{
    int to = kind == INFER_FEW_PROTOTYPES ? r->labels : r->n,
        loud = kind == INFER_FEW_PROTOTYPES ? 1 : LOUD;
    struct infer_few_try best = { .log_loss = INFINITY };

    for (int s = 0; s < SHARP; s++)
        for (int a = 0; a < loud; a++) {
            struct infer_few_try one = { .kind = kind };

            for (int i = 0; i < r->n; i++) {
                say(r, kind, far + (size_t)i * (size_t)to, r->fold[i], nth(s), nth(a), room, u);
                hear(r, i, u, lost[1], &one);
            }
            if (one.log_loss < best.log_loss) {
                best = one;
                memcpy(lost[0], lost[1], (size_t)r->n * sizeof *lost[0]);
                *t = nth(s);
                *b = nth(a);
            }
        }
    return best;
}

/* ---- heads ----------------------------------------------------------------------------------- */

/* The first layer: answers to `to` rows at[to,width] of z, by distance and t. */
static bool make_first(struct infer_few *f, const struct rows *r, const double *at, int to,
                       double t)
{
    size_t width = (size_t)r->width;

    f->first = to;
    f->weight = calloc((size_t)to * width + 1, sizeof *f->weight);
    f->bias = calloc((size_t)to + 1, sizeof *f->bias);
    if (!f->weight || !f->bias)
        return false;
    for (int i = 0; i < to; i++, at += width) {
        double bias = 0;

        if (isnan(at[0])) {
            f->bias[i] = (float)never;
            continue;
        }
        for (size_t k = 0; k < width; k++) {
            double w = 2 * t / r->width * at[k] / r->s[k];

            f->weight[(size_t)i * width + k] = (float)w;
            bias -= t / r->width * at[k] * at[k] + w * r->m[k];
        }
        f->bias[i] = (float)bias;
    }
    return true;
}

static bool make_head(struct infer_few *f, struct rows *r, double t, double b)
{
    standardize(r, -1);
    make_prototypes(r, -1);
    if (f->kind == INFER_FEW_PROTOTYPES)
        return make_first(f, r, r->prototype, r->labels, t);
    f->second = calloc((size_t)r->labels * (size_t)r->n, sizeof *f->second);
    if (!f->second || !make_first(f, r, r->z, r->n, t))
        return false;
    for (int i = 0; i < r->n; i++)
        f->second[(size_t)r->label[i] * (size_t)r->n + (size_t)i] = (float)b;
    return true;
}

static void take_probe(struct infer_few *f, struct infer_probe *p)
{
    f->first = p->n_labels;
    f->weight = p->weight;
    f->bias = p->bias;
    p->weight = NULL;
    p->bias = NULL;
}

/* ---- which is best --------------------------------------------------------------------------- */

struct choice {
    const struct infer_probe_data *d;
    struct infer_probe_options o;
    struct infer_few *out;
    struct rows r;              /* SINGLE */
    int *at;                    /* [r.n] row of d */
    double *x, *far, *room, *u;
    double *lost[3];            /* [r.n] the log loss of each picture: of the head that is tried,
                                   room, and of the first one */
    float *normed;              /* [d->n,width] */
    struct arena *mem;
};

/* Whether what is tried is better than the first one, by more than chance has it. */
static bool is_surely_better(const struct choice *c)
{
    double mean = 0, square = 0;
    int n = c->r.n;

    for (int i = 0; i < n; i++)
        mean += (c->lost[2][i] - c->lost[0][i]) / n;
    for (int i = 0; i < n; i++) {
        double far = c->lost[2][i] - c->lost[0][i] - mean;

        square += far * far / n;
    }
    return mean > 2 * sqrt(square / (n - 1));
}

/* What is tried is to be taken: the head becomes it. */
static bool is_best(struct choice *c, const struct infer_few_try *t)
{
    struct infer_few *out = c->out;
    bool better = !out->n_tried || (t->log_loss < out->tried[out->best].log_loss &&
                                    (!c->r.n || is_surely_better(c)));

    if (!out->n_tried && c->r.n)
        memcpy(c->lost[2], c->lost[0], (size_t)c->r.n * sizeof *c->lost[2]);
    if (better) {
        out->best = out->n_tried;
        out->kind = t->kind;
        out->norm = t->norm;
        free(out->weight);
        free(out->bias);
        free(out->second);
        out->weight = out->bias = out->second = NULL;
    }
    out->tried[out->n_tried++] = *t;
    return better;
}

/* Added to the mean square of a row: nn_op_layernorm's own. */
static const double epsilon = 1e-5;

static bool try_probe(struct choice *c, bool norm, struct err *err)
{
    struct infer_probe_data d = *c->d;
    struct infer_probe p;
    struct infer_few_try t = { .kind = INFER_FEW_PROBE, .norm = norm };

    d.row = norm ? c->normed : c->d->row;
    if (!infer_probe_fit(&d, &c->o, &p, err))
        return false;
    if (p.folds) {
        t.log_loss = p.tried[p.best].log_loss;
        t.right = p.tried[p.best].right;
    }
    for (int i = 0; i < c->r.n; i++)
        c->lost[0][i] = -log(fmax((double)p.held_out[(size_t)c->at[i] * (size_t)p.n_labels +
                                                     (size_t)c->r.label[i]], 1e-12));
    c->out->n = p.n;
    if (is_best(c, &t))
        take_probe(c->out, &p);
    infer_probe_release(&p);
    return true;
}

static bool try_distances(struct choice *c, enum infer_few_kind kind, bool norm, int folds,
                          struct err *err)
{
    const float *from = norm ? c->normed : c->d->row;
    struct infer_few_try t;
    double sharp = 0, loud = 0;

    for (int i = 0; i < c->r.n; i++)
        for (int k = 0; k < c->r.width; k++)
            c->x[(size_t)i * (size_t)c->r.width + (size_t)k] =
                (double)from[(size_t)c->at[i] * (size_t)c->r.width + (size_t)k];
    measure(&c->r, kind, folds, c->far);
    t = try_out(&c->r, kind, c->far, c->lost, c->room, c->u, &sharp, &loud);
    t.norm = norm;
    if (is_best(c, &t) && !make_head(c->out, &c->r, sharp, loud))
        return err_set(err, ERR_MEMORY, "no memory for a head of %d pictures", c->r.n);
    return true;
}

/* Rows of mean 0 and deviation 1, as nn_op_layernorm makes them. */
static bool make_normed(struct choice *c, struct err *err)
{
    size_t width = (size_t)c->d->width;

    c->normed = arena_array(c->mem, (size_t)c->d->n * width + 1, sizeof *c->normed);
    if (!c->normed)
        return err_set(err, ERR_MEMORY, "no memory for the features of %d pictures", c->d->n);
    for (int i = 0; i < c->d->n; i++) {
        const float *x = c->d->row + (size_t)i * width;
        double mean = 0, square = 0;

        for (size_t k = 0; k < width; k++)
            mean += (double)x[k] / (double)width;
        for (size_t k = 0; k < width; k++)
            square += ((double)x[k] - mean) * ((double)x[k] - mean) / (double)width;
        for (size_t k = 0; k < width; k++)
            c->normed[(size_t)i * width + k] =
                (float)(((double)x[k] - mean) / sqrt(square + epsilon));
    }
    return true;
}

/* The pictures that count into c->r: their labels, and their folds, that of the probe's. */
static bool pick(struct choice *c, int *folds, struct err *err)
{
    const struct infer_probe_data *d = c->d;
    size_t width = (size_t)d->width, n = (size_t)d->n, most;
    int *label = arena_array(c->mem, n + 1, sizeof *label),
        *fold = arena_array(c->mem, n + 1, sizeof *fold),
        *count = arena_array(c->mem, (size_t)d->n_labels + 1, sizeof *count);
    struct rows *r = &c->r;
    int labels = 0;
    bool ok;

    *r = (struct rows){ .width = d->width, .labels = d->n_labels, .label = label, .fold = fold };
    c->at = arena_array(c->mem, n + 1, sizeof *c->at);
    ok = label && fold && count && c->at;
    for (int i = 0; ok && i < d->n; i++) {
        const float *t = d->target + (size_t)i * (size_t)d->n_labels;

        for (int l = 0; l < d->n_labels && (!d->use || d->use[i]); l++)
            if (t[l] > 0.5f) {
                count[l]++;
                label[r->n] = l;
                c->at[r->n++] = i;
                break;
            }
    }
    *folds = FOLDS;
    for (int l = 0; ok && l < d->n_labels; l++) {
        labels += count[l] > 0;
        if (count[l] && count[l] < *folds)
            *folds = count[l] > 1 ? count[l] : 0;
    }
    if (labels < 2)
        *folds = 0;
    most = (size_t)(r->n > r->labels ? r->n : r->labels);
    ok = ok && (c->x = arena_array(c->mem, n * width + 1, sizeof *c->x)) &&
         (r->z = arena_array(c->mem, n * width + 1, sizeof *r->z)) &&
         (r->m = arena_array(c->mem, width, sizeof *r->m)) &&
         (r->s = arena_array(c->mem, width, sizeof *r->s)) &&
         (r->prototype = arena_array(c->mem, (size_t)r->labels * width, sizeof *r->prototype)) &&
         (c->far = arena_array(c->mem, (size_t)r->n * most + 1, sizeof *c->far)) &&
         (c->room = arena_array(c->mem, (size_t)r->n + 1, sizeof *c->room)) &&
         (c->u = arena_array(c->mem, (size_t)r->labels, sizeof *c->u)) &&
         (c->lost[0] = arena_array(c->mem, n + 1, sizeof *c->lost[0])) &&
         (c->lost[1] = arena_array(c->mem, n + 1, sizeof *c->lost[1])) &&
         (c->lost[2] = arena_array(c->mem, n + 1, sizeof *c->lost[2])) &&
         (!*folds || infer_probe_share_out(r->n, label, NULL, *folds, c->o.seed, fold));
    r->x = c->x;
    c->o.folds = *folds ? *folds : 1;
    return ok || err_set(err, ERR_MEMORY, "no memory for the features of %d pictures", d->n);
}

static bool choose(struct choice *c, struct err *err)
{
    int folds = 0;

    if (!make_normed(c, err))
        return false;
    if (c->d->task == DATA_MULTI)
        return try_probe(c, true, err) && try_probe(c, false, err);
    if (!pick(c, &folds, err))
        return false;
    c->out->folds = folds;
    if (!folds) {
        c->r.n = 0;             /* nobody has lost anything */
        return try_probe(c, true, err);
    }
    for (int norm = 1; norm >= 0; norm--)
        if (!try_probe(c, norm, err) ||
            !try_distances(c, INFER_FEW_PROTOTYPES, norm, folds, err) ||
            !try_distances(c, INFER_FEW_NEIGHBOURS, norm, folds, err))
            return false;
    return true;
}

bool infer_few_fit(const struct infer_probe_data *d, const struct infer_probe_options *o,
                   struct infer_few *out, struct err *err)
{
    struct choice c = { .d = d, .o = *o, .out = out, .mem = arena_new() };
    bool ok = c.mem || err_set(err, ERR_MEMORY, "no memory for the features of %d pictures", d->n);

    *out = (struct infer_few){ .width = d->width, .n_labels = d->n_labels };
    c.o.c = 0;
    ok = ok && choose(&c, err);
    arena_free(c.mem);
    if (!ok)
        infer_few_release(out);
    return ok;
}

void infer_few_release(struct infer_few *f)
{
    free(f->weight);
    free(f->bias);
    free(f->second);
    *f = (struct infer_few){ 0 };
}
