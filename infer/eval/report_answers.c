/*
 * report_answers -- see report.h: how sure the answers are, and the worst of them
 */
#include "infer/eval/report.h"

#include "data/page.h"
#include "data/thumbs.h"
#include "infer/eval/curve.h"
#include "infer/eval/plot.h"

#include <math.h>

enum { MISTAKES = 24, SIDE = 144 };     /* pictures of the gallery, their longer side in pixels */

/* ---- calibration ----------------------------------------------------------------------------- */

/* The bins that hold anything, as points; returns how many. */
static int points_of(const struct infer_bin bin[INFER_BINS], double x[INFER_BINS],
                     double y[INFER_BINS])
{
    int n = 0;

    for (int b = 0; b < INFER_BINS; b++)
        if (bin[b].n) {
            x[n] = bin[b].confidence;
            y[n++] = bin[b].right;
        }
    return n;
}

static void add_diagram(struct str *out, const struct infer_report *r,
                        const struct infer_bin bin[INFER_BINS])
{
    double x[INFER_BINS], y[INFER_BINS], x0[INFER_BINS], y0[INFER_BINS];
    bool single = r->answers->task == DATA_SINGLE;
    struct infer_plot_line line[] = {
        { .n = 2, .x = (double[]){ 0, 1 }, .y = (double[]){ 0, 1 }, .colour = 2 },
        { .name = r->before ? "as it answers" : NULL, .n = points_of(bin, x, y), .x = x, .y = y,
          .colour = 0, .dots = true },
        { .name = "uncalibrated", .x = x0, .y = y0, .colour = 1, .dots = true },
    };

    if (r->before)
        line[2].n = points_of(r->before, x0, y0);
    infer_plot_add(out, &(struct infer_plot){
        .title = single ? "How often it is right" : "How often the label is there",
        .x_title = single ? "confidence" : "probability", .x = { 0, 1 }, .y = { 0, 1 },
        .mark = NAN, .y_share = true, .height = 180, .n = r->before ? 3 : 2, .line = line });
}

void infer_report_calibration(struct str *out, const struct infer_report *r)
{
    struct infer_bin bin[INFER_BINS];
    double end[INFER_BINS], share[INFER_BINS], total = 0;
    double error = infer_figure(r->figures, INFER_FIGURE_calibration_error);
    bool single = r->answers->task == DATA_SINGLE;
    const char *of = single ? "confidence" : "probability";

    infer_reliability(r->answers, bin);
    for (int b = 0; b < INFER_BINS; b++)
        total += (double)bin[b].n;
    for (int b = 0; b < INFER_BINS; b++) {
        end[b] = (b + 1.0) / INFER_BINS;
        share[b] = total > 0 ? (double)bin[b].n / total : 0;
    }
    str_printf(out, "<h2>Is its confidence deserved?</h2>\n<p>%s in %d ranges of %s: how sure the "
                    "network is against how often that comes true. Under the diagonal it is too "
                    "sure of itself. Ranges with few %s say little. Expected calibration error "
                    "(ECE): %.4f, which chance makes larger than it is",
               single ? "The answers" : "Every known picture and label,", INFER_BINS, of,
               single ? "pictures" : "pairs", r->figures->ece);
    if (!isnan(error))          /* too few to tell it apart from chance */
        str_printf(out, "; without what chance adds, root mean square: %.4f", error);
    str_add(out, ".</p>\n<div class=grid>\n");
    add_diagram(out, r, bin);
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
    const struct infer_report *r;
    struct infer_mistake of[MISTAKES];
    struct data_thumbs *thumbs;
};

static int sample_of(const struct gallery *g, int i)
{
    return g->r->answers->sample[g->of[i].row];
}

static void add_mistake(struct str *out, const struct gallery *g, int i)
{
    const struct infer_mistake *m = &g->of[i];
    const struct infer_answers *a = g->r->answers;
    const char *const *label = g->r->label;

    str_add(out, "<figure>");
    data_thumbs_add(g->thumbs, sample_of(g, i), out);
    str_add(out, "<figcaption><b>");
    data_page_text(out, label[m->label]);
    if (a->task == DATA_SINGLE) {
        str_printf(out, "</b> %.1f%%<br>is <b>", 100 * (double)m->p);
        data_page_text(out, label[a->truth[m->row]]);
        str_printf(out, "</b> %.1f%%", 100 * (double)infer_answers_p(a, m->row, a->truth[m->row]));
    } else {
        str_printf(out, "</b> %s, %.1f%%", m->told ? "answered, wrongly" : "missed",
                   100 * (double)m->p);
    }
    str_add(out, "<br><span class=dim>");
    data_page_text(out, g->r->index->sample[sample_of(g, i)].name);
    str_add(out, "</span></figcaption></figure>\n");
}

bool infer_report_mistakes(struct str *out, const struct infer_report *r, struct err *err)
{
    struct gallery g = { .r = r, .thumbs = data_thumbs_new(r->index, SIDE, MISTAKES, err) };
    int64_t total;
    int n = infer_mistakes(r->answers, MISTAKES, g.of, &total);

    for (int i = 0; g.thumbs && i < n; i++)
        data_thumbs_want(g.thumbs, sample_of(&g, i));
    if (!g.thumbs || !data_thumbs_make(g.thumbs, r->decode, r->threads, err)) {
        data_thumbs_free(g.thumbs);
        return false;
    }
    str_add(out, "<h2>The worst mistakes</h2>\n");
    if (n == 0)
        str_add(out, "<p>There are none.</p>\n");
    else
        str_printf(out, "<p>Of %lld those that the network is surest of. Look here first: labels "
                        "that are wrong, pictures that show something else, and what the network "
                        "does not see.</p>\n<div class=gallery>\n", (long long)total);
    for (int i = 0; i < n; i++)
        add_mistake(out, &g, i);
    str_add(out, n ? "</div>\n" : "");
    data_thumbs_free(g.thumbs);
    return true;
}
