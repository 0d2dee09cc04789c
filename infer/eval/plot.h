/*
 * plot -- lines in a pair of axes, as SVG
 *
 * Drawn in its own units (WIDTH across), it takes the width that it is given.  Colours are those of
 * the page around it (infer_plot_style), so that it can be read on white and on black.
 */
#ifndef INFER_PLOT_H
#define INFER_PLOT_H

#include "nn/base/str.h"

/* Rules that a page, or a <style> inside a lone SVG, has to hold. */
extern const char infer_plot_style[];

struct infer_plot_line {
    const char *name;           /* for the legend; NULL: none */
    int n;
    const double *x, *y;        /* what is not finite breaks the line */
    int colour;                 /* 0, 1: two that differ; 2: grey and thin, to compare with */
    bool steps;                 /* each y holds from the x before to its own */
    bool dots;                  /* a dot at each point, too */
};

struct infer_plot {
    const char *title;          /* above the axes; also what a screen reader says */
    const char *x_title, *y_title;      /* with units; NULL: none */
    double x[2], y[2];          /* range; NaN: from the lines */
    bool x_log, y_log;          /* what is not positive is then left out */
    bool y_share;               /* y is a share, and its numbers are told as percentages */
    bool x_whole;               /* x counts things: no ticks between whole numbers */
    double mark;                /* x of a vertical line; NaN: none */
    const char *mark_name;
    int height;                 /* of the axes; 0: 150 for a width of 290 */
    int n;
    const struct infer_plot_line *line;
};

void infer_plot_add(struct str *out, const struct infer_plot *p);

#endif
