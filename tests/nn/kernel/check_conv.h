/*
 * check_conv -- the slots of convolution against the formulas of kernel.h, in double
 *
 * A part of test_kernels.c, which has the trials.
 */
static bf16 *halves(struct trial *t, int64_t n, const real *from)
{
    bf16 *h = guarded(t, n, sizeof *h);

    nn_to_bf16_ref(n, from, h);
    return h;
}

/* Numbers of which some are no whole ones, ties of rounding and NaN among them. */
static void check_to_bf16(nn_to_bf16_fn *f)
{
    static const uint32_t odd[] = { 0x3f808000, 0x3f818000, 0x3f808001, 0x7f7fffff, 0x7f800000,
                                    0xff800000, 0x7fc00000, 0x7f800001, 0x80000000, 0x00000001 };

    EACH_TRIAL(t)
        for (int l = 0; l < COUNT(lengths); l++) {
            int n = lengths[l];
            real *x = guarded(&t, n, sizeof *x);
            bf16 *y = guarded(&t, n, sizeof *y);

            for (int i = 0; i < n; i++) {
                float special;

                memcpy(&special, &odd[i % COUNT(odd)], sizeof special);
                x[i] = i % 3 ? draw(&t) : (real)special;
            }
            f(n, x, y);
            for (int i = 0; i < n; i++) {
                double got = (double)bf16_float(y[i]), want = (double)x[i];

                if (isnan(want))
                    assert_true(isnan(got));
                else if (isinf(want))
                    assert_true(got == want);
                else if (fabs(want) > 1e-30 && fabs(want) < 3e38)
                    assert_true(fabs(got - want) <= fabs(want) / 256);
                if (i % 30 == 0)
                    assert_int_equal(y[i], 0x3f80);     /* ties go to the even one */
                if (i % 30 == 21)
                    assert_int_equal(y[i], 0x3f82);
            }
            unmap(&t);
        }
}

static void check_from_bf16(nn_from_bf16_fn *f)
{
    EACH_TRIAL(t)
        for (int l = 0; l < COUNT(lengths); l++) {
            int n = lengths[l];
            bf16 *x = guarded(&t, n, sizeof *x);
            real *y = blank(&t, n);

            for (int i = 0; i < n; i++)
                x[i] = (bf16)(i * 2654435761u >> 7);
            f(n, x, y);
            for (int i = 0; i < n; i++) {
                real want = bf16_float(x[i]);

                assert_true(isnan((double)want) ? isnan((double)y[i]) : y[i] == want);
            }
            unmap(&t);
        }
}

/* ---- packing --------------------------------------------------------------------------------- */

static const int packs[][3] = {         /* taps, c, k */
    { 1, 1, 1 }, { 9, 3, 16 }, { 1, 16, 32 }, { 4, 5, 33 }, { 9, 32, 64 }, { 2, 33, 31 },
    { 1, 70, 100 }, { 25, 2, 7 },
};

/* Number i of what was packed: tap, channel that is read, output; pairs of channels or not. */
static real expected(const int *dim, int64_t ldw, const real *w, bool turned, bool pairs,
                     int64_t i)
{
    int from = turned ? dim[2] : dim[1], out, in, tap, group;

    if (pairs) {
        in = (int)(i % 2);
        i /= 2;
    } else {
        in = 0;
    }
    out = (int)(i % NN_GROUP);
    i /= NN_GROUP;
    from = pairs ? (from + 1) / 2 : from;
    in += (int)(i % from) * (pairs ? 2 : 1);
    i /= from;
    tap = (int)(i % dim[0]);
    group = (int)(i / dim[0]);
    out += group * NN_GROUP;
    if (turned) {
        int swap = in;

        in = out;
        out = swap;
        tap = dim[0] - 1 - tap;
    }
    return in < dim[1] && out < dim[2] ? w[((int64_t)tap * dim[1] + in) * ldw + out] : 0;
}

