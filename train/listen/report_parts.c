/*
 * report_parts -- see report_parts.h
 */
#include "train/listen/report_parts.h"

#include "data/page.h"
#include "infer/curve.h"
#include "nn/base/pool.h"
#include "infer/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MATRIX = 30,                /* labels of a confusion matrix */
    PAIRS = 8,                  /* confusions that are named */
    CURVES = 24, POINTS = 200,  /* labels whose curve is drawn; points of one */
    MISTAKES = 24, SIDE = 144,  /* pictures of the gallery, and their longer side in pixels */
};

const char train_report_style[] =
    "body{max-width:66rem}h1{margin-bottom:.2rem}h2{margin:2.6rem 0 .4rem}p{max-width:44rem}"
    ".dim{opacity:.72}.small{font-size:.85rem}"
    ".big{font-size:2.6rem;font-weight:600;line-height:1.1;margin:1.2rem 0 .2rem}"
    ".big small{font-size:1rem;font-weight:400;display:inline-block}"
    ".track{position:relative;height:1.1rem;margin:.6rem 0 .4rem;max-width:44rem;"
    "border-bottom:2px solid var(--line)}.track i{position:absolute;bottom:-2px}"
    ".track .band{height:.55rem;background:var(--c0);opacity:.35;min-width:2px}"
    ".track .dot{width:3px;margin-left:-1px;height:1rem;background:var(--c0)}"
    ".track .base{width:2px;margin-left:-1px;height:1rem;background:var(--c2)}"
    ".ends{display:flex;justify-content:space-between;max-width:44rem;margin-top:-.2rem}"
    ".key i{display:inline-block;width:.8rem;height:.6rem;margin-right:.3rem}"
    ".key span{margin-right:1.2rem;white-space:nowrap}"
    ".tiles{display:flex;flex-wrap:wrap;gap:.5rem 2rem;margin:1rem 0}.tiles div{min-width:6rem}"
    ".tiles b{display:block;font-size:1.15rem}"
    ".grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,18rem),1fr));"
    "gap:1.2rem 1.5rem;margin:.8rem 0}"
    ".many{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,17rem),1fr));"
    "gap:1rem}"
    ".grid>svg,.many>svg{max-width:30rem}"
    ".wide{overflow-x:auto;max-width:100%}"
    "th{font-weight:600;vertical-align:bottom}td,th{padding:.15rem .5rem}"
    "td,figcaption,.name{unicode-bidi:isolate}"
    "td.n{font-variant-numeric:tabular-nums}"
    ".name{max-width:14rem;overflow-wrap:break-word}"
    ".v{background:linear-gradient(90deg,var(--soft) var(--p),transparent 0)}"
    ".matrix{font-size:.8rem}.matrix td.n{text-align:center;min-width:1.5rem;padding:.2rem}"
    ".matrix .up{writing-mode:vertical-rl;transform:rotate(180deg);max-height:9rem;"
    "text-align:left;padding:.3rem 0;overflow:hidden}"
    ".gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(9rem,1fr));gap:1rem;"
    "padding:0}.gallery img{min-width:72px;max-width:144px;max-height:144px;border-radius:.2rem}"
    ".gallery figcaption{overflow-wrap:anywhere;margin-top:.25rem}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--soft);padding:.6rem .8rem;"
    "border-radius:.3rem}"
    "@media(max-width:34rem){table{font-size:.8rem}td,th{padding:.15rem .2rem}}"
    "@media print{body{margin:0;max-width:none}h2{break-after:avoid}"
    "svg,figure,tr{break-inside:avoid}}";

/* ---- confusion ------------------------------------------------------------------------------- */

struct scored {
    int a, b;
    double score;
};

/* The highest score first; of equal ones the first. */
static int by_score(const void *pa, const void *pb)
{
    const struct scored *a = pa, *b = pb;

    if (a->score != b->score)
        return a->score < b->score ? 1 : -1;
    return a->a != b->a ? a->a - b->a : a->b - b->b;
}

static int by_place(const void *pa, const void *pb)
{
    return ((const struct scored *)pa)->a - ((const struct scored *)pb)->a;
}

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

static void add_cell(struct str *out, const struct train_report *r, const struct infer_figures *f,
                     int truth, int answer)
{
    int n = confused(f, truth, answer), support = f->label[truth].support;

    if (n == 0) {
        str_add(out, "<td class=n>");
        return;
    }
    str_printf(out, "<td class=n style=\"background:rgb(%s/%.2f)\" title=\"",
               truth == answer ? "47 111 171" : "208 96 16", 0.08 + 0.55 * n / support);
    data_page_text(out, r->model->label[truth]);
    str_add(out, truth == answer ? " answered right" : " answered with ");
    if (truth != answer)
        data_page_text(out, r->model->label[answer]);
    str_printf(out, "\">%d", n);
}

