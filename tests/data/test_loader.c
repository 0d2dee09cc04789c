/*
 * loader: the same batches on any number of threads, from any point on, whatever the files
 */
#include "tests/data/made.h"

#include "data/loader.h"

enum { N = 23, BATCH = 5, SIDE = 16, PIXELS = SIDE * SIDE * 3 };

struct set {
    struct made_folder f;
    struct data_index *x;
    struct data_prep prep;
};

/* N pictures of two classes, of several sizes. */
static void set_open(struct set *s)
{
    struct err err;

    made_open(&s->f);
    for (int i = 0; i < N; i++) {
        char name[64];

        snprintf(name, sizeof name, "%c/%02d.jpg", i % 2 ? 'a' : 'b', i);
        made_jpeg_file(&s->f, name, i % 3 ? SIDE : 30 + i, i % 3 ? SIDE : 25, (uint64_t)i);
    }
    s->x = data_index_open(s->f.path, NULL, &err);
    assert_non_null(s->x);
    assert_int_equal(s->x->n, N);
    assert_true(data_index_hash(s->x, 1, &err));
    field_defaults(data_prep_fields, &s->prep);
    s->prep.size[0] = s->prep.size[1] = SIDE;
}

static void set_close(struct set *s)
{
    data_index_free(s->x);
    made_close(&s->f);
}

static struct data_loader *loader_of(const struct set *s, const struct data_loader_options *opt)
{
    struct err err = { 0 };
    struct data_loader *l = data_loader_new(s->x, &s->prep, opt, &err);

    if (!l)
        fail_msg("%s", err.msg);
    return l;
}

static struct data_recipe recipe_of(const char *text)
{
    struct data_recipe r;
    struct err err = { 0 };

    if (!data_recipe_parse(text, &(struct data_recipe_facts){ N, 2, SIDE }, &r, &err))
        fail_msg("%s", err.msg);
    return r;
}

/* Everything that an epoch gives from batch `first` on. */
struct epoch {
    int n, batches, size[N];
    int sample[N];
    float image[N][PIXELS], target[N][2];
};

static void read_epoch(struct data_loader *l, uint64_t epoch, int first, struct epoch *e)
{
    const struct data_batch *b;

    memset(e, 0, sizeof *e);
    data_loader_start(l, epoch, first);
    while ((b = data_loader_next(l))) {
        e->size[e->batches++] = b->n;
        for (int i = 0; i < b->n; i++, e->n++) {
            assert_true(e->n < N);
            e->sample[e->n] = b->sample[i];
            memcpy(e->image[e->n], b->image + i * PIXELS, sizeof *e->image);
            memcpy(e->target[e->n], b->target + i * 2, sizeof *e->target);
        }
    }
    assert_null(data_loader_next(l));
}

static void threads_change_nothing(void **state)
{
    static struct epoch one, many;
    struct set s;

    (void)state;
    set_open(&s);
    for (int k = 0; data_presets[k].name; k++) {
        struct data_recipe recipe = recipe_of(data_presets[k].name);
        struct data_loader_options opt = {
            .batch = BATCH, .threads = 1, .shuffle = true, .recipe = &recipe, .seed = 9,
        };
        struct data_loader *l = loader_of(&s, &opt);

        read_epoch(l, 3, 0, &one);
        data_loader_free(l);
        assert_int_equal(one.n, N);
        for (opt.threads = 2; opt.threads < 8; opt.threads += 3) {
            l = loader_of(&s, &opt);
            read_epoch(l, 3, 0, &many);
            assert_memory_equal(&one, &many, sizeof one);
            read_epoch(l, 3, 0, &many);
            assert_memory_equal(&one, &many, sizeof one);
            data_loader_free(l);
        }
    }
    set_close(&s);
}

static void unshuffled_is_the_index_as_validation_sees_it(void **state)
{
    static struct epoch e;
    struct set s;
    struct data_loader *l;
    struct data_image m;
    struct err err;
    float want[PIXELS];

    (void)state;
    set_open(&s);
    l = loader_of(&s, &(struct data_loader_options){ .batch = BATCH, .threads = 2 });
    assert_int_equal(data_loader_batches(l), 5);
    read_epoch(l, 0, 0, &e);
    assert_int_equal(e.batches, 5);
    assert_int_equal(e.size[4], N % BATCH);
    for (int i = 0; i < N; i++) {
        assert_int_equal(e.sample[i], i);
        assert_true(e.target[i][s.x->sample[i].label] == 1 &&
                    e.target[i][!s.x->sample[i].label] == 0);
        assert_true(data_sample_image(&s.x->sample[i], NULL, &m, &err));
        assert_true(data_prep_apply(&s.prep, &m, want, &err));
        assert_memory_equal(want, e.image[i], sizeof want);
        data_image_release(&m);
    }
    data_loader_free(l);
    set_close(&s);
}

