/*
 * check_windows -- pools and depthwise convolution against the formulas of kernel.h, in double
 *
 * A part of test_kernels.c, which has the trials.
 */
static const struct {
    int h, w, c, size[2], stride[2], dilation[2], pad[4];
} windows[] = {
    { 1, 1, 1, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 0 } },
    { 5, 4, 3, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 0 } },
    { 5, 6, 2, { 1, 1 }, { 2, 3 }, { 1, 1 }, { 0 } },
    { 6, 5, 17, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 1, 1, 1, 1 } },
    { 7, 7, 4, { 3, 3 }, { 2, 2 }, { 1, 1 }, { 1, 1, 1, 1 } },
    { 8, 9, 5, { 3, 3 }, { 2, 2 }, { 1, 1 }, { 0, 0, 1, 1 } },
    { 9, 8, 3, { 3, 2 }, { 1, 2 }, { 2, 3 }, { 2, 1, 0, 3 } },
    { 4, 4, 8, { 7, 7 }, { 2, 2 }, { 1, 1 }, { 3, 3, 3, 3 } },
    { 1, 2, 3, { 5, 5 }, { 1, 1 }, { 1, 1 }, { 4, 4, 4, 4 } },
    { 3, 1, 65, { 2, 1 }, { 1, 1 }, { 2, 1 }, { 1, 0, 0, 0 } },
    { 2, 3, 1, { 2, 2 }, { 1, 1 }, { 3, 4 }, { 5, 5, 5, 5 } }, /* some windows see nothing */
    { 13, 11, 16, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 1, 1, 1, 1 } },
    { 6, 6, 33, { 2, 2 }, { 2, 2 }, { 1, 1 }, { 0 } },
    { 7, 21, 17, { 5, 5 }, { 1, 1 }, { 1, 1 }, { 2, 2, 2, 2 } },
    { 9, 23, 71, { 3, 3 }, { 2, 2 }, { 1, 1 }, { 1, 1, 1, 1 } },
    { 9, 20, 5, { 7, 7 }, { 1, 1 }, { 1, 1 }, { 3, 3, 3, 3 } },
    { 8, 19, 4, { 5, 3 }, { 2, 3 }, { 1, 2 }, { 2, 2, 2, 2 } },
    { 5, 12, 9, { 3, 5 }, { 4, 2 }, { 2, 4 }, { 3, 7, 0, 7 } },
};

enum { BAND = 1, GAP = 2 };

/* Window i; BAND: without its first output row and a last one; GAP: pixels further apart than their
 * channels. */
static struct nn_window window(int i, int how)
{
    struct nn_window w = nn_window_of(windows[i].h, windows[i].w, windows[i].c, windows[i].size,
                                      windows[i].stride, windows[i].dilation, windows[i].pad);

    if (how & BAND && w.oh > 1) {
        w.pt -= w.sh;
        w.oh -= w.oh > 2 ? 2 : 1;
    }
    if (how & GAP)
        w.pixel += 3;
    return w;
}

