/*
 * cluster_page -- see cluster_page.h
 */
#include "infer/embed/cluster_page.h"

#include "data/page.h"
#include "data/thumbs.h"
#include "nn/base/file.h"

#include <stdlib.h>
#include <string.h>

enum {
    SIDE = 88,                  /* of a thumbnail */
    THUMBS = 1500,              /* of the page, about 3 KB each */
    NEAR = 24, SPREAD = 12,     /* of a cluster: the nearest to its centre; some of the others */
    CLUSTERS = 400,             /* that are shown */
    LABELS = 5,                 /* of a cluster that are named */
};

static const char style[] =
    "section{border-left:.3rem solid var(--line);padding-left:1rem;margin:1.5rem 0}"
    "img{max-width:88px;max-height:88px}.far{opacity:.85;border-top:1px dashed var(--line);"
    "padding-top:.3rem;margin-top:.3rem}.bar{background:var(--bar);height:.7rem;min-width:1px}";

/* ---- labels ---------------------------------------------------------------------------------- */

int infer_sheet_labels(const struct infer_sheet *s, int c, int *label, int *count)
{
    int n = 0;

    memset(count, 0, (size_t)s->x->n_labels * sizeof *count);
    for (int i = 0; i < s->clusters->n; i++)
        for (int l = 0; s->clusters->of[i] == c && l < s->x->n_labels; l++)
            count[l] += data_sample_has(&s->x->sample[s->sample[i]], l);
    /* By insertion: labels are few, or few of them are in a cluster. */
    for (int l = 0; l < s->x->n_labels; l++) {
        int at = n, of_label = count[l];

        if (!of_label)
            continue;
        for (; at > 0 && count[at - 1] < of_label; at--) {
            label[at] = label[at - 1];
            count[at] = count[at - 1];
        }
        label[at] = l;
        count[at] = of_label;
        n++;
    }
    return n;
}

void infer_sheet_agreement(const struct infer_sheet *s, struct str *out)
{
    const struct infer_agreement *a = s->agreement;

    str_printf(out, "%.1f%% of the pictures carry the commonest label of their cluster; mutual "
                    "information with the labels %.3f of 1, adjusted Rand index %.3f.",
               100 * a->purity, a->information, a->rand);
}

/* ---- pictures -------------------------------------------------------------------------------- */

/* The k-th row that is shown of n members: the nearest, then some spread over the rest. */
static int shown(int k, int n)
{
    if (n <= NEAR + SPREAD || k < NEAR)
        return k;
    return NEAR + (int)((int64_t)(k - NEAR + 1) * (n - NEAR) / SPREAD) - 1;
}

static int count_shown(int n)
{
    return n < NEAR + SPREAD ? n : NEAR + SPREAD;
}

/* Where a cluster's members begin; c = k: those in none.  *n of them. */
static const int *members(const struct infer_sheet *s, int c, int *n)
{
    const struct infer_clusters *k = s->clusters;
    int first = 0;

    for (int i = 0; i < c; i++)
        first += k->count[i];
    *n = c < k->k ? k->count[c] : k->n - first;
    return s->member + first;
}

static int count_sections(const struct infer_sheet *s)
{
    int n;

    members(s, s->clusters->k, &n);
    return s->clusters->k < CLUSTERS ? s->clusters->k + (n > 0) : CLUSTERS;
}

static void add_pictures(const struct infer_sheet *s, const struct data_thumbs *t,
                         const int *member, int n, struct str *out)
{
    str_add(out, "<div class=row>");
    for (int k = 0; k < count_shown(n); k++) {
        int sample = s->sample[member[shown(k, n)]];

        if (k == NEAR && n > NEAR + SPREAD)
            str_add(out, "</div><div class=\"row far\">");
        str_add(out, "<figure>");
        if (!data_thumbs_add(t, sample, out)) {
            str_add(out, "<figcaption>");
            data_page_text(out, s->x->sample[sample].name);
            str_add(out, "</figcaption>");
        }
        str_add(out, "</figure>");
    }
    str_add(out, "</div>");
}

