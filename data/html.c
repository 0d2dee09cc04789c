/*
 * html -- what was found in a set, as a page with thumbnails
 */
#include "data/html.h"

#include "data/page.h"
#include "data/thumbs.h"
#include "nn/base/file.h"

#include <string.h>

enum {
    SIDE = 96,                  /* of a thumbnail */
    THUMBS = 300, PLACES = 600, /* about 3 KB each; a picture may stand in several findings */
    CASES = 24, PICTURES = 4,   /* of a finding; of a case */
    LABELS = 40, SHOWN = 6,     /* that are shown with pictures; pictures of each */
    LIST = 500,                 /* cases of a finding that are named at all */
};

/* ---- thumbnails ------------------------------------------------------------------------------ */

struct sheet {
    const struct data_index *x;
    struct data_thumbs *thumbs;
    int placed;
};

static void want(struct sheet *t, const struct data_audit *a, int sample)
{
    if (!a->fact[sample].why)
        data_thumbs_want(t->thumbs, sample);
}

/* Findings first, then as many of each label as there is room for. */
static void choose(struct sheet *t, const struct data_audit *a, const struct data_findings *f)
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

            if (shown[l] < SHOWN && !a->fact[i].why && data_sample_has(s, l)) {
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

static void add_picture(struct sheet *t, int sample, bool named, struct str *out)
{
    bool shown;

    str_add(out, "<figure>");
    shown = t->placed < PLACES && data_thumbs_add(t->thumbs, sample, out);
    t->placed += shown;
    if (named || !shown) {
        str_add(out, "<figcaption>");
        data_page_text(out, t->x->sample[sample].name);
        str_add(out, "</figcaption>");
    }
    str_add(out, "</figure>");
}

static void add_case(struct sheet *t, const struct data_findings *f, const struct data_case *c,
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

static void add_finding(struct sheet *t, const struct data_findings *f,
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

static void add_labels(struct sheet *t, const struct data_census *c, struct str *out)
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
        for (int i = 0; i < data_thumbs_count(t->thumbs) && shown < SHOWN && l < LABELS; i++) {
            int sample = data_thumbs_at(t->thumbs, i);

            if (data_sample_has(&x->sample[sample], l)) {
                add_picture(t, sample, false, out);
                shown++;
            }
        }
        str_add(out, "</div></td></tr>\n");
    }
    str_add(out, "</table>\n");
    if (n < c->n_labels)
        str_printf(out, "<p>... and %d more</p>", c->n_labels - n);
}

static void add_page(const char *name, struct sheet *t, const struct data_census *c,
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
    struct sheet t = { .x = a->x, .thumbs = data_thumbs_new(a->x, SIDE, THUMBS, err) };
    struct str out = { 0 };
    bool ok = t.thumbs;

    if (ok)
        choose(&t, a, f);
    ok = ok && data_thumbs_make(t.thumbs, how, threads, err);
    if (ok)
        add_page(name, &t, c, f, &out);
    if (ok && out.failed)
        ok = err_set(err, ERR_MEMORY, "no memory for the page");
    if (!ok)
        err_in(err, "%s", path);
    ok = ok && file_replace(path, out.data, out.len, err);
    str_release(&out);
    data_thumbs_free(t.thumbs);
    return ok;
}
