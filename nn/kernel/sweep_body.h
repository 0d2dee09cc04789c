/*
 * sweep_body -- depthwise convolution of square windows of 3, 5 and 7 pixels, in steps of 1 and 2
 *
 * A vector of channels goes along a row of pixels.  The weights are registers, or lie in the first
 * cache; a pixel is loaded once in a row and added to all sums that it is part of, which move on
 * with the window, so that borders cost nothing.  Rows of a window outside of the picture have
 * weights of 0.  A sum goes column by column, down the rows in each, whatever its neighbours are.
 * Of bf16 two vectors are one load where registers last, the channels with even numbers and those
 * with odd ones.  What the next row will be the first to read or write is asked for one row ahead.
 */

enum { MOST_TAPS = 7 };

/* What goes along a row: x has `in` pixels, y `out`. */
struct sweep {
    int in, out, pad;
    int64_t x_pixel, y_pixel;           /* numbers to the next pixel, */
    int64_t next, y_next;               /* from the last row of x to a new one, of y to the next */
    bool add;
    float lo, hi;
    const void *x[MOST_TAPS];           /* a row for each row of taps */
    const float *weight[MOST_TAPS];     /* of its first tap; NULL: no such row */
    int64_t weight_step;                /* to the next tap's */
    const float *bias;
    void *y;
};

/* A vector of channels, or (pair) two. */
struct lanes {
    vec a, b;
};

VEC_FN struct lanes lanes_get(const bool half, const bool pair, const void *x, int64_t at)
{
    struct lanes v = { .b = v_zero() };

    if (pair)
        v_load_pairs((const bf16 *)x + at, &v.a, &v.b);
    else
        v.a = get(x, half, at, whole());
    return v;
}

VEC_FN struct lanes lanes_factors(const bool pair, const float *x)
{
    struct lanes v = { .b = v_zero() };

    if (pair)
        v_unzip(x, &v.a, &v.b);
    else
        v.a = v_load(x, whole());
    return v;
}

VEC_FN struct lanes lanes_zero(void)
{
    return (struct lanes){ v_zero(), v_zero() };
}

VEC_FN struct lanes lanes_fma(const bool pair, struct lanes x, struct lanes y, struct lanes sum)
{
    sum.a = v_fma(x.a, y.a, sum.a);
    if (pair)
        sum.b = v_fma(x.b, y.b, sum.b);
    return sum;
}

VEC_FN void lanes_put(const bool half, const bool pair, const struct sweep *s, int64_t at,
                      struct lanes v)
{
    const vec lo = v_set(s->lo), hi = v_set(s->hi);

    ask(half, s->y, at + s->y_next);
    if (s->add) {
        struct lanes old = lanes_get(half, pair, s->y, at);

        v.a = v_add(v.a, old.a);
        v.b = v_add(v.b, old.b);
    }
    v.a = v_min(hi, v_max(lo, v.a));
    if (pair)
        v_store_pairs((bf16 *)s->y + at, v.a, v_min(hi, v_max(lo, v.b)));
    else
        put(s->y, half, at, whole(), v.a);
}

VEC_FN void load_weights(const int taps, const int rows, const bool pair, const struct sweep *s,
                         int64_t c, struct lanes f[MOST_TAPS][MOST_TAPS])
{
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int t = 0; t < taps; t++)
            f[r][t] = s->weight[r] ? lanes_factors(pair, s->weight[r] + t * s->weight_step + c)
                                   : lanes_zero();
}

/* y[j] = sum over taps t of x[step j - pad + t]: the pixels step m + e - pad, 0 <= e < step, are
 * under tap e + step u of output m - u. */
VEC_FN void pull(const int taps, const int step, const bool half, const bool pair,
                 const struct sweep *from, int64_t c)
{
    const struct sweep own = *from, *s = &own;          /* which no store changes */
    const int many = (taps + step - 1) / step;
    const struct lanes start = s->bias ? lanes_factors(pair, s->bias + c) : lanes_zero();
    struct lanes f[MOST_TAPS][MOST_TAPS], sum[MOST_TAPS];

    load_weights(taps, taps, pair, s, c, f);
    UNROLL for (int u = 0; u < many; u++)
        sum[u] = start;
    for (int m = 0; m < s->out + many - 1; m++) {
        UNROLL for (int e = 0; e < step; e++) {
            int i = step * m + e - s->pad;
            int64_t at = i * s->x_pixel + c;

            if ((unsigned)i >= (unsigned)s->in)
                continue;
            UNROLL for (int q = 1; q <= step; q++)
                ask(half, s->x[taps - 1], at + q * s->next);
            UNROLL for (int r = 0; r < taps; r++) {
                struct lanes v = lanes_get(half, pair, s->x[r], at);

                UNROLL for (int t = e; t < taps; t += step)
                    sum[many - 1 - t / step] = lanes_fma(pair, v, f[r][t],
                                                         sum[many - 1 - t / step]);
            }
        }
        if (m >= many - 1)
            lanes_put(half, pair, s, (m - many + 1) * s->y_pixel + c, sum[0]);
        UNROLL for (int u = 1; u < many; u++)
            sum[u - 1] = sum[u];
        sum[many - 1] = start;
    }
}