static void check_pack_f32(nn_pack_f32_fn *f)
{
    EACH_TRIAL(t)
        for (int s = 0; s < 4 * COUNT(packs); s++) {
            const int *d = packs[s / 4];
            bool turned = s & 1;
            int64_t ldw = d[2] + (s & 2 ? 5 : 0), rows = (int64_t)d[0] * d[1];
            int out = turned ? d[1] : d[2], from = turned ? d[2] : d[1], groups = (out + 31) / 32;
            int64_t n = (int64_t)groups * 32 * d[0] * from;
            const real *w = drawn(&t, (rows - 1) * ldw + d[2]);
            real *b = blank(&t, n);

            assert_true(n <= nn_pack_count(d[0], from, out));
            assert_int_equal(nn_pack_groups(out), groups);
            f(d[0], d[1], d[2], ldw, w, turned, 1, groups, b);
            for (int64_t i = 0; i < n / groups; i++)            /* not asked for */
                assert_true(isnan(b[i]));
            f(d[0], d[1], d[2], ldw, w, turned, 0, 1, b);
            for (int64_t i = 0; i < n; i++)
                assert_near(&t, "pack", i, b[i], (double)expected(d, ldw, w, turned, false, i), 0);
            unmap(&t);
        }
}

static void check_pack_bf16(nn_pack_bf16_fn *f)
{
    EACH_TRIAL(t)
        for (int s = 0; s < 4 * COUNT(packs); s++) {
            const int *d = packs[s / 4];
            bool turned = s & 1;
            int64_t ldw = d[2] + (s & 2 ? 5 : 0), rows = (int64_t)d[0] * d[1];
            int out = turned ? d[1] : d[2], from = turned ? d[2] : d[1];
            int64_t n = nn_pack_count(d[0], from, out);
            const real *w = drawn(&t, (rows - 1) * ldw + d[2]);
            bf16 *b = guarded(&t, n, sizeof *b);

            f(d[0], d[1], d[2], ldw, w, turned, 1, nn_pack_groups(out), b);
            f(d[0], d[1], d[2], ldw, w, turned, 0, 1, b);
            for (int64_t i = 0; i < n; i++) {
                real want = expected(d, ldw, w, turned, true, i);
                bf16 half;

                nn_to_bf16_ref(1, &want, &half);
                assert_int_equal(b[i], half);
            }
            unmap(&t);
        }
}

/* ---- convolution ----------------------------------------------------------------------------- */

struct conv_case {
    int n, c, k;
    struct nn_axis h, w;
    int gap;                    /* numbers between pixels that are nobody's */
    int k_group;
};

/* Of x. */
static int channels(const struct conv_case *s)
{
    return s->k_group ? (s->k + s->k_group - 1) / s->k_group * s->c : s->c;
}

