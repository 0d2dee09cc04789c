/*
 * check_winograd -- 3x3 convolution by tiles against the formulas of kernel.h, in double
 *
 * A part of test_kernels.c, which has the trials.  Nothing here is exact, as points are thirds.
 */
static const double points[] = { 0, 2 / 3., -2 / 3., 1.5, -1.5 };

/* The value of g[0] + g[step] x + g[2 step] x^2 at point i, as what is multiplied wants it. */
static double value_at(int i, const double *g, int step)
{
    double p, n = 1;

    if (i == 5)
        return g[2 * step];
    p = points[i];
    for (int j = 0; j < 5; j++)
        n *= j == i ? 1 : p - points[j];
    return (g[0] + p * g[step] + p * p * g[2 * step]) / n;
}

static void check_winograd_w_f32(nn_winograd_w_f32_fn *f)
{
    EACH_TRIAL(t)
        for (int l = 0; l < COUNT(lengths); l++) {
            int n = lengths[l];
            real *w = drawn(&t, 9 * n), *u = blank(&t, NN_WINOGRAD_POINTS * n);
            real *again = blank(&t, NN_WINOGRAD_POINTS * n), *last = again + 27 * n;

            for (int i = 0; i < 9 * n; i++)
                last[i] = w[i];
            f(n, w, u);
            f(n, last, again);          /* in its place */
            assert_same(&t, "winograd's filters", NN_WINOGRAD_POINTS * n, u, again);
            for (int i = 0; i < NN_WINOGRAD_POINTS * n; i++) {
                int at = i % n, row = i / n / 6, column = i / n % 6;
                double g[9], half[3];

                for (int k = 0; k < 9; k++)
                    g[k] = (double)w[k * n + at];
                for (int s = 0; s < 3; s++)
                    half[s] = value_at(row, g + s, 3);
                assert_near(&t, "winograd's filters", i, u[i], value_at(column, half, 1),
                            t.exact ? -32 * FLT_EPSILON : 8 * FLT_EPSILON);
            }
            unmap(&t);
        }
}

/* As convs, of 3x3 taps. */
static const struct conv_case tiled[] = {
    { 1, 1, 1, { 4, 4, 1, -1, 1, 3, 0, 1 }, { 4, 4, 1, -1, 1, 3, 0, 1 }, 0, 0 },
    { 2, 3, 5, { 7, 7, 1, -1, 1, 3, 0, 1 }, { 6, 6, 1, -1, 1, 3, 0, 1 }, 3, 0 },
    { 1, 33, 70, { 14, 14, 1, -1, 1, 3, 0, 1 }, { 9, 9, 1, -1, 1, 3, 0, 1 }, 0, 0 },
    { 3, 16, 32, { 1, 1, 1, -1, 1, 3, 0, 1 }, { 2, 1, 1, -1, 1, 3, 0, 1 }, 0, 0 },
    { 1, 20, 24, { 9, 11, 1, 0, 1, 3, 0, 1 }, { 5, 9, 1, 0, 1, 3, 0, 1 }, 4, 0 },  /* no padding */
    { 2, 2, 3, { 3, 12, 1, 4, 1, 3, 0, 1 }, { 7, 2, 1, -4, 1, 3, 0, 1 }, 0, 0 },   /* outside */
    { 19, 48, 160, { 5, 5, 1, -1, 1, 3, 0, 1 }, { 5, 5, 1, -1, 1, 3, 0, 1 }, 0, 0 },    /* runs */
    { 1, 1040, 20, { 2, 2, 1, -1, 1, 3, 0, 1 }, { 6, 6, 1, -1, 1, 3, 0, 1 }, 0, 0 },    /* deep */
    { 1, 260, 260, { 40, 40, 1, -1, 1, 3, 0, 1 }, { 37, 37, 1, -1, 1, 3, 0, 1 }, 0, 0 },
};

/* The same job in pieces, whose bits are those of the whole. */
static void winograd_in_pieces(const struct nn_conv *all, real *y, nn_winograd_f32_fn *f,
                               real *scratch)
{
    int parts = all->k > NN_GROUP ? 2 : 1;

    for (int64_t n = 0; n < all->n; n++)
        for (int row = 0; row < all->h.out; row += NN_WINOGRAD_TILE)
            for (int part = 0; part < parts; part++) {
                int first = part * NN_GROUP;
                int64_t at = n * all->y_picture + row * all->y_row + first;
                struct nn_conv j = *all;

                j.n = 1;
                j.h.start += row;
                j.h.out = all->h.out - row < NN_WINOGRAD_TILE ? all->h.out - row
                                                              : NN_WINOGRAD_TILE;
                j.k = parts == 1 || first ? all->k - first : NN_GROUP;
                j.x = (const real *)all->x + n * all->x_picture;
                j.b = (const real *)all->b + part * all->b_group;
                j.y = y + at;
                j.bias = all->bias ? all->bias + first : NULL;
                j.residual = all->residual ? (const real *)all->residual + at : NULL;
                f(&j, scratch);
            }
}

/* Room for a job, and no more; full of NaN. */
static real *room_of(struct trial *t, const struct nn_conv *j)
{
    int64_t tiles = j->n * ((j->h.out + NN_WINOGRAD_TILE - 1) / NN_WINOGRAD_TILE) *
                    ((j->w.out + NN_WINOGRAD_TILE - 1) / NN_WINOGRAD_TILE);

    return blank(t, (int64_t)(nn_winograd_scratch(tiles, j->c, j->k) / sizeof(real)));
}

