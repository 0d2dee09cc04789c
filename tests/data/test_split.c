/*
 * split: what is held out stands still, keeps copies together and is fair to small classes
 */
#include "tests/data/made.h"

#include "data/split.h"
#include "nn/base/arena.h"

/* n files of class a, m of class b; the same name has the same bytes. */
static void made_set(const struct made_folder *f, int n, int m)
{
    for (int i = 0; i < n + m; i++) {
        char name[64], text[96];

        snprintf(name, sizeof name, "%c/%04d.jpg", i < n ? 'a' : 'b', i < n ? i : i - n);
        snprintf(text, sizeof text, "bytes of %s", name);
        made_text(f, name, text);
    }
}

static struct data_index *split(const char *path, double val, double test)
{
    struct err err = { 0 };
    struct data_index *x = data_index_open(path, NULL, &err);
    struct data_split_options opt = { .val = val, .test = test, .no_near = true, .threads = 2 };

    if (!x || !data_split(x, &opt, NULL, &err))
        fail_msg("%s", err.msg);
    return x;
}

static struct data_split_result split_by(struct data_index *x, struct data_split_options opt)
{
    struct data_split_result r;
    struct err err = { 0 };

    if (!data_split(x, &opt, &r, &err))
        fail_msg("%s", err.msg);
    return r;
}

static int count(const struct data_index *x, int label, enum data_split side)
{
    int n = 0;

    for (int i = 0; i < x->n; i++)
        n += (label < 0 || x->sample[i].label == label) && x->sample[i].split == side;
    return n;
}

static void shares_are_about_right(void **state)
{
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_open(&f);
    made_set(&f, 400, 200);
    x = split(f.path, 0.2, 0.1);
    assert_int_equal(count(x, -1, DATA_UNSPLIT), 0);
    assert_in_range(count(x, 0, DATA_VAL), 50, 110);
    assert_in_range(count(x, 1, DATA_VAL), 20, 60);
    assert_in_range(count(x, -1, DATA_TEST), 35, 85);
    data_index_free(x);
    x = split(f.path, 0, 0);
    assert_int_equal(count(x, -1, DATA_TRAIN), 600);
    data_index_free(x);
    made_close(&f);
}

static void files_added_later_move_none(void **state)
{
    struct made_folder f;
    struct data_index *before, *after;
    int k = 0;

    (void)state;
    made_open(&f);
    made_set(&f, 200, 150);
    before = split(f.path, 0.2, 0.1);
    made_set(&f, 300, 400);
    after = split(f.path, 0.2, 0.1);
    for (int i = 0; i < before->n; i++) {
        while (strcmp(after->sample[k].name, before->sample[i].name))
            k++;
        assert_int_equal(after->sample[k].split, before->sample[i].split);
    }
    data_index_free(before);
    data_index_free(after);
    made_close(&f);
}

static void copies_stay_on_one_side(void **state)
{
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_open(&f);
    for (int i = 0; i < 60; i++) {
        char name[64], text[64];

        snprintf(name, sizeof name, "%c/%04d.jpg", i & 1 ? 'a' : 'b', i);
        snprintf(text, sizeof text, "%d", i / 4);
        made_text(&f, name, text);
    }
    x = split(f.path, 0.3, 0.2);
    assert_true(count(x, -1, DATA_VAL) > 0 && count(x, -1, DATA_TEST) > 0);
    for (int i = 0; i < x->n; i++) {
        for (int j = 0; j < i; j++) {
            if (x->sample[i].hash == x->sample[j].hash)
                assert_int_equal(x->sample[i].split, x->sample[j].split);
        }
    }
    data_index_free(x);
    made_close(&f);
}

static void small_classes_have_something_on_both_sides(void **state)
{
    (void)state;
    for (int n = 2; n < 14; n++) {
        struct made_folder f;
        struct data_index *x;

        made_open(&f);
        made_set(&f, n, 2 * n);
        x = split(f.path, 0.2, 0);
        for (int c = 0; c < 2; c++) {
            int all = (c + 1) * n;

            assert_in_range(count(x, c, DATA_VAL), 1, all > 5 ? 2 * all * 0.2 + 1 : all - 1);
            assert_true(count(x, c, DATA_TRAIN) >= 1);
        }
        data_index_free(x);
        x = split(f.path, 0.2, 0.2);
        for (int c = 0; c < 2 && n > 2; c++)
            assert_true(count(x, c, DATA_TRAIN) && count(x, c, DATA_VAL) && count(x, c, DATA_TEST));
        data_index_free(x);
        made_close(&f);
    }
}