/* out, in, step, start, apart, taps, first, every */
static const struct conv_case convs[] = {
    { 1, 2, 1, { 1, 1, 1, 0, 1, 1, 0, 1 }, { 1, 1, 1, 0, 1, 1, 0, 1 }, 0, 0 },
    { 2, 4, 16, { 5, 5, 1, -1, 1, 3, 0, 1 }, { 6, 6, 1, -1, 1, 3, 0, 1 }, 0, 0 },
    { 1, 16, 33, { 7, 7, 1, -1, 1, 3, 0, 1 }, { 7, 7, 1, -1, 1, 3, 0, 1 }, 0, 0 },
    { 3, 32, 64, { 3, 3, 1, -1, 1, 3, 0, 1 }, { 3, 3, 1, -1, 1, 3, 0, 1 }, 0, 0 },
    { 2, 18, 96, { 4, 8, 2, -1, 1, 3, 0, 1 }, { 5, 9, 2, -1, 1, 3, 0, 1 }, 0, 0 },
    { 1, 22, 40, { 4, 14, 2, 0, 1, 7, 0, 1 }, { 15, 15, 1, 0, 1, 1, 0, 1 }, 0, 0 },
    { 5, 64, 128, { 1, 1, 1, 0, 1, 1, 0, 1 }, { 13, 13, 1, 0, 1, 1, 0, 1 }, 0, 0 },
    { 2, 6, 70, { 9, 9, 1, -4, 4, 3, 0, 1 }, { 3, 9, 3, -2, 2, 4, 0, 1 }, 4, 0 },  /* dilated */
    { 1, 34, 65, { 6, 5, 1, 1, -1, 2, 0, 2 }, { 5, 5, 1, 0, -1, 1, 1, 2 }, 6, 0 }, /* a phase */
    { 2, 2, 5, { 3, 2, 1, -2, 1, 5, 0, 1 }, { 2, 1, 1, -3, 1, 6, 0, 1 }, 2, 0 },   /* outside */
    { 1, 2, 100, { 24, 24, 1, -1, 1, 3, 0, 1 }, { 23, 23, 1, -1, 1, 3, 0, 1 }, 0, 0 },  /* chunks */
    { 1, 1030, 18, { 2, 2, 1, -1, 1, 2, 0, 1 }, { 3, 3, 1, -1, 1, 3, 0, 1 }, 0, 0 },    /* deep */
    { 37, 6, 21, { 2, 2, 1, -1, 1, 3, 0, 1 }, { 2, 2, 1, -1, 1, 3, 0, 1 }, 0, 0 },
    { 2, 4, 72, { 6, 5, 1, -1, 1, 3, 0, 1 }, { 5, 5, 1, -1, 1, 3, 0, 1 }, 0, 4 },       /* groups */
    { 1, 8, 56, { 4, 8, 2, -1, 1, 3, 0, 1 }, { 5, 9, 2, -1, 1, 3, 0, 1 }, 3, 8 },
    { 3, 16, 48, { 3, 3, 1, -1, 1, 3, 0, 1 }, { 3, 3, 1, -1, 1, 3, 0, 1 }, 0, 16 },
    { 1, 2, 38, { 9, 9, 1, 0, 1, 1, 0, 1 }, { 8, 8, 1, 0, 1, 1, 0, 1 }, 0, 2 },
    { 1, 2, 40, { 3, 3, 1, -1, 1, 3, 0, 1 }, { 3, 3, 1, -1, 1, 3, 0, 1 }, 0, 8 },
    { 2, 6, 32, { 6, 5, 1, 1, -1, 2, 0, 2 }, { 5, 5, 1, 0, -1, 1, 1, 2 }, 6, 16 },
    { 1, 6, 33, { 4, 5, 1, -4, 1, 9, 0, 1 }, { 3, 5, 1, -4, 1, 9, 0, 1 }, 0, 0 },  /* many taps */
    { 1, 34, 66, { 2, 5, 1, 0, 1, 5, 0, 1 }, { 3, 7, 1, -3, 1, 5, 0, 1 }, 0, 0 },
};

static int filter_taps(const struct nn_axis *a)
{
    return a->first + (a->taps - 1) * a->every + 1;
}

static bool sees(const struct nn_axis *a, int i, int t, int64_t *at)
{
    *at = (int64_t)i * a->step + a->start + (int64_t)t * a->apart;
    return *at >= 0 && *at < a->in;
}

/* What output (n,y,x,k) should be before it is cut, and how large its parts are. */
static struct sum conv_sum(const struct nn_conv *j, const real *x, const real *w, int64_t n, int y,
                           int column, int k)
{
    struct sum s = { 0 };
    int across = filter_taps(&j->w);
    int64_t iy, ix;

    for (int t = 0; t < j->h.taps; t++)
        for (int u = 0; u < j->w.taps; u++) {
            int tap = (j->h.first + t * j->h.every) * across + j->w.first + u * j->w.every;

            if (!sees(&j->h, y, t, &iy) || !sees(&j->w, column, u, &ix))
                continue;
            for (int c = 0; c < j->c; c++)
                add(&s, (double)x[n * j->x_picture + iy * j->x_row + ix * j->x_pixel + c +
                                  (j->k_group ? k / j->k_group * j->c : 0)] *
                        (double)w[((int64_t)tap * j->c + c) * j->k + k]);
        }
    return s;
}

/* The same job in pieces: picture by picture, two rows at a time, the first group of outputs apart.
 * y is what it was before; the bits must be those of the whole. */