/* y[2 j - pad + t] += x[j] for each tap t: of a window's rows every other one sees a row of y. */
VEC_FN void push(const int taps, const bool half, const bool pair, const struct sweep *from,
                 int64_t c)
{
    const struct sweep own = *from, *s = &own;
    const int rows = (taps + 1) / 2;
    struct lanes f[MOST_TAPS][MOST_TAPS], sum[MOST_TAPS];

    load_weights(taps, rows, pair, s, c, f);
    UNROLL for (int t = 0; t < taps; t++)
        sum[t] = lanes_zero();
    for (int j = 0, to = -s->pad; to < s->out; j++, to += 2) {
        if (j < s->in) {
            ask(half, s->x[rows - 1], j * s->x_pixel + c + s->next);
            UNROLL for (int r = 0; r < rows; r++) {
                struct lanes v = lanes_get(half, pair, s->x[r], j * s->x_pixel + c);

                UNROLL for (int t = 0; t < taps; t++)
                    sum[t] = lanes_fma(pair, v, f[r][t], sum[t]);
            }
        }
        UNROLL for (int q = 0; q < 2; q++)
            if ((unsigned)(to + q) < (unsigned)s->out)
                lanes_put(half, pair, s, (to + q) * s->y_pixel + c, sum[q]);
        UNROLL for (int t = 2; t < taps; t++)
            sum[t - 2] = sum[t];
        sum[taps - 2] = sum[taps - 1] = lanes_zero();
    }
}

enum direction { PULL, PULL_TWO, PUSH_TWO };

VEC_FN void sweep_some(const enum direction how, const int taps, const bool half, const bool pair,
                       const struct sweep *s, int64_t c)
{
    if (how == PUSH_TWO)
        push(taps, half, pair, s, c);
    else
        pull(taps, how == PULL ? 1 : 2, half, pair, s, c);
}

/* All whole vectors of channels of a row; returns how many channels that are. */
VEC_FN int64_t sweep_channels(const enum direction how, const int taps, const bool half,
                              const struct sweep *s, int64_t n)
{
    int64_t c = 0;

    for (; half && taps == 3 && c + 2 * LANES <= n; c += 2 * LANES)
        sweep_some(how, taps, half, true, s, c);
    for (; c + LANES <= n; c += LANES)
        sweep_some(how, taps, half, false, s, c);
    return c;
}

VEC_FN int64_t sweep_taps(const enum direction how, const int taps, const bool half,
                          const struct sweep *s, int64_t n)
{
    switch (taps) {
    case 3: return sweep_channels(how, 3, half, s, n);
    case 5: return sweep_channels(how, 5, half, s, n);
    default: return sweep_channels(how, 7, half, s, n);
    }
}

VEC_FN int64_t sweep_row(const enum direction how, const int taps, const bool half,
                         const struct sweep *s, int64_t n)
{
    switch (how) {
    case PULL: return sweep_taps(PULL, taps, half, s, n);
    case PULL_TWO: return sweep_taps(PULL_TWO, taps, half, s, n);
    default: return sweep_taps(PUSH_TWO, taps, half, s, n);
    }
}

/* ---- weights --------------------------------------------------------------------------------- */

/* dweight[r][t] += sum over j of x[r][step j - pad + t] dy[j], in `rows` rows. */
struct weigh {
    int in, out, pad;
    int64_t x_pixel, y_pixel, x_next, y_next;   /* next: to the row below */
    const void *x[MOST_TAPS], *dy;
    float *dweight[MOST_TAPS];          /* NULL: that row is nobody's, x what may be read */
    int64_t weight_step;
};

