/*
 * check_gemm -- products of matrices against the formula of kernel.h, in double
 *
 * A part of test_kernels.c, which has the trials.
 */
static int64_t extent(int rows, int cols, int ld)
{
    return rows && cols ? (int64_t)(rows - 1) * ld + cols : 0;
}

static void gemm_once(nn_gemm_f32_fn *f, struct trial *t, bool ta, bool tb, bool acc, int m, int n,
                      int k, int gap)
{
    int lda = (ta ? m : k) + gap, ldb = (tb ? k : n) + 2 * gap, ldc = n + gap;
    int64_t size = extent(m, n, ldc);
    const real *a, *b, *before;
    real *c;

    lda += !lda;
    ldb += !ldb;
    ldc += !ldc;
    a = drawn(t, ta ? extent(k, m, lda) : extent(m, k, lda));
    b = drawn(t, tb ? extent(n, k, ldb) : extent(k, n, ldb));
    c = acc ? drawn(t, size) : blank(t, size);
    before = copied(t, size, c);
    f(ta, tb, m, n, k, a, lda, b, ldb, acc, c, ldc);
    for (int i = 0; i < m && n; i++)
        for (int j = 0; j < (i + 1 < m ? ldc : n); j++) {
            int64_t at = (int64_t)i * ldc + j;
            struct sum s = { 0 };

            if (j >= n) {
                assert_same(t, "gemm between rows", 1, c + at, before + at);
                continue;
            }
            if (acc)
                add(&s, before[at]);
            for (int p = 0; p < k; p++)
                add(&s, (double)a[ta ? (int64_t)p * lda + i : (int64_t)i * lda + p] *
                        (double)b[tb ? (int64_t)j * ldb + p : (int64_t)p * ldb + j]);
            assert_near(t, "gemm", at, c[at], s.value, (k + 2) * EPS * s.size);
        }
    unmap(t);
}

static void check_gemm_f32(nn_gemm_f32_fn *f)
{
    static const int sizes[] = { 0, 1, 3, 4, 17, 33 };
    static const int edges[] = { 2, 5, 6, 7, 8, 9, 15, 16, 23, 24, 25, 31, 32, 39, 40, 41, 47, 48,
                                 49, 63, 64, 65, 95, 97, 127, 128, 129 };

    EACH_TRIAL(t)
        for (int how = 0; how < 8; how++) {
            for (int i = 0; i < 6 * 6 * 6; i++)
                gemm_once(f, &t, how & 1, how & 2, how & 4, sizes[i % 6], sizes[i / 6 % 6],
                          sizes[i / 36], (i + how) % 3);
            gemm_once(f, &t, how & 1, how & 2, how & 4, 70, 129, 257, 1);
            gemm_once(f, &t, how & 1, how & 2, how & 4, 1, 500, 65, 0);
            gemm_once(f, &t, how & 1, how & 2, how & 4, 41, 600, 260, 1);
            for (int i = 0; i < COUNT(edges); i++) {
                gemm_once(f, &t, how & 1, how & 2, how & 4, edges[i], 70, 3, i % 2);
                gemm_once(f, &t, how & 1, how & 2, how & 4, 42, edges[i], 2, i % 2);
                gemm_once(f, &t, how & 1, how & 2, how & 4, i % 3 + 1, edges[i], 9, i % 2);
            }
            for (int k = 254; k < 259; k++)
                gemm_once(f, &t, how & 1, how & 2, how & 4, k % 2 ? 6 : 50, 17, k, 1);
        }
}

static const real *corner(const real *x, bool turned, int row, int col, int ld)
{
    return x + (turned ? (int64_t)col * ld + row : (int64_t)row * ld + col);
}

/* Of every level: how A and B lie, and what else is computed, changes no bit; the widths of vectors
 * neither. */
static void a_product_is_that_of_its_row_and_column(void **state)
{
    enum { M = 61, N = 150, K = 300 };
    static const int part[][4] = { { 0, M, 0, N }, { 60, 1, 0, N }, { 3, 1, 7, 140 },
                                   { 9, 7, 149, 1 }, { 5, 45, 77, 33 }, { 11, 13, 64, 64 } };
    struct err err = { 0 };

    (void)state;
    EACH_TRIAL(t) {
        real *a[2] = { drawn(&t, M * K), blank(&t, M * K) }, *all;
        real *b[2] = { drawn(&t, K * N), blank(&t, K * N) }, *first = drawn(&t, M * N);
        const real *vectors = NULL;

        for (int i = 0; i < M * K; i++)
            a[1][i % K * M + i / K] = a[0][i];
        for (int i = 0; i < K * N; i++)
            b[1][i % N * K + i / N] = b[0][i];
        for (int l = 0; cpu_names[l]; l++) {
            const struct nn_kernels *k = nn_kernels_get(cpu_names[l], &err);

            if (!k)
                continue;
            assert_true(k->rows_alone);
            all = copied(&t, M * N, first);
            k->gemm_f32(false, false, M, N, K, a[0], K, b[0], N, true, all, N);
            for (int i = 0; i < 4 * COUNT(part); i++) {
                const int *p = part[i / 4], ta = i & 1, tb = i >> 1 & 1;
                real *c = copied(&t, M * N, first);

                k->gemm_f32(ta, tb, p[1], p[3], K, corner(a[ta], ta, p[0], 0, ta ? M : K),
                            ta ? M : K, corner(b[tb], tb, 0, p[2], tb ? K : N), tb ? K : N, true,
                            c + p[0] * N + p[2], N);
                for (int r = p[0]; r < p[0] + p[1]; r++)
                    assert_same(&t, cpu_names[l], p[3], c + r * N + p[2],
                                all + r * N + p[2]);
                unmap_last(&t);
            }
            if (vectors)
                assert_same(&t, "other vectors", M * N, all, vectors);
            vectors = l ? all : NULL;
        }
        unmap(&t);
    }
}
