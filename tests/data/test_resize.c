/*
 * resize: Pillow's results, the rule written down, and that every instruction set keeps to both
 */
#include "tests/data/made.h"

#include "data/resize.h"
#include "nn/base/cpu.h"

#include <math.h>
#include <sys/mman.h>

/* What to leave unused, so that each set of kernels that the CPU can run has its turn. */
static const unsigned without[] = { 0, CPU_avx512, CPU_avx512 | CPU_avx2 };
enum { SETS = sizeof without / sizeof *without };

/* ---- pictures between guard pages ------------------------------------------------------------ */

/* `bytes` that begin behind a page that must not be touched (at_end: that end before one). */
struct guarded {
    uint8_t *map, *data;
    size_t map_bytes;
};

static struct guarded guarded_new(size_t bytes, bool at_end)
{
    size_t page = 4096, inner = (bytes + page - 1) / page * page;
    struct guarded g = { .map_bytes = inner + 2 * page };

    g.map = mmap(NULL, g.map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.map != MAP_FAILED);
    assert_int_equal(mprotect(g.map + page, inner, PROT_READ | PROT_WRITE), 0);
    g.data = g.map + page + (at_end ? inner - bytes : 0);
    return g;
}

static void guarded_free(struct guarded *g)
{
    munmap(g->map, g->map_bytes);
}

/* As tests/golden/resize.py makes them. */
enum kind { NOISE, CHECKS, WAVES };

static uint8_t sample(enum kind kind, uint32_t x, uint32_t y, uint32_t c)
{
    uint32_t h = x * 2654435761u + y * 2246822519u + c * 3266489917u, wave;

    h ^= h >> 15;
    h *= 2654435761u;
    h ^= h >> 13;
    wave = (7 * x + 3 * y + 40 * c) % 510;
    return (uint8_t)(kind == NOISE ? h >> 24 : kind == CHECKS ? (h >> 31) * 255
                     : wave < 256 ? wave : 510 - wave);
}

static void paint(uint8_t *p, enum kind kind, int width, int height)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++)
                *p++ = sample(kind, (uint32_t)x, (uint32_t)y, (uint32_t)c);
}

static struct data_resize_job all_of(const uint8_t *src, int width, int height,
                                     enum data_filter filter, int out_w, int out_h)
{
    return (struct data_resize_job){ src, width, height, 3 * (size_t)width, 0, 0, width, height,
                                     filter, out_w, out_h, 0 };
}

static size_t out_bytes(const struct data_resize_job *r)
{
    return 3 * (size_t)r->out_w * (size_t)r->out_h;
}

/* With each set of kernels, between guard pages: all the same, into out. */
static void resize_everywhere(struct data_resize_job r, uint8_t *out)
{
    size_t bytes = out_bytes(&r);
    size_t src_bytes = (size_t)(r.height - 1) * r.stride + 3 * (size_t)r.width;

    for (int i = 0; i < 2 * SETS; i++) {
        struct guarded from = guarded_new(src_bytes, i & 1), to = guarded_new(bytes, i & 1);
        struct data_resize_job one = r;
        struct err err;

        memcpy(from.data, r.src, src_bytes);
        memset(to.data, 0xa5, bytes);
        one.src = from.data;
        one.without = without[i / 2];
        assert_true(data_resize(&one, to.data, &err));
        assert_memory_equal(from.data, r.src, src_bytes);
        if (i == 0)
            memcpy(out, to.data, bytes);
        assert_memory_equal(to.data, out, bytes);
        guarded_free(&from);
        guarded_free(&to);
    }
}

/* ---- golden values --------------------------------------------------------------------------- */

