/*
 * minimize -- see minimize.h
 */
#include "infer/embed/minimize.h"

#include "nn/base/arena.h"

#include <math.h>
#include <string.h>

enum { PAIRS = 10, STEPS = 1000, TRIES = 20 };

/* Of (3.6): the value falls by at least this share of what the slope promised, and the slope along
 * the way to this share of what it was. */
static const double fall = 1e-4, flat = 0.9;

struct work {
    int n, pairs, first;        /* pairs that are kept, the oldest at `first` */
    infer_slope_fn *fn;
    void *ctx;
    double *s[PAIRS], *y[PAIRS], rho[PAIRS];
    double *x, *g;              /* where it stands */
    double *next, *slope;       /* what is tried */
    double *way;
    double noise;               /* of the values here */
    int asked;
};

static double dot(int n, const double *a, const double *b)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static double largest(int n, const double *a)
{
    double most = 0;

    for (int i = 0; i < n; i++)
        most = fmax(most, fabs(a[i]));
    return most;
}

static void add(int n, double by, const double *a, double *to)
{
    for (int i = 0; i < n; i++)
        to[i] += by * a[i];
}

/* Alg. 7.4: w->way = -H g. */
static void choose_way(struct work *w)
{
    double alpha[PAIRS], scale = 1;

    for (int i = 0; i < w->n; i++)
        w->way[i] = -w->g[i];
    for (int k = w->pairs - 1; k >= 0; k--) {
        int p = (w->first + k) % PAIRS;

        alpha[k] = w->rho[p] * dot(w->n, w->s[p], w->way);
        add(w->n, -alpha[k], w->y[p], w->way);
    }
    if (w->pairs) {
        int p = (w->first + w->pairs - 1) % PAIRS;

        scale = 1 / (w->rho[p] * dot(w->n, w->y[p], w->y[p]));
    }
    for (int i = 0; i < w->n; i++)
        w->way[i] *= scale;
    for (int k = 0; k < w->pairs; k++) {
        int p = (w->first + k) % PAIRS;

        add(w->n, alpha[k] - w->rho[p] * dot(w->n, w->y[p], w->way), w->s[p], w->way);
    }
}

/* A place on the way: how far, the value, the slope along it. */
struct place {
    double at, value, slope;
};

static struct place look(struct work *w, double at)
{
    struct place p = { .at = at };

    memcpy(w->next, w->x, (size_t)w->n * sizeof *w->next);
    add(w->n, at, w->way, w->next);
    p.value = w->fn(w->ctx, w->next, w->slope);
    p.slope = dot(w->n, w->slope, w->way);
    w->asked++;
    return p;
}

/* (3.59): where the cubic through both places is least; the middle where that is too near an end,
 * or nowhere. */
static double between(const struct place *a, const struct place *b)
{
    double wide = b->at - a->at, d1 = a->slope + b->slope - 3 * (a->value - b->value) / -wide,
           square = d1 * d1 - a->slope * b->slope, d2, at;

    if (!(square >= 0))
        return a->at + wide / 2;
    d2 = copysign(sqrt(square), wide);
    at = b->at - wide * (b->slope + d2 - d1) / (b->slope - a->slope + 2 * d2);
    if (!(fabs(at - a->at) >= 0.1 * fabs(wide) && fabs(b->at - at) >= 0.1 * fabs(wide)))
        return a->at + wide / 2;
    return at;
}

/* Whether the value has fallen enough, or the slope says so where rounding hides it. */
static bool falls(const struct work *w, const struct place *from, const struct place *p)
{
    return p->value <= from->value + fall * p->at * from->slope ||
           (p->value <= from->value + w->noise && p->slope <= (2 * fall - 1) * from->slope);
}

