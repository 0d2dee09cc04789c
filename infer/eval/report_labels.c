/*
 * report_labels -- see report.h: what tells labels apart, and how each of them fares
 */
#include "infer/eval/report.h"

#include "data/page.h"
#include "infer/eval/curve.h"
#include "infer/eval/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MATRIX = 30,                /* labels of a confusion matrix */
    PAIRS = 8,                  /* confusions that are named */
    CURVES = 24, POINTS = 200,  /* labels whose curve is drawn; points of one */
};

struct scored {
    int a;                      /* a label */
    double score;
};

/* The highest score first; of equal ones the first. */
static int by_score(const void *pa, const void *pb)
{
    const struct scored *a = pa, *b = pb;

    if (a->score != b->score)
        return a->score < b->score ? 1 : -1;
    return a->a - b->a;
}

static int by_place(const void *pa, const void *pb)
{
    return ((const struct scored *)pa)->a - ((const struct scored *)pb)->a;
}

/* ---- confusion ------------------------------------------------------------------------------- */

static int confused(const struct infer_figures *f, int truth, int answer)
{
    return f->confusion[(size_t)truth * (size_t)f->n_labels + (size_t)answer];
}

/* The labels of the matrix, in their order; returns how many.  s is room for all. */
static int matrix_labels(const struct infer_figures *f, struct scored *s)
{
    int n = f->n_labels < MATRIX ? f->n_labels : MATRIX;

    for (int l = 0; l < f->n_labels; l++) {
        s[l] = (struct scored){ .a = l };
        s[l].score = f->label[l].support + f->label[l].predicted - 2 * f->label[l].correct;
    }
    qsort(s, (size_t)f->n_labels, sizeof *s, by_score);
    qsort(s, (size_t)n, sizeof *s, by_place);
    return n;
}

static void add_cell(struct str *out, const struct infer_report *r, int truth, int answer)
{
    const struct infer_figures *f = r->figures;
    int n = confused(f, truth, answer), support = f->label[truth].support;

    if (n == 0) {
        str_add(out, "<td class=n>");
        return;
    }
    str_printf(out, "<td class=n style=\"background:rgb(%s/%.2f)\" title=\"",
               truth == answer ? "47 111 171" : "208 96 16", 0.08 + 0.55 * n / support);
    data_page_text(out, r->label[truth]);
    str_add(out, truth == answer ? " answered right" : " answered with ");
    if (truth != answer)
        data_page_text(out, r->label[answer]);
    str_printf(out, "\">%d", n);
}

static void add_matrix(struct str *out, const struct infer_report *r, int n,
                       const struct scored *of)
{
    str_add(out, "<div class=wide><table class=matrix><tr><th class=\"dim small\">truth \\ answer"
                 "</th>");
    for (int i = 0; i < n; i++) {
        str_add(out, "<th><span class=up>");
        data_page_text(out, r->label[of[i].a]);
        str_add(out, "</span></th>");
    }
    str_add(out, "</tr>\n");
    for (int i = 0; i < n; i++) {
        str_add(out, "<tr><td class=name>");
        data_page_text(out, r->label[of[i].a]);
        for (int k = 0; k < n; k++)
            add_cell(out, r, of[i].a, of[k].a);
        str_add(out, "</tr>\n");
    }
    str_add(out, "</table></div>\n");
}

/* The pairs that are mistaken most often, more than once, in words. */
static void add_pairs(struct str *out, const struct infer_report *r)
{
    struct infer_confused worst[PAIRS];
    int n = infer_confused(r->figures, PAIRS, worst);

    while (n > 0 && worst[n - 1].n < 2)
        n--;
    str_add(out, n ? "<ul class=small>\n" : "");
    for (int i = 0; i < n; i++) {
        str_printf(out, "<li>%d of %d <b>", worst[i].n, r->figures->label[worst[i].truth].support);
        data_page_text(out, r->label[worst[i].truth]);
        str_add(out, "</b> answered with <b>");
        data_page_text(out, r->label[worst[i].answer]);
        str_add(out, "</b></li>\n");
    }
    str_add(out, n ? "</ul>\n" : "");
}

void infer_report_confusion(struct str *out, const struct infer_report *r)
{
    const struct infer_figures *f = r->figures;
    struct scored *of = f->confusion ? calloc((size_t)f->n_labels, sizeof *of) : NULL;
    int n;

    if (!f->confusion)
        return;
    if (!of) {
        out->failed = true;
        return;
    }
    n = matrix_labels(f, of);
    str_add(out, "<h2>What is taken for what</h2>\n<p>True labels in rows, answers in columns; the "
                 "stronger the colour, the larger a share of the row.");
    if (n < f->n_labels)
        str_printf(out, " The %d most confused of %d labels.", n, f->n_labels);
    str_add(out, "</p>\n");
    add_matrix(out, r, n, of);
    add_pairs(out, r);
    free(of);
}

/* ---- labels ---------------------------------------------------------------------------------- */

/* A share as a number on a bar of its length. */
static void add_share(struct str *out, double x)
{
    if (isnan(x))
        str_add(out, "<td class=n>&ndash;");
    else
        str_printf(out, "<td class=\"n v\" style=\"--p:%.0f%%\">%.3f", 100 * x, x);
}