static void pillow_gives_the_same(void **state)
{
    size_t size, at = 0, equal = 0, total = 0;
    struct err err;
    uint8_t *file = file_read("tests/golden/resize.bin", 1 << 20, &size, &err);
    int worst = 0, records = 0;

    (void)state;
    assert_non_null(file);
    for (; at < size; records++) {
        struct data_resize_job r;
        int32_t head[6];
        double box[4];
        uint8_t *src, *out;

        assert_true(at + sizeof head + sizeof box <= size);
        memcpy(head, file + at, sizeof head);
        memcpy(box, file + at + sizeof head, sizeof box);
        at += sizeof head + sizeof box;
        src = malloc(3 * (size_t)head[1] * (size_t)head[2]);
        paint(src, (enum kind)head[0], head[1], head[2]);
        r = all_of(src, head[1], head[2], (enum data_filter)head[3], head[4], head[5]);
        r.x = box[0];
        r.y = box[1];
        r.w = box[2] - box[0];
        r.h = box[3] - box[1];
        assert_true(at + out_bytes(&r) <= size);
        out = malloc(out_bytes(&r));
        resize_everywhere(r, out);
        for (size_t i = 0; i < out_bytes(&r); i++) {
            int d = abs(out[i] - file[at + i]);

            worst = d > worst ? d : worst;
            equal += !d;
        }
        total += out_bytes(&r);
        at += out_bytes(&r);
        free(src);
        free(out);
    }
    free(file);
    printf("%d pictures: largest difference %d, %.4f %% of %zu samples equal\n", records, worst,
           100.0 * (double)equal / (double)total, total);
    assert_int_equal(records, 44);
    assert_true(worst <= 1);
    assert_true((double)equal > 0.9999 * (double)total);
}

/* ---- the rule, in doubles -------------------------------------------------------------------- */

static double filter_of(enum data_filter filter, double t)
{
    t = fabs(t);
    if (filter == DATA_BILINEAR)
        return fmax(0, 1 - t);
    return t < 1 ? 1.5 * t * t * t - 2.5 * t * t + 1
         : t < 2 ? -0.5 * t * t * t + 2.5 * t * t - 4 * t + 2 : 0;
}

/* Sample i of a line of n, `step` apart, of which the part from x on, w long, becomes out. */
static double line_at(const uint8_t *p, int n, size_t step, double x, double w, int out, int i,
                      enum data_filter filter)
{
    double scale = w / out, wide = fmax(1, scale), sum = 0, total = 0;

    for (int j = 0; j < n; j++) {
        double v = filter_of(filter, (j + 0.5 - x - (i + 0.5) * scale) / wide);

        sum += v * p[(size_t)j * step];
        total += v;
    }
    return fmin(255, fmax(0, sum / total));
}

static void each_axis_is_the_formula(void **state)
{
    static const struct { int n, out; double x, w; } cases[] = {
        { 60, 20, 0, 60 }, { 60, 19, 0, 60 }, { 20, 60, 0, 20 }, { 60, 7, 10.5, 40.25 },
        { 60, 50, 30.125, 8.5 }, { 2, 9, 0, 2 }, { 60, 1, 0, 60 },
    };
    uint8_t line[60 * 3], out[60 * 3];

    (void)state;
    paint(line, NOISE, 60, 1);
    for (size_t k = 0; k < 2 * sizeof cases / sizeof *cases; k++) {
        int n = cases[k / 2].n, o = cases[k / 2].out;
        enum data_filter filter = (enum data_filter)(k % 2);

        for (int down = 0; down < 2; down++) {
            struct data_resize_job r = down ? all_of(line, 1, n, filter, 1, o)
                                        : all_of(line, n, 1, filter, o, 1);

            *(down ? &r.y : &r.x) = cases[k / 2].x;
            *(down ? &r.h : &r.w) = cases[k / 2].w;
            resize_everywhere(r, out);
            for (int i = 0; i < 3 * o; i++)
                assert_true(fabs(out[i] - line_at(line + i % 3, n, 3, cases[k / 2].x,
                                                  cases[k / 2].w, o, i / 3, filter)) < 0.501);
        }
    }
}

static void one_colour_stays(void **state)
{
    uint8_t *out = malloc(3 * 70 * 70);

    (void)state;
    for (uint64_t k = 0; k < 150; k++) {
        uint64_t s = rng_stream(RNG_TEST, 1), at = 16 * k;
        int w = 1 + (int)rng_below(1, s, at++, 90), h = 1 + (int)rng_below(1, s, at++, 90);
        int level = (int)rng_below(1, s, at++, 256);
        int out_w = 1 + (int)rng_below(1, s, at++, 70), out_h = 1 + (int)rng_below(1, s, at++, 70);
        uint8_t *src = malloc(3 * (size_t)(w * h));
        struct data_resize_job r = all_of(src, w, h, (enum data_filter)(k % 2), out_w, out_h);

        r.x = rng_f64(1, s, at++) * (w - 0.5);
        r.y = rng_f64(1, s, at++) * (h - 0.5);
        r.w -= r.x;
        r.h -= r.y;
        memset(src, level, 3 * (size_t)(w * h));
        resize_everywhere(r, out);
        for (size_t i = 0; i < out_bytes(&r); i++)
            assert_int_equal(out[i], level);
        free(src);
    }
    free(out);
}

