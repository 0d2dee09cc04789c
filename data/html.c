/*
 * html -- what was found in a set, as a page with thumbnails
 */
#include "data/html.h"

#include "data/stb.h"
#include "nn/base/cli.h"
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

static char *uri_of(const uint8_t *bytes, size_t size)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct str out = { 0 };

    str_add(&out, "data:image/jpeg;base64,");
    for (size_t i = 0; i < size; i += 3) {
        uint32_t v = (uint32_t)bytes[i] << 16 | (i + 1 < size ? (uint32_t)bytes[i + 1] << 8 : 0) |
                     (i + 2 < size ? (uint32_t)bytes[i + 2] : 0);

        str_addc(&out, digit[v >> 18]);
        str_addc(&out, digit[v >> 12 & 63]);
        str_addc(&out, i + 1 < size ? digit[v >> 6 & 63] : '=');
        str_addc(&out, i + 2 < size ? digit[v & 63] : '=');
    }
    if (out.failed)
        str_release(&out);
    return out.data;
}

static int shrunk(int side, int longest)
{
    int n = longest > SIDE ? (int)((int64_t)side * SIDE / longest) : side;

    return n > 1 ? n : 1;
}

static void make_thumb(void *arg, int i, int worker)
{
    struct thumbs *t = arg;
    struct data_image image = { 0 };
    struct err ignored;
    uint8_t *pixel, *jpeg = NULL;
    size_t size = 0;
    int longest, w, h;

    (void)worker;
    if (!data_sample_image(&t->x->sample[t->of[i].sample], t->how, &image, &ignored))
        return;
    longest = image.width > image.height ? image.width : image.height;
    w = shrunk(image.width, longest);
    h = shrunk(image.height, longest);
    pixel = malloc((size_t)w * (size_t)h * 3);
    if (pixel && data_image_resample(&image, 0, 0, image.width, image.height, w, h, pixel,
                                     &ignored))
        jpeg = data_stb_jpeg(pixel, w, h, 75, &size);
    if (jpeg)
        t->of[i].uri = uri_of(jpeg, size);
    free(jpeg);
    free(pixel);
    data_image_release(&image);
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
    ":root{color-scheme:light dark;--line:#8886;--soft:#8882;--bar:#4a7fb5}"
    "body{font:15px/1.45 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.5rem;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:2rem 0 .3rem}"
    "table{border-collapse:collapse}td,th{padding:.15rem .7rem;text-align:left;"
    "border-bottom:1px solid var(--line)}td.n,th.n{text-align:right}"
    "section{border-left:.3rem solid var(--line);padding-left:1rem;margin:1.5rem 0}"
    "section.error{border-color:#c0392b}section.warning{border-color:#d68910}"
    "b.error{color:#c0392b}b.warning{color:#b9770e}b.note{color:#4a7fb5}"
    "@media(prefers-color-scheme:dark){b.error{color:#f1877b}b.warning{color:#f0b252}"
    "b.note{color:#8fb8de}}"
    ".cases{display:flex;flex-wrap:wrap;gap:.6rem;padding:0;list-style:none}"
    ".cases li{background:var(--soft);padding:.4rem .5rem;border-radius:.3rem;max-width:26rem;"
    "overflow-wrap:anywhere;font-size:.85rem}"
    ".row{display:flex;flex-wrap:wrap;gap:.3rem}figure{margin:0;max-width:6.2rem;font-size:.75rem}"
    "img{display:block;max-width:96px;max-height:96px}"
    ".bar{background:var(--bar);height:.7rem;min-width:1px}.advice{margin:.3rem 0 .6rem}";

/* Text from outside: mended to UTF-8, escaped, control characters shown as '?'. */
static void add_text(struct str *out, const char *text)
{
    struct str clean = { 0 };

    cli_clean(&clean, text);
    for (const char *p = str_text(&clean); *p; p++) {
        switch (*p) {
        case '&': str_add(out, "&amp;"); break;
        case '<': str_add(out, "&lt;"); break;
        case '>': str_add(out, "&gt;"); break;
        case '"': str_add(out, "&quot;"); break;
        case '\'': str_add(out, "&#39;"); break;
        default: str_addc(out, *p);
        }
    }
    out->failed |= clean.failed;
    str_release(&clean);
}

static void add_picture(struct thumbs *t, int sample, bool named, struct str *out)
{
    const struct thumb *thumb = find_thumb(t, sample);
    const char *name = t->x->sample[sample].name;
    bool shown = thumb && thumb->uri && t->placed < PLACES;

    str_add(out, "<figure>");
    t->placed += shown;
    if (shown) {
        str_add(out, "<img alt=\"\" title=\"");
        add_text(out, name);
        str_add(out, "\" src=\"");
        str_add(out, thumb->uri);
        str_add(out, "\">");
    }
    if (named || !shown) {
        str_add(out, "<figcaption>");
        add_text(out, name);
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
        add_text(out, c->what);
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
        add_text(out, c->note);
    str_add(out, "</li>\n");
}

static void add_finding(struct thumbs *t, const struct data_findings *f,
                        const struct data_finding *g, struct str *out)
{
    const char *severity = data_severity_names[g->severity];
    int n = g->n < LIST ? g->n : LIST;

    str_printf(out, "<section class=%s id=%s><h2><b class=%s>%s</b> %s (%d)</h2>"
               "<p class=advice>", severity, g->name, severity, severity, g->title, g->n);
    add_text(out, g->advice);
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
        add_text(out, x->label[l]);
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

    str_add(out, "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n"
                 "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; "
                 "img-src data:; style-src 'unsafe-inline'\">\n"
                 "<meta name=viewport content=\"width=device-width\">\n<title>");
    add_text(out, name);
    str_printf(out, " - discern data check</title>\n<style>%s</style>\n<h1>", style);
    add_text(out, name);
    str_add(out, "</h1>\n<pre>");
    data_census_text(c, t->x, name, &text);
    for (const char *line = str_text(&text), *end; *line; line = end) {
        struct str one = { 0 };

        end = strchr(line, '\n') ? strchr(line, '\n') + 1 : line + strlen(line);
        str_addn(&one, line, (size_t)(end - line - 1));
        add_text(out, str_text(&one));
        str_addc(out, '\n');
        str_release(&one);
    }
    str_release(&text);
    str_add(out, "</pre>\n");
    add_summary(f, out);
    for (int i = 0; i < f->n; i++)
        add_finding(t, f, &f->finding[i], out);
    add_labels(t, c, out);
    str_add(out, "</html>\n");
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
