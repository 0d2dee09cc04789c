/*
 * check_windows_half -- pools and depthwise convolution on bf16 against the formulas of kernel.h
 *
 * A part of test_kernels.c, which has the trials; windows are those of check_windows.h, numbers
 * those of check_bn.h.
 */

/* Number i of a is the sum, which was rounded `times` on the way. */
static void assert_rounded(const struct trial *t, const char *what, const struct numbers *a,
                           int64_t i, struct sum want, int terms, int times)
{
    double room = (a->half ? times / 256.0 : 0) * (times > 1 ? want.size : fabs(want.value));

    room += terms * EPS * want.size;
    if (!(fabs(at(a, i) - want.value) <= room))
        fail_msg("%s, trial %d: number %lld is %.9g, expected %.9g", what, t->number, (long long)i,
                 at(a, i), want.value);
}

/* Numbers that must not be read before they are written. */
static struct numbers unwritten(struct trial *t, int64_t n, bool half)
{
    struct numbers a = numbers(t, n, half);

    memset(a.data, 0xff, (size_t)n * (half ? sizeof(bf16) : sizeof(real)));
    return a;
}

static int64_t outs_of(const struct nn_window *w)
{
    return (int64_t)w->oh * w->ow * w->c;
}

static void check_dwconv_bf16(nn_dwconv_bf16_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 2)
            for (int how = 0; how < 4; how++) {
                int taps = w.kh * w.kw;
                struct numbers x = numbers(&t, in_count(&w), true),
                               y = unwritten(&t, outs_of(&w), true);
                const real *weight = drawn(&t, (int64_t)taps * w.c);
                const real *bias = how & 1 ? drawn(&t, w.c) : NULL;
                real lo = (real)(how & 2 ? -0.5 : -INFINITY), hi = (real)(how & 2 ? 1 : INFINITY);

                f(&w, x.data, weight, bias, lo, hi, y.data);
                for (int64_t i = 0; i < outs_of(&w); i++) {
                    int c = (int)(i % w.c), j = (int)(i / w.c);
                    struct sum s = { 0 };

                    add(&s, bias ? (double)bias[c] : 0);
                    for (int tap = 0; tap < taps; tap++) {
                        int64_t from = place(&w, j / w.ow, j % w.ow, tap / w.kw, tap % w.kw);

                        if (from >= 0)
                            add(&s, (double)x.before[from + c] * (double)weight[tap * w.c + c]);
                    }
                    s.value = fmin(fmax(s.value, (double)lo), (double)hi);
                    assert_rounded(&t, "dwconv on bf16", &y, i, s, taps + 2, 1);
                }
                unmap(&t);
            }
}

static void check_dwconv_dx_bf16(nn_dwconv_dx_bf16_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 2)
            for (int more = 0; more < 2; more++) {
                int taps = w.kh * w.kw;
                struct numbers dy = numbers(&t, outs_of(&w), true);
                struct numbers dx = more ? numbers(&t, in_count(&w), true)
                                         : unwritten(&t, in_count(&w), true);
                const real *weight = drawn(&t, (int64_t)taps * w.c);
                struct sum *want = calloc((size_t)in_count(&w), sizeof *want);

                assert_non_null(want);
                for (int64_t i = 0; i < in_count(&w) && more; i++)
                    add(&want[i], (double)dx.before[i]);
                for (int64_t i = 0; i < outs_of(&w); i++)
                    for (int tap = 0; tap < taps; tap++) {
                        int c = (int)(i % w.c), j = (int)(i / w.c);
                        int64_t to = place(&w, j / w.ow, j % w.ow, tap / w.kw, tap % w.kw);

                        if (to >= 0)
                            add(&want[to + c],
                                (double)dy.before[i] * (double)weight[tap * w.c + c]);
                    }
                f(&w, dy.data, weight, more, dx.data);
                for (int64_t i = 0; i < in_count(&w); i++)
                    assert_rounded(&t, "dwconv gradient on bf16", &dx, i, want[i], taps + 2, 1);
                free(want);
                unmap(&t);
            }
}

static void check_dwconv_dw_bf16(nn_dwconv_dw_bf16_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 2) {
            int64_t n = (int64_t)w.kh * w.kw * w.c;
            struct numbers x = numbers(&t, in_count(&w), true),
                           dy = numbers(&t, outs_of(&w), true), dw = numbers(&t, n, false);

            f(&w, x.data, dy.data, dw.data);
            for (int64_t k = 0; k < n; k++) {
                int c = (int)(k % w.c), tap = (int)(k / w.c);
                struct sum s = { 0 };

                add(&s, (double)dw.before[k]);
                for (int j = 0; j < w.oh * w.ow; j++) {
                    int64_t from = place(&w, j / w.ow, j % w.ow, tap / w.kw, tap % w.kw);

                    if (from >= 0)
                        add(&s, (double)x.before[from + c] *
                                (double)dy.before[(int64_t)j * w.c + c]);
                }
                assert_rounded(&t, "dwconv weights on bf16", &dw, k, s, w.oh * w.ow + 2, 0);
            }
            unmap(&t);
        }
}