static void the_same_size_is_a_copy(void **state)
{
    uint8_t src[31 * 17 * 3], out[31 * 17 * 3];
    struct data_resize_job r;

    (void)state;
    paint(src, NOISE, 31, 17);
    for (int f = 0; f < 2; f++) {
        r = all_of(src, 31, 17, (enum data_filter)f, 31, 17);
        resize_everywhere(r, out);
        assert_memory_equal(out, src, sizeof src);
        r = all_of(src, 31, 17, (enum data_filter)f, 10, 5);
        r.x = 20 + 1e-9;                        /* rounding of whoever computed it */
        r.y = 11;
        r.w = 10 - 1e-9;
        r.h = 5;
        resize_everywhere(r, out);
        for (int y = 0; y < 5; y++)
            assert_memory_equal(out + 30 * y, src + 3 * (31 * (11 + y) + 20), 30);
        r.out_h = 9;                            /* across nothing changes */
        resize_everywhere(r, out);
        for (int i = 0; i < 3 * 10 * 9; i++) {
            const uint8_t *column = src + 3 * (20 + i / 3 % 10) + i % 3;

            assert_true(fabs(out[i] - line_at(column, 17, 31 * 3, 11, 5, 9, i / 30,
                                              (enum data_filter)f)) < 0.501);
        }
    }
}

static void a_mirrored_picture_gives_a_mirrored_result(void **state)
{
    enum { W = 37, H = 29 };
    static uint8_t src[W * H * 3], turned[W * H * 3], a[90 * 90 * 3], b[90 * 90 * 3];

    (void)state;
    paint(src, NOISE, W, H);
    for (int i = 0; i < W * H; i++)             /* by half a turn: both axes */
        memcpy(turned + 3 * i, src + 3 * (W * H - 1 - i), 3);
    for (int size = 1; size <= 90; size += 4) {
        struct data_resize_job r = all_of(src, W, H, (enum data_filter)(size % 2), size, 91 - size);
        int n = size * (91 - size);

        resize_everywhere(r, a);
        r.src = turned;
        resize_everywhere(r, b);
        for (int i = 0; i < n; i++)
            assert_memory_equal(a + 3 * i, b + 3 * (n - 1 - i), 3);
    }
}

/* ---- edges ----------------------------------------------------------------------------------- */

static void every_width_gives_the_same_bits(void **state)
{
    uint8_t *src = malloc(3 * 140 * 5), *out = malloc(3 * 140 * 140);

    (void)state;
    paint(src, CHECKS, 140, 5);
    for (int width = 1; width <= 70; width++)   /* 3 bytes each: around 32, 64, 128 bytes */
        resize_everywhere(all_of(src, width, 5, DATA_BICUBIC, 1 + width * 7 % 71, 3), out);
    for (int out_w = 1; out_w <= 70; out_w++)
        resize_everywhere(all_of(src, 61, 5, DATA_BILINEAR, out_w, 7), out);
    for (int taps = 1; taps <= 40; taps++) {    /* even, odd, in fours and not */
        resize_everywhere(all_of(src, 3 * taps, 5, DATA_BILINEAR, 3, 5), out);
        resize_everywhere(all_of(src, 5, 3 * taps, DATA_BILINEAR, 5, 3), out);
    }
    free(src);
    free(out);
}