static void epochs_are_different_permutations(void **state)
{
    static struct epoch a, b;
    struct set s;
    struct data_loader *l;

    (void)state;
    set_open(&s);
    l = loader_of(&s, &(struct data_loader_options){
                          .batch = BATCH, .threads = 2, .shuffle = true, .seed = 1 });
    read_epoch(l, 0, 0, &a);
    read_epoch(l, 1, 0, &b);
    assert_memory_not_equal(a.sample, b.sample, sizeof a.sample);
    for (int i = 0; i < N; i++) {
        int found = 0;

        for (int j = 0; j < N; j++)
            found += a.sample[j] == i;
        assert_int_equal(found, 1);
    }
    data_loader_free(l);
    set_close(&s);
}

static void an_epoch_goes_on_from_any_batch(void **state)
{
    static struct epoch whole, rest;
    struct data_recipe recipe = recipe_of("light");
    struct set s;
    struct data_loader *l;

    (void)state;
    set_open(&s);
    l = loader_of(&s, &(struct data_loader_options){
                          .batch = BATCH, .threads = 3, .shuffle = true, .recipe = &recipe });
    read_epoch(l, 2, 0, &whole);
    for (int first = 0; first < 7; first++) {
        data_loader_start(l, 5, 0);                     /* something else under way */
        data_loader_next(l);
        read_epoch(l, 2, first, &rest);
        if (first >= 5) {
            assert_int_equal(rest.n, 0);
            continue;
        }
        assert_int_equal(rest.n, N - first * BATCH);
        assert_memory_equal(rest.image, whole.image + first * BATCH,
                            (size_t)rest.n * sizeof *rest.image);
    }
    data_loader_free(l);
    set_close(&s);
}

/* 2 of the 23 pictures have label p, so that they come again and again. */
static void balanced_batches_are_the_same_however_they_are_read(void **state)
{
    static struct epoch one, many, rest;
    struct data_recipe recipe = recipe_of("light");
    struct data_loader_options opt = {
        .batch = BATCH, .threads = 1, .shuffle = true, .sampling = DATA_SAMPLING_BALANCED,
        .recipe = &recipe, .seed = 3,
    };
    struct set s;
    struct data_loader *l;
    int again = 0, few = 0;

    (void)state;
    set_open(&s);
    for (int i = 0; i < N; i++)
        s.x->sample[i].label = i >= 2;
    l = loader_of(&s, &opt);
    read_epoch(l, 4, 0, &one);
    data_loader_free(l);
    assert_int_equal(one.n, N);
    for (int i = 0; i < N; i++) {
        few += one.sample[i] < 2;
        for (int k = 0; k < i; k++) {
            again += one.sample[k] == one.sample[i];
            if (one.sample[k] == one.sample[i])         /* varied anew each time */
                assert_memory_not_equal(one.image[k], one.image[i], sizeof *one.image);
        }
    }
    assert_in_range(few, 5, 18);
    assert_true(again > 5);
    for (opt.threads = 2; opt.threads < 8; opt.threads += 3) {
        l = loader_of(&s, &opt);
        read_epoch(l, 4, 0, &many);
        assert_memory_equal(&one, &many, sizeof one);
        read_epoch(l, 4, 3, &rest);
        assert_int_equal(rest.n, N - 3 * BATCH);
        assert_memory_equal(rest.image, one.image + 3 * BATCH,
                            (size_t)rest.n * sizeof *rest.image);
        assert_memory_equal(rest.target, one.target + 3 * BATCH,
                            (size_t)rest.n * sizeof *rest.target);
        data_loader_free(l);
    }
    set_close(&s);
}

static void it_can_be_freed_and_restarted_at_any_time(void **state)
{
    struct set s;

    (void)state;
    set_open(&s);
    for (int k = 0; k < 12; k++) {
        struct data_loader *l =
            loader_of(&s, &(struct data_loader_options){ .batch = 2, .threads = 1 + k % 4 });

        assert_true(k < 2 || !data_loader_next(l));     /* not started: no batch */
        for (int i = 0; i < k % 3; i++) {
            data_loader_start(l, (uint64_t)i, i);
            for (int j = 0; j < k / 3; j++)
                assert_non_null(data_loader_next(l));
        }
        data_loader_free(l);
    }
    data_loader_free(NULL);
    set_close(&s);
}