static void conv_in_pieces(const struct nn_conv *all, int size, char *y,
                           void (*run)(const struct nn_conv *))
{
    int64_t y_size = all->y_half ? (int64_t)sizeof(bf16) : (int64_t)sizeof(real);
    int parts = all->k > NN_GROUP ? 2 : 1;

    for (int64_t i = 0; i < all->n * all->h.out * parts; i++) {
        int64_t n = i / parts / all->h.out;
        int row = (int)(i / parts % all->h.out), first = i % parts ? NN_GROUP : 0;
        int64_t at = (n * all->y_picture + row * all->y_row + first) * y_size;
        struct nn_conv j = *all;

        if (row % 2)
            continue;
        j.n = 1;
        j.h.out = row + 1 < all->h.out ? 2 : 1;
        j.h.start += row * j.h.step;
        j.k = parts == 1 || first ? all->k - first : NN_GROUP;
        j.x = (const char *)all->x + (n * all->x_picture + (j.k_group ? first / j.k_group * j.c :
                                                                        0)) * size;
        j.b = (const char *)all->b + first / NN_GROUP * all->b_group * size;
        j.y = y + at;
        j.bias = all->bias ? all->bias + first : NULL;
        j.residual = all->residual ? (const char *)all->residual + at : NULL;
        run(&j);
    }
}

/* Runs one job: half of bf16; y_half; variant bit 0: add, 1: residual, 2: bias, 3: cut. */
static void conv_once(struct trial *t, const struct conv_case *s, bool half, bool y_half,
                      int variant, void (*run)(const struct nn_conv *))
{
    struct nn_conv j = { .n = s->n, .h = s->h, .w = s->w, .c = s->c, .k = s->k,
                         .k_group = s->k_group, .y_half = y_half, .add = variant & 1,
                         .lo = -INFINITY, .hi = INFINITY };
    int taps = filter_taps(&s->h) * filter_taps(&s->w);
    int64_t n_w = (int64_t)taps * s->c * s->k;

    j.x_pixel = channels(s) + s->gap;
    j.x_row = s->w.in * j.x_pixel;
    j.x_picture = s->h.in * j.x_row;
    j.y_pixel = s->k + s->gap;
    j.y_row = s->w.out * j.y_pixel;
    j.y_picture = s->h.out * j.y_row;
    j.b_column = (int64_t)s->c * NN_GROUP;
    j.b_row = filter_taps(&s->w) * j.b_column;
    j.b_group = filter_taps(&s->h) * j.b_row;

    int64_t nx = s->n * j.x_picture - s->gap, ny = s->n * j.y_picture - s->gap;
    int64_t nb = (int64_t)(s->k + NN_GROUP - 1) / NN_GROUP * j.b_group;
    real *x = drawn(t, nx), *w = drawn(t, n_w), *before = drawn(t, ny), *rest = drawn(t, ny);
    real *bias = variant & 4 ? drawn(t, s->k) : NULL;
    size_t y_size = y_half ? sizeof(bf16) : sizeof(real);
    void *y, *again;

    if (half) {                 /* what the job sees is what the formula sees */
        bf16 *hx = halves(t, nx, x), *hb = guarded(t, nb, sizeof *hb);

        nn_pack_bf16_ref(taps, s->c, s->k, s->k, w, false, 0, nn_pack_groups(s->k), hb);
        nn_from_bf16_ref(nx, hx, x);
        for (int64_t i = 0; i < n_w; i++) {
            bf16 h;

            nn_to_bf16_ref(1, &w[i], &h);
            w[i] = bf16_float(h);
        }
        j.x = hx;
        j.b = hb;
    } else {
        real *b = guarded(t, nb, sizeof *b);

        nn_pack_f32_ref(taps, s->c, s->k, s->k, w, false, 0, nn_pack_groups(s->k), b);
        j.x = x;
        j.b = b;
    }
    if (y_half) {
        bf16 *hy = halves(t, ny, before), *hr = halves(t, ny, rest);

        nn_from_bf16_ref(ny, hy, before);
        nn_from_bf16_ref(ny, hr, rest);
        y = hy;
        j.residual = variant & 2 ? hr : NULL;
    } else {
        y = copied(t, ny, before);
        j.residual = variant & 2 ? rest : NULL;
    }
    j.y = y;
    j.bias = bias;
    again = guarded(t, ny, y_size);
    memcpy(again, y, (size_t)ny * y_size);
    if (variant & 8) {
        j.lo = t->exact ? -3 : (real)-0.25;
        j.hi = t->exact ? 6 : (real)0.5;
    }
    run(&j);
    conv_in_pieces(&j, half ? 2 : (int)sizeof(real), again, run);
    assert_memory_equal(y, again, (size_t)ny * y_size);
    for (int64_t i = 0; i < ny; i++) {
        int64_t n = i / j.y_picture, row = i % j.y_picture / j.y_row;
        int64_t column = i % j.y_row / j.y_pixel, k = i % j.y_pixel;
        double got = (double)(y_half ? bf16_float(((bf16 *)y)[i]) : ((real *)y)[i]);
        double room = y_half ? 1.0 / 256 : 0;
        struct sum want;

        if (k >= s->k) {        /* between the pixels */
            assert_true(got == (double)before[i]);
            continue;
        }
        want = conv_sum(&j, x, w, n, (int)row, (int)column, (int)k);
        add(&want, variant & 4 ? (double)bias[k] : 0);
        add(&want, variant & 1 ? (double)before[i] : 0);
        add(&want, variant & 2 ? (double)rest[i] : 0);
        want.value = want.value < (double)j.lo ? (double)j.lo
                     : want.value > (double)j.hi ? (double)j.hi : want.value;
        if (!(fabs(got - want.value) <=
              fabs(want.value) * room + (t->exact ? 0 : 4 * FLT_EPSILON * want.size)))
            fail_msg("conv case %d, variant %d, trial %d: number %lld is %.9g, expected %.9g",
                     (int)(s - convs), variant, t->number, (long long)i, got, want.value);
    }
    unmap(t);
}