/* Alg. 3.6: low is the better end, and the slope there leads to high. */
static bool zoom(struct work *w, const struct place *from, struct place low, struct place high,
                 struct place *found)
{
    for (int k = 0; k < TRIES; k++) {
        struct place p = look(w, between(&low, &high));

        if (!falls(w, from, &p) || p.value > low.value + w->noise) {
            high = p;
            continue;
        }
        if (fabs(p.slope) <= -flat * from->slope) {
            *found = p;
            return true;
        }
        if (p.slope * (high.at - low.at) >= 0)
            high = low;
        low = p;
    }
    return false;
}

/* Alg. 3.5: a step by the strong Wolfe conditions, in w->next and w->slope; false: there is none
 * that rounding lets us see. */
static bool search(struct work *w, double value, double first, struct place *found)
{
    struct place from = { 0, value, dot(w->n, w->g, w->way) }, before = from, p;

    if (!(from.slope < 0))
        return false;
    for (int k = 0; k < TRIES; k++, first *= 2) {
        p = look(w, first);
        if (!falls(w, &from, &p) || (k && p.value > before.value + w->noise))
            return zoom(w, &from, before, p, found);
        if (fabs(p.slope) <= -flat * from.slope) {
            *found = p;
            return true;
        }
        if (p.slope >= 0)
            return zoom(w, &from, p, before, found);
        before = p;
    }
    return false;
}

/* The pair of the step that was taken, in the place of the oldest. */
static void remember(struct work *w)
{
    int p = (w->first + w->pairs) % PAIRS;
    double curve;

    for (int i = 0; i < w->n; i++) {
        w->s[p][i] = w->next[i] - w->x[i];
        w->y[p][i] = w->slope[i] - w->g[i];
    }
    curve = dot(w->n, w->s[p], w->y[p]);
    if (!(curve > 0))
        return;
    w->rho[p] = 1 / curve;
    if (w->pairs < PAIRS)
        w->pairs++;
    else
        w->first = (w->first + 1) % PAIRS;
}

static void swap(double **a, double **b)
{
    double *kept = *a;

    *a = *b;
    *b = kept;
}

static bool make(struct work *w, struct arena *mem)
{
    double **all[] = { &w->x, &w->g, &w->next, &w->slope, &w->way };
    bool ok = true;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        ok &= (*all[i] = arena_array(mem, (size_t)w->n, sizeof **all[i])) != NULL;
    for (int p = 0; p < PAIRS; p++) {
        ok &= (w->s[p] = arena_array(mem, (size_t)w->n, sizeof *w->s[p])) != NULL;
        ok &= (w->y[p] = arena_array(mem, (size_t)w->n, sizeof *w->y[p])) != NULL;
    }
    return ok;
}

bool infer_minimize(int n, double *x, infer_slope_fn *fn, void *ctx,
                    const struct infer_minimize_options *o, struct infer_minimum *out,
                    struct err *err)
{
    struct work w = { .n = n, .fn = fn, .ctx = ctx };
    double enough = o->slope > 0 ? o->slope : 1e-8, value, most;
    struct arena *mem = arena_new();
    int step = 0;

    if (!mem || !make(&w, mem)) {
        arena_free(mem);
        return err_set(err, ERR_MEMORY, "no memory to fit %d numbers", n);
    }
    memcpy(w.x, x, (size_t)n * sizeof *x);
    value = fn(ctx, w.x, w.g);
    w.asked = 1;
    for (most = largest(n, w.g); most > enough && step < (o->steps ? o->steps : STEPS); step++) {
        struct place p;

        choose_way(&w);
        w.noise = (o->noise > 0 ? o->noise : 1e-14) * fabs(value);
        /* Before anything is known of its curve, a step of the length 1 at most. */
        if (!search(&w, value, w.pairs ? 1 : fmin(1, 1 / sqrt(dot(n, w.g, w.g))), &p))
            break;
        remember(&w);
        swap(&w.x, &w.next);
        swap(&w.g, &w.slope);
        value = p.value;
        most = largest(n, w.g);
    }
    memcpy(x, w.x, (size_t)n * sizeof *x);
    *out = (struct infer_minimum){ value, most, step, w.asked };
    arena_free(mem);
    return true;
}