struct seen {
    int n;
    char name[8][16];
};

static void note(void *ctx, const struct data_sample *sample, const struct err *why)
{
    struct seen *seen = ctx;

    assert_true(seen->n < 8 && why->kind == ERR_INPUT && strstr(why->msg, sample->path));
    snprintf(seen->name[seen->n++], sizeof *seen->name, "%.15s", sample->name);
}

static void bad_files_are_reported_in_order_and_left_out(void **state)
{
    static struct epoch e;
    struct seen seen = { 0 };
    struct set s;
    struct data_loader *l;

    (void)state;
    set_open(&s);
    made_text(&s.f, s.x->sample[1].name, "no picture");
    made_text(&s.f, s.x->sample[2].name, "");
    for (int i = 10; i < 15; i++)
        assert_int_equal(remove(s.x->sample[i].path), 0);
    l = loader_of(&s, &(struct data_loader_options){
                          .batch = BATCH, .threads = 3, .bad = note, .bad_ctx = &seen });
    read_epoch(l, 0, 0, &e);
    assert_int_equal(seen.n, 7);
    for (int i = 0; i < 7; i++)
        assert_string_equal(seen.name[i], s.x->sample[i < 2 ? i + 1 : i + 8].name);
    assert_int_equal(e.n, N - 7);
    assert_int_equal(e.batches, 5);
    assert_int_equal(e.size[0], 3);
    assert_int_equal(e.size[2], 0);                     /* all were bad */
    assert_int_equal(e.sample[0], 0);
    assert_int_equal(e.sample[1], 3);
    assert_true(e.target[1][s.x->sample[3].label] == 1);
    data_loader_free(l);
    l = loader_of(&s, &(struct data_loader_options){ .batch = BATCH, .threads = 1 });
    read_epoch(l, 0, 0, &e);                            /* nobody to tell */
    assert_int_equal(e.n, N - 7);
    data_loader_free(l);
    set_close(&s);
}

static void short_batches_can_be_dropped(void **state)
{
    static struct epoch e;
    struct set s;
    struct data_loader *l;

    (void)state;
    set_open(&s);
    l = loader_of(&s, &(struct data_loader_options){
                          .batch = BATCH, .threads = 2, .drop_last = true });
    assert_int_equal(data_loader_batches(l), 4);
    read_epoch(l, 0, 0, &e);
    assert_int_equal(e.n, 20);
    data_loader_free(l);
    l = loader_of(&s, &(struct data_loader_options){
                          .batch = 100, .threads = 2, .drop_last = true });
    assert_int_equal(data_loader_batches(l), 1);        /* never the only one */
    read_epoch(l, 0, 0, &e);
    assert_int_equal(e.n, N);
    data_loader_free(l);
    set_close(&s);
}

static void marks_are_targets_and_unknown_is_minus_one(void **state)
{
    static struct epoch e;
    struct set s;
    struct data_loader *l;
    struct err err;

    (void)state;
    set_open(&s);
    made_text(&s.f, "t.csv", "file,p,q\na/01.jpg,1,0\na/03.jpg,,1\n");
    data_index_free(s.x);
    s.x = data_index_open(made_path(&s.f, "t.csv"), NULL, &err);
    assert_non_null(s.x);
    l = loader_of(&s, &(struct data_loader_options){ .batch = BATCH, .threads = 2 });
    read_epoch(l, 0, 0, &e);
    assert_int_equal(e.n, 2);
    assert_true(e.target[0][0] == 1 && e.target[0][1] == 0 && e.target[1][0] == -1 &&
                e.target[1][1] == 1);
    data_loader_free(l);
    s.x->n = 0;
    l = loader_of(&s, &(struct data_loader_options){ .batch = BATCH, .threads = 2 });
    read_epoch(l, 0, 0, &e);
    assert_int_equal(e.batches, 0);
    data_loader_free(l);
    set_close(&s);
}

/* ---- cache, views, grey ---------------------------------------------------------------------- */

static struct data_cache *cache_of(const struct made_folder *f)
{
    struct err why = { 0 }, err;
    struct data_cache *c = data_cache_open(
        &(struct data_cache_options){
            .dir = f->path, .share = 0.5, .key = 1, .n = N, .bytes = 1 << 20 },
        &why, &err);