/* Of a pixel m of dy, and those before it that see what the pixels step m + e - pad of x are. */
VEC_FN void weigh(const int taps, const int rows, const int step, const bool half, const bool pair,
                  const struct weigh *from, int64_t c)
{
    const struct weigh own = *from, *s = &own;
    const int many = (taps + step - 1) / step;
    struct lanes sum[MOST_TAPS][MOST_TAPS], g[MOST_TAPS];

    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int t = 0; t < taps; t++)
            sum[r][t] = lanes_zero();
    UNROLL for (int u = 0; u < many; u++)
        g[u] = lanes_zero();
    for (int m = 0; m < s->out + many - 1; m++) {
        if (m < s->out) {
            g[0] = lanes_get(half, pair, s->dy, m * s->y_pixel + c);
            ask(half, s->dy, m * s->y_pixel + c + s->y_next);
        } else {
            g[0] = lanes_zero();
        }
        UNROLL for (int e = 0; e < step; e++) {
            int i = step * m + e - s->pad;
            int64_t at = i * s->x_pixel + c;

            if ((unsigned)i >= (unsigned)s->in)
                continue;
            UNROLL for (int q = 1; q <= step; q++)
                ask(half, s->x[rows - 1], at + q * s->x_next);
            UNROLL for (int r = 0; r < rows; r++) {
                struct lanes v = lanes_get(half, pair, s->x[r], at);

                UNROLL for (int t = e; t < taps; t += step)
                    sum[r][t] = lanes_fma(pair, v, g[t / step], sum[r][t]);
            }
        }
        UNROLL for (int u = many - 1; u > 0; u--)
            g[u] = g[u - 1];
    }
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int t = 0; t < taps; t++) {
            float *to = s->dweight[r] + t * s->weight_step + c;
            struct lanes old;

            if (!s->dweight[r])
                continue;
            old = lanes_factors(pair, to);
            if (pair)
                v_store_zipped(to, v_add(old.a, sum[r][t].a), v_add(old.b, sum[r][t].b));
            else
                v_store(to, whole(), v_add(old.a, sum[r][t].a));
        }
}

/* So many rows have sums that are registers. */
enum { WIDE = VEC_REGISTERS >= 32, WEIGH_3 = 3, WEIGH_5 = WIDE ? 5 : 2, WEIGH_7 = WIDE ? 3 : 1 };

VEC_FN int64_t weigh_channels(const int taps, const int rows, const int step, const bool half,
                              const struct weigh *s, int64_t n)
{
    int64_t c = 0;

    for (; half && WIDE && taps == 3 && c + 2 * LANES <= n; c += 2 * LANES)
        weigh(taps, rows, step, half, true, s, c);
    for (; c + LANES <= n; c += LANES)
        weigh(taps, rows, step, half, false, s, c);
    return c;
}

VEC_FN int64_t weigh_taps(const int taps, const int step, const bool half, const struct weigh *s,
                          int64_t n)
{
    switch (taps) {
    case 3: return weigh_channels(3, WEIGH_3, step, half, s, n);
    case 5: return weigh_channels(5, WEIGH_5, step, half, s, n);
    default: return weigh_channels(7, WEIGH_7, step, half, s, n);
    }
}

/* A row of outputs whose window begins at row y of x, for the rows of taps [first,past), which lie
 * in the picture.  Returns how many channels are done: the whole vectors. */
VEC_FN int64_t weigh_row(const bool half, const struct nn_window *w, int y, int first, int past,
                         const void *x, const void *dy, float *dweight)
{
    const int taps = w->kw, many = taps == 3 ? WEIGH_3 : taps == 5 ? WEIGH_5 : WEIGH_7;
    int64_t done = w->c / LANES * LANES, row = w->w * w->pixel;

    for (int r = first; r < past; r += many) {
        struct weigh s = { .in = w->w, .out = w->ow, .pad = w->pl, .x_pixel = w->pixel,
                           .y_pixel = w->c, .x_next = row, .y_next = w->ow * (int64_t)w->c,
                           .dy = dy, .weight_step = w->c };

        for (int k = 0; k < many; k++) {
            int tap = r + k < past ? r + k : past - 1;

            s.x[k] = (const char *)x + (y + tap * w->dh) * row * (half ? 2 : 4);
            s.dweight[k] = r + k < past ? dweight + (int64_t)tap * taps * w->c : NULL;
        }
        done = w->sw == 1 ? weigh_taps(taps, 1, half, &s, w->c)
                          : weigh_taps(taps, 2, half, &s, w->c);
    }
    return done;
}