/* By F1, of equal ones by AP; labels that nothing was held out of come last: they are unknown. */
static double strength(const struct infer_label_figures *l)
{
    return l->support == 0 ? 2 : l->f1 + (isnan(l->ap) ? 0 : 1e-9 * l->ap);
}

void infer_report_labels(struct str *out, const struct infer_report *r)
{
    const struct infer_figures *f = r->figures;
    struct scored *order = calloc((size_t)f->n_labels, sizeof *order);

    if (!order) {
        out->failed = true;
        return;
    }
    for (int l = 0; l < f->n_labels; l++)
        order[l] = (struct scored){ .a = l, .score = -strength(&f->label[l]) };
    qsort(order, (size_t)f->n_labels, sizeof *order, by_score);
    str_printf(out, "<h2>Label by label</h2>\n<p>The weakest first, by F1%s. Precision: how many "
                    "of its answers are right. Recall: how many of its pictures are found. AP: "
                    "average precision over all thresholds.</p>\n",
               f->task == DATA_SINGLE ? "" : r->answers->threshold ?
               " at each label's own threshold" : " at a probability of 0.5");
    str_add(out, "<div class=wide><table><tr><th>label");
    str_add(out, r->learnt ? "<th class=n>learnt from<th class=n>held out"
                           : "<th class=n>pictures");
    str_add(out, "<th class=n>answered<th class=n>precision<th class=n>recall<th class=n>F1"
                 "<th class=n>AP");
    str_add(out, r->answers->threshold ? "<th class=n>threshold</tr>\n" : "</tr>\n");
    for (int i = 0; i < f->n_labels; i++) {
        const struct infer_label_figures *l = &f->label[order[i].a];

        str_add(out, "<tr><td class=name>");
        data_page_text(out, r->label[order[i].a]);
        if (r->learnt)
            str_printf(out, "<td class=n>%d", r->learnt[order[i].a]);
        str_printf(out, "<td class=n>%d<td class=n>%d", l->support, l->predicted);
        add_share(out, l->precision);
        add_share(out, l->recall);
        add_share(out, l->f1);
        add_share(out, l->ap);
        if (r->answers->threshold)
            str_printf(out, "<td class=n>%.3f", (double)r->answers->threshold[order[i].a]);
        str_add(out, "</tr>\n");
    }
    str_add(out, "</table></div>\n");
    free(order);
}

/* ---- precision and recall -------------------------------------------------------------------- */

/* The first letters of a long name. */
static void add_short(struct str *out, const char *name)
{
    size_t n = strlen(name), most = n > 24 ? 22 : n;

    while (most < n && most > 0 && ((unsigned char)name[most] & 0xc0) == 0x80)
        most--;         /* never inside a character */
    str_addn(out, name, most);
    str_add(out, most < n ? "..." : "");
}

static void add_curve(struct str *out, const struct infer_report *r, int label, double ap,
                      struct infer_pr_point *point)
{
    int n = infer_pr(r->answers, label, point);
    double base = n ? point[n - 1].precision : 0, x[POINTS], y[POINTS];
    struct infer_plot_line line[] = {
        { .x = x, .y = y, .colour = 0, .steps = true },
        { .n = 2, .x = (double[]){ 0, 1 }, .y = (double[]){ base, base }, .colour = 2 },
    };
    struct str title = { 0 };

    n = infer_pr_thin(n, point, POINTS);
    for (int i = 0; i < n; i++) {
        x[i] = point[i].recall;
        y[i] = point[i].precision;
    }
    line[0].n = n;
    add_short(&title, r->label[label]);
    str_printf(&title, ", AP %.3f", ap);
    infer_plot_add(out, &(struct infer_plot){ .title = str_text(&title),
                                              .x_title = "recall",
                                              .y_title = "precision",
                                              .x = { 0, 1 },
                                              .y = { 0, 1 },
                                              .mark = NAN,
                                              .n = 2,
                                              .line = line });
    str_release(&title);
}

bool infer_report_curves(struct str *out, const struct infer_report *r,
                         struct err *err)
{
    const struct infer_figures *f = r->figures;
    struct infer_pr_point *point = calloc((size_t)r->answers->n + 1, sizeof *point);
    struct scored *order = calloc((size_t)f->n_labels + 1, sizeof *order);
    int n = 0, drawn;
    bool ok = point && order;

    for (int l = 0; ok && l < f->n_labels; l++)
        if (!isnan(f->label[l].ap))
            order[n++] = (struct scored){ .a = l, .score = -f->label[l].ap };
    drawn = n < CURVES ? n : CURVES;
    if (n) {
        qsort(order, (size_t)n, sizeof *order, by_score);
        str_add(out, "<h2>Precision against recall</h2>\n<p>Each label answered for itself, from "
                     "the strictest threshold (left) to the loosest; in grey what answering at "
                     "random would get.");
        if (drawn < n)
            str_printf(out, " The %d weakest of %d labels.", drawn, n);
        str_add(out, "</p>\n<div class=many>\n");
        for (int i = 0; i < drawn; i++)
            add_curve(out, r, order[i].a, -order[i].score, point);
        str_add(out, "</div>\n");
    }
    free(point);
    free(order);
    return ok || err_set(err, ERR_MEMORY, "no memory for curves");
}