    assert_true(c && !why.kind);
    return c;
}

static void read_with(const struct set *s, struct data_loader_options opt, struct data_cache *c,
                      int threads, struct epoch *e)
{
    struct data_loader *l;

    opt.cache = c;
    opt.threads = threads;
    l = loader_of(s, &opt);
    read_epoch(l, 1, 0, e);
    data_loader_free(l);
}

static void a_cache_changes_no_bit_however_full_it_is(void **state)
{
    static const char *const recipes[] = { "none", "light", "flip", "crop:1,flip,zoom" };
    static struct epoch plain, cached;

    (void)state;
    for (size_t k = 0; k < sizeof recipes / sizeof *recipes * 6; k++) {
        struct data_recipe r = recipe_of(recipes[k / 6]);
        struct data_loader_options opt = { .batch = BATCH, .shuffle = true, .recipe = &r };
        struct made_folder f;
        struct data_cache *c;
        struct data_loader *l;
        struct data_prep larger;
        struct set s;

        set_open(&s);
        s.prep.resize = (int)k % 3;
        larger = s.prep;
        larger.size[0] = larger.size[1] = SIDE + 8;
        opt.keep = k / 3 % 2 ? &larger : NULL;
        made_open(&f);
        read_with(&s, opt, NULL, 2, &plain);
        assert_int_equal(plain.n, N);
        c = cache_of(&f);
        opt.cache = c;
        opt.threads = 1;
        l = loader_of(&s, &opt);                        /* half full */
        data_loader_start(l, 0, 3);
        while (data_loader_next(l)) {}
        data_loader_free(l);
        assert_int_equal(data_cache_filled(c), N - 3 * BATCH);
        read_with(&s, opt, c, 3, &cached);              /* being filled */
        assert_memory_equal(&plain, &cached, sizeof plain);
        assert_int_equal(data_cache_filled(c), N);
        read_with(&s, opt, c, 3, &cached);              /* full */
        assert_memory_equal(&plain, &cached, sizeof plain);
        data_cache_free(c);
        c = cache_of(&f);                               /* from the disk, the files gone */
        assert_true(data_cache_complete(c));
        for (int i = 0; i < N; i++)
            assert_int_equal(remove(s.x->sample[i].path), 0);
        read_with(&s, opt, c, 3, &cached);
        assert_memory_equal(&plain, &cached, sizeof plain);
        data_cache_free(c);
        set_close(&s);
        made_close(&f);
    }
}

/* Of pictures that are kept for a larger size all is seen that the larger ones show. */
static void pictures_kept_for_another_size_are_resized(void **state)
{
    static struct epoch e;
    struct data_prep larger, whole;
    struct data_loader *l;
    struct set s;

    (void)state;
    set_open(&s);
    s.prep.crop = 0.7;
    larger = whole = s.prep;
    larger.size[0] = larger.size[1] = SIDE + 8;
    whole.crop = 1;
    l = loader_of(&s, &(struct data_loader_options){
                          .batch = BATCH, .threads = 2, .keep = &larger });
    read_epoch(l, 0, 0, &e);
    data_loader_free(l);
    assert_int_equal(e.n, N);
    for (int i = 0; i < N; i++) {
        struct data_image image, kept = { SIDE + 8, SIDE + 8, malloc(3 * (SIDE + 8) * (SIDE + 8)) };
        float want[PIXELS];
        struct err err;

        assert_non_null(kept.pixel);
        assert_true(data_sample_image(&s.x->sample[i], NULL, &image, &err) &&
                    data_prep_pixels(&larger, &image, kept.pixel, &err) &&
                    data_prep_apply(&whole, &kept, want, &err));
        assert_memory_equal(want, e.image[i], sizeof want);
        data_image_release(&image);
        data_image_release(&kept);
    }
    set_close(&s);
}

static void a_picture_that_breaks_after_the_cache_was_begun_is_named(void **state)
{
    static struct epoch e;
    struct seen seen = { 0 };
    struct data_loader_options opt = {
        .batch = BATCH, .threads = 2, .bad = note, .bad_ctx = &seen };
    struct made_folder f;
    struct set s;

    (void)state;
    set_open(&s);
    made_open(&f);
    assert_int_equal(remove(s.x->sample[4].path), 0);
    opt.cache = cache_of(&f);
    for (int round = 1; round <= 3; round++) {
        read_with(&s, opt, opt.cache, 2, &e);
        assert_int_equal(e.n, N - 1);
        assert_int_equal(seen.n, round);                /* every epoch, complete or not */
        assert_string_equal(seen.name[round - 1], s.x->sample[4].name);
    }
    assert_int_equal(data_cache_filled(opt.cache), N - 1);
    data_cache_free(opt.cache);
    set_close(&s);
    made_close(&f);
}

