/*
 * finding -- what is wrong with a set of pictures, and what would help
 */
#include "data/finding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const data_severity_names[] = { "error", "warning", "note", NULL };

struct kind {
    const char *name, *title, *advice;
    enum data_severity severity;
    data_find_fn *find;
};

static const struct kind kinds[] = {
#define DATA_FINDING(name, severity, title, advice) \
    { #name, title, advice, DATA_##severity, data_find_##name },
#include "data/findings.def"
#undef DATA_FINDING
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

/* ---- cases ----------------------------------------------------------------------------------- */

static void begin_case(struct data_finder *f, const char *what, const char *note)
{
    if (f->failed || f->n == f->cap) {
        int cap = f->cap ? 2 * f->cap : 16;
        struct data_case *p = f->failed ? NULL : realloc(f->of, sizeof *p * (size_t)cap);

        if (!p) {
            f->failed = true;
            return;
        }
        f->of = p;
        f->cap = cap;
    }
    f->of[f->n++] = (struct data_case){ what, note, f->n_samples, 0 };
}

static const char *note_of(struct data_finder *f, const char *fmt, va_list ap)
{
    struct str text = { 0 };
    const char *note;

    if (!fmt)
        return NULL;
    str_vprintf(&text, fmt, ap);
    note = text.failed ? NULL : arena_str(f->mem, str_text(&text));
    str_release(&text);
    f->failed |= !note;
    return note;
}

void data_finder_case(struct data_finder *f, const char *what, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    begin_case(f, what, note_of(f, fmt, ap));
    va_end(ap);
}

void data_finder_picture(struct data_finder *f, int sample)
{
    if (f->n_samples == f->cap_samples) {
        size_t cap = f->cap_samples ? 2 * f->cap_samples : 64;
        int *p = f->failed ? NULL : realloc(f->sample, sizeof *p * cap);

        if (!p) {
            f->failed = true;
            return;
        }
        f->sample = p;
        f->cap_samples = cap;
    }
    if (f->failed)
        return;
    f->sample[f->n_samples++] = sample;
    f->of[f->n - 1].n++;
}

void data_finder_one(struct data_finder *f, int sample, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    begin_case(f, NULL, note_of(f, fmt, ap));
    va_end(ap);
    data_finder_picture(f, sample);
}

/* ---- findings -------------------------------------------------------------------------------- */

/* Runs one kind; what it found goes behind the others. */
static void find(struct data_finder *f, const struct kind *kind, struct data_findings *out)
{
    f->severity = kind->severity;
    f->n = 0;
    kind->find(f);
    if (f->n == 0 || f->failed)
        return;

    struct data_finding *g = &out->finding[out->n++];

    *g = (struct data_finding){ kind->name, kind->title, kind->advice, f->severity, NULL, f->n };
    out->count[f->severity]++;
    g->of = arena_copy(f->mem, f->of, sizeof *f->of * (size_t)f->n);
    f->failed |= !g->of;
}

/* The severest first, else as in findings.def. */
static void sort(struct data_findings *f)
{
    struct data_finding sorted[N_KINDS];
    int n = 0;

    for (int severity = DATA_ERROR; severity <= DATA_NOTE; severity++)
        for (int i = 0; i < f->n; i++)
            if ((int)f->finding[i].severity == severity)
                sorted[n++] = f->finding[i];
    memcpy(f->finding, sorted, sizeof *sorted * (size_t)n);
}

struct data_findings *data_findings_new(const struct data_audit *a, const struct data_census *c,
                                        struct err *err)
{
    struct data_finder f = { .a = a, .c = c, .mem = arena_new() };
    struct data_findings *out = f.mem ? arena_alloc(f.mem, sizeof *out) : NULL;

    if (out) {
        out->mem = f.mem;
        out->finding = arena_array(f.mem, N_KINDS, sizeof *out->finding);
    }
    f.failed = !out || !out->finding;
    for (int i = 0; !f.failed && i < N_KINDS; i++)
        find(&f, &kinds[i], out);
    free(f.of);
    if (f.failed) {
        free(f.sample);
        arena_free(f.mem);
        err_set(err, ERR_MEMORY, "no memory for the findings of %d pictures", a->x->n);
        return NULL;
    }
    out->sample = f.sample;
    sort(out);
    return out;
}

void data_findings_free(struct data_findings *f)
{
    if (!f)
        return;
    free((int *)(uintptr_t)f->sample);
    arena_free(f->mem);
}