static void what_is_held_out_already_stays(void **state)
{
    struct made_folder f;
    struct data_index *x;
    struct err err;

    (void)state;
    made_open(&f);
    for (int i = 0; i < 40; i++) {
        char name[64];

        snprintf(name, sizeof name, "%s/%c/%d.jpg", i < 30 ? "train" : "test", i & 1 ? 'a' : 'b',
                 i);
        made_text(&f, name, name);
    }
    x = split(f.path, 0.2, 0.5);            /* there is a test part: none is drawn */
    assert_int_equal(count(x, -1, DATA_TEST), 10);
    assert_in_range(count(x, -1, DATA_VAL), 2, 12);
    assert_int_equal(count(x, -1, DATA_TRAIN), 30 - count(x, -1, DATA_VAL));
    data_index_free(x);
    made_text(&f, "val/a/1.jpg", "x");
    x = split(f.path, 0.2, 0);
    assert_int_equal(count(x, -1, DATA_VAL), 1);
    assert_int_equal(count(x, -1, DATA_TRAIN), 30);
    assert_false(data_split(
        x, &(struct data_split_options){ .val = 0.6, .test = 0.5, .threads = 1 }, NULL, &err));
    data_index_free(x);
    made_close(&f);
}

static void unreadable_files_train(void **state)
{
    struct made_folder f;
    struct data_index *x;
    struct data_split_result r;
    struct err err;

    (void)state;
    made_open(&f);
    made_set(&f, 10, 10);
    x = data_index_open(f.path, NULL, &err);
    assert_non_null(x);
    for (int i = 0; i < 10; i++)
        assert_int_equal(remove(x->sample[i].path), 0);
    r = split_by(x, (struct data_split_options){ .val = 0.5, .threads = 2, .no_near = true });
    assert_int_equal(r.unreadable, 10);
    assert_int_equal(r.unreadable_in[DATA_TRAIN], 10);
    assert_int_equal(count(x, 0, DATA_TRAIN), 10);
    /* Where looks are compared, what is no picture is seen too (all of made_set), and stays where
     * its lot put it. */
    r = split_by(x, (struct data_split_options){ .val = 0.5, .threads = 2, .redraw = true });
    assert_int_equal(r.unreadable, 20);
    assert_int_equal(r.unreadable_in[DATA_VAL], count(x, 1, DATA_VAL));
    assert_true(r.unreadable_in[DATA_VAL] > 0);
    data_index_free(x);
    made_close(&f);
}

/* ---- sets without files ---------------------------------------------------------------------- */

/* n pictures that are hashed already; labels, groups and splits are the caller's.  Names p00000 on,
 * hashes of seed + number. */
struct bare {
    struct data_index x;
    int8_t *mark;
};

static uint64_t bare_hash(uint64_t i)
{
    return (uint64_t)rng_u32(i, rng_stream(RNG_TEST, 5), 0) << 32 |
           rng_u32(i, rng_stream(RNG_TEST, 5), 1);
}

static void bare_open(struct bare *b, int n, int n_labels, enum data_task task)
{
    memset(b, 0, sizeof *b);
    b->x = (struct data_index){ .task = task, .n = n, .n_labels = n_labels,
                                .sample = calloc((size_t)n, sizeof *b->x.sample),
                                .mem = arena_new() };
    b->mark = calloc((size_t)n * (size_t)n_labels + 1, 1);
    assert_true(b->x.sample && b->x.mem && b->mark);
    for (int i = 0; i < n; i++) {
        b->x.sample[i].name = arena_printf(b->x.mem, "p%05d", i);
        b->x.sample[i].path = "/nowhere/at/all";
        b->x.sample[i].hash = bare_hash((uint64_t)i);
        b->x.sample[i].mark = task == DATA_MULTI ? b->mark + i * n_labels : NULL;
    }
}

static void bare_close(struct bare *b)
{
    free(b->x.sample);
    free(b->mark);
    arena_free(b->x.mem);
}

static const struct data_split_options exact = {
    .val = 0.2, .test = 0.1, .shares = DATA_SPLIT_EXACT, .no_near = true, .threads = 2 };
static const struct data_split_options still = {
    .val = 0.2, .test = 0.1, .no_near = true, .threads = 2 };