/* ---- the page -------------------------------------------------------------------------------- */

static void add_labels(const struct infer_sheet *s, int c, int n, int *label, int *count,
                       struct str *out)
{
    int labels = infer_sheet_labels(s, c < s->clusters->k ? c : -1, label, count);

    if (labels)
        str_add(out, "<p class=advice>");
    for (int l = 0; l < labels && l < LABELS; l++) {
        str_add(out, l ? ", " : "");
        data_page_text(out, s->x->label[label[l]]);
        str_printf(out, " %.0f%%", 100.0 * count[l] / n);
    }
    if (labels > LABELS)
        str_printf(out, " and %d more", labels - LABELS);
    if (labels)
        str_add(out, "</p>\n");
}

static void add_section(const struct infer_sheet *s, const struct data_thumbs *t, int c,
                        int *label, int *count, struct str *out)
{
    int n;
    const int *member = members(s, c, &n);

    if (c < s->clusters->k)
        str_printf(out, "<section id=c%d><h2>Cluster %d: %d picture%s</h2>\n", c + 1, c + 1, n,
                   str_plural(n));
    else
        str_printf(out, "<section id=none><h2>In no cluster: %d picture%s</h2>\n", n,
                   str_plural(n));
    add_labels(s, c, n, label, count, out);
    add_pictures(s, t, member, n, out);
    str_add(out, "</section>\n");
}

static void add_summary(const struct infer_sheet *s, struct str *out)
{
    const struct infer_clusters *k = s->clusters;

    str_add(out, "<table><tr><th>cluster</th><th class=n>pictures</th><th></th></tr>\n");
    for (int c = 0; c < k->k && c < CLUSTERS; c++)
        str_printf(out, "<tr><td><a href=\"#c%d\">%d</a></td><td class=n>%d</td><td>"
                        "<div class=bar style=\"width:%.1frem\"></div></td></tr>\n", c + 1, c + 1,
                   k->count[c], 12.0 * k->count[c] / k->count[0]);
    str_add(out, "</table>\n");
    if (k->k > CLUSTERS)
        str_printf(out, "<p>... and %d more.</p>\n", k->k - CLUSTERS);
}

static bool add_page(const struct infer_sheet *s, const struct data_thumbs *t, struct str *out)
{
    int *label = calloc((size_t)s->x->n_labels + 1, sizeof *label);
    int *count = calloc((size_t)s->x->n_labels + 1, sizeof *count);

    data_page_begin(out, s->data, "discern data cluster", style);
    str_add(out, "<p>");
    data_page_text(out, s->how);
    str_add(out, "</p>\n");
    if (s->agreement) {
        str_add(out, "<p>");
        infer_sheet_agreement(s, out);
        str_add(out, "</p>\n");
    }
    str_add(out, "<p>Of each cluster the pictures nearest to its centre; below the line some of "
                 "the others, the farthest last.</p>\n");
    add_summary(s, out);
    for (int c = 0; label && count && c < count_sections(s); c++)
        add_section(s, t, c, label, count, out);
    data_page_end(out);
    free(label);
    free(count);
    return label && count && !out->failed;
}

bool infer_sheet_write(const struct infer_sheet *s, const struct data_decode *how, int threads,
                       const char *path, struct err *err)
{
    struct data_thumbs *t = data_thumbs_new(s->x, SIDE, THUMBS, err);
    struct str out = { 0 };
    bool ok = t;

    for (int c = 0; ok && c < count_sections(s); c++) {
        int n;
        const int *member = members(s, c, &n);

        for (int k = 0; k < count_shown(n); k++)
            data_thumbs_want(t, s->sample[member[shown(k, n)]]);
    }
    ok = ok && data_thumbs_make(t, how, threads, err) &&
         (add_page(s, t, &out) || err_set(err, ERR_MEMORY, "no memory for the page"));
    if (!ok)
        err_in(err, "%s", path);
    ok = ok && file_replace(path, out.data, out.len, err);
    str_release(&out);
    data_thumbs_free(t);
    return ok;
}
