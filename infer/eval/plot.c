/*
 * plot -- see plot.h
 *
 * Ticks stand at 1, 2 or 5 times a power of ten, so far apart that there are at most six; on a
 * logarithmic axis at powers of ten, where there are under three at 1, 2 and 5 times them.
 */
#include "infer/eval/plot.h"

#include "data/page.h"

#include <math.h>

enum {
    WIDTH = 360, LEFT = 54, RIGHT = 16, TOP = 34, BOTTOM = 40,
    HEIGHT = 150,
    TICKS = 6,
    POINTS = 600,               /* of a line: more cannot be told apart */
};

const char infer_plot_style[] =
    ":root{--c0:#2f6fab;--c1:#c2590c;--c2:#8a8a8a;--text:#333}"
    "@media(prefers-color-scheme:dark){:root{--c0:#7db4e6;--c1:#f0954a;--c2:#8f8f8f;--text:#ccc}}"
    ".plot{width:100%;height:auto;display:block;overflow:visible}"
    ".plot text{font:11px system-ui,sans-serif;fill:var(--text)}"
    ".plot .h{paint-order:stroke;stroke:Canvas;stroke-width:3px}"
    ".plot .t{font-weight:600;font-size:12px}"
    ".plot .g{stroke:#8883;stroke-width:1}.plot .a{stroke:#888a;stroke-width:1}"
    ".plot .m{stroke:var(--c2);stroke-width:1;stroke-dasharray:3 3}"
    ".plot .l0,.plot .l1,.plot .l2{fill:none;stroke-width:1.8;stroke-linejoin:round}"
    ".plot .l0{stroke:var(--c0)}.plot .l1{stroke:var(--c1)}"
    ".plot .l2{stroke:var(--c2);stroke-width:1}"
    ".plot .d0{fill:var(--c0)}.plot .d1{fill:var(--c1)}.plot .d2{fill:var(--c2)}";

/* ---- one axis -------------------------------------------------------------------------------- */

struct axis {
    bool log, whole;
    double low, high;           /* of the range, in log10 on a logarithmic axis */
    double from, length;        /* where low lies in the picture, and how far on is high */
};

static bool shown(const struct axis *a, double v)
{
    return isfinite(v) && (!a->log || v > 0);
}

static double place(const struct axis *a, double v)
{
    double t = ((a->log ? log10(v) : v) - a->low) / (a->high - a->low);

    return a->from + a->length * (t < -0.02 ? -0.02 : t > 1.02 ? 1.02 : t);
}

/* Widens the range to v. */
static void take(struct axis *a, double v)
{
    if (!shown(a, v))
        return;
    v = a->log ? log10(v) : v;
    a->low = v < a->low ? v : a->low;
    a->high = v > a->high ? v : a->high;
}

static void fit(struct axis *a, const double range[2], const struct infer_plot *p, bool of_x)
{
    a->low = INFINITY;
    a->high = -INFINITY;
    for (int i = 0; i < p->n; i++)
        for (int k = 0; k < p->line[i].n; k++)
            take(a, of_x ? p->line[i].x[k] : p->line[i].y[k]);
    if (!(a->low <= a->high))
        a->low = 0, a->high = 1;
    if (shown(a, range[0]))
        a->low = a->log ? log10(range[0]) : range[0];
    if (shown(a, range[1]))
        a->high = a->log ? log10(range[1]) : range[1];
    if (!(a->high > a->low)) {
        double around = a->low ? fabs(a->low) * 0.1 : 1;

        a->low -= isnan(range[0]) ? around : 0;
        a->high += around;
    }
}

/* The distance between ticks of a linear axis. */
static double step_of(const struct axis *a)
{
    double raw = (a->high - a->low) / TICKS, power = pow(10, floor(log10(raw))), r = raw / power;

    power *= r <= 1 ? 1 : r <= 2 ? 2 : r <= 5 ? 5 : 10;
    return a->whole && power < 1 ? 1 : power;
}