/* Variants as in conv_once. */
static void winograd_once(struct trial *t, const struct conv_case *s, int variant,
                          nn_winograd_f32_fn *f)
{
    struct nn_conv j = { .n = s->n, .h = s->h, .w = s->w, .c = s->c, .k = s->k,
                         .add = variant & 1, .lo = -INFINITY, .hi = INFINITY };
    int64_t pixel = s->c + s->gap, group = (int64_t)9 * s->c * NN_GROUP, nx, ny;
    int groups = nn_pack_groups(s->k);
    double size = t->exact ? 16 : 1, bound = 4 * FLT_EPSILON * size * 9 * s->c;

    j.x_pixel = pixel;
    j.x_row = s->w.in * pixel;
    j.x_picture = s->h.in * j.x_row;
    j.y_pixel = s->k + s->gap;
    j.y_row = s->w.out * j.y_pixel;
    j.y_picture = s->h.out * j.y_row;
    j.b_column = (int64_t)s->c * NN_GROUP;
    j.b_row = 6 * j.b_column;
    j.b_group = 6 * j.b_row;
    nx = s->n * j.x_picture - s->gap;
    ny = s->n * j.y_picture - s->gap;

    real *x = drawn(t, nx), *filter = drawn(t, (int64_t)9 * s->c * s->k), *before = drawn(t, ny);
    real *rest = drawn(t, ny), *bias = variant & 4 ? drawn(t, s->k) : NULL;
    real *packed = guarded(t, groups * group, sizeof *packed);
    real *b = guarded(t, groups * j.b_group, sizeof *b);
    real *y = copied(t, ny, before), *again = copied(t, ny, before), *scratch;

    nn_pack_f32_ref(9, s->c, s->k, s->k, filter, false, 0, groups, packed);
    for (int g = 0; g < groups; g++)
        nn_winograd_w_f32_ref(j.b_column, packed + g * group, b + g * j.b_group);
    j.x = x;
    j.b = b;
    j.y = y;
    j.bias = bias;
    j.residual = variant & 2 ? rest : NULL;
    if (variant & 8) {
        j.lo = -3;
        j.hi = 6;
    }
    scratch = room_of(t, &j);
    f(&j, scratch);
    winograd_in_pieces(&j, again, f, scratch);
    assert_same(t, "winograd in pieces", ny, y, again);
    for (int64_t i = 0; i < ny; i += s->c > 100 ? 97 : 1) {
        int64_t n = i / j.y_picture, row = i % j.y_picture / j.y_row;
        int64_t column = i % j.y_row / j.y_pixel, k = i % j.y_pixel;
        struct sum want;

        if (k >= s->k) {        /* between the pixels */
            assert_true(y[i] == before[i]);
            continue;
        }
        want = conv_sum(&j, x, filter, n, (int)row, (int)column, (int)k);
        add(&want, variant & 4 ? (double)bias[k] : 0);
        add(&want, variant & 1 ? (double)before[i] : 0);
        add(&want, variant & 2 ? (double)rest[i] : 0);
        want.value = want.value < (double)j.lo ? (double)j.lo
                     : want.value > (double)j.hi ? (double)j.hi : want.value;
        assert_near(t, "winograd", i, y[i], want.value, -bound);
    }
    unmap(t);
}

/* Rectified numbers, 64 channels: how far from double, beside the direct sum. */
static void error_is_small(nn_winograd_f32_fn *f)
{
    enum { SIDE = 12, C = 64, K = 32 };
    struct trial t = { 0 };
    struct nn_axis axis = { SIDE, SIDE, 1, -1, 1, 3, 0, 1 };
    struct nn_conv j = { .n = 1, .h = axis, .w = axis, .c = C, .k = K, .x_pixel = C,
                         .x_row = SIDE * C, .y_pixel = K, .y_row = SIDE * K,
                         .b_column = C * NN_GROUP, .lo = -INFINITY, .hi = INFINITY };
    real *x = drawn(&t, SIDE * SIDE * C), *filter = drawn(&t, 9 * C * K);
    real *b = blank(&t, 9 * C * K), *u = blank(&t, NN_WINOGRAD_POINTS * C * K);
    real *direct = blank(&t, SIDE * SIDE * K), *tiles = blank(&t, SIDE * SIDE * K);
    double far[2] = { 0, 0 };

    for (int i = 0; i < SIDE * SIDE * C; i++)
        x[i] = x[i] > 0 ? x[i] : 0;
    nn_pack_f32_ref(9, C, K, K, filter, false, 0, 1, b);
    nn_winograd_w_f32_ref(C * NN_GROUP, b, u);
    j.x = x;
    j.y = direct;
    j.b = b;
    j.b_row = 3 * j.b_column;
    nn_conv_f32_ref(&j);
    j.y = tiles;
    j.b = u;
    j.b_row = 6 * j.b_column;
    f(&j, room_of(&t, &j));
    for (int i = 0; i < SIDE * SIDE * K; i++) {
        double want = conv_sum(&j, x, filter, 0, i / K / SIDE, i / K % SIDE, i % K).value;

        far[0] += pow((double)direct[i] - want, 2);
        far[1] += pow((double)tiles[i] - want, 2);
    }
    if (!(sqrt(far[1]) < 3 * sqrt(far[0])))
        fail_msg("winograd is %.2f times as far from double as the direct sum",
                 sqrt(far[1] / far[0]));
    unmap(&t);
}

static void check_winograd_f32(nn_winograd_f32_fn *f)
{
    EACH_TRIAL(t)
        for (int s = 0; s < COUNT(tiled); s++)
            for (int variant = 0; variant < 16; variant += s < 2 ? 1 : 5)
                if (s < 7 || (t.number == 2 && !variant))
                    winograd_once(&t, &tiled[s], variant, f);
    error_is_small(f);
}
