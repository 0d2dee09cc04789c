/*
 * phash: copies are near whatever was done to them, other pictures are not
 */
#include "tests/data/made.h"

#include "data/phash.h"

/* ---- helpers --------------------------------------------------------------------------------- */

static struct data_phash hash_of(const struct data_image *m)
{
    struct data_phash h;

    data_phash_of(m, &h);
    return h;
}

static struct data_image squeezed(const struct data_image *m, int quality)
{
    struct data_image out;
    struct err err;
    size_t size;
    uint8_t *bytes = data_stb_jpeg(m->pixel, m->width, m->height, quality, &size);

    assert_non_null(bytes);
    assert_true(data_image_decode(bytes, size, NULL, &out, &err));
    free(bytes);
    return out;
}

static struct data_image resized(const struct data_image *m, int width, int height)
{
    struct data_image out = { width, height, malloc((size_t)width * (size_t)height * 3) };
    struct err err;

    assert_non_null(out.pixel);
    assert_true(data_image_resample(m, 0, 0, m->width, m->height, width, height, out.pixel, &err));
    return out;
}

/* gain around 128, and more light. */
static struct data_image relit(const struct data_image *m, double gain, double more)
{
    struct data_image out = resized(m, m->width, m->height);
    size_t n = (size_t)m->width * (size_t)m->height * 3;

    for (size_t i = 0; i < n; i++)
        out.pixel[i] = (uint8_t)fmin(255, fmax(0, (m->pixel[i] - 128) * gain + 128 + more));
    return out;
}

static double distance_to(const struct data_phash *h, struct data_image copy)
{
    struct data_phash other = hash_of(&copy);

    data_image_release(&copy);
    return data_phash_distance(h, &other);
}

/* An index of n samples without files. */
static struct data_index bare_index(int n)
{
    struct data_index x = { .n = n, .sample = calloc((size_t)n, sizeof *x.sample) };

    assert_non_null(x.sample);
    for (int i = 0; i < n; i++)
        x.sample[i].name = x.sample[i].path = "x";
    return x;
}

/* ---- one picture ----------------------------------------------------------------------------- */

static void copies_are_near(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct data_image m = made_scene(160, 120, seed);
        struct data_phash h = hash_of(&m);

        assert_false(h.flat);
        assert_true(data_phash_distance(&h, &h) == 0);
        for (int quality = 30; quality <= 95; quality += 13)
            assert_true(distance_to(&h, squeezed(&m, quality)) < DATA_PHASH_NEAR);
        assert_true(distance_to(&h, resized(&m, 80, 60)) < DATA_PHASH_NEAR);
        assert_true(distance_to(&h, resized(&m, 320, 240)) < DATA_PHASH_NEAR);
        assert_true(distance_to(&h, resized(&m, 97, 97)) < DATA_PHASH_NEAR);
        assert_true(distance_to(&h, relit(&m, 1, 12)) < DATA_PHASH_NEAR);
        assert_true(distance_to(&h, relit(&m, 0.85, 0)) < DATA_PHASH_NEAR);
        data_image_release(&m);
    }
}

static void other_pictures_are_far(void **state)
{
    enum { N = 40 };
    static struct data_phash h[N];

    (void)state;
    for (int i = 0; i < N; i++) {
        struct data_image m = made_scene(64, 64, (uint64_t)i);

        h[i] = hash_of(&m);
        data_image_release(&m);
    }
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < i; j++) {
            double d = data_phash_distance(&h[i], &h[j]);

            assert_true(d > 2 * DATA_PHASH_NEAR && d <= 1);
            assert_true(d == data_phash_distance(&h[j], &h[i]));
        }
    }
}

static void mirrored_and_recoloured_are_other_pictures(void **state)
{
    struct data_image m = made_scene(64, 48, 3), mirrored = resized(&m, 64, 48),
                      red = resized(&m, 64, 48);
    struct data_phash h = hash_of(&m);

    (void)state;
    for (int y = 0; y < 48; y++)
        for (int x = 0; x < 64; x++)
            memcpy(mirrored.pixel + 3 * (64 * y + x), m.pixel + 3 * (64 * y + 63 - x), 3);
    assert_true(distance_to(&h, mirrored) > DATA_PHASH_NEAR);
    for (int i = 0; i < 64 * 48; i++) {
        uint8_t *p = red.pixel + 3 * i, blue = p[2];

        p[2] = p[0] / 2;
        p[0] = (uint8_t)(128 + blue / 2);
    }
    assert_true(distance_to(&h, red) > DATA_PHASH_NEAR);
    data_image_release(&m);
}