/* The key names the bytes that were hashed: pixels of others must never be found under it. */
static void what_changed_since_it_was_hashed_is_not_kept(void **state)
{
    static struct epoch e;
    struct data_loader_options opt = { .batch = BATCH };
    struct made_folder f;
    struct data_image found;
    struct set s;

    (void)state;
    set_open(&s);
    made_open(&f);
    made_jpeg_file(&s.f, s.x->sample[7].name, SIDE, SIDE, 77);
    opt.cache = cache_of(&f);
    for (int round = 0; round < 2; round++) {
        read_with(&s, opt, opt.cache, 2, &e);
        assert_int_equal(e.n, N);
        assert_int_equal(data_cache_filled(opt.cache), N - 1);
        assert_false(data_cache_find(opt.cache, 7, &found));
    }
    data_cache_free(opt.cache);
    set_close(&s);
    made_close(&f);
}

static void a_cache_of_other_sizes_is_not_believed(void **state)
{
    static struct epoch plain, cached;
    struct data_loader_options opt = { .batch = BATCH };
    struct data_image m = made_image(7, 7, 1);
    struct made_folder f;
    struct data_cache *c;
    struct set s;

    (void)state;
    set_open(&s);
    made_open(&f);
    c = cache_of(&f);
    for (int i = 0; i < N; i++)
        data_cache_keep(c, i, &m);
    read_with(&s, opt, NULL, 2, &plain);
    read_with(&s, opt, c, 2, &cached);
    assert_memory_equal(&plain, &cached, sizeof plain);
    data_cache_free(c);
    data_image_release(&m);
    set_close(&s);
    made_close(&f);
}

static void two_views_are_two_addresses_of_one_picture(void **state)
{
    struct data_recipe light = recipe_of("light"), none = recipe_of("none");
    struct data_loader_options opt = { .batch = BATCH, .threads = 2, .shuffle = true,
                                       .recipe = &light };
    struct data_loader *one, *two;
    const struct data_batch *a, *b;
    struct set s;
    int differ = 0, batches = 0;

    (void)state;
    set_open(&s);
    one = loader_of(&s, &opt);
    opt.views = 2;
    opt.threads = 3;
    two = loader_of(&s, &opt);
    data_loader_start(one, 4, 0);
    data_loader_start(two, 4, 0);
    while ((a = data_loader_next(one)) && (b = data_loader_next(two))) {
        size_t bytes = (size_t)a->n * PIXELS * sizeof(float);

        assert_int_equal(a->n, b->n);
        assert_null(a->image2);
        assert_memory_equal(a->sample, b->sample, (size_t)a->n * sizeof *a->sample);
        assert_memory_equal(a->image, b->image, bytes);
        for (int i = 0; i < a->n; i++)
            differ += memcmp(b->image + i * PIXELS, b->image2 + i * PIXELS,
                             PIXELS * sizeof(float)) != 0;
        batches++;
    }
    assert_int_equal(batches, 5);
    assert_true(differ > N * 3 / 4);
    data_loader_free(one);
    data_loader_free(two);
    opt.recipe = &none;
    two = loader_of(&s, &opt);
    data_loader_start(two, 0, 0);
    b = data_loader_next(two);
    assert_memory_equal(b->image, b->image2, BATCH * PIXELS * sizeof(float));
    data_loader_free(two);
    set_close(&s);
}

static void grey_batches_have_one_channel(void **state)
{
    struct set s;
    struct data_loader *l;
    const struct data_batch *b;
    struct err err;
    float want[SIDE * SIDE];

    (void)state;
    set_open(&s);
    s.prep.color = DATA_GREY;
    l = loader_of(&s, &(struct data_loader_options){ .batch = BATCH, .threads = 2 });
    data_loader_start(l, 0, 0);
    b = data_loader_next(l);
    for (int i = 0; i < b->n; i++) {
        struct data_image m;

        assert_true(data_sample_image(&s.x->sample[i], NULL, &m, &err));
        assert_true(data_prep_apply(&s.prep, &m, want, &err));
        assert_memory_equal(want, b->image + i * SIDE * SIDE, sizeof want);
        data_image_release(&m);
    }
    data_loader_free(l);
    set_close(&s);
}