#define EACH_WINDOW(w, hows)                                                                       \
    for (int w##_i = 0; w##_i < COUNT(windows) * (hows); w##_i++)                                  \
        for (struct nn_window w = window(w##_i / (hows), w##_i % (hows)), *w##_once = &w;          \
             w##_once; w##_once = NULL)

static int64_t in_count(const struct nn_window *w)
{
    return ((int64_t)w->h * w->w - 1) * w->pixel + w->c;
}

/* Where tap (r,s) of output (i,j) lies in the input, -1 outside. */
static int64_t place(const struct nn_window *w, int i, int j, int r, int s)
{
    int y = i * w->sh - w->pt + r * w->dh, x = j * w->sw - w->pl + s * w->dw;

    return y < 0 || y >= w->h || x < 0 || x >= w->w ? -1 : ((int64_t)y * w->w + x) * w->pixel;
}

/* The same for row and column of im2row; *c is the channel. */
static int64_t row_place(const struct nn_window *w, int row, int col, int *c)
{
    *c = col % w->c;
    return place(w, row / w->ow, row % w->ow, col / w->c / w->kw, col / w->c % w->kw);
}

static bool each_sees_something(const struct nn_window *w)
{
    for (int i = 0; i < w->oh; i++)
        for (int j = 0; j < w->ow; j++) {
            bool some = false;

            for (int tap = 0; tap < w->kh * w->kw; tap++)
                some |= place(w, i, j, tap / w->kw, tap % w->kw) >= 0;
            if (!some)
                return false;
        }
    return true;
}

/* Ranges to try of n things: all, none, parts, single ones. */
static bool range(int i, int n, int *first, int *end)
{
    const int ranges[][2] = { { 0, n },     { n / 2, n / 2 }, { n / 3, n - n / 4 },
                              { n - 1, n }, { 0, 1 },         { 1, n } };

    if (i >= COUNT(ranges))
        return false;
    *first = ranges[i][0];
    *end = ranges[i][1];
    return true;
}

static void check_im2row_f32(nn_im2row_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 4) {
            const real *x = drawn(&t, in_count(&w));
            int row0, row1, col0, col1, kept = t.n_map;

            for (int a = 0; range(a, w.oh * w.ow, &row0, &row1); a++)
                for (int b = 0; range(b, w.kh * w.kw * w.c, &col0, &col1); b++) {
                    real *out = blank(&t, (int64_t)(row1 - row0) * (col1 - col0));
                    int64_t n = 0;

                    f(&w, x, row0, row1, col0, col1, out);
                    for (int row = row0; row < row1; row++)
                        for (int col = col0; col < col1; col++, n++) {
                            int c;
                            int64_t at = row_place(&w, row, col, &c);

                            assert_near(&t, "im2row", n, out[n], at < 0 ? 0 : (double)x[at + c], 0);
                        }
                    unmap_last(&t);
                    assert_int_equal(t.n_map, kept);
                }
            unmap(&t);
        }
}

static void check_row2im_f32(nn_row2im_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 4) {
            int row0, row1, k = w.kh * w.kw * w.c;

            for (int a = 0; range(a, w.oh * w.ow, &row0, &row1); a++) {
                const real *rows = drawn(&t, (int64_t)(row1 - row0) * k);
                real *dx = drawn(&t, in_count(&w));
                struct sum *want = calloc((size_t)in_count(&w), sizeof *want);

                assert_non_null(want);
                for (int64_t i = 0; i < in_count(&w); i++)
                    add(&want[i], dx[i]);
                for (int64_t i = 0; i < (int64_t)(row1 - row0) * k; i++) {
                    int c;
                    int64_t at = row_place(&w, row0 + (int)(i / k), (int)(i % k), &c);

                    if (at >= 0)
                        add(&want[at + c], rows[i]);
                }
                f(&w, rows, row0, row1, dx);
                for (int64_t i = 0; i < in_count(&w); i++)
                    assert_near(&t, "row2im", i, dx[i], want[i].value,
                                w.kh * w.kw * EPS * want[i].size);
                free(want);
                unmap(&t);
            }
        }
}

static void check_dwconv_f32(nn_dwconv_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 2)
            for (int bias = 0; bias < 2; bias++) {
                int taps = w.kh * w.kw;
                const real *x = drawn(&t, in_count(&w)), *weight = drawn(&t, (int64_t)taps * w.c);
                const real *b = bias ? drawn(&t, w.c) : NULL;
                real *y = blank(&t, (int64_t)w.oh * w.ow * w.c);

                f(&w, x, weight, b, y);
                for (int64_t i = 0; i < (int64_t)w.oh * w.ow * w.c; i++) {
                    struct sum s = { 0 };
                    int c = (int)(i % w.c), j = (int)(i / w.c);

                    if (b)
                        add(&s, b[c]);
                    for (int tap = 0; tap < taps; tap++) {
                        int64_t at = place(&w, j / w.ow, j % w.ow, tap / w.kw, tap % w.kw);

                        if (at >= 0)
                            add(&s, (double)x[at + c] * (double)weight[tap * w.c + c]);
                    }
                    assert_near(&t, "dwconv", i, y[i], s.value, (taps + 2) * EPS * s.size);
                }
                unmap(&t);
            }
}

