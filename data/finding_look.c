/*
 * finding_look -- pictures that look wrong, by themselves and beside the others
 *
 * A threshold alone would flag every picture of a microscope and none of a studio.  So each of
 * these asks twice: is it beyond what is usual for photos, and is it far from the middle of this
 * very set?
 */
#include "data/finding.h"
#include "nn/base/order.h"

#include <stdlib.h>

/* Luma, 0 to 1.  Pure red has 0.3: a red rose is not dark. */
#define DARK 0.25
#define DIM  0.3

/* What is looked at: a number of each picture. */
typedef double measure_fn(const struct data_fact *f);

static double range(const struct data_fact *f)
{
    return (double)f->look.high - (double)f->look.low;
}

static double sharp(const struct data_fact *f)
{
    return (double)f->look.sharp;
}

static double high(const struct data_fact *f)
{
    return (double)f->look.high;
}

static double dimness(const struct data_fact *f)
{
    return 1 - (double)f->look.low;
}

static double side(const struct data_fact *f)
{
    return f->width < f->height ? f->width : f->height;
}

static double length(const struct data_fact *f)
{
    return f->width > f->height ? (double)f->width / f->height : (double)f->height / f->width;
}

static double megapixels(const struct data_fact *f)
{
    return (double)f->width * f->height / 1e6;
}

/* Of the readable pictures; 0 when there is none. */
static double median(struct data_finder *f, measure_fn *measure)
{
    double *x = malloc(sizeof *x * ((size_t)f->c->readable + 1)), m = 0;
    int n = 0;

    if (!x) {
        f->failed = true;
        return 0;
    }
    for (int i = 0; i < f->c->pictures; i++)
        if (!f->a->fact[i].why)
            x[n++] = measure(&f->a->fact[i]);
    qsort(x, (size_t)n, sizeof *x, order_doubles);
    if (n)
        m = x[n / 2];
    free(x);
    return m;
}

/* One case a picture whose measure is below (above) the limit; fmt takes the measure. */
static void below(struct data_finder *f, measure_fn *measure, double limit, const char *unit)
{
    for (int i = 0; i < f->c->pictures; i++) {
        double x = f->a->fact[i].why ? limit : measure(&f->a->fact[i]);

        if (x < limit)
            data_finder_one(f, i, "%s %.2f", unit, x);
    }
}

/* A threshold that is taken down where the set as a whole is near it. */
static double least(struct data_finder *f, measure_fn *measure, double threshold)
{
    double m = median(f, measure);

    return m / 2 < threshold ? m / 2 : threshold;
}

/* 10 of 256 levels: a lens cap, a placeholder; JPEG makes one colour into three at most. */
void data_find_blank(struct data_finder *f)
{
    below(f, range, 0.04, "contrast");
}

/* A picture of one colour is blank, and nothing else. */
static bool is_blank(const struct data_fact *f)
{
    return range(f) < 0.04;
}

static double sharp_unless_blank(const struct data_fact *f)
{
    return is_blank(f) ? 9 : sharp(f);
}

static double high_unless_blank(const struct data_fact *f)
{
    return is_blank(f) ? 1 : high(f);
}

static double dimness_unless_blank(const struct data_fact *f)
{
    return is_blank(f) ? 1 : dimness(f);
}

/* Nor has a picture much contrast that is dark or bright all over. */
static double range_unless_told(const struct data_fact *f)
{
    return is_blank(f) || high(f) < DARK || dimness(f) < DIM ? 1 : range(f);
}

/* 98 in 100 photos of three sets measure 1.3 to 3.2; flowers blurred by two pixels of 224 0.4 to
 * 0.7, posters, with their sharp letters, by three. */
void data_find_blurred(struct data_finder *f)
{
    below(f, sharp_unless_blank, least(f, sharp, 0.75), "sharpness");
}

void data_find_dark(struct data_finder *f)
{
    below(f, high_unless_blank, least(f, high, DARK), "brightest");
}

void data_find_bright(struct data_finder *f)
{
    double limit = least(f, dimness, DIM);

    for (int i = 0; i < f->c->pictures; i++)
        if (!f->a->fact[i].why && dimness_unless_blank(&f->a->fact[i]) < limit)
            data_finder_one(f, i, "darkest %.2f", (double)f->a->fact[i].look.low);
}

void data_find_dull(struct data_finder *f)
{
    below(f, range_unless_told, least(f, range, 0.2), "contrast");
}

/* CIFAR's 32 pixels are fine when all have them. */
void data_find_tiny(struct data_finder *f)
{
    double m = median(f, side);

    for (int i = 0; i < f->c->pictures; i++) {
        const struct data_fact *fact = &f->a->fact[i];

        if (!fact->why && ((side(fact) < 32 && 2 * side(fact) <= m) || 8 * side(fact) <= m))
            data_finder_one(f, i, "%dx%d, half are %.0f or more", fact->width, fact->height, m);
    }
}

/* A square crop of 3:1 sees a third. */
void data_find_stretched(struct data_finder *f)
{
    double limit = 2 * median(f, length);

    limit = limit > 3 ? limit : 3;
    for (int i = 0; i < f->c->pictures; i++)
        if (!f->a->fact[i].why && length(&f->a->fact[i]) > limit)
            data_finder_one(f, i, "%dx%d", f->a->fact[i].width, f->a->fact[i].height);
}

/* 25 megapixels are half of what is decoded at all; 4 are more than any network sees. */
void data_find_huge(struct data_finder *f)
{
    double limit = 16 * median(f, megapixels);

    limit = limit > 4 ? limit : 4;
    for (int i = 0; i < f->c->pictures; i++) {
        double x = f->a->fact[i].why ? 0 : megapixels(&f->a->fact[i]);

        if (x >= limit || x >= 25)
            data_finder_one(f, i, "%dx%d", f->a->fact[i].width, f->a->fact[i].height);
    }
}