/* Pictures of a label in a part. */
static int marks(const struct data_index *x, int label, enum data_split part)
{
    int n = 0;

    for (int i = 0; i < x->n; i++)
        n += x->sample[i].split == part && (x->sample[i].mark ? x->sample[i].mark[label] == 1
                                                              : x->sample[i].label == label);
    return n;
}

/* The largest distance of a label's part from its share. */
static double worst(const struct data_index *x, double val, double test)
{
    double most = 0;

    for (int l = 0; l < x->n_labels; l++) {
        int n[] = { marks(x, l, DATA_TRAIN), marks(x, l, DATA_VAL), marks(x, l, DATA_TEST) };
        int all = n[0] + n[1] + n[2];

        most = fmax(most, fabs(n[0] - all * (1 - val - test)));
        most = fmax(most, fmax(fabs(n[1] - all * val), fabs(n[2] - all * test)));
    }
    return most;
}

static void exact_is_within_one_picture(void **state)
{
    (void)state;
    for (int n = 2; n < 120; n += n < 30 ? 1 : 17) {
        struct bare b;
        struct data_split_result r;

        bare_open(&b, 3 * n + n / 2, 3, DATA_SINGLE);
        for (int i = 0; i < b.x.n; i++)
            b.x.sample[i].label = i < n / 2 ? 0 : i < n + n / 2 ? 1 : 2;
        r = split_by(&b.x, exact);
        assert_int_equal(r.drawn, b.x.n);
        assert_true(worst(&b.x, 0.2, 0.1) <= 1 + 1e-9);
        assert_true(fabs(r.worst - worst(&b.x, 0.2, 0.1)) < 1e-9);
        for (int l = 0; l < 3; l++)
            assert_true(marks(&b.x, l, DATA_TRAIN) > 0 || n < 4);
        bare_close(&b);
    }
}

/* Moved by as few as it takes: what lots say stays for nearly all. */
static void exact_moves_few(void **state)
{
    struct bare a, b;
    int moved = 0, need = 0;

    (void)state;
    bare_open(&a, 2000, 4, DATA_SINGLE);
    bare_open(&b, 2000, 4, DATA_SINGLE);
    for (int i = 0; i < 2000; i++)
        a.x.sample[i].label = b.x.sample[i].label = i % 4;
    split_by(&a.x, still);
    split_by(&b.x, exact);
    for (int i = 0; i < 2000; i++)
        moved += a.x.sample[i].split != b.x.sample[i].split;
    for (int l = 0; l < 4; l++)
        for (int p = DATA_TRAIN; p <= DATA_TEST; p++)
            need += abs(marks(&a.x, l, (enum data_split)p) - marks(&b.x, l, (enum data_split)p));
    assert_true(need > 0);
    assert_int_equal(moved, need / 2);
    bare_close(&a);
    bare_close(&b);
}

/* Labels of very different frequency, that come together. */
static void made_labels(struct bare *b, int n)
{
    static const double often[] = { 0.4, 0.25, 0.2, 0.1, 0.05, 0.02, 0.01, 0.004 };

    bare_open(b, n, 8, DATA_MULTI);
    for (int i = 0; i < n; i++)
        for (int l = 0; l < 8; l++)
            b->mark[8 * i + l] =
                rng_f32(9, rng_stream(RNG_TEST, 6), (uint64_t)(8 * i + l)) < often[l];
}

static void several_labels_are_within_one_picture(void **state)
{
    static const double shares[][2] = { { 0.2, 0.1 }, { 0.1, 0 }, { 0.15, 0.15 }, { 0.3, 0.3 } };

    (void)state;
    for (int n = 300; n <= 3000; n += 900) {
        for (size_t k = 0; k < sizeof shares / sizeof *shares; k++) {
            struct data_split_options opt = exact;
            struct data_split_result r;
            struct bare b;

            opt.val = shares[k][0];
            opt.test = shares[k][1];
            made_labels(&b, n);
            r = split_by(&b.x, opt);
            assert_true(r.worst <= 1.0 + 1e-9);
            assert_true(fabs(r.worst - worst(&b.x, opt.val, opt.test)) < 1e-9);
            for (int l = 0; l < 8; l++)
                assert_true(marks(&b.x, l, DATA_TRAIN) > 0 ||
                            marks(&b.x, l, DATA_VAL) + marks(&b.x, l, DATA_TEST) == 0);
            bare_close(&b);
        }
    }
}