static int add_tick(double *tick, int n, int most, double v)
{
    if (n < most)
        tick[n++] = v;
    return n;
}

/* Returns how many. */
static int ticks_of(const struct axis *a, int most, double *tick)
{
    double slack = 1e-9 * (a->high - a->low);
    int n = 0;

    if (a->log) {
        int first = (int)floor(a->low), last = (int)ceil(a->high);
        int every = (last - first) / TICKS + 1;
        bool few = floor(a->high + slack) - ceil(a->low - slack) < 2;

        for (int e = first; e <= last; e += every)
            for (int k = 0; k < (few ? 3 : 1); k++) {
                double v = e + log10(k == 2 ? 5 : k + 1);

                if (v >= a->low - slack && v <= a->high + slack)
                    n = add_tick(tick, n, most, pow(10, e) * (k == 2 ? 5 : k + 1));
            }
        return n;
    }

    double step = step_of(a);

    for (double k = ceil((a->low - slack) / step); k * step <= a->high + slack; k++)
        n = add_tick(tick, n, most, k * step);
    return n;
}

static void add_number(struct str *out, double v, bool share)
{
    double tidy = fabs(v) < 1e-12 ? 0 : v;

    if (share)
        str_printf(out, "%.4g%%", 100 * tidy);
    else if (fabs(tidy) >= 1e5)
        str_printf(out, "%.4gk", tidy / 1000);
    else
        str_printf(out, "%.4g", tidy);
}

/* ---- the picture ----------------------------------------------------------------------------- */

static void add_axes(struct str *out, const struct infer_plot *p, const struct axis *x,
                     const struct axis *y)
{
    double tick[32];
    int n = ticks_of(y, 32, tick);
    double right = x->from + x->length, bottom = y->from;

    for (int i = 0; i < n; i++) {
        double at = place(y, tick[i]);

        str_printf(out, "<path class=g d=\"M%g %.1fH%g\"/><text x=%d y=%.1f text-anchor=end>",
                   x->from, at, right, LEFT - 6, at + 4);
        add_number(out, tick[i], p->y_share);
        str_add(out, "</text>");
    }
    n = ticks_of(x, 32, tick);
    for (int i = 0; i < n; i++) {
        double at = place(x, tick[i]);

        str_printf(out, "<path class=a d=\"M%.1f %gv4\"/><text x=%.1f y=%g text-anchor=middle>", at,
                   bottom, at, bottom + 15);
        add_number(out, tick[i], false);
        str_add(out, "</text>");
    }
    str_printf(out, "<path class=a d=\"M%g %gH%g\"/>", x->from, bottom, right);
    if (p->x_title) {
        str_printf(out, "<text x=%g y=%g text-anchor=middle>", x->from + x->length / 2,
                   bottom + 31);
        data_page_text(out, p->x_title);
        str_add(out, "</text>");
    }
}

static void add_line(struct str *out, const struct infer_plot_line *l, const struct axis *x,
                     const struct axis *y)
{
    int run = 0, last = -1;


    str_printf(out, "<path class=l%d d=\"", l->colour);
    for (int i = 0; i < l->n; i++) {
        if (!shown(x, l->x[i]) || !shown(y, l->y[i])) {
            run = 0;
            continue;
        }
        if (run++ == 0) {
            /* steps begin at the left edge: nothing is known before the first */
            double from = l->steps ? x->from : place(x, l->x[i]);

            str_printf(out, "M%.1f %.1f", from, place(y, l->y[i]));
            if (l->steps)
                str_printf(out, "H%.1f", place(x, l->x[i]));
        } else if (l->steps) {
            str_printf(out, "V%.1fH%.1f", place(y, l->y[i]), place(x, l->x[i]));
        } else {
            str_printf(out, "L%.1f %.1f", place(x, l->x[i]), place(y, l->y[i]));
        }
        last = i;
    }
    str_add(out, "\"/>");
    for (int i = 0; i < l->n; i++)
        if ((l->dots || (l->n == 1 && i == last)) && shown(x, l->x[i]) && shown(y, l->y[i]))
            str_printf(out, "<circle class=d%d cx=%.1f cy=%.1f r=2.6 />", l->colour,
                       place(x, l->x[i]), place(y, l->y[i]));
}

