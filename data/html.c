/*
 * html -- what was found in a set, as a page with thumbnails
 */
#include "data/html.h"

#include "data/page.h"
#include "nn/base/file.h"
#include "nn/base/pool.h"

#include <stdlib.h>
#include <string.h>

enum {
    SIDE = 96,                  /* of a thumbnail */
    THUMBS = 300, PLACES = 600, /* about 3 KB each; a picture may stand in several findings */
    CASES = 24, PICTURES = 4,   /* of a finding; of a case */
    LABELS = 40, SHOWN = 6,     /* that are shown with pictures; pictures of each */
    LIST = 500,                 /* cases of a finding that are named at all */
};

/* ---- thumbnails ------------------------------------------------------------------------------ */

struct thumb {
    int sample;
    char *uri;                  /* data:image/jpeg;base64,...; NULL: it cannot be shown */
};

struct thumbs {
    const struct data_index *x;
    const struct data_decode *how;
    struct thumb of[THUMBS];
    int n, placed;
};

static struct thumb *find_thumb(struct thumbs *t, int sample)
{
    for (int i = 0; i < t->n; i++)
        if (t->of[i].sample == sample)
            return &t->of[i];
    return NULL;
}

static void want(struct thumbs *t, const struct data_audit *a, int sample)
{
    if (t->n < THUMBS && !a->fact[sample].why && !find_thumb(t, sample))
        t->of[t->n++] = (struct thumb){ .sample = sample };
}

static void make_thumb(void *arg, int i, int worker)
{
    struct thumbs *t = arg;

    (void)worker;
    t->of[i].uri = data_page_thumb(&t->x->sample[t->of[i].sample], t->how, SIDE);
}

/* Findings first, then as many of each label as there is room for. */
static void choose(struct thumbs *t, const struct data_audit *a, const struct data_findings *f)
{
    const struct data_index *x = a->x;
    int shown[LABELS] = { 0 };

    for (int k = 0; k < CASES; k++)
        for (int i = 0; i < f->n; i++)
            for (int p = 0; k < f->finding[i].n && p < f->finding[i].of[k].n && p < PICTURES; p++)
                want(t, a, f->sample[f->finding[i].of[k].first + (size_t)p]);
    for (int i = 0; i < x->n; i++)
        for (int l = 0; l < x->n_labels && l < LABELS; l++) {
            const struct data_sample *s = &x->sample[i];

            if (shown[l] < SHOWN && !a->fact[i].why && (s->mark ? s->mark[l] > 0 : s->label == l)) {
                want(t, a, i);
                shown[l]++;
            }
        }
}

/* ---- the page -------------------------------------------------------------------------------- */

static const char style[] =
    "section{border-left:.3rem solid var(--line);padding-left:1rem;margin:1.5rem 0}"
    "section.error{border-color:#c0392b}section.warning{border-color:#d68910}"
    ".cases{display:flex;flex-wrap:wrap;gap:.6rem;padding:0;list-style:none}"
    ".cases li{background:var(--soft);padding:.4rem .5rem;border-radius:.3rem;max-width:26rem;"
    "overflow-wrap:anywhere;font-size:.85rem}"
    "figure{max-width:6.2rem}img{max-width:96px;max-height:96px}"
    ".bar{background:var(--bar);height:.7rem;min-width:1px}";

static void add_picture(struct thumbs *t, int sample, bool named, struct str *out)
{
    const struct thumb *thumb = find_thumb(t, sample);
    const char *name = t->x->sample[sample].name;
    bool shown = thumb && thumb->uri && t->placed < PLACES;

    str_add(out, "<figure>");
    t->placed += shown;
    if (shown) {
        str_add(out, "<img alt=\"\" title=\"");
        data_page_text(out, name);
        str_add(out, "\" src=\"");
        str_add(out, thumb->uri);
        str_add(out, "\">");
    }
    if (named || !shown) {
        str_add(out, "<figcaption>");
        data_page_text(out, name);
        str_add(out, "</figcaption>");
    }
    str_add(out, "</figure>");
}

static void add_case(struct thumbs *t, const struct data_findings *f, const struct data_case *c,
                     struct str *out)
{
    str_add(out, "<li>");
    if (c->what) {
        str_add(out, "<b>");
        data_page_text(out, c->what);
        str_add(out, "</b> ");
    }
    if (c->n)
        str_add(out, "<div class=row>");
    for (int i = 0; i < c->n && i < PICTURES; i++)
        add_picture(t, f->sample[c->first + (size_t)i], true, out);
    if (c->n)
        str_add(out, "</div>");
    if (c->n > PICTURES)
        str_printf(out, "and %d more<br>", c->n - PICTURES);
    if (c->note)
        data_page_text(out, c->note);
    str_add(out, "</li>\n");
}

