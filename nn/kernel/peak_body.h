/*
 * peak_body -- the loop of a peak: SUMS accumulators, each turn a STEP of each
 *
 * Defines RUN, a nn_peak_fn (nn/kernel/peak.h), by: VEC, a vector; SUMS; STEP(s, a, b), s and the
 * products of a and b.  A file may include it several times.
 */
void RUN(int64_t turns, const void *in, void *sum)
{
    const VEC *x = in;
    VEC a = x[0], b = x[1], *to = sum, s[SUMS];

#pragma GCC unroll 24
    for (int i = 0; i < SUMS; i++)
        s[i] = to[i];
    for (int64_t t = 0; t < turns; t++)
#pragma GCC unroll 24
        for (int i = 0; i < SUMS; i++)
            s[i] = STEP(s[i], a, b);
#pragma GCC unroll 24
    for (int i = 0; i < SUMS; i++)
        to[i] = s[i];
}

#undef RUN
#undef VEC
#undef STEP
