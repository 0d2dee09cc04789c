/*
 * census -- what a set holds, in numbers
 */
#include "data/census.h"

#include "nn/base/cli.h"
#include "nn/base/json.h"
#include "nn/base/order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LABELS_MAX = 2000, PAIRS = 10 };     /* labels whose pairs are counted; pairs kept */
enum { FORMATS = sizeof((struct data_census *)NULL)->format / sizeof(int) };

/* ---- counting -------------------------------------------------------------------------------- */

static void count_labels(struct data_census *c, const struct data_sample *s)
{
    int yes = 0;

    for (int l = 0; s->mark && l < c->n_labels; l++) {
        c->unknown[l] += s->mark[l] < 0;
        if (s->mark[l] <= 0)
            continue;
        c->label[l][s->split]++;
        c->total[l]++;
        yes++;
    }
    if (!s->mark && s->label >= 0) {
        c->label[s->label][s->split]++;
        c->total[s->label]++;
        yes = 1;
    }
    c->carrying[yes < DATA_PARTS ? yes : DATA_PARTS - 1]++;
}

static struct data_spread spread_of(int *x, int n)
{
    if (n == 0)
        return (struct data_spread){ 0, 0, 0 };
    qsort(x, (size_t)n, sizeof *x, order_ints);
    return (struct data_spread){ x[0], x[n / 2], x[n - 1] };
}