static void check_conv_f32(nn_conv_f32_fn *f)
{
    EACH_TRIAL(t)
        for (int s = 0; s < COUNT(convs); s++)
            for (int variant = 0; variant < 16; variant += s < 2 ? 1 : 5)
                conv_once(&t, &convs[s], false, false, variant, f);
}

static void check_conv_bf16(nn_conv_bf16_fn *f)
{
    EACH_TRIAL(t)
        for (int s = 0; s < COUNT(convs); s++)
            for (int variant = 0; variant < 32; variant += s < 2 ? 1 : 5)
                conv_once(&t, &convs[s], true, variant & 16, variant & 15, f);
}

/* ---- weight gradient ------------------------------------------------------------------------- */

/* Jobs that forward has no use for. */
static const struct conv_case convdws[] = {
    { 3, 3, 7, { 16, 33, 2, -3, 1, 7, 0, 1 }, { 20, 40, 2, -3, 1, 4, 0, 1 }, 0, 0 },   /* joined */
    { 1, 1, 17, { 3, 3, 1, -2, 2, 3, 0, 1 }, { 4, 4, 1, -1, 1, 3, 0, 1 }, 1, 0 },
    { 2, 70, 130, { 2, 2, 1, -1, 1, 3, 0, 1 }, { 3, 3, 1, -1, 1, 3, 0, 1 }, 0, 0 },    /* panels */
    { 9, 10, 17, { 7, 7, 1, -1, 1, 3, 0, 1 }, { 7, 7, 1, -1, 1, 3, 0, 1 }, 0, 0 },     /* strips */
    { 1, 5, 48, { 23, 46, 2, 0, 1, 1, 0, 1 }, { 29, 57, 2, 0, 1, 1, 0, 1 }, 0, 0 },
    { 3, 6, 32, { 4, 8, 2, 0, 1, 1, 0, 1 }, { 3, 5, 2, 0, 1, 1, 0, 1 }, 2, 0 },   /* in place */
    { 1, 8, 7, { 2, 2, 1, 0, 1, 1, 0, 1 }, { 600, 600, 1, -1, 1, 3, 0, 1 }, 0, 0 },
    { 1, 2, 3, { 2, 900, 7, -1, 400, 3, 0, 1 }, { 2, 900, 5, 0, 441, 3, 0, 1 }, 0, 0 }, /* far */
    { 1, 7, 5, { 3, 5, 1, -1, 1, 3, 0, 1 }, { 2, 90, 1, -3, 1, 90, 0, 1 }, 0, 0 },     /* wide */
};