/* Both gradients: what is added where differs, the terms do not. */
static void dwconv_gradient(struct trial *t, const struct nn_window *w, nn_dwconv_dx_f32_fn *dx_fn,
                            nn_dwconv_dw_f32_fn *dw_fn)
{
    int taps = w->kh * w->kw;
    int64_t outs = (int64_t)w->oh * w->ow * w->c, n = dx_fn ? in_count(w) : (int64_t)taps * w->c;
    const real *dy = drawn(t, outs), *other = drawn(t, dx_fn ? (int64_t)taps * w->c : in_count(w));
    real *d = drawn(t, n);
    struct sum *want = calloc((size_t)n + 1, sizeof *want);

    assert_non_null(want);
    for (int64_t i = 0; i < n; i++)
        add(&want[i], d[i]);
    for (int64_t i = 0; i < outs; i++)
        for (int tap = 0; tap < taps; tap++) {
            int c = (int)(i % w->c), j = (int)(i / w->c);
            int64_t at = place(w, j / w->ow, j % w->ow, tap / w->kw, tap % w->kw),
                    f = (int64_t)tap * w->c;

            if (at >= 0)
                add(&want[(dx_fn ? at : f) + c],
                    (double)dy[i] * (double)other[(dx_fn ? f : at) + c]);
        }
    if (dx_fn)
        dx_fn(w, dy, other, d);
    else
        dw_fn(w, other, dy, d);
    for (int64_t i = 0; i < n; i++)
        assert_near(t, "dwconv gradient", i, d[i], want[i].value,
                    ((dx_fn ? taps : w->oh * w->ow) + 2) * EPS * want[i].size);
    free(want);
    unmap(t);
}

static void check_dwconv_dx_f32(nn_dwconv_dx_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 2)
            dwconv_gradient(&t, &w, f, NULL);
}

static void check_dwconv_dw_f32(nn_dwconv_dw_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 2)
            dwconv_gradient(&t, &w, NULL, f);
}

static void check_maxpool_f32(nn_maxpool_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 4) {
            int64_t outs = (int64_t)w.oh * w.ow * w.c;
            real *x = drawn(&t, in_count(&w));
            real *y = blank(&t, outs), *y2 = blank(&t, outs);
            int32_t *where = guarded(&t, outs, sizeof *where);

            for (int64_t i = 0; i < in_count(&w); i += 1 + (int64_t)rng_below(3, 4, t.drawn++, 20))
                x[i] = (real)(i % 3 ? NAN : -INFINITY);
            if (each_sees_something(&w)) {
                f(&w, x, y, where);
                f(&w, x, y2, NULL);
                assert_same(&t, "maxpool without places", outs, y2, y);
                for (int64_t i = 0; i < outs; i++) {
                    int c = (int)(i % w.c), j = (int)(i / w.c);
                    int64_t best = -1;

                    for (int tap = 0; tap < w.kh * w.kw; tap++) {
                        int64_t at = place(&w, j / w.ow, j % w.ow, tap / w.kw, tap % w.kw);

                        if (at >= 0 && (best < 0 || (!isnan(x[best]) &&
                                                     (isnan(x[at + c]) || x[at + c] > x[best]))))
                            best = at + c;
                    }
                    assert_int_equal(where[i], best);
                    assert_same(&t, "maxpool", 1, &y[i], &x[best]);
                }
            }
            unmap(&t);
        }
}

/* A place under each window, which all see something. */
static int32_t *some_places(struct trial *t, const struct nn_window *w)
{
    int64_t outs = (int64_t)w->oh * w->ow * w->c;
    int32_t *where = guarded(t, outs, sizeof *where);

    for (int64_t i = 0; i < outs; i++) {
        int c = (int)(i % w->c), j = (int)(i / w->c);
        uint64_t draw = (uint64_t)i * 1000;
        int64_t at = -1;

        while (at < 0) {
            int tap = (int)rng_below(5, 6, draw++, (uint32_t)(w->kh * w->kw));

            at = place(w, j / w->ow, j % w->ow, tap / w->kw, tap % w->kw);
        }
        where[i] = (int32_t)at + c;
    }
    return where;
}