static void add_finding(struct thumbs *t, const struct data_findings *f,
                        const struct data_finding *g, struct str *out)
{
    const char *severity = data_severity_names[g->severity];
    int n = g->n < LIST ? g->n : LIST;

    str_printf(out, "<section class=%s id=%s><h2><b class=%s>%s</b> %s (%d)</h2>"
               "<p class=advice>", severity, g->name, severity, severity, g->title, g->n);
    data_page_text(out, g->advice);
    str_add(out, "</p>\n<ul class=cases>\n");
    for (int i = 0; i < n; i++)
        add_case(t, f, &g->of[i], out);
    str_add(out, "</ul>\n");
    if (n < g->n)
        str_printf(out, "<p>... and %d more: discern data check --all</p>", g->n - n);
    str_add(out, "</section>\n");
}

static void add_summary(const struct data_findings *f, struct str *out)
{
    str_add(out, "<table><tr><th>finding</th><th></th><th class=n>how many</th></tr>\n");
    for (int i = 0; i < f->n; i++) {
        const struct data_finding *g = &f->finding[i];
        const char *severity = data_severity_names[g->severity];

        str_printf(out, "<tr><td><b class=%s>%s</b></td><td><a href=\"#%s\">%s</a></td>"
                   "<td class=n>%d</td></tr>\n", severity, severity, g->name, g->title, g->n);
    }
    if (f->n == 0)
        str_add(out, "<tr><td>nothing to complain about</td><td></td><td></td></tr>");
    str_add(out, "</table>\n");
}

static void add_labels(struct thumbs *t, const struct data_census *c, struct str *out)
{
    const struct data_index *x = t->x;
    int most = 1, n = c->n_labels < LIST ? c->n_labels : LIST;

    for (int l = 0; l < c->n_labels; l++)
        most = c->total[l] > most ? c->total[l] : most;
    str_add(out, "<h2>Labels</h2>\n<table><tr><th>label</th><th class=n>pictures</th><th></th>"
                 "<th></th></tr>\n");
    for (int l = 0; l < n; l++) {
        int shown = 0;

        str_add(out, "<tr><td>");
        data_page_text(out, x->label[l]);
        str_printf(out, "</td><td class=n>%d</td><td><div class=bar style=\"width:%.1frem\"></div>"
                   "</td><td><div class=row>", c->total[l], 8.0 * c->total[l] / most);
        for (int i = 0; i < t->n && shown < SHOWN && l < LABELS; i++) {
            const struct data_sample *s = &x->sample[t->of[i].sample];

            if (t->of[i].uri && (s->mark ? s->mark[l] > 0 : s->label == l)) {
                add_picture(t, t->of[i].sample, false, out);
                shown++;
            }
        }
        str_add(out, "</div></td></tr>\n");
    }
    str_add(out, "</table>\n");
    if (n < c->n_labels)
        str_printf(out, "<p>... and %d more</p>", c->n_labels - n);
}

static void add_page(const char *name, struct thumbs *t, const struct data_census *c,
                     const struct data_findings *f, struct str *out)
{
    struct str text = { 0 };

    data_page_begin(out, name, "discern data check", style);
    str_add(out, "<pre>");
    data_census_text(c, t->x, name, &text);
    for (const char *line = str_text(&text), *end; *line; line = end) {
        struct str one = { 0 };

        end = strchr(line, '\n') ? strchr(line, '\n') + 1 : line + strlen(line);
        str_addn(&one, line, (size_t)(end - line - 1));
        data_page_text(out, str_text(&one));
        str_addc(out, '\n');
        str_release(&one);
    }
    str_release(&text);
    str_add(out, "</pre>\n");
    add_summary(f, out);
    for (int i = 0; i < f->n; i++)
        add_finding(t, f, &f->finding[i], out);
    add_labels(t, c, out);
    data_page_end(out);
}

bool data_html_write(const char *path, const char *name, const struct data_audit *a,
                     const struct data_census *c, const struct data_findings *f,
                     const struct data_decode *how, int threads, struct err *err)
{
    struct thumbs *t = calloc(1, sizeof *t);
    struct pool *pool = t ? pool_new(threads, err) : NULL;
    struct str out = { 0 };
    bool ok = false;

    if (!t)
        return err_set(err, ERR_MEMORY, "%s: no memory for the page", path);
    if (pool) {
        t->x = a->x;
        t->how = how;
        choose(t, a, f);
        pool_for(pool, t->n, make_thumb, t);
        add_page(name, t, c, f, &out);
        ok = out.failed ? err_set(err, ERR_MEMORY, "%s: no memory for the page", path)
                        : file_replace(path, out.data, out.len, err);
    }
    for (int i = 0; i < t->n; i++)
        free(t->of[i].uri);
    str_release(&out);
    pool_free(pool);
    free(t);
    return ok;
}