static void rows_may_lie_apart(void **state)
{
    uint8_t src[20 * 100], dense[20 * 25 * 3], a[9 * 8 * 3], b[9 * 8 * 3];
    struct data_resize_job r = all_of(src, 25, 20, DATA_BILINEAR, 9, 8);

    (void)state;
    paint(dense, NOISE, 25, 20);
    memset(src, 0xee, sizeof src);
    for (int y = 0; y < 20; y++)
        memcpy(src + 100 * y, dense + 75 * y, 75);
    r.stride = 100;
    resize_everywhere(r, a);
    resize_everywhere(all_of(dense, 25, 20, DATA_BILINEAR, 9, 8), b);
    assert_memory_equal(a, b, sizeof a);
}

static void extreme_ratios_are_fine(void **state)
{
    static const int sizes[][4] = {
        { 50000, 1, 1, 1 }, { 1, 50000, 1, 1 }, { 1, 1, 3000, 1 }, { 1, 1, 1, 3000 },
        { 50000, 1, 3, 300 }, { 1, 50000, 30, 3 }, { 3, 4000, 500, 2 }, { 2, 2, 1999, 2 },
    };

    (void)state;
    for (size_t k = 0; k < 2 * sizeof sizes / sizeof *sizes; k++) {
        const int *s = sizes[k / 2];
        size_t n = 3 * (size_t)s[0] * (size_t)s[1], m = 3 * (size_t)s[2] * (size_t)s[3];
        uint8_t *src = malloc(n), *out = malloc(m);

        memset(src, 200, n);
        resize_everywhere(all_of(src, s[0], s[1], (enum data_filter)(k % 2), s[2], s[3]), out);
        for (size_t i = 0; i < m; i++)
            assert_true(abs(out[i] - 200) <= (s[0] * s[1] >= 20000));
        free(src);
        free(out);
    }
}

/* Bands of columns are a matter of memory, not of the result. */
static void wide_results_of_tall_pictures_equal_narrow_ones(void **state)
{
    enum { H = 4000, W = 8, OUT = 400 };        /* 4000 rows of 1200 bytes: over 4 MiB */
    uint8_t *src = malloc(3 * W * H), *out = malloc(3 * OUT);
    uint8_t *part = malloc(3 * (OUT / 4));
    struct data_resize_job r = all_of(src, W, H, DATA_BILINEAR, OUT, 1);

    (void)state;
    paint(src, NOISE, W, H);
    resize_everywhere(r, out);
    r.x = 6;                                    /* the last quarter, in one band */
    r.w = 2;
    r.out_w = OUT / 4;
    resize_everywhere(r, part);
    assert_memory_equal(out + 3 * (OUT - OUT / 4), part, 3 * (OUT / 4));
    free(src);
    free(out);
    free(part);
}

static void what_cannot_be_is_an_error(void **state)
{
    uint8_t src[10 * 10 * 3] = { 0 }, out[12];
    static const struct { double x, y, w, h; int out_w; } bad[] = {
        { -1, 0, 5, 5, 2 }, { 6, 0, 5, 5, 2 }, { 0, 6, 5, 5, 2 }, { 0, 0, 0, 5, 2 },
        { 0, 0, 5, -1, 2 }, { 0, 0, 5, 5, 0 }, { 0, 0, 5, 5, DATA_RESIZE_SIDE + 1 },
        { 0, 0, (double)INFINITY, 5, 2 }, { (double)NAN, 0, 5, 5, 2 }, { 0, 0, 5, (double)NAN, 2 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct data_resize_job r = all_of(src, 10, 10, DATA_BILINEAR, bad[i].out_w, 2);
        struct err err = { 0 };

        r.x = bad[i].x;
        r.y = bad[i].y;
        r.w = bad[i].w;
        r.h = bad[i].h;
        assert_false(data_resize(&r, out, &err));
        assert_int_equal(err.kind, ERR_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pillow_gives_the_same),
        cmocka_unit_test(each_axis_is_the_formula),
        cmocka_unit_test(one_colour_stays),
        cmocka_unit_test(the_same_size_is_a_copy),
        cmocka_unit_test(a_mirrored_picture_gives_a_mirrored_result),
        cmocka_unit_test(every_width_gives_the_same_bits),
        cmocka_unit_test(rows_may_lie_apart),
        cmocka_unit_test(extreme_ratios_are_fine),
        cmocka_unit_test(wide_results_of_tall_pictures_equal_narrow_ones),
        cmocka_unit_test(what_cannot_be_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