/* The first n0 samples of both have the same parts. */
static int moved_of(const struct bare *a, const struct bare *b, int n0)
{
    int moved = 0;

    for (int i = 0; i < n0; i++)
        moved += a->x.sample[i].split != b->x.sample[i].split;
    return moved;
}

static void still_moves_none_when_files_come_and_go(void **state)
{
    (void)state;
    for (int task = DATA_SINGLE; task <= DATA_MULTI; task++) {
        struct bare a, b;

        if (task == DATA_SINGLE) {
            bare_open(&a, 2000, 4, DATA_SINGLE);
            bare_open(&b, 2200, 4, DATA_SINGLE);
            for (int i = 0; i < b.x.n; i++)
                b.x.sample[i].label = i % 4;
            for (int i = 0; i < a.x.n; i++)
                a.x.sample[i].label = i % 4;
        } else {                        /* without the labels that are rare enough to be helped */
            made_labels(&a, 2000);
            made_labels(&b, 2200);
            for (int i = 0; i < 2200; i++)
                memset(b.mark + 8 * i + 5, 0, 3);
            for (int i = 0; i < 2000; i++)
                memset(a.mark + 8 * i + 5, 0, 3);
        }
        split_by(&a.x, still);
        split_by(&b.x, still);
        assert_true(marks(&a.x, 0, DATA_VAL) > 0);
        assert_int_equal(moved_of(&a, &b, 2000), 0);
        bare_close(&a);
        bare_close(&b);
    }
}

static void a_split_file_keeps_shares_and_moves_none(void **state)
{
    struct made_folder f;
    struct err err;

    (void)state;
    made_open(&f);
    for (int task = DATA_SINGLE; task <= DATA_MULTI; task++) {
        struct data_split_options grow = exact;
        struct bare a, b;
        int gone = -1;

        if (task == DATA_SINGLE) {
            bare_open(&a, 500, 5, DATA_SINGLE);
            bare_open(&b, 550, 5, DATA_SINGLE);
            for (int i = 0; i < 550; i++)
                b.x.sample[i].label = i % 5 * (i % 3) / 2;
            for (int i = 0; i < 500; i++)
                a.x.sample[i].label = i % 5 * (i % 3) / 2;
        } else {
            made_labels(&a, 2000);
            made_labels(&b, 2200);
        }
        split_by(&a.x, exact);
        assert_true(data_split_write(&a.x, made_path(&f, "s.csv"), &err));
        assert_true(data_split_read(&b.x, made_path(&f, "s.csv"), &gone, &err));
        assert_int_equal(gone, 0);
        grow.grow = true;
        assert_int_equal(split_by(&b.x, grow).drawn, b.x.n - a.x.n);
        assert_int_equal(moved_of(&a, &b, a.x.n), 0);
        assert_true(worst(&b.x, 0.2, 0.1) <= 1 + 1e-9);
        bare_close(&a);
        bare_close(&b);
    }
    made_close(&f);
}

/* Nothing to check with is asked for, and none is there: that makes nobody anew. */
static void a_split_file_without_a_part_to_check_with_moves_none(void **state)
{
    struct data_split_options opt = exact;
    struct bare a, b;

    (void)state;
    opt.val = 0;
    bare_open(&a, 500, 5, DATA_SINGLE);
    bare_open(&b, 550, 5, DATA_SINGLE);
    split_by(&a.x, opt);
    for (int i = 0; i < a.x.n; i++)
        b.x.sample[i].split = a.x.sample[i].split;
    opt.grow = true;
    opt.test = 0.3;
    assert_int_equal(split_by(&b.x, opt).drawn, b.x.n - a.x.n);
    assert_int_equal(moved_of(&a, &b, a.x.n), 0);
    bare_close(&a);
    bare_close(&b);
}

static void groups_never_straddle(void **state)
{
    (void)state;
    for (int shares = DATA_SPLIT_STILL; shares <= DATA_SPLIT_EXACT; shares++) {
        struct data_split_options opt = still;
        struct data_split_result r;
        enum data_split part[60] = { DATA_UNSPLIT };
        int cluster[600];
        struct bare b;

        opt.shares = shares;
        opt.cluster = cluster;
        bare_open(&b, 600, 3, DATA_SINGLE);
        for (int i = 0; i < 600; i++) {
            b.x.sample[i].label = i % 3;
            b.x.sample[i].group = arena_printf(b.x.mem, "patient %d", i * 7 % 60);
        }
        r = split_by(&b.x, opt);
        assert_true(r.clusters == 60 && r.clustered == 600 && r.straddling == 0);
        for (int i = 0; i < 600; i++) {
            int g = i * 7 % 60;

            part[g] = part[g] ? part[g] : b.x.sample[i].split;
            assert_int_equal(b.x.sample[i].split, part[g]);
            assert_int_equal(cluster[i], cluster[cluster[i]]);
        }
        assert_true(marks(&b.x, 0, DATA_VAL) && marks(&b.x, 0, DATA_TEST));
        bare_close(&b);
    }
}