static void check_maxpool_dx_f32(nn_maxpool_dx_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 4)
            for (int more = 0; more < 2 && each_sees_something(&w); more++) {
                const int32_t *where = some_places(&t, &w);
                int64_t outs = (int64_t)w.oh * w.ow * w.c, ins = in_count(&w);
                const real *dy = drawn(&t, outs), *before = drawn(&t, ins);
                real *dx = copied(&t, ins, before);
                struct sum *want = calloc((size_t)ins, sizeof *want);

                assert_non_null(want);
                for (int64_t i = 0; i < ins; i++)
                    add(&want[i], more || i % w.pixel >= w.c ? before[i] : 0);
                for (int64_t i = 0; i < outs; i++)
                    add(&want[where[i]], dy[i]);
                f(&w, where, dy, more, dx);
                for (int64_t i = 0; i < ins; i++)
                    assert_near(&t, "maxpool gradient", i, dx[i], want[i].value,
                                (w.kh * w.kw + 1) * EPS * want[i].size);
                free(want);
                unmap(&t);
            }
}

static int places(const struct nn_window *w, bool whole, int j)
{
    int n = 0;

    for (int tap = 0; tap < w->kh * w->kw; tap++)
        n += whole || place(w, j / w->ow, j % w->ow, tap / w->kw, tap % w->kw) >= 0;
    return n;
}

static void check_avgpool_f32(nn_avgpool_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 4)
            for (int whole = 0; whole < 2; whole++) {
                int64_t outs = (int64_t)w.oh * w.ow * w.c;
                const real *x = drawn(&t, in_count(&w));
                real *y = blank(&t, outs);

                if (each_sees_something(&w)) {
                    f(&w, whole, x, y);
                    for (int64_t i = 0; i < outs; i++) {
                        int c = (int)(i % w.c), j = (int)(i / w.c), n = places(&w, whole, j);
                        struct sum s = { 0 };

                        for (int tap = 0; tap < w.kh * w.kw; tap++) {
                            int64_t at = place(&w, j / w.ow, j % w.ow, tap / w.kw, tap % w.kw);

                            if (at >= 0)
                                add(&s, x[at + c]);
                        }
                        assert_near(&t, "avgpool", i, y[i], s.value / n,
                                    t.exact ? -2 * EPS * fabs(s.value / n)
                                            : (n + 2) * EPS * s.size / n);
                    }
                }
                unmap(&t);
            }
}

static void check_avgpool_dx_f32(nn_avgpool_dx_f32_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 4)
            for (int how = 0; how < 4; how++) {
                bool whole = how & 1, more = how & 2;
                int64_t outs = (int64_t)w.oh * w.ow * w.c;
                const real *dy = drawn(&t, outs);
                real *dx = drawn(&t, in_count(&w));
                struct sum *want = calloc((size_t)in_count(&w), sizeof *want);

                assert_non_null(want);
                for (int64_t i = 0; i < in_count(&w); i++)
                    add(&want[i], more || i % w.pixel >= w.c ? dx[i] : 0);
                for (int64_t i = 0; i < outs; i++)
                    for (int tap = 0; tap < w.kh * w.kw; tap++) {
                        int c = (int)(i % w.c), j = (int)(i / w.c);
                        int64_t at = place(&w, j / w.ow, j % w.ow, tap / w.kw, tap % w.kw);

                        if (at >= 0)
                            add(&want[at + c], (double)dy[i] / places(&w, whole, j));
                    }
                if (each_sees_something(&w)) {
                    f(&w, whole, dy, more, dx);
                    for (int64_t i = 0; i < in_count(&w); i++)
                        assert_near(&t, "avgpool gradient", i, dx[i], want[i].value,
                                    -(w.kh * w.kw + 3) * EPS * want[i].size);
                }
                free(want);
                unmap(&t);
            }
}
