/*
 * eval_page -- see eval.h: the report as a page; its parts: infer/eval/report.h
 */
#include "infer/eval/eval.h"

#include "data/page.h"
#include "infer/eval/plot.h"
#include "infer/eval/report.h"
#include "nn/base/file.h"

#include <math.h>

static void add_told(struct str *out, int id, double x, bool sign)
{
    bool share = infer_figure_table[id].kind == INFER_SHARE;

    if (isnan(x))
        str_add(out, "&ndash;");
    else if (sign)
        str_printf(out, share ? "%+.2f" : "%+.4f", share ? 100 * x : x);
    else
        str_printf(out, share ? "%.2f%%" : "%.4f", share ? 100 * x : x);
}

static void add_where(struct str *out, const struct infer_eval *e)
{
    str_add(out, "<p class=dim>on ");
    data_page_text(out, e->data);
    str_printf(out, ", part %s: %d picture%s, %d labels", e->part, e->side[0].f.n,
               str_plural(e->side[0].f.n), e->n_labels);
    if (e->failed)
        str_printf(out, "; %d could not be read", e->failed);
    str_add(out, "</p>\n");
    for (int s = 0; s < e->sides; s++)
        if (e->side[s].learnt > 0) {
            str_add(out, "<p>Mind: <b>");
            infer_eval_add_learnt(out, e, s);
            str_add(out, "</b>, so its figures flatter.</p>\n");
        }
}

/* ---- two models ------------------------------------------------------------------------------ */

static void add_compared(struct str *out, const struct infer_eval *e)
{
    const struct infer_compared *c = &e->compared;

    str_add(out, "<h2>Beside the second model</h2>\n<p>Second: ");
    data_page_text(out, e->side[1].name);
    str_add(out, "</p>\n<p><b>");
    infer_compared_verdict(out, c, e->task);
    str_add(out, "</b></p>\n<p>");
    infer_compared_counts(out, c, e->task);
    str_add(out, ".</p>\n<div class=wide><table><tr><th>figure<th class=n>first<th class=n>second"
                 "<th class=n>difference<th class=n>its 95% interval</tr>\n");
    for (int id = 0; id < INFER_FIGURES; id++) {
        if (!infer_figure_is_main(id, &e->side[0].answers))
            continue;
        str_printf(out, "<tr><td title=\"%s\">", infer_figure_table[id].meaning);
        infer_figure_name(out, id, &e->side[0].answers);
        for (int s = 0; s < 2; s++) {
            str_add(out, "<td class=n>");
            add_told(out, id, infer_figure(&e->side[s].f, id), false);
        }
        str_add(out, "<td class=n>");
        add_told(out, id, c->difference[id], true);
        str_add(out, "<td class=n>");
        if (!isnan(c->range[id].low)) {
            add_told(out, id, c->range[id].low, true);
            str_add(out, " to ");
            add_told(out, id, c->range[id].high, true);
        }
        str_add(out, "</tr>\n");
    }
    str_add(out, "</table></div>\n<p>Everything below is about the first.</p>\n");
}

/* ---- calibration ----------------------------------------------------------------------------- */

/* Whether it keeps its promises here: what the report in text says of it. */
static void add_promises(struct str *out, const struct infer_eval *e)
{
    const struct infer_eval_side *side = &e->side[0];
    const struct infer_calibration *c = side->model[0]->calibration;

    if (!side->calibrated)
        return;
    if (e->task == DATA_SINGLE && infer_calibration_has_bands(c)) {
        str_add(out, "<div class=wide><table><tr><th>band<th class=n>answers<th class=n>of them "
                     "right<th class=n>promised</tr>\n");
        for (int b = INFER_BAND_HI; b >= INFER_BAND_LOW; b--) {
            const struct infer_eval_band *band = &side->band[b];

            str_printf(out, "<tr><td>%s<td class=n>%d<td class=n>", infer_band_names[b], band->n);
            if (band->n)
                str_printf(out, "%.2f%%", 100.0 * band->right / band->n);
            else
                str_add(out, "&ndash;");
            if (b > INFER_BAND_LOW)
                str_printf(out, "<td class=n>%.2f%%</tr>\n",
                           100 * c->band_stated[b - INFER_BAND_MED]);
            else
                str_add(out, "<td class=n>&ndash;</tr>\n");
        }
        str_add(out, "</table></div>\n");
    }
    if (infer_calibration_tells_unknown(c))
        str_printf(out, "<p>Called unknown: %d of %d pictures, %.2f%% (where it was fitted: "
                   "%.2f%%).</p>\n", side->unknown, side->answers.n,
                   100.0 * side->unknown / side->answers.n, 100 * c->unknown_false);
}

/* ---- the page -------------------------------------------------------------------------------- */

static bool add_page(struct str *out, const struct infer_eval *e, const struct infer_report *r,
                     struct err *err)
{
    struct str style = { 0 };

    str_printf(&style, "%s%s", infer_plot_style, infer_report_style);
    data_page_begin(out, e->side[0].name, "discern eval", str_text(&style));
    out->failed |= style.failed;
    str_release(&style);
    add_where(out, e);
    if (!infer_report_headline(out, r, str_plural(e->side[0].f.n)[0] ? "pictures" : "picture",
                               err))
        return false;
    str_add(out, "<p>The interval is what another draw of as many pictures would do to the "
                 "figure.</p>\n");
    infer_report_tiles(out, r);
    if (e->sides > 1)
        add_compared(out, e);
    infer_report_means(out, r);
    infer_report_confusion(out, r);
    infer_report_labels(out, r);
    if (!infer_report_mistakes(out, r, err))
        return false;
    infer_report_calibration(out, r);
    add_promises(out, e);
    if (!infer_report_curves(out, r, err))
        return false;
    data_page_end(out);
    return !out->failed || err_set(err, ERR_MEMORY, "no memory for the report");
}

bool infer_eval_page(const struct infer_eval *e, const struct data_decode *decode, int threads,
                     const char *path, struct err *err)
{
    const struct infer_eval_side *side = &e->side[0];
    struct infer_report r = {
        .label = e->label, .answers = &side->answers, .figures = &side->f, .range = side->range,
        .before = side->calibrated ? side->bin_before : NULL, .index = e->index,
        .decode = decode, .threads = threads,
    };
    struct str out = { 0 };
    bool ok = add_page(&out, e, &r, err);

    if (!ok)
        err_in(err, "%s", path);
    ok = ok && file_replace(path, out.data, out.len, err);
    str_release(&out);
    return ok;
}