static void no_label_is_left_without_training(void **state)
{
    (void)state;
    for (int shares = DATA_SPLIT_STILL; shares <= DATA_SPLIT_EXACT; shares++) {
        for (int seed = 0; seed < 40; seed++) {
            struct data_split_options opt = { .val = 0.5, .test = 0.4, .shares = shares,
                                              .no_near = true, .threads = 1 };
            struct bare b;

            bare_open(&b, 30, 6, DATA_MULTI);
            for (int i = 0; i < 30; i++) {
                b.x.sample[i].hash = bare_hash((uint64_t)(1000 * seed + i));
                b.mark[6 * i + i % 4] = 1;
                b.mark[6 * i + 4] = i < 2;
                b.mark[6 * i + 5] = i == 7;
            }
            split_by(&b.x, opt);
            for (int l = 0; l < 6; l++)
                assert_true(marks(&b.x, l, DATA_TRAIN) > 0);
            bare_close(&b);
        }
    }
}

static void new_members_join_and_contradictions_are_counted(void **state)
{
    struct bare b;
    struct data_split_options opt = still;
    struct data_split_result r;

    (void)state;
    bare_open(&b, 40, 2, DATA_SINGLE);
    for (int i = 0; i < 40; i++) {
        b.x.sample[i].label = i & 1;
        b.x.sample[i].split = i < 20 ? DATA_TRAIN : i < 30 ? DATA_VAL : DATA_UNSPLIT;
    }
    b.x.sample[1].group = b.x.sample[31].group = "t";
    b.x.sample[21].group = b.x.sample[32].group = "v";
    b.x.sample[2].group = b.x.sample[22].group = b.x.sample[33].group = "both";
    r = split_by(&b.x, opt);
    assert_int_equal(r.drawn, 10);
    assert_int_equal(r.straddling, 1);
    assert_int_equal(b.x.sample[31].split, DATA_TRAIN);
    assert_int_equal(b.x.sample[32].split, DATA_VAL);
    assert_int_equal(b.x.sample[33].split, DATA_TRAIN);
    for (int i = 0; i < 30; i++)
        assert_int_equal(b.x.sample[i].split, i < 20 ? DATA_TRAIN : DATA_VAL);
    opt.redraw = true;
    opt.shares = DATA_SPLIT_EXACT;
    r = split_by(&b.x, opt);
    assert_true(r.drawn == 40 && r.straddling == 0);
    assert_in_range(count(&b.x, -1, DATA_VAL), 6, 10);
    bare_close(&b);
}