/* Of the points from `from` on, before `end`, the lowest and the highest, in their order. */
static int extremes(const struct infer_plot_line *l, int from, int end, int of[2])
{
    int low = from, high = from;

    for (int i = from; i < end; i++) {
        low = isnan(l->y[low]) || l->y[i] < l->y[low] ? i : low;
        high = isnan(l->y[high]) || l->y[i] > l->y[high] ? i : high;
    }
    of[0] = low < high ? low : high;
    of[1] = low < high ? high : low;
    return low == high ? 1 : 2;
}

/* A long line by what it reaches in each short stretch, so that no peak is lost. */
static void add_thinned(struct str *out, const struct infer_plot_line *l, const struct axis *x,
                        const struct axis *y)
{
    double px[POINTS], py[POINTS];
    int n = 0, stretches = POINTS / 2;

    for (int64_t s = 0; s < stretches; s++) {
        int of[2];
        int found = extremes(l, (int)(s * l->n / stretches), (int)((s + 1) * l->n / stretches), of);

        for (int i = 0; i < found; i++, n++) {
            px[n] = l->x[of[i]];
            py[n] = l->y[of[i]];
        }
    }
    add_line(out, &(struct infer_plot_line){ .n = n, .x = px, .y = py, .colour = l->colour }, x, y);
}

/* Names in their colours, in a row under the title. */
static void add_legend(struct str *out, const struct infer_plot *p)
{
    bool first = true;

    str_printf(out, "<text x=%d y=27>", LEFT);
    if (p->y_title) {
        data_page_text(out, p->y_title);
        first = false;
    }
    for (int i = 0; i < p->n; i++) {
        if (!p->line[i].name)
            continue;
        str_printf(out, "<tspan dx=%d class=d%d>&#9632;</tspan><tspan dx=3>", first ? 0 : 10,
                   p->line[i].colour);
        data_page_text(out, p->line[i].name);
        str_add(out, "</tspan>");
        first = false;
    }
    str_add(out, "</text>");
}

/* Over the lines, which may pass where it stands. */
static void add_mark_name(struct str *out, const struct infer_plot *p, const struct axis *x)
{
    double at = place(x, p->mark);
    bool left = at > x->from + x->length * 0.7;

    str_printf(out, "<text class=h x=%.1f y=%d text-anchor=%s>", at + (left ? -4 : 4), TOP + 9,
               left ? "end" : "start");
    data_page_text(out, p->mark_name);
    str_add(out, "</text>");
}

void infer_plot_add(struct str *out, const struct infer_plot *p)
{
    int height = p->height ? p->height : HEIGHT;
    struct axis x = { .log = p->x_log, .whole = p->x_whole, .from = LEFT,
                      .length = WIDTH - LEFT - RIGHT };
    struct axis y = { .log = p->y_log, .from = TOP + height, .length = -height };

    fit(&x, p->x, p, true);
    fit(&y, p->y, p, false);
    str_printf(out, "<svg class=plot viewBox=\"0 0 %d %d\" role=img aria-label=\"", WIDTH,
               TOP + height + BOTTOM);
    data_page_text(out, p->title);
    str_printf(out, "\"><text class=t x=%d y=12>", LEFT);
    data_page_text(out, p->title);
    str_add(out, "</text>");
    add_legend(out, p);
    add_axes(out, p, &x, &y);
    if (shown(&x, p->mark))
        str_printf(out, "<path class=m d=\"M%.1f %dV%g\"/>", place(&x, p->mark), TOP, y.from);
    for (int i = 0; i < p->n; i++)
        (p->line[i].n > POINTS ? add_thinned : add_line)(out, &p->line[i], &x, &y);
    if (shown(&x, p->mark) && p->mark_name)
        add_mark_name(out, p, &x);
    str_add(out, "</svg>\n");
}