/* As the check of maxpool_f32, whose slot gets the same numbers. */
static void check_maxpool_bf16(nn_maxpool_bf16_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 4) {
            int64_t outs = outs_of(&w);
            struct numbers x = numbers(&t, in_count(&w), true), y = unwritten(&t, outs, true),
                           alone = unwritten(&t, outs, true);
            int32_t *where = guarded(&t, outs, sizeof *where),
                    *same = guarded(&t, outs, sizeof *same);
            real *largest = blank(&t, outs);

            for (int64_t i = 0; i < in_count(&w); i += 1 + (int64_t)rng_below(3, 4, t.drawn++, 20))
                ((bf16 *)x.data)[i] = i % 3 ? 0x7fc0 : 0xff80;  /* NaN, -infinity */
            nn_from_bf16_ref(x.n, x.data, x.before);
            if (each_sees_something(&w)) {
                f(&w, x.data, y.data, where);
                f(&w, x.data, alone.data, NULL);
                nn_maxpool_f32_ref(&w, x.before, largest, same);
                assert_memory_equal(where, same, (size_t)outs * sizeof *where);
                assert_memory_equal(y.data, alone.data, (size_t)outs * sizeof(bf16));
                for (int64_t i = 0; i < outs; i++)
                    assert_int_equal(((bf16 *)y.data)[i], ((bf16 *)x.data)[where[i]]);
            }
            unmap(&t);
        }
}

static void check_maxpool_dx_bf16(nn_maxpool_dx_bf16_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 4)
            for (int more = 0; more < 2 && each_sees_something(&w); more++) {
                const int32_t *where = some_places(&t, &w);
                struct numbers dy = numbers(&t, outs_of(&w), true),
                               dx = numbers(&t, in_count(&w), true);
                struct sum *want = calloc((size_t)in_count(&w), sizeof *want);

                assert_non_null(want);
                for (int64_t i = 0; i < in_count(&w); i++)
                    add(&want[i], more || i % w.pixel >= w.c ? (double)dx.before[i] : 0);
                for (int64_t i = 0; i < outs_of(&w); i++)
                    add(&want[where[i]], (double)dy.before[i]);
                f(&w, where, dy.data, more, dx.data);
                for (int64_t i = 0; i < in_count(&w); i++)
                    assert_rounded(&t, "maxpool gradient on bf16", &dx, i, want[i],
                                   w.kh * w.kw + 1, 1);
                free(want);
                unmap(&t);
            }
}

static void check_avgpool_bf16(nn_avgpool_bf16_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 4)
            for (int how = 0; how < 4; how++) {
                bool all = how & 1, half = how & 2;
                struct numbers x = numbers(&t, in_count(&w), true),
                               y = unwritten(&t, outs_of(&w), half);

                if (each_sees_something(&w)) {
                    f(&w, all, x.data, half, y.data);
                    for (int64_t i = 0; i < outs_of(&w); i++) {
                        int c = (int)(i % w.c), j = (int)(i / w.c), n = places(&w, all, j);
                        struct sum s = { 0 };

                        for (int tap = 0; tap < w.kh * w.kw; tap++) {
                            int64_t from = place(&w, j / w.ow, j % w.ow, tap / w.kw, tap % w.kw);

                            if (from >= 0)
                                add(&s, (double)x.before[from + c] / n);
                        }
                        assert_rounded(&t, "avgpool on bf16", &y, i, s, n + 2, 1);
                    }
                }
                unmap(&t);
            }
}

static void check_avgpool_dx_bf16(nn_avgpool_dx_bf16_fn *f)
{
    EACH_TRIAL(t)
        EACH_WINDOW(w, 4)
            for (int how = w_i % 3; how < 8; how += 3) {    /* each with some of the windows */
                bool all = how & 1, half = how & 2, more = how & 4;
                struct numbers dy = numbers(&t, outs_of(&w), half),
                               dx = numbers(&t, in_count(&w), true);
                struct sum *want = calloc((size_t)in_count(&w), sizeof *want);

                assert_non_null(want);
                for (int64_t i = 0; i < in_count(&w); i++)
                    if (more || i % w.pixel >= w.c)             /* between pixels: as it was */
                        add(&want[i], (double)dx.before[i]);
                for (int64_t i = 0; i < outs_of(&w); i++)
                    for (int tap = 0; tap < w.kh * w.kw; tap++) {
                        int c = (int)(i % w.c), j = (int)(i / w.c);
                        int64_t to = place(&w, j / w.ow, j % w.ow, tap / w.kw, tap % w.kw);

                        if (to >= 0)
                            add(&want[to + c], (double)dy.before[i] / places(&w, all, j));
                    }
                if (each_sees_something(&w)) {
                    f(&w, all, half, dy.data, more, dx.data);
                    for (int64_t i = 0; i < in_count(&w); i++)
                        assert_rounded(&t, "avgpool gradient on bf16", &dx, i, want[i],
                                       w.kh * w.kw + 3, 1);
                }
                free(want);
                unmap(&t);
            }
}