static void waiting_is_counted_by_the_epoch(void **state)
{
    struct set s;
    struct data_loader *l;

    (void)state;
    set_open(&s);
    l = loader_of(&s, &(struct data_loader_options){ .batch = N, .threads = 1 });
    assert_true(data_loader_waited(l) == 0);
    /* 23 pictures are not there at once, unless we were asleep meanwhile. */
    for (int i = 0; i < 1000 && data_loader_waited(l) == 0; i++) {
        data_loader_start(l, 0, 0);
        assert_non_null(data_loader_next(l));
    }
    assert_true(data_loader_waited(l) > 0);
    data_loader_start(l, 1, 0);
    assert_true(data_loader_waited(l) == 0);
    data_loader_free(l);
    set_close(&s);
}

/* Targets of mixed pictures are shares that add up; what is unknown stays so. */
static void batches_are_mixed_with_their_targets(void **state)
{
    static struct epoch plain, mixed, again;
    struct data_recipe recipe = recipe_of("mixup:1:1");
    struct set s;
    struct data_loader *l;
    struct err err;
    int between = 0;

    (void)state;
    set_open(&s);
    l = loader_of(&s, &(struct data_loader_options){
                          .batch = BATCH, .threads = 3, .shuffle = true, .recipe = &recipe });
    read_epoch(l, 1, 0, &mixed);
    read_epoch(l, 1, 0, &again);
    assert_memory_equal(&mixed, &again, sizeof mixed);
    data_loader_free(l);
    l = loader_of(&s, &(struct data_loader_options){
                          .batch = BATCH, .threads = 1, .shuffle = true });
    read_epoch(l, 1, 0, &plain);
    data_loader_free(l);
    for (int i = 0; i < N; i++) {
        int first = i / BATCH * BATCH, n = N - first < BATCH ? N - first : BATCH;
        int k = first + n - 1 - (i - first);            /* the partner */
        double s0 = 0, sum = mixed.target[i][0] + mixed.target[i][1];

        assert_true(fabs(sum - 1) < 1e-6);
        between += mixed.target[i][0] > 0 && mixed.target[i][0] < 1;
        if (plain.target[i][0] == plain.target[k][0])
            continue;
        s0 = plain.target[i][0] ? mixed.target[i][0] : mixed.target[i][1];
        for (int p = 0; p < PIXELS; p++)
            assert_true(fabs(s0 * plain.image[i][p] + (1 - s0) * plain.image[k][p] -
                             mixed.image[i][p]) < 1e-5);
    }
    assert_true(between > 4);
    made_text(&s.f, "t.csv", "file,p,q\na/01.jpg,1,0\na/03.jpg,,1\n");
    data_index_free(s.x);
    s.x = data_index_open(made_path(&s.f, "t.csv"), NULL, &err);
    assert_non_null(s.x);
    l = loader_of(&s, &(struct data_loader_options){
                          .batch = BATCH, .threads = 2, .recipe = &recipe });
    read_epoch(l, 0, 0, &mixed);
    assert_true(mixed.target[0][0] == -1 && mixed.target[1][0] == -1);
    assert_true(mixed.target[0][1] > 0 && mixed.target[0][1] < 1);
    data_loader_free(l);
    set_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(unshuffled_is_the_index_as_validation_sees_it),
        cmocka_unit_test(epochs_are_different_permutations),
        cmocka_unit_test(an_epoch_goes_on_from_any_batch),
        cmocka_unit_test(balanced_batches_are_the_same_however_they_are_read),
        cmocka_unit_test(it_can_be_freed_and_restarted_at_any_time),
        cmocka_unit_test(bad_files_are_reported_in_order_and_left_out),
        cmocka_unit_test(short_batches_can_be_dropped),
        cmocka_unit_test(marks_are_targets_and_unknown_is_minus_one),
        cmocka_unit_test(a_cache_changes_no_bit_however_full_it_is),
        cmocka_unit_test(pictures_kept_for_another_size_are_resized),
        cmocka_unit_test(a_picture_that_breaks_after_the_cache_was_begun_is_named),
        cmocka_unit_test(what_changed_since_it_was_hashed_is_not_kept),
        cmocka_unit_test(a_cache_of_other_sizes_is_not_believed),
        cmocka_unit_test(batches_are_mixed_with_their_targets),
        cmocka_unit_test(two_views_are_two_addresses_of_one_picture),
        cmocka_unit_test(grey_batches_have_one_channel),
        cmocka_unit_test(waiting_is_counted_by_the_epoch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
