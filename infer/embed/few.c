/*
 * few -- see few.h
 */
#include "infer/embed/few.h"

#include "nn/base/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Parts at most.  As many as the rarest label has pictures, so that each part has one of it: to
 * leave out one picture alone makes its label rarer than the others, and whoever learns that is
 * wrong about it. */
enum { FOLDS = 10 };

/* Pictures of the rarest label up to which features share a scale. */
enum { TOGETHER = 2 };

struct choice {
    const struct infer_probe_data *d;
    struct infer_probe_options o;
    struct infer_few *out;
    int n;                      /* SINGLE: pictures that count */
    int *at, *label;            /* [n] row of d, label */
    double *lost[2];            /* [n] the log loss of each picture: of the head that is tried, and
                                   of the first one */
    float *normed;              /* [d->n,width] */
    struct arena *mem;
};

/* Whether what is tried is better than the first one, by more than chance has it. */
static bool is_surely_better(const struct choice *c)
{
    double mean = 0, square = 0;
    int n = c->n;

    for (int i = 0; i < n; i++)
        mean += (c->lost[1][i] - c->lost[0][i]) / n;
    for (int i = 0; i < n; i++) {
        double far = c->lost[1][i] - c->lost[0][i] - mean;

        square += far * far / n;
    }
    return mean > 2 * sqrt(square / (n - 1));
}

/* What is tried is to be taken. */
static bool is_best(struct choice *c, const struct infer_few_try *t)
{
    struct infer_few *out = c->out;
    bool better = !out->n_tried || (t->log_loss < out->tried[out->best].log_loss &&
                                    (!c->n || is_surely_better(c)));

    if (!out->n_tried && c->n)
        memcpy(c->lost[1], c->lost[0], (size_t)c->n * sizeof *c->lost[1]);
    if (better)
        out->best = out->n_tried;
    out->tried[out->n_tried++] = *t;
    return better;
}

static void take(struct infer_few *f, struct infer_probe *p, bool norm)
{
    free(f->weight);
    free(f->bias);
    f->norm = norm;
    f->weight = p->weight;
    f->bias = p->bias;
    p->weight = NULL;
    p->bias = NULL;
}

static bool try_probe(struct choice *c, bool norm, struct err *err)
{
    struct infer_probe_data d = *c->d;
    struct infer_probe p;
    struct infer_few_try t = { .norm = norm };

    d.row = norm ? c->normed : c->d->row;
    if (!infer_probe_fit(&d, &c->o, &p, err))
        return false;
    if (p.folds) {
        t.log_loss = p.tried[p.best].log_loss;
        t.right = p.tried[p.best].right;
    }
    for (int i = 0; i < c->n; i++)
        c->lost[0][i] = -log(fmax((double)p.held_out[(size_t)c->at[i] * (size_t)p.n_labels +
                                                     (size_t)c->label[i]], 1e-12));
    c->out->n = p.n;
    if (is_best(c, &t))
        take(c->out, &p, norm);
    infer_probe_release(&p);
    return true;
}

/* Added to the mean square of a row: nn_op_layernorm's own. */
static const double epsilon = 1e-5;

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

/* The pictures that count, and in how many parts they are held out; 0: none can be. */
static bool pick(struct choice *c, int *folds, struct err *err)
{
    const struct infer_probe_data *d = c->d;
    size_t n = (size_t)d->n;
    int *count = arena_array(c->mem, (size_t)d->n_labels + 1, sizeof *count), labels = 0;

    c->at = arena_array(c->mem, n + 1, sizeof *c->at);
    c->label = arena_array(c->mem, n + 1, sizeof *c->label);
    c->lost[0] = arena_array(c->mem, n + 1, sizeof *c->lost[0]);
    c->lost[1] = arena_array(c->mem, n + 1, sizeof *c->lost[1]);
    if (!count || !c->at || !c->label || !c->lost[0] || !c->lost[1])
        return err_set(err, ERR_MEMORY, "no memory for the features of %d pictures", d->n);
    for (int i = 0; i < d->n; i++) {
        const float *t = d->target + (size_t)i * (size_t)d->n_labels;

        for (int l = 0; l < d->n_labels && (!d->use || d->use[i]); l++)
            if (t[l] > 0.5f) {
                count[l]++;
                c->label[c->n] = l;
                c->at[c->n++] = i;
                break;
            }
    }
    *folds = FOLDS;
    for (int l = 0; l < d->n_labels; l++) {
        labels += count[l] > 0;
        if (count[l] && count[l] < *folds)
            *folds = count[l] > 1 ? count[l] : 0;
    }
    for (int l = 0; l < d->n_labels; l++)
        c->o.together |= count[l] && count[l] <= TOGETHER;
    c->out->together = c->o.together;
    if (labels < 2)
        *folds = 0;
    c->o.folds = *folds ? *folds : 1;
    return true;
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
    if (!folds)
        c->n = 0;               /* nobody has lost anything */
    return try_probe(c, true, err) && (!folds || try_probe(c, false, err));
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
    *f = (struct infer_few){ 0 };
}
