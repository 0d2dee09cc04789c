/*
 * progress -- see progress.h
 *
 * The rate is the mean since the beginning, so that the time left does not jump.
 */
#include "nn/base/progress.h"

#include "nn/base/clock.h"
#include "nn/base/str.h"
#include "nn/base/tell.h"

#define ASK_SECONDS 0.09 /* between lines that are made at all: less than what a live line needs */

void progress_begin(struct progress *p, FILE *to, const char *doing, const char *unit,
                    int64_t total)
{
    double t = clock_now();

    *p = (struct progress){ to, doing, unit, total, t, t };
}

void progress_at(struct progress *p, int64_t done)
{
    double t = clock_now(), elapsed = t - p->begun;
    struct str text[4] = { { 0 } };
    double rate = elapsed > 0 ? (double)done / elapsed : 0;

    if (t - p->asked < ASK_SECONDS)
        return;
    p->asked = t;
    str_printf(&text[0], "%s %lld", p->doing, (long long)done);
    if (p->total > 0) {
        str_printf(&text[0], " of %lld", (long long)p->total);
        str_printf(&text[1], "%d %%", (int)(100 * (double)done / (double)p->total));
    }
    str_printf(&text[0], " %s", p->unit);
    str_printf(&text[2], rate < 10 ? "%.1f/s" : "%.0f/s", rate);
    if (p->total > 0 && rate > 0) {
        str_duration(&text[3], (double)(p->total - done) / rate);
        str_add(&text[3], " left");
    }
    tell_live(p->to, elapsed,
              (struct tell_part[]){ { 0, str_text(&text[0]) }, { 1, str_text(&text[1]) },
                                    { 3, str_text(&text[2]) }, { 2, str_text(&text[3]) } },
              4);
    for (int i = 0; i < 4; i++)
        str_release(&text[i]);
}

void progress_end(struct progress *p)
{
    if (p->to)
        tell_done(p->to);
    p->to = NULL;
}