static bool measure_sizes(struct data_census *c, const struct data_audit *a, struct err *err)
{
    int *x = malloc(sizeof *x * ((size_t)c->readable + 1));

    if (!x)
        return err_set(err, ERR_MEMORY, "no memory for %d pictures", c->pictures);
    for (int what = 0; what < 3; what++) {
        struct data_spread *out = what == 0 ? &c->width : what == 1 ? &c->height : &c->side;
        int n = 0;

        for (int i = 0; i < c->pictures; i++) {
            const struct data_fact *f = &a->fact[i];
            int side = f->width < f->height ? f->width : f->height;

            if (!f->why)
                x[n++] = what == 0 ? f->width : what == 1 ? f->height : side;
        }
        *out = spread_of(x, n);
    }
    free(x);
    return true;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool count_groups(struct data_census *c, const struct data_index *x, struct err *err)
{
    const char **group = malloc(sizeof *group * ((size_t)x->n + 1));
    int n = 0;

    if (!group)
        return err_set(err, ERR_MEMORY, "no memory for %d pictures", x->n);
    for (int i = 0; i < x->n; i++)
        if (x->sample[i].group)
            group[n++] = x->sample[i].group;
    qsort(group, (size_t)n, sizeof *group, by_text);
    for (int i = 0; i < n; i++)
        c->groups += i == 0 || strcmp(group[i - 1], group[i]) != 0;
    free(group);
    return true;
}

static double evenness(const struct data_census *c)
{
    double all = 0, entropy = 0;

    for (int l = 0; l < c->n_labels; l++)
        all += c->total[l];
    for (int l = 0; l < c->n_labels; l++)
        if (c->total[l])
            entropy -= c->total[l] / all * log(c->total[l] / all);
    return c->n_labels > 1 ? entropy / log(c->n_labels) : 1;
}

/* ---- pairs of labels ------------------------------------------------------------------------- */

static int by_falling_both(const void *pa, const void *pb)
{
    const struct data_label_pair *a = pa, *b = pb;

    if (a->both != b->both)
        return a->both < b->both ? 1 : -1;
    return a->a != b->a ? (a->a > b->a) - (a->a < b->a) : (a->b > b->b) - (a->b < b->b);
}

static void count_pairs(const struct data_index *x, const struct data_audit *a, int *both, int *yes)
{
    for (int i = 0; i < x->n; i++) {
        const int8_t *mark = x->sample[i].mark;
        int n = 0;

        for (int l = 0; !a->fact[i].why && l < x->n_labels; l++)
            if (mark[l] > 0)
                yes[n++] = l;
        for (int k = 0; k < n; k++)
            for (int m = k + 1; m < n; m++)
                both[(size_t)yes[k] * (size_t)x->n_labels + (size_t)yes[m]]++;
    }
}

/* Nothing to do for SINGLE, and nothing done where a table of all pairs would be too large. */
static bool find_pairs(struct data_census *c, const struct data_audit *a, struct err *err)
{
    size_t labels = (size_t)c->n_labels;
    struct data_label_pair pair[PAIRS + 1];
    int *both, *yes;

    if (a->x->task == DATA_SINGLE || c->n_labels > LABELS_MAX)
        return true;
    both = calloc(labels * labels + 1, sizeof *both);
    yes = calloc(labels + 1, sizeof *yes);
    if (!both || !yes) {
        free(both);
        free(yes);
        return err_set(err, ERR_MEMORY, "no memory for %d labels", c->n_labels);
    }
    count_pairs(a->x, a, both, yes);
    for (size_t i = 0; i < labels * labels; i++) {
        if (!both[i] || (c->n_pairs == PAIRS && pair[PAIRS - 1].both >= both[i]))
            continue;
        pair[c->n_pairs++] =
            (struct data_label_pair){ (int)(i / labels), (int)(i % labels), both[i] };
        qsort(pair, (size_t)c->n_pairs, sizeof *pair, by_falling_both);
        c->n_pairs = c->n_pairs < PAIRS ? c->n_pairs : PAIRS;
    }
    free(both);
    free(yes);
    c->pair = arena_copy(c->mem, pair, sizeof *pair * (size_t)c->n_pairs);
    return c->pair || err_set(err, ERR_MEMORY, "no memory for %d labels", c->n_labels);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool take(struct data_census *c, const struct data_audit *a, struct err *err)
{
    const struct data_index *x = a->x;

    for (int i = 0; i < x->n; i++) {
        const struct data_fact *f = &a->fact[i];

        c->bytes += f->bytes;
        if (f->why)
            continue;
        c->readable++;
        c->part[x->sample[i].split]++;
        c->format[f->format]++;
        count_labels(c, &x->sample[i]);
    }
    c->evenness = evenness(c);
    return measure_sizes(c, a, err) && count_groups(c, x, err) && find_pairs(c, a, err);
}

struct data_census *data_census_new(const struct data_audit *a, struct err *err)
{
    struct arena *mem = arena_new();
    struct data_census *c = mem ? arena_alloc(mem, sizeof *c) : NULL;
    size_t labels = (size_t)a->x->n_labels;

    if (c) {
        c->mem = mem;
        c->pictures = a->x->n;
        c->n_labels = a->x->n_labels;
        c->label = arena_array(mem, labels, sizeof *c->label);
        c->total = arena_array(mem, labels, sizeof *c->total);
        c->unknown = arena_array(mem, labels, sizeof *c->unknown);
    }
    if (!c || !c->label || !c->total || !c->unknown)
        err_set(err, ERR_MEMORY, "no memory for %d labels", a->x->n_labels);
    else if (take(c, a, err))
        return c;
    arena_free(mem);
    return NULL;
}

void data_census_free(struct data_census *c)
{
    if (c)
        arena_free(c->mem);
}

int data_census_training(const struct data_census *c, int label)
{
    return c->part[DATA_TRAIN] ? c->label[label][DATA_TRAIN] : c->label[label][DATA_UNSPLIT];
}

/* ---- as text --------------------------------------------------------------------------------- */

/* "812 bytes", "49.1 MB" */
static void add_bytes(uint64_t bytes, struct str *out)
{
    static const char *const units[] = { "bytes", "KB", "MB", "GB", "TB" };
    double x = (double)bytes;
    int unit = 0;

    for (; x >= 1000 && unit < 4; unit++)
        x /= 1000;
    str_printf(out, unit && x < 99.95 ? "%.1f %s" : "%.0f %s", x, units[unit]);
}

/* "JPEG", or "JPEG 3600, PNG 70". */
static void add_formats(const struct data_census *c, struct str *out)
{
    struct data_fact f = { 0 };
    int kinds = 0, n = 0;

    for (int k = 0; k < FORMATS; k++)
        kinds += c->format[k] > 0;
    for (int k = 0; k < FORMATS; k++) {
        f.format = (int8_t)k;
        if (!c->format[k])
            continue;
        str_printf(out, "%s%s", n++ ? ", " : "", data_fact_format(&f));
        if (kinds > 1)
            str_printf(out, " %d", c->format[k]);
    }
}

static void add_pictures(const struct data_census *c, struct str *out)
{
    if (c->readable == c->pictures)
        str_printf(out, "  pictures  %d, ", c->pictures);
    else
        str_printf(out, "  pictures  %d, of which %d cannot be read; ", c->pictures,
                   c->pictures - c->readable);
    add_formats(c, out);
    str_add(out, "; ");
    add_bytes(c->bytes, out);
    str_addc(out, '\n');
}

static void add_sizes(const struct data_census *c, struct str *out)
{
    if (c->width.min == c->width.max && c->height.min == c->height.max)
        str_printf(out, "  sizes     all %dx%d\n", c->width.min, c->height.min);
    else
        str_printf(out, "  sizes     %d to %d wide, %d to %d high; half have %d pixels or more on "
                   "each side\n", c->width.min, c->width.max, c->height.min, c->height.max,
                   c->side.median);
}

static void add_range(const struct data_census *c, const struct data_index *x, struct str *out)
{
    int most = 0, least = 0;

    for (int l = 1; l < c->n_labels; l++) {
        most = c->total[l] > c->total[most] ? l : most;
        least = c->total[l] < c->total[least] ? l : least;
    }
    str_printf(out, "  labels    %d", c->n_labels);
    if (c->n_labels == 1) {
        str_printf(out, ", %d picture%s", c->total[0], str_plural(c->total[0]));
    } else if (c->n_labels > 1 && c->total[least] == c->total[most]) {
        str_printf(out, ", %d picture%s each", c->total[most], str_plural(c->total[most]));
    } else if (c->n_labels > 0) {
        str_printf(out, ", from %d picture%s (", c->total[least],
                   str_plural(c->total[least]));
        cli_clean(out, x->label[least]);
        str_printf(out, ") to %d (", c->total[most]);
        cli_clean(out, x->label[most]);
        str_addc(out, ')');
    }
    str_addc(out, '\n');
}

void data_census_text(const struct data_census *c, const struct data_index *x, const char *name,
                      struct str *out)
{
    int n = 0;

    cli_clean(out, name);
    str_printf(out, ": %s, %s\n\n", x->source,
               x->task == DATA_SINGLE ? "one label a picture" : "any number of labels a picture");
    if (x->columns) {
        str_add(out, "  columns   ");
        cli_wrap(out, x->columns, 12, 12);
    }
    add_pictures(c, out);
    add_sizes(c, out);
    add_range(c, x, out);
    str_add(out, "  parts     ");
    for (int p = 0; p < DATA_PARTS; p++)
        if (c->part[p])
            str_printf(out, "%s%s %d", n++ ? ", " : "",
                       p != DATA_UNSPLIT                ? data_split_names[p]
                       : c->part[p] == c->readable ? "none named, all" : "none named", c->part[p]);
    if (c->groups)
        str_printf(out, "; %d group%s", c->groups, str_plural(c->groups));
    str_addc(out, '\n');
    if (x->n_others) {
        str_printf(out, "  others    %d file%s no picture%s: ", x->n_others,
                   x->n_others == 1 ? " is" : "s are", str_plural(x->n_others));
        cli_clean(out, x->other ? x->other : "");
        str_add(out, x->n_others > 1 ? ", ...\n" : "\n");
    }
}

static void spread_json(struct str *out, const char *key, struct data_spread s)
{
    json_begin(out, key, '{');
    json_number(out, "min", s.min);
    json_number(out, "median", s.median);
    json_number(out, "max", s.max);
    json_end(out, '}');
}

static void parts_json(struct str *out, const int part[DATA_PARTS])
{
    for (int p = 0; p < DATA_PARTS; p++)
        if (part[p])
            json_number(out, data_split_names[p], part[p]);
}

static void labels_json(const struct data_census *c, const struct data_index *x, struct str *out)
{
    json_begin(out, "labels", '[');
    for (int l = 0; l < c->n_labels; l++) {
        json_begin(out, NULL, '{');
        json_text(out, "label", x->label[l]);
        json_number(out, "pictures", c->total[l]);
        if (c->unknown[l])
            json_number(out, "unknown", c->unknown[l]);
        json_begin(out, "parts", '{');
        parts_json(out, c->label[l]);
        json_end(out, '}');
        json_end(out, '}');
    }
    json_end(out, ']');
}

static void multi_json(const struct data_census *c, const struct data_index *x, struct str *out)
{
    static const char *const names[] = { "none", "one", "two", "more" };

    json_begin(out, "labels_a_picture", '{');
    for (int k = 0; k < DATA_PARTS; k++)
        json_number(out, names[k], c->carrying[k]);
    json_end(out, '}');
    json_begin(out, "together", '[');
    for (int i = 0; i < c->n_pairs; i++) {
        json_begin(out, NULL, '{');
        json_text(out, "a", x->label[c->pair[i].a]);
        json_text(out, "b", x->label[c->pair[i].b]);
        json_number(out, "pictures", c->pair[i].both);
        json_end(out, '}');
    }
    json_end(out, ']');
}

void data_census_json(const struct data_census *c, const struct data_index *x, struct str *out)
{
    struct data_fact f = { 0 };

    json_text(out, "layout", x->source);
    if (x->columns)
        json_text(out, "columns", x->columns);
    json_text(out, "task", data_task_names[x->task]);
    json_number(out, "pictures", c->pictures);
    json_number(out, "readable", c->readable);
    json_number(out, "bytes", (double)c->bytes);
    json_number(out, "others", x->n_others);
    json_begin(out, "parts", '{');
    parts_json(out, c->part);
    json_end(out, '}');
    json_begin(out, "formats", '{');
    for (int k = 0; k < FORMATS; k++) {
        f.format = (int8_t)k;
        if (c->format[k])
            json_number(out, data_fact_format(&f), c->format[k]);
    }
    json_end(out, '}');
    spread_json(out, "width", c->width);
    spread_json(out, "height", c->height);
    if (c->groups)
        json_number(out, "groups", c->groups);
    json_number(out, "evenness", c->evenness);
    labels_json(c, x, out);
    if (x->task == DATA_MULTI)
        multi_json(c, x, out);
}
