/*
 * report_head -- see report.h: rules of the page, and the figure with what it is worth
 */
#include "infer/eval/report.h"

#include "data/page.h"
#include "infer/eval/interval.h"

#include <math.h>

const char infer_report_style[] =
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
    ".tiles b,.tiles span{display:block}.tiles b{font-size:1.15rem}"
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

/* Interval, figure and what guessing gets, on a line from 0 to 1. */
static void add_track(struct str *out, struct infer_range range, double figure, double base)
{
    str_add(out, "<div class=track>");
    if (!isnan(range.low))
        str_printf(out, "<i class=band style=\"left:%.2f%%;width:%.2f%%\"></i>", 100 * range.low,
                   100 * (range.high - range.low));
    if (!isnan(base))
        str_printf(out, "<i class=base style=\"left:%.2f%%\"></i>", 100 * base);
    if (!isnan(figure))
        str_printf(out, "<i class=dot style=\"left:%.2f%%\"></i>", 100 * figure);
    str_add(out, "</div>\n<div class=\"ends dim small\"><span>0%</span><span>100%</span></div>\n");
}

static void add_key(struct str *out, const struct infer_report *r, struct infer_range range)
{
    const struct infer_figures *f = r->figures;
    double base = f->task == DATA_SINGLE ? f->majority : f->baseline_ap;

    str_printf(out, "<p class=\"key small\"><span><i style=\"background:var(--c0)\"></i>%s %.2f%%"
                    "</span> ", r->index->taught ? "agreement" : infer_figures_main_name(f->task),
               100 * infer_figures_main(f));
    if (!isnan(range.low))
        str_printf(out, "<span><i style=\"background:var(--c0);opacity:.35\"></i>95%% interval "
                        "%.1f%% to %.1f%%</span> ", 100 * range.low, 100 * range.high);
    str_add(out, "<span><i style=\"background:var(--c2)\"></i>");
    if (f->task == DATA_SINGLE) {
        str_add(out, "always answering \xe2\x80\x9c");
        data_page_text(out, r->label[infer_figures_commonest(f)]);
        str_add(out, "\xe2\x80\x9d");
    } else {
        str_add(out, "answering by how common labels are");
    }
    str_printf(out, " %.2f%%</span></p>\n", 100 * base);
}

/* What the main figure is. */
static const char *figure_words(const struct infer_report *r)
{
    if (r->figures->task == DATA_SINGLE)
        return r->index->taught ? "agreement with the teacher" : "accuracy";
    return r->index->taught ? "mAP by what the teacher says" : "mean average precision (mAP)";
}

bool infer_report_headline(struct str *out, const struct infer_report *r, const char *of,
                           struct err *err)
{
    const struct infer_figures *f = r->figures;
    double figure = infer_figures_main(f);
    int id = infer_figures_main_id(f->task);
    struct infer_range range;

    if (r->range)
        range = r->range[id];
    else if (!infer_interval(r->answers, f, id, INFER_INTERVAL_SEED, &range, err))
        return false;
    str_printf(out, "<p class=big>%.1f%% <small>%s on %d %s</small></p>\n", 100 * figure,
               figure_words(r), f->n, of);
    add_track(out, range, figure, f->task == DATA_SINGLE ? f->majority : f->baseline_ap);
    add_key(out, r, range);
    return true;
}

/* A figure, or one end of its interval. */
static void add_told(struct str *out, int id, double x)
{
    if (infer_figure_table[id].kind == INFER_SHARE)
        str_printf(out, "%.2f%%", 100 * x);
    else
        str_printf(out, "%.4f", x);
}

void infer_report_tiles(struct str *out, const struct infer_report *r)
{
    const struct infer_figures *f = r->figures;

    str_add(out, "<div class=tiles>\n");
    for (int id = 0; id < INFER_FIGURES; id++) {
        bool shown = infer_figure_is_main(id, r->answers) || id == INFER_FIGURE_ece ||
                     id == INFER_FIGURE_micro_f1;

        if (!shown || id == infer_figures_main_id(f->task) || isnan(infer_figure(f, id)))
            continue;
        str_printf(out, "<div title=\"%s\"><b>", infer_figure_table[id].meaning);
        add_told(out, id, infer_figure(f, id));
        str_add(out, "</b>");
        if (r->range && !isnan(r->range[id].low)) {
            str_add(out, "<span class=\"dim small\">");
            add_told(out, id, r->range[id].low);
            str_add(out, " to ");
            add_told(out, id, r->range[id].high);
            str_add(out, "</span>");
        }
        str_add(out, "<span class=small>");
        infer_figure_name(out, id, r->answers);
        str_add(out, "</span></div>\n");
    }
    str_add(out, "</div>\n");
}

void infer_report_means(struct str *out, const struct infer_report *r)
{
    static const struct {
        const char *name;
        int precision;
    } mean[] = { { "macro", INFER_FIGURE_macro_precision },
                 { "weighted", INFER_FIGURE_weighted_precision },
                 { "micro", INFER_FIGURE_micro_precision } };

    str_add(out, "<div class=wide><table><tr><th><th class=n>precision<th class=n>recall"
                 "<th class=n>F1<th></tr>\n");
    for (size_t i = 0; i < sizeof mean / sizeof *mean; i++) {
        str_printf(out, "<tr><td>%s", mean[i].name);
        for (int id = mean[i].precision; id < mean[i].precision + 3; id++)
            str_printf(out, "<td class=n>%.4f", infer_figure(r->figures, id));
        str_printf(out, "<td class=\"dim small\">%s</tr>\n",
                   infer_figure_table[mean[i].precision].meaning);
    }
    str_add(out, "</table></div>\n");
}
