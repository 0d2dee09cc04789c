/*
 * finding_file -- files that are not what they should be
 */
#include "data/finding.h"

#include <string.h>
#include <strings.h>

#define MANY_UNREADABLE 0.05    /* more is an error: the set is not what it was meant to be */

void data_find_unreadable(struct data_finder *f)
{
    for (int i = 0; i < f->c->pictures; i++)
        if (f->a->fact[i].why && !f->a->fact[i].missing)
            data_finder_one(f, i, "%s", f->a->fact[i].why);
    if (f->n > MANY_UNREADABLE * f->c->pictures)
        f->severity = DATA_ERROR;
}

static bool is_missing(const struct data_skipped *s)
{
    return !strcmp(s->why, DATA_SKIP_MISSING);
}

/* What was gone when the list was read has no sample; what went later has. */
void data_find_missing(struct data_finder *f)
{
    const struct data_index *x = f->a->x;
    int listed = f->c->pictures;

    for (int i = 0; i < f->c->pictures; i++)
        if (f->a->fact[i].missing)
            data_finder_one(f, i, NULL);
    for (int i = 0; i < x->n_skipped; i++) {
        if (is_missing(&x->skipped[i])) {
            data_finder_case(f, x->skipped[i].path, NULL);
            listed++;
        }
    }
    if (f->n > MANY_UNREADABLE * listed)
        f->severity = DATA_ERROR;
}

void data_find_skipped(struct data_finder *f)
{
    const struct data_index *x = f->a->x;

    for (int i = 0; i < x->n_skipped; i++)
        if (!is_missing(&x->skipped[i]))
            data_finder_case(f, x->skipped[i].path, "%s", x->skipped[i].why);
}

void data_find_unfinished(struct data_finder *f)
{
    for (int i = 0; i < f->c->pictures; i++)
        if (!f->a->fact[i].why && f->a->fact[i].unfinished)
            data_finder_one(f, i, NULL);
}

/* The format that a name promises; NULL when it is none that we read. */
static const char *promised(const char *name)
{
    static const char *const ends[][2] = {
        { "jpg", "JPEG" }, { "jpeg", "JPEG" }, { "jpe", "JPEG" }, { "jfif", "JPEG" },
        { "png", "PNG" },  { "bmp", "BMP" },   { "dib", "BMP" },  { "gif", "GIF" },
        { "webp", "WebP" }, { "tif", "TIFF" }, { "tiff", "TIFF" }, { "avif", "AVIF" },
        { "heic", "HEIC" },
    };
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < sizeof ends / sizeof *ends; i++)
        if (!strcasecmp(dot + 1, ends[i][0]))
            return ends[i][1];
    return NULL;
}

void data_find_ending(struct data_finder *f)
{
    for (int i = 0; i < f->c->pictures; i++) {
        const struct data_fact *fact = &f->a->fact[i];
        const char *said = promised(f->a->x->sample[i].path);

        if (!fact->why && fact->format != DATA_FORMAT_RAW && said &&
            strcasecmp(said, data_fact_format(fact)) != 0)
            data_finder_one(f, i, "is %s", data_fact_format(fact));
    }
}

void data_find_turned(struct data_finder *f)
{
    for (int i = 0; i < f->c->pictures; i++)
        if (!f->a->fact[i].why && f->a->fact[i].orientation > 1)
            data_finder_one(f, i, "orientation %d", f->a->fact[i].orientation);
}

void data_find_grey(struct data_finder *f)
{
    int grey = 0;

    for (int i = 0; i < f->c->pictures; i++)
        grey += !f->a->fact[i].why && f->a->fact[i].look.grey;
    if (2 * grey >= f->c->readable)
        return;
    for (int i = 0; i < f->c->pictures; i++)
        if (!f->a->fact[i].why && f->a->fact[i].look.grey)
            data_finder_one(f, i, NULL);
}