static void plain_pictures_are_near_nothing(void **state)
{
    struct data_image slope = made_image(80, 60, 1), plain = resized(&slope, 40, 40),
                      dot = resized(&slope, 64, 64);
    struct data_phash h;

    (void)state;
    h = hash_of(&slope);                /* a plane of light, as a clear sky is */
    assert_true(h.flat && data_phash_distance(&h, &h) == 1);
    memset(plain.pixel, 90, 40 * 40 * 3);
    h = hash_of(&plain);
    assert_true(h.flat);
    memset(dot.pixel, 255, 64 * 64 * 3);
    memset(dot.pixel + 3 * (64 * 30 + 30), 0, 9);
    h = hash_of(&dot);
    assert_true(h.flat);
    data_image_release(&slope);
    data_image_release(&plain);
    data_image_release(&dot);
}

/* Strokes on an empty page have few cells in common or not: they must agree better than photos. */
static void strokes_that_differ_are_far(void **state)
{
    struct data_image a = { 28, 28, calloc(28 * 28, 3) }, b = { 28, 28, calloc(28 * 28, 3) };
    struct data_phash h;

    (void)state;
    assert_true(a.pixel && b.pixel);
    for (int y = 4; y < 24; y++) {
        memset(a.pixel + 3 * (28 * y + 13), 255, 6);
        memset(b.pixel + 3 * (28 * y + 13 + (y < 8)), 255, 6);      /* bent at the top */
    }
    h = hash_of(&a);
    assert_true(distance_to(&h, b) > DATA_PHASH_NEAR);
    data_image_release(&a);
}

static void any_size_has_a_hash(void **state)
{
    static const int size[][2] = { { 1, 1 }, { 1, 300 }, { 300, 1 }, { 15, 17 }, { 3, 2 } };

    (void)state;
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        struct data_image m = made_scene(size[i][0], size[i][1], 5), big;
        struct data_phash h = hash_of(&m);

        /* Every pixel of the small one made 16 x 16: the cells' means are the same. */
        big = (struct data_image){ 16 * m.width, 16 * m.height,
                                   malloc(16 * 16 * 3 * (size_t)m.width * (size_t)m.height) };
        assert_non_null(big.pixel);
        for (int y = 0; y < big.height; y++)
            for (int x = 0; x < big.width; x++)
                memcpy(big.pixel + 3 * (y * big.width + x),
                       m.pixel + 3 * (y / 16 * m.width + x / 16), 3);
        if (h.flat) {
            struct data_phash other = hash_of(&big);

            assert_true(other.flat);
            data_image_release(&big);
        } else {
            assert_true(distance_to(&h, big) < 1e-9);
        }
        data_image_release(&m);
    }
}

/* ---- sets ------------------------------------------------------------------------------------ */

static void index_is_read_once_on_any_threads(void **state)
{
    struct made_folder f;
    struct data_index *x;
    static struct data_phash h[2][8];
    bool readable[8];
    struct err err;

    (void)state;
    made_open(&f);
    for (int i = 0; i < 6; i++) {
        char name[32];

        snprintf(name, sizeof name, "%c/%d.jpg", 'a' + i % 2, i);
        made_scene_file(&f, name, 48, (uint64_t)i, 90);
    }
    made_text(&f, "a/broken.jpg", "no picture");
    x = made_opened(f.path, NULL);
    assert_int_equal(x->n, 7);
    assert_true(data_phash_index(x, 1, NULL, NULL, h[0], NULL, &err));
    assert_true(data_phash_index(x, 4, NULL, NULL, h[1], readable, &err));
    assert_memory_equal(h[0], h[1], 7 * sizeof *h[0]);
    for (int i = 0; i < x->n; i++) {
        bool broken = strstr(x->sample[i].name, "broken");

        assert_true(x->sample[i].hash != 0);
        assert_true(readable[i] == !broken && h[0][i].flat == broken);
    }
    data_index_free(x);
    made_close(&f);
}

static void clusters_hold_copies_equals_and_groups(void **state)
{
    enum { N = 9 };
    struct data_index x = bare_index(N);
    struct data_phash h[N];
    int cluster[N];
    struct err err;

    (void)state;
    for (int i = 0; i < N; i++) {
        struct data_image m = made_scene(64, 64, (uint64_t)(i < 3 ? 0 : i)),
                          copy = squeezed(&m, 90 - 10 * i);

        h[i] = hash_of(&copy);
        x.sample[i].hash = (uint64_t)i + 100;
        data_image_release(&m);
        data_image_release(&copy);
    }
    h[3].flat = h[4].flat = true;
    x.sample[4].hash = x.sample[3].hash;                    /* the same bytes, flat or not */
    x.sample[5].hash = x.sample[6].hash = 0;                /* not read: like nothing */
    h[5].flat = h[6].flat = true;
    x.sample[8].group = x.sample[2].group = "patient";
    x.sample[7].group = "another";
    assert_true(data_phash_clusters(&x, h, cluster, &err));
    assert_memory_equal(cluster, ((int[N]){ 0, 0, 0, 3, 3, 5, 6, 7, 0 }), sizeof cluster);
    assert_true(data_phash_clusters(&x, NULL, cluster, &err));
    assert_memory_equal(cluster, ((int[N]){ 0, 1, 2, 3, 3, 5, 6, 7, 2 }), sizeof cluster);
    free(x.sample);
}