static void add_matrix(struct str *out, const struct train_report *r, const struct infer_figures *f,
                       int n, const struct scored *of)
{
    str_add(out, "<div class=wide><table class=matrix><tr><th class=\"dim small\">truth \\ answer"
                 "</th>");
    for (int i = 0; i < n; i++) {
        str_add(out, "<th><span class=up>");
        data_page_text(out, r->model->label[of[i].a]);
        str_add(out, "</span></th>");
    }
    str_add(out, "</tr>\n");
    for (int i = 0; i < n; i++) {
        str_add(out, "<tr><td class=name>");
        data_page_text(out, r->model->label[of[i].a]);
        for (int k = 0; k < n; k++)
            add_cell(out, r, f, of[i].a, of[k].a);
        str_add(out, "</tr>\n");
    }
    str_add(out, "</table></div>\n");
}

/* The pairs that are mistaken most often, in words. */
static void add_pairs(struct str *out, const struct train_report *r, const struct infer_figures *f)
{
    struct scored worst[PAIRS + 1];
    int n = 0;

    for (int t = 0; t < f->n_labels; t++)
        for (int a = 0; a < f->n_labels; a++) {
            if (t == a || confused(f, t, a) < 2)
                continue;
            worst[n++] = (struct scored){ t, a, confused(f, t, a) };
            qsort(worst, (size_t)n, sizeof *worst, by_score);
            n = n < PAIRS ? n : PAIRS;
        }
    if (n == 0)
        return;
    str_add(out, "<ul class=small>\n");
    for (int i = 0; i < n; i++) {
        str_printf(out, "<li>%d of %d ", (int)worst[i].score, f->label[worst[i].a].support);
        str_add(out, "<b>");
        data_page_text(out, r->model->label[worst[i].a]);
        str_add(out, "</b> answered with <b>");
        data_page_text(out, r->model->label[worst[i].b]);
        str_add(out, "</b></li>\n");
    }
    str_add(out, "</ul>\n");
}

void train_report_confusion(struct str *out, const struct train_report *r,
                            const struct infer_figures *f)
{
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
    add_matrix(out, r, f, n, of);
    add_pairs(out, r, f);
    free(of);
}

/* ---- labels ---------------------------------------------------------------------------------- */

static bool carries(const struct data_sample *s, int label)
{
    return s->mark ? s->mark[label] > 0 : s->label == label;
}

/* learnt[l]: pictures that carry label l and were learnt from. */
static void count_learnt(const struct data_index *x, int *learnt)
{
    for (int i = 0; i < x->n; i++)
        for (int l = 0; x->sample[i].split == DATA_TRAIN && l < x->n_labels; l++)
            learnt[l] += carries(&x->sample[i], l);
}

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

void train_report_labels(struct str *out, const struct train_report *r,
                         const struct infer_figures *f)
{
    struct scored *order = calloc((size_t)f->n_labels, sizeof *order);
    int *learnt = calloc((size_t)f->n_labels, sizeof *learnt);

    if (!order || !learnt) {
        out->failed = true;
        goto done;
    }
    count_learnt(r->index, learnt);
    for (int l = 0; l < f->n_labels; l++)
        order[l] = (struct scored){ .a = l, .score = -strength(&f->label[l]) };
    qsort(order, (size_t)f->n_labels, sizeof *order, by_score);
    str_printf(out, "<h2>Label by label</h2>\n<p>The weakest first, by F1%s. Precision: how many "
                    "of its answers are right. Recall: how many of its pictures are found. AP: "
                    "average precision over all thresholds.</p>\n",
               f->task == DATA_MULTI ? " at a probability of 0.5" : "");
    str_add(out, "<div class=wide><table><tr><th>label<th class=n>learnt from<th class=n>held out"
                 "<th class=n>answered<th class=n>precision<th class=n>recall<th class=n>F1"
                 "<th class=n>AP</tr>\n");
    for (int i = 0; i < f->n_labels; i++) {
        const struct infer_label_figures *l = &f->label[order[i].a];

        str_add(out, "<tr><td class=name>");
        data_page_text(out, r->model->label[order[i].a]);
        str_printf(out, "<td class=n>%d<td class=n>%d<td class=n>%d", learnt[order[i].a],
                   l->support, l->predicted);
        add_share(out, l->precision);
        add_share(out, l->recall);
        add_share(out, l->f1);
        add_share(out, l->ap);
        str_add(out, "</tr>\n");
    }
    str_add(out, "</table></div>\n");
done:
    free(order);
    free(learnt);
}

/* ---- precision and recall, calibration ------------------------------------------------------- */

/* The first letters of a long name. */
static void add_short(struct str *out, const char *name)
{
    size_t n = strlen(name), most = n > 24 ? 22 : n;

    while (most < n && most > 0 && ((unsigned char)name[most] & 0xc0) == 0x80)
        most--;         /* never inside a character */
    str_addn(out, name, most);
    str_add(out, most < n ? "..." : "");
}