/* The set holds copies of its pictures, squeezed and shrunk: none leaks. */
static void copies_that_look_the_same_stay_together(void **state)
{
    enum { N = 60 };
    struct made_folder f;
    struct data_index *x, *y;
    struct data_split_result r;
    struct err err;

    (void)state;
    made_open(&f);
    for (int i = 0; i < N; i++) {
        char name[64];

        snprintf(name, sizeof name, "%c/%02d.jpg", 'a' + i % 2, i);
        made_scene_file(&f, name, 64, (uint64_t)i, 95);
        snprintf(name, sizeof name, "%c/%02d-small.jpg", 'a' + i % 2, i);
        made_scene_file(&f, name, 40, (uint64_t)i, 60);
        snprintf(name, sizeof name, "%c/%02d-again.jpg", 'a' + i % 2, i);
        made_scene_file(&f, name, 64, (uint64_t)i, 35);
    }
    for (int shares = DATA_SPLIT_STILL; shares <= DATA_SPLIT_EXACT; shares++) {
        struct data_split_options opt = { .val = 0.2, .test = 0.2, .shares = shares };

        x = data_index_open(f.path, NULL, &err);
        y = data_index_open(f.path, NULL, &err);
        assert_true(x && y);
        opt.threads = 1;
        r = split_by(x, opt);
        assert_true(r.clusters == N && r.clustered == 3 * N && r.straddling == 0);
        for (int i = 0; i < 3 * N; i += 3) {
            assert_int_equal(x->sample[i].split, x->sample[i + 1].split);
            assert_int_equal(x->sample[i].split, x->sample[i + 2].split);
        }
        assert_true(count(x, -1, DATA_VAL) && count(x, -1, DATA_TEST));
        opt.threads = 3;                /* any number of them gives the same */
        split_by(y, opt);
        for (int i = 0; i < 3 * N; i++)
            assert_int_equal(x->sample[i].split, y->sample[i].split);
        data_index_free(x);
        data_index_free(y);
    }
    made_close(&f);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void any_name_is_written_and_read_back(void **state)
{
    static const char *const names[] = { "a,b.jpg", "\"quoted\".png", " spaces ", "two\nlines",
                                         "semi;colon\t|", "\xff\xfe bytes", "plain" };
    enum { N = sizeof names / sizeof *names };
    struct made_folder f;
    struct bare b;
    struct err err;
    int gone = -1;

    (void)state;
    made_open(&f);
    bare_open(&b, N, 1, DATA_SINGLE);
    for (int i = 0; i < N; i++) {
        b.x.sample[i].name = names[i];
        b.x.sample[i].split = (enum data_split)(1 + i % 3);
    }
    assert_true(data_split_write(&b.x, made_path(&f, "s.csv"), &err));
    for (int i = 0; i < N; i++)
        b.x.sample[i].split = DATA_UNSPLIT;
    if (!data_split_read(&b.x, made_path(&f, "s.csv"), &gone, &err))
        fail_msg("%s", err.msg);
    for (int i = 0; i < N; i++)
        assert_int_equal(b.x.sample[i].split, 1 + i % 3);
    assert_int_equal(gone, 0);
    made_text(&f, "s.csv", "Split;Note;Name\r\ntest;mine;plain\r\nval;;gone\r\n");
    assert_true(data_split_read(&b.x, made_path(&f, "s.csv"), &gone, &err));
    assert_true(b.x.sample[N - 1].split == DATA_TEST && gone == 1);
    bare_close(&b);
    made_close(&f);
}

static void tables_that_are_no_splits_are_refused(void **state)
{
    static const char *const bad[][2] = {
        { "", "columns name and split" },
        { "name,part\nplain,val\n", "line 1: a table with columns" },
        { "name,split\np00000,holdout\n", "line 2: split 'holdout'" },
        { "name,split\np00000\n", "line 2: split ''" },
        { "name,split\np00000,val\np00000,test\n", "line 3: 'p00000' is in two parts" },
        { "name,split\nother,val\n", "not one of its 1 names" },
        { "name,split\n\"p00000,val\n", "never closed" },
    };
    struct made_folder f;
    struct bare b;

    (void)state;
    made_open(&f);
    bare_open(&b, 3, 1, DATA_SINGLE);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = { 0 };

        made_text(&f, "s.csv", bad[i][0]);
        assert_false(data_split_read(&b.x, made_path(&f, "s.csv"), NULL, &err));
        assert_int_equal(err.kind, ERR_INPUT);
        if (!strstr(err.msg, bad[i][1]) || !strstr(err.msg, "s.csv"))
            fail_msg("'%s' does not say '%s'", err.msg, bad[i][1]);
        assert_int_equal(b.x.sample[0].split, DATA_UNSPLIT);
    }
    bare_close(&b);
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_about_right),
        cmocka_unit_test(files_added_later_move_none),
        cmocka_unit_test(copies_stay_on_one_side),
        cmocka_unit_test(small_classes_have_something_on_both_sides),
        cmocka_unit_test(what_is_held_out_already_stays),
        cmocka_unit_test(unreadable_files_train),
        cmocka_unit_test(exact_is_within_one_picture),
        cmocka_unit_test(exact_moves_few),
        cmocka_unit_test(several_labels_are_within_one_picture),
        cmocka_unit_test(still_moves_none_when_files_come_and_go),
        cmocka_unit_test(a_split_file_keeps_shares_and_moves_none),
        cmocka_unit_test(a_split_file_without_a_part_to_check_with_moves_none),
        cmocka_unit_test(groups_never_straddle),
        cmocka_unit_test(no_label_is_left_without_training),
        cmocka_unit_test(new_members_join_and_contradictions_are_counted),
        cmocka_unit_test(copies_that_look_the_same_stay_together),
        cmocka_unit_test(any_name_is_written_and_read_back),
        cmocka_unit_test(tables_that_are_no_splits_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