static void chains_are_cut_back(void **state)
{
    enum { N = 24 };
    struct data_index x = bare_index(N);
    static struct data_phash h[N];
    int cluster[N], size[N] = { 0 };
    struct data_image from = made_scene(64, 64, 1), to = made_scene(64, 64, 2),
                      mixed = resized(&from, 64, 64);
    struct err err;

    (void)state;
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < 64 * 64 * 3; k++)
            mixed.pixel[k] =
                (uint8_t)((from.pixel[k] * (N - 1 - i) + to.pixel[k] * i) / (N - 1));
        h[i] = hash_of(&mixed);
        if (i)
            assert_true(data_phash_distance(&h[i - 1], &h[i]) < DATA_PHASH_NEAR);
    }
    assert_true(data_phash_clusters(&x, h, cluster, &err));
    for (int i = 0; i < N; i++)
        size[cluster[i]]++;
    for (int i = 0; i < N; i++)
        assert_true(size[i] <= 8);
    data_image_release(&from);
    data_image_release(&to);
    data_image_release(&mixed);
    free(x.sample);
}

/* However many are alike, each is compared with few; and all are found. */
static void a_full_band_is_bounded(void **state)
{
    enum { N = 30000 };
    struct data_index x = bare_index(N);
    struct data_phash *h = calloc(N, sizeof *h);
    int *cluster = malloc(N * sizeof *cluster);
    struct data_image m = made_scene(64, 64, 7);
    struct err err;

    (void)state;
    assert_true(h && cluster);
    h[0] = hash_of(&m);
    for (int i = 1; i < N; i++)
        h[i] = h[0];
    assert_true(data_phash_clusters(&x, h, cluster, &err));
    for (int i = 0; i < N; i++)
        assert_int_equal(cluster[i], 0);
    data_image_release(&m);
    free(cluster);
    free(h);
    free(x.sample);
}

/* ---- real photos ----------------------------------------------------------------------------- */

static int sample_named(const struct data_index *x, const char *part)
{
    for (int i = 0; i < x->n; i++)
        if (strstr(x->sample[i].name, part))
            return i;
    fail_msg("no %s", part);
    return -1;
}

static void flowers_copies_are_found_and_strangers_are_not(void **state)
{
    static const char *const known[][2] = {
        { "10466290366", "10994032453" }, { "4654848357", "4278757393" },
        { "1775233884", "2093263381" }, { "roses/15922772266", "tulips/15922772266" } };
    const char *archive = made_dataset("flowers.tar.gz");
    struct made_folder f;
    struct data_index *x;
    struct data_phash *h;
    int *cluster, tried = 0, found = 0, joined = 0;
    struct err err;

    (void)state;
    if (!archive)
        return;
    made_open(&f);
    made_unpack(&f, archive);
    x = made_opened(made_path(&f, "flowers"), NULL);
    h = calloc((size_t)x->n, sizeof *h);
    cluster = calloc((size_t)x->n, sizeof *cluster);
    assert_true(h && cluster && data_phash_index(x, 2, NULL, NULL, h, NULL, &err) &&
                data_phash_clusters(x, h, cluster, &err));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_int_equal(cluster[sample_named(x, known[i][0])],
                         cluster[sample_named(x, known[i][1])]);
    for (int i = 0; i < x->n; i++)
        joined += cluster[i] != i;
    assert_in_range(joined, 6, 20);     /* those, and about as many more; seen one by one */
    for (int i = 0; i < x->n; i += 37) {
        struct data_image m;

        assert_true(data_sample_image(&x->sample[i], NULL, &m, &err));
        found += distance_to(&h[i], squeezed(&m, 50)) < DATA_PHASH_NEAR;
        found += distance_to(&h[i], resized(&m, m.width / 2, m.height / 2)) < DATA_PHASH_NEAR;
        tried += 2;
        data_image_release(&m);
    }
    assert_true(found >= 0.99 * tried);
    free(h);
    free(cluster);
    data_index_free(x);
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_near),
        cmocka_unit_test(other_pictures_are_far),
        cmocka_unit_test(mirrored_and_recoloured_are_other_pictures),
        cmocka_unit_test(plain_pictures_are_near_nothing),
        cmocka_unit_test(strokes_that_differ_are_far),
        cmocka_unit_test(any_size_has_a_hash),
        cmocka_unit_test(index_is_read_once_on_any_threads),
        cmocka_unit_test(clusters_hold_copies_equals_and_groups),
        cmocka_unit_test(chains_are_cut_back),
        cmocka_unit_test(a_full_band_is_bounded),
        cmocka_unit_test(flowers_copies_are_found_and_strangers_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