static void add_curve(struct str *out, const struct train_report *r, int label, double ap,
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
    add_short(&title, r->model->label[label]);
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

bool train_report_curves(struct str *out, const struct train_report *r,
                         const struct infer_figures *f, struct err *err)
{
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

void train_report_calibration(struct str *out, const struct train_report *r)
{
    struct infer_bin bin[INFER_BINS];
    double x[INFER_BINS], y[INFER_BINS], end[INFER_BINS], share[INFER_BINS], total = 0;
    bool single = r->answers->task == DATA_SINGLE;
    const char *of = single ? "confidence" : "probability";
    int n = 0;

    infer_reliability(r->answers, bin);
    for (int b = 0; b < INFER_BINS; b++)
        total += (double)bin[b].n;
    for (int b = 0; b < INFER_BINS; b++) {
        end[b] = (b + 1.0) / INFER_BINS;
        share[b] = total > 0 ? (double)bin[b].n / total : 0;
        if (bin[b].n) {
            x[n] = bin[b].confidence;
            y[n++] = bin[b].right;
        }
    }
    str_printf(out, "<h2>Is its confidence deserved?</h2>\n<p>%s in %d ranges of %s: how sure the "
                    "network is against how often that comes true. Under the diagonal it is too "
                    "sure of itself. Ranges with few %s say little. Calibration error %.4f.</p>\n"
                    "<div class=grid>\n",
               single ? "The answers" : "Every known picture and label,", INFER_BINS, of,
               single ? "pictures" : "pairs", infer_reliability_error(bin));
    infer_plot_add(out, &(struct infer_plot){
        .title = "Calibration", .x_title = of, .x = { 0, 1 }, .y = { 0, 1 }, .mark = NAN,
        .y_title = single ? "share that is right" : "share that carries the label",
        .y_share = true, .height = 180, .n = 2,
        .line = (struct infer_plot_line[]){
            { .n = n, .x = x, .y = y, .colour = 0, .dots = true },
            { .n = 2, .x = (double[]){ 0, 1 }, .y = (double[]){ 0, 1 }, .colour = 2 },
        } });
    infer_plot_add(out, &(struct infer_plot){
        .title = "How often it is so sure", .x_title = of, .x = { 0, 1 }, .y = { 0, NAN },
        .mark = NAN, .y_title = single ? "share of the pictures" : "share of the pairs",
        .y_share = true, .height = 180, .n = 1,
        .line = (struct infer_plot_line[]){
            { .n = INFER_BINS, .x = end, .y = share, .colour = 0, .steps = true } } });
    str_add(out, "</div>\n");
}

/* ---- mistakes -------------------------------------------------------------------------------- */

struct gallery {
    const struct train_report *r;
    struct infer_mistake of[MISTAKES];
    char *uri[MISTAKES];
};

static const struct data_sample *sample_of(const struct gallery *g, int i)
{
    return &g->r->val->sample[g->r->answers->sample[g->of[i].row]];
}

static void make_thumb(void *arg, int i, int worker)
{
    struct gallery *g = arg;

    (void)worker;
    g->uri[i] = data_page_thumb(sample_of(g, i), g->r->decode, SIDE);
}

static void add_mistake(struct str *out, const struct gallery *g, int i)
{
    const struct infer_mistake *m = &g->of[i];
    const struct infer_answers *a = g->r->answers;
    const char *const *label = g->r->model->label;

    str_add(out, "<figure>");
    if (g->uri[i]) {
        str_add(out, "<img alt=\"\" src=\"");
        str_add(out, g->uri[i]);
        str_add(out, "\">");
    }
    str_add(out, "<figcaption><b>");
    data_page_text(out, label[m->label]);
    if (a->task == DATA_SINGLE) {
        str_printf(out, "</b> %.1f%%<br>is <b>", 100 * (double)m->p);
        data_page_text(out, label[a->truth[m->row]]);
        str_printf(out, "</b> %.1f%%", 100 * (double)infer_answers_p(a, m->row, a->truth[m->row]));
    } else {
        str_printf(out, "</b> %s, %.1f%%", m->p < 0.5f ? "missed" : "answered, wrongly",
                   100 * (double)m->p);
    }
    str_add(out, "<br><span class=dim>");
    data_page_text(out, sample_of(g, i)->name);
    str_add(out, "</span></figcaption></figure>\n");
}

bool train_report_mistakes(struct str *out, const struct train_report *r, struct err *err)
{
    struct gallery g = { .r = r };
    struct pool *pool = pool_new(r->threads, err);
    int64_t total;
    int n = infer_mistakes(r->answers, MISTAKES, g.of, &total);

    if (!pool)
        return false;
    pool_for(pool, n, make_thumb, &g);
    pool_free(pool);
    str_add(out, "<h2>The worst mistakes</h2>\n");
    if (n == 0)
        str_add(out, "<p>There are none.</p>\n");
    else
        str_printf(out, "<p>Of %lld those that the network is surest of. Look here first: labels "
                        "that are wrong, pictures that show something else, and what the network "
                        "does not see.</p>\n<div class=gallery>\n", (long long)total);
    for (int i = 0; i < n; i++) {
        add_mistake(out, &g, i);
        free(g.uri[i]);
    }
    str_add(out, n ? "</div>\n" : "");
    return true;
}
