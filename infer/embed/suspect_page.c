/*
 * suspect_page -- see suspect.h: the page
 */
#include "data/page.h"
#include "data/thumbs.h"
#include "infer/embed/suspect.h"
#include "nn/base/file.h"

enum {
    SIDE = 128,                 /* of a thumbnail */
    THUMBS = 1500,              /* of the page, about 4 KB each; others are named */
};

static const char style[] =
    "section{margin:1.5rem 0}figure{width:8.6rem}img{max-width:128px;max-height:128px}"
    "figcaption{overflow-wrap:anywhere;margin:.2rem 0 .8rem}.dim{opacity:.72}";

static void add_words(struct str *out, const struct infer_suspect_report *r, int given, int likely,
                      bool of_given)
{
    const char *const *label = (const char *const *)r->x->label;
    struct str text = { 0 };

    if (of_given)
        infer_suspect_given(&text, label, given, likely);
    else
        infer_suspect_likely(&text, label, given, likely);
    data_page_text(out, str_text(&text));
    out->failed |= text.failed;
    str_release(&text);
}

static void add_suspect(struct str *out, const struct infer_suspect_report *r,
                        const struct data_thumbs *t, const struct infer_suspect *s)
{
    str_add(out, "<figure>");
    data_thumbs_add(t, r->sample[s->row], out);
    str_add(out, "<figcaption>");
    add_words(out, r, s->given, s->likely, true);
    str_printf(out, " %.1f%%<br><b>", 100 * (double)s->p_given);
    add_words(out, r, s->given, s->likely, false);
    str_printf(out, "</b> %.1f%%<br><span class=dim>", 100 * (double)s->p_likely);
    data_page_text(out, r->x->sample[r->sample[s->row]].name);
    str_add(out, "</span></figcaption></figure>\n");
}

static void add_pair(struct str *out, const struct infer_suspect_report *r,
                     const struct data_thumbs *t, int p)
{
    const struct infer_suspect_pair *pair = &r->pair[p];

    str_printf(out, "<section id=p%d><h2>", p + 1);
    add_words(out, r, pair->given, pair->likely, true);
    str_add(out, " &rarr; ");
    add_words(out, r, pair->given, pair->likely, false);
    str_printf(out, " (%d)</h2>\n<div class=row>\n", pair->n);
    for (int i = 0; i < r->n; i++)
        if (r->suspect[i].given == pair->given && r->suspect[i].likely == pair->likely)
            add_suspect(out, r, t, &r->suspect[i]);
    str_add(out, "</div></section>\n");
}

static void add_summary(struct str *out, const struct infer_suspect_report *r)
{
    str_add(out, "<table><tr><th>given</th><th>likely</th><th class=n>pictures</th></tr>\n");
    for (int p = 0; p < r->n_pairs; p++) {
        str_printf(out, "<tr><td>");
        add_words(out, r, r->pair[p].given, r->pair[p].likely, true);
        str_printf(out, "</td><td><a href=\"#p%d\">", p + 1);
        add_words(out, r, r->pair[p].given, r->pair[p].likely, false);
        str_printf(out, "</a></td><td class=n>%d</td></tr>\n", r->pair[p].n);
    }
    str_add(out, "</table>\n");
}

static void add_page(struct str *out, const struct infer_suspect_report *r,
                     const struct data_thumbs *t)
{
    data_page_begin(out, r->data, "discern data errors", style);
    str_add(out, "<p>");
    data_page_text(out, r->how);
    str_add(out, "</p>\n<p>Below each picture the label that it was given, and the one that is "
                 "likely, each with its probability; the surest first.  Look: some are wrong "
                 "labels, some show both, some are hard.</p>\n");
    add_summary(out, r);
    for (int p = 0; p < r->n_pairs; p++)
        add_pair(out, r, t, p);
    data_page_end(out);
}

bool infer_suspect_page(const struct infer_suspect_report *r, const struct data_decode *how,
                        int threads, const char *path, struct err *err)
{
    struct data_thumbs *t = data_thumbs_new(r->x, SIDE, THUMBS, err);
    struct str out = { 0 };
    bool ok = t;

    for (int i = 0; ok && i < r->n; i++)
        data_thumbs_want(t, r->sample[r->suspect[i].row]);
    ok = ok && data_thumbs_make(t, how, threads, err);
    if (ok)
        add_page(&out, r, t);
    if (ok && out.failed)
        ok = err_set(err, ERR_MEMORY, "no memory for the page");
    if (!ok)
        err_in(err, "%s", path);
    ok = ok && file_replace(path, out.data, out.len, err);
    str_release(&out);
    data_thumbs_free(t);
    return ok;
}