/* round: the slot rounds what is float to bf16. */
static void convdw_once(struct trial *t, const struct conv_case *s, bool x_half, bool dy_half,
                        bool round, bool adds, void (*run)(const struct nn_convdw *))
{
    struct nn_convdw j = { .n = s->n, .h = s->h, .w = s->w, .c = s->c, .k = s->k,
                           .k_group = s->k_group, .add = adds, .x_half = x_half,
                           .dy_half = dy_half };
    int taps = s->h.taps * s->w.taps;

    j.x_pixel = channels(s) + s->gap;
    j.x_row = s->w.in * j.x_pixel;
    j.x_picture = s->h.in * j.x_row;
    j.dy_pixel = s->k + s->gap;
    j.dy_row = s->w.out * j.dy_pixel;
    j.dy_picture = s->h.out * j.dy_row;
    j.dw_channel = s->k + s->gap;
    j.dw_column = s->c * j.dw_channel;
    j.dw_row = s->w.taps * j.dw_column;

    int64_t nx = s->n * j.x_picture - s->gap, ny = s->n * j.dy_picture - s->gap;
    int64_t nw = taps * j.dw_column - s->gap, iy, ix;
    real *x = drawn(t, nx), *dy = drawn(t, ny), *before = drawn(t, nw);
    real *dw = copied(t, nw, before);

    j.x = x;
    j.dy = dy;
    j.dw = dw;
    if (x_half || round) {
        bf16 *h = halves(t, nx, x);

        if (x_half)
            j.x = h;
        else                    /* the slot gets what is not yet rounded */
            j.x = copied(t, nx, x);
        nn_from_bf16_ref(nx, h, x);
    }
    if (dy_half || round) {
        bf16 *h = halves(t, ny, dy);

        if (dy_half)
            j.dy = h;
        else
            j.dy = copied(t, ny, dy);
        nn_from_bf16_ref(ny, h, dy);
    }
    j.scratch = aligned_alloc(64, NN_CONVDW_SCRATCH);
    assert_non_null(j.scratch);
    memset(j.scratch, 0xff, NN_CONVDW_SCRATCH);         /* NaN */
    run(&j);
    free(j.scratch);
    for (int64_t i = 0; i < nw; i++) {
        int64_t tap = i / j.dw_column, c = i % j.dw_column / j.dw_channel, k = i % j.dw_channel;
        struct sum want = { 0 };

        if (k >= s->k) {
            assert_near(t, "between dw's rows", i, dw[i], (double)before[i], 0);
            continue;
        }
        add(&want, adds ? (double)before[i] : 0);
        for (int64_t p = 0; p < (int64_t)s->n * s->h.out * s->w.out; p++) {
            int64_t n = p / (s->h.out * s->w.out), row = p / s->w.out % s->h.out;
            int64_t column = p % s->w.out;

            if (sees(&s->h, (int)row, (int)(tap / s->w.taps), &iy) &&
                sees(&s->w, (int)column, (int)(tap % s->w.taps), &ix))
                add(&want,
                    (double)x[n * j.x_picture + iy * j.x_row + ix * j.x_pixel + c +
                              (s->k_group ? k / s->k_group * s->c : 0)] *
                    (double)dy[n * j.dy_picture + row * j.dy_row + column * j.dy_pixel + k]);
        }
        assert_near(t, "dw", i, dw[i], want.value, 4 * FLT_EPSILON * want.size);
    }
    unmap(t);
}

static void check_convdw(bool round, void (*run)(const struct nn_convdw *))
{
    EACH_TRIAL(t)
        for (int s = 0; s < COUNT(convs) + COUNT(convdws); s++)
            for (int variant = 0; variant < 8; variant += s < 4 ? 1 : 3)
                convdw_once(&t, s < COUNT(convs) ? &convs[s] : &convdws[s - COUNT(convs)],
                            !(variant & 1) == round, !(variant & 2) == round, round, variant & 4,
                            run);
}

static void check_convdw_f32(nn_convdw_f32_fn *f)
{
    check_convdw(false, f);
}

static void check_convdw_bf16(nn_convdw_bf16_fn *f)
{
    check_convdw(true, f);
}
