/*
 * audit, census, finding: facts are those of the files, and each finding occurs where it was
 * planted and nowhere else
 */
#include "tests/data/made.h"

#include "data/finding.h"

/* ---- sets ------------------------------------------------------------------------------------ */

enum { EACH = 130 };            /* pictures a label: enough to complain about nothing */

/* Sharp, coloured, and like no other seed's. */
static struct data_image scene(int width, int height, uint64_t seed)
{
    struct data_image m = { width, height, malloc((size_t)width * (size_t)height * 3) };

    assert_non_null(m.pixel);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++) {
                uint64_t cell = (uint64_t)(8 * y / height) * 8 + (uint64_t)(8 * x / width);

                m.pixel[3 * ((size_t)y * (size_t)width + (size_t)x) + (size_t)c] = (uint8_t)
                    rng_below(seed, rng_stream(RNG_TEST, 2), 3 * cell + (uint64_t)c, 256);
            }
    return m;
}

static void keep_png(const struct made_folder *f, const char *name, struct data_image m)
{
    size_t size;
    uint8_t *bytes = data_stb_png(m.pixel, m.width, m.height, &size);

    assert_non_null(bytes);
    made_file(f, name, bytes, size);
    free(bytes);
    data_image_release(&m);
}

static struct made_folder clean;                /* made once: ant and bee */

static int make_clean(void **state)
{
    (void)state;
    made_open(&clean);
    for (int i = 0; i < 2 * EACH; i++) {
        char name[32];

        snprintf(name, sizeof name, "%s/%03d.png", i % 2 ? "bee" : "ant", i / 2);
        keep_png(&clean, name, scene(40, 32, (uint64_t)i + 1));
    }
    return 0;
}

static int remove_clean(void **state)
{
    (void)state;
    made_close(&clean);
    return 0;
}

/* A copy of the clean set (its files are links), to plant in. */
static void copy_clean(struct made_folder *f, const char *below)
{
    made_open(f);
    for (int i = 0; i < 2 * EACH; i++) {
        char name[64], from[512];
        struct err err;

        snprintf(name, sizeof name, "%s%s", below, i % 2 ? "bee" : "ant");
        assert_true(file_mkdir(made_path(f, name), &err));
        snprintf(from, sizeof from, "%s/%s/%03d.png", clean.path, i % 2 ? "bee" : "ant", i / 2);
        snprintf(name, sizeof name, "%s%s/%03d.png", below, i % 2 ? "bee" : "ant", i / 2);
        assert_int_equal(link(from, made_path(f, name)), 0);
    }
}

/* ---- audits ---------------------------------------------------------------------------------- */

struct result {
    struct data_index *x;
    struct data_audit *a;
    struct data_census *c;
    struct data_findings *f;
};

static void find(struct result *r)
{
    struct err err = { 0 };

    data_findings_free(r->f);
    data_census_free(r->c);
    r->c = data_census_new(r->a, &err);
    if (!r->c || !(r->f = data_findings_new(r->a, r->c, &err)))
        fail_msg("%s", err.msg);
}

static struct result audit(const char *path)
{
    struct data_audit_options opt = { .threads = 2 };
    struct result r = { 0 };
    struct err err = { 0 };

    r.x = data_index_open(path, NULL, &err);
    if (!r.x || !(r.a = data_audit_new(r.x, &opt, &err)))
        fail_msg("%s", err.msg);
    find(&r);
    return r;
}

static void release(struct result *r)
{
    data_findings_free(r->f);
    data_census_free(r->c);
    data_audit_free(r->a);
    data_index_free(r->x);
}

static int sample(const struct result *r, const char *name)
{
    for (int i = 0; i < r->x->n; i++)
        if (!strcmp(r->x->sample[i].name, name))
            return i;
    fail_msg("no sample %s", name);
    return -1;
}

/* The findings are these, separated by spaces, and no others; the first of them. */
static const struct data_finding *only(const struct result *r, const char *names)
{
    struct str found = { 0 };

    for (int i = 0; i < r->f->n; i++) {
        str_add(&found, i ? " " : "");
        str_add(&found, r->f->finding[i].name);
    }
    assert_string_equal(str_text(&found), names);
    str_release(&found);
    return r->f->n ? &r->f->finding[0] : NULL;
}

/* Picture k of case i. */
static const char *picture(const struct result *r, const struct data_finding *g, int i, int k)
{
    assert_true(i < g->n && k < g->of[i].n);
    return r->x->sample[r->f->sample[g->of[i].first + (size_t)k]].name;
}

/* ---- facts ----------------------------------------------------------------------------------- */

static void facts_are_those_of_the_files(void **state)
{
    struct data_audit_options heads = { .threads = 1, .headers = true };
    struct err err = { 0 };
    struct result r = audit(clean.path);
    struct data_index *x = data_index_open(clean.path, NULL, &err);
    struct data_audit *a = data_audit_new(x, &heads, &err);
    const struct data_fact *f = &r.a->fact[3];

    (void)state;
    assert_int_equal(r.x->n, 2 * EACH);
    assert_true(data_index_hash(x, 2, &err));
    assert_null(f->why);
    assert_string_equal(data_fact_format(f), "PNG");
    assert_int_equal(f->width, 40);
    assert_int_equal(f->height, 32);
    assert_int_equal(f->orientation, 1);
    for (int i = 0; i < x->n; i++) {
        assert_true(r.x->sample[i].hash != 0 && r.x->sample[i].hash == x->sample[i].hash);
        assert_int_equal(a->fact[i].width, r.a->fact[i].width);
        assert_int_equal(a->fact[i].height, r.a->fact[i].height);
        assert_int_equal(a->fact[i].bytes, r.a->fact[i].bytes);
        assert_int_equal(a->fact[i].format, r.a->fact[i].format);
        assert_false(a->fact[i].unfinished);
    }
    data_audit_free(a);
    data_index_free(x);
    release(&r);
}

static void headers_behind_long_metadata_are_found(void **state)
{
    enum { COMMENT = 65533 };
    struct data_audit_options heads = { .threads = 1, .headers = true };
    struct made_folder f;
    struct err err = { 0 };
    struct data_index *x;
    struct data_audit *a;
    size_t size;
    uint8_t *jpeg = made_jpeg(300, 200, 1, &size);
    uint8_t *longer = calloc(size + 2 * (COMMENT + 2), 1);

    (void)state;
    assert_non_null(longer);
    memcpy(longer, jpeg, 2);
    for (int k = 0; k < 2; k++)
        memcpy(longer + 2 + k * (COMMENT + 2), "\xff\xfe\xff\xfd", 4);
    memcpy(longer + 2 + 2 * (COMMENT + 2), jpeg + 2, size - 2);
    made_open(&f);
    for (int i = 0; i < 4; i++) {
        char name[32];

        snprintf(name, sizeof name, "%s/%d.jpg", i % 2 ? "a" : "b", i);
        made_file(&f, name, longer, size + 2 * (COMMENT + 2));
    }
    x = data_index_open(f.path, NULL, &err);
    a = data_audit_new(x, &heads, &err);
    assert_null(a->fact[0].why);
    assert_int_equal(a->fact[0].width, 300);
    assert_int_equal(a->fact[0].bytes, size + 2 * (COMMENT + 2));
    data_audit_free(a);
    data_index_free(x);
    free(longer);
    free(jpeg);
    made_close(&f);
}

static void counts_are_those_of_what_can_be_read(void **state)
{
    struct made_folder f;
    struct result r;

    (void)state;
    copy_clean(&f, "");
    made_text(&f, "ant/broken.png", "no picture");
    r = audit(f.path);
    assert_int_equal(r.c->pictures, 2 * EACH + 1);
    assert_int_equal(r.c->readable, 2 * EACH);
    assert_int_equal(r.c->total[0], EACH);
    assert_int_equal(r.c->part[DATA_UNSPLIT], 2 * EACH);
    assert_int_equal(r.c->width.min, 40);
    assert_int_equal(r.c->width.max, 40);
    assert_int_equal(r.c->format[DATA_PNG], 2 * EACH);
    assert_float_equal(r.c->evenness, 1, 1e-6);
    release(&r);
    made_close(&f);
}

/* ---- findings: a clean set, and each thing planted in it ------------------------------------- */

static void a_clean_set_has_no_findings(void **state)
{
    struct result r = audit(clean.path);

    (void)state;
    assert_null(only(&r, ""));
    release(&r);
}

static void broken_files_are_told_with_the_reason(void **state)
{
    const struct data_finding *g;
    struct made_folder f;
    struct result r;
    char name[32];

    (void)state;
    copy_clean(&f, "");
    made_text(&f, "ant/broken.png", "no picture");
    r = audit(f.path);
    g = only(&r, "unreadable");
    assert_int_equal(g->severity, DATA_WARNING);
    assert_int_equal(g->n, 1);
    assert_string_equal(picture(&r, g, 0, 0), "ant/broken.png");
    assert_true(strlen(g->of[0].note) > 5 && !strstr(g->of[0].note, "broken.png"));
    release(&r);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "bee/broken%d.png", i);
        made_text(&f, name, "no picture");
    }
    r = audit(f.path);
    assert_int_equal(only(&r, "unreadable")->severity, DATA_ERROR);
    release(&r);
    made_close(&f);
}

static void a_file_that_vanished_is_missing(void **state)
{
    struct data_audit_options opt = { .threads = 2 };
    struct made_folder f;
    struct result r = { 0 };
    struct err err = { 0 };

    (void)state;
    copy_clean(&f, "");
    r.x = data_index_open(f.path, NULL, &err);
    assert_int_equal(remove(made_path(&f, "bee/007.png")), 0);
    r.a = data_audit_new(r.x, &opt, &err);
    assert_non_null(r.a);
    find(&r);
    assert_string_equal(picture(&r, only(&r, "missing"), 0, 0), "bee/007.png");
    release(&r);
    made_close(&f);
}

static void copies_are_told_once_and_by_what_they_do(void **state)
{
    const struct data_finding *g;
    struct made_folder f;
    struct result r;

    (void)state;
    copy_clean(&f, "");
    assert_int_equal(link(made_path(&f, "ant/000.png"), made_path(&f, "ant/copy.png")), 0);
    r = audit(f.path);
    g = only(&r, "duplicate");
    assert_int_equal(g->n, 1);
    assert_int_equal(g->of[0].n, 2);
    assert_string_equal(picture(&r, g, 0, 0), "ant/000.png");
    assert_string_equal(picture(&r, g, 0, 1), "ant/copy.png");
    r.x->sample[sample(&r, "ant/copy.png")].split = DATA_TEST;
    for (int i = 0; i < r.x->n; i++)            /* 129 of each label to test with */
        r.x->sample[i].split = i % 2 ? DATA_TEST : DATA_TRAIN;
    r.x->sample[sample(&r, "ant/000.png")].split = DATA_TRAIN;
    r.x->sample[sample(&r, "ant/copy.png")].split = DATA_TEST;
    find(&r);
    g = only(&r, "leak small");
    assert_int_equal(g->severity, DATA_ERROR);
    assert_string_equal(picture(&r, g, 0, 0), "ant/000.png");
    assert_string_equal(g->of[0].note, "same bytes");
    release(&r);
    made_close(&f);
}

static void a_copy_under_another_label_is_a_conflict(void **state)
{
    const struct data_finding *g;
    struct made_folder f;
    struct result r;

    (void)state;
    copy_clean(&f, "");
    assert_int_equal(link(made_path(&f, "ant/000.png"), made_path(&f, "bee/copy.png")), 0);
    r = audit(f.path);
    g = only(&r, "conflict");
    assert_int_equal(g->severity, DATA_ERROR);
    assert_string_equal(g->of[0].note, "ant against bee");
    release(&r);
    made_close(&f);
}

static void a_recompressed_copy_is_near(void **state)
{
    const struct data_finding *g;
    struct made_folder f;
    struct result r;

    (void)state;
    copy_clean(&f, "");
    made_keep_jpeg(&f, "ant/zzz.jpg", scene(40, 32, 1), 70);
    r = audit(f.path);
    g = only(&r, "near");
    assert_int_equal(g->n, 1);
    assert_string_equal(picture(&r, g, 0, 0), "ant/000.png");
    assert_string_equal(picture(&r, g, 0, 1), "ant/zzz.jpg");
    release(&r);
    made_close(&f);
}

static void a_group_in_two_parts_is_torn(void **state)
{
    const struct data_finding *g;
    struct result r = audit(clean.path);

    (void)state;
    for (int i = 0; i < r.x->n; i++)
        r.x->sample[i].split = i % 2 ? DATA_TEST : DATA_TRAIN;
    for (int i = 0; i < 10; i++)
        r.x->sample[i].group = i < 2 ? "patient 1" : i % 2 ? "odd" : "even";
    find(&r);
    assert_int_equal(r.c->groups, 3);
    g = only(&r, "straddle small");
    assert_int_equal(g->severity, DATA_ERROR);
    assert_int_equal(g->n, 1);
    assert_string_equal(g->of[0].what, "patient 1");
    assert_string_equal(g->of[0].note, "train 1, test 1");
    release(&r);
}

static void rare_labels_are_told_with_what_they_want(void **state)
{
    const struct data_finding *g;
    struct result r = audit(clean.path);

    (void)state;
    for (int i = 0, bees = 0; i < r.x->n; i++)  /* leave 12 bees */
        if (r.x->sample[i].label == 1 && bees++ >= 12)
            r.x->sample[i].label = 0;
    find(&r);
    g = only(&r, "few imbalance");
    assert_string_equal(g->of[0].what, "bee");
    assert_string_equal(g->of[0].note, "12, 8 more would do");
    assert_int_equal(g[1].severity, DATA_WARNING);
    assert_string_equal(g[1].of[0].what, "ant");
    for (int i = 0, more = 0; i < r.x->n; i++)
        if (r.x->sample[i].label == 0 && more++ < 58)
            r.x->sample[i].label = 1;
    find(&r);
    g = only(&r, "small");
    assert_int_equal(g->severity, DATA_NOTE);
    assert_string_equal(g->of[0].note, "70");
    release(&r);
}

static void parts_that_lack_a_label_or_pictures_are_told(void **state)
{
    const struct data_finding *g;
    struct result r = audit(clean.path);
    int seen[2] = { 0 };

    (void)state;
    for (int i = 0; i < r.x->n; i++)            /* 30 ants and no bee to validate with */
        r.x->sample[i].split =
            r.x->sample[i].label == 0 && seen[0]++ < 30 ? DATA_VAL : DATA_TRAIN;
    find(&r);
    g = only(&r, "absent measure");
    assert_int_equal(g->severity, DATA_WARNING);
    assert_string_equal(g->of[0].what, "bee");
    assert_string_equal(g->of[0].note, "none of 130 in val");
    assert_string_equal(g[1].of[0].what, "val");
    assert_string_equal(g[1].of[0].note, "30 pictures: an accuracy is certain to +-18 points");
    for (int i = 0; i < r.x->n; i++)
        r.x->sample[i].split = r.x->sample[i].label ? DATA_VAL : DATA_TRAIN;
    find(&r);
    assert_int_equal(only(&r, "absent")->severity, DATA_ERROR);
    release(&r);
}

static void labels_that_look_alike_are_told(void **state)
{
    const struct data_finding *g;
    struct result r = audit(clean.path);

    (void)state;
    r.x->label[1] = "Ants";
    find(&r);
    g = only(&r, "alike");
    assert_string_equal(g->of[0].what, "ant");
    assert_string_equal(g->of[0].note, "130 pictures, \"Ants\" 130: one more than one");
    r.x->label[1] = "bee";
    release(&r);
}

static void odd_pictures_are_told_and_only_they(void **state)
{
    struct made_folder f;
    struct result r;
    struct data_image m;

    (void)state;
    copy_clean(&f, "");
    m = scene(40, 32, 7);
    memset(m.pixel, 90, 40 * 32 * 3);
    keep_png(&f, "ant/blank.png", m);
    r = audit(f.path);
    assert_string_equal(picture(&r, only(&r, "blank grey"), 0, 0), "ant/blank.png");
    release(&r);
    assert_int_equal(remove(made_path(&f, "ant/blank.png")), 0);

    m = scene(40, 32, 1001);
    for (int i = 0; i < 40 * 32 * 3; i++)
        m.pixel[i] = (uint8_t)(m.pixel[i] / 5);
    keep_png(&f, "bee/night.png", m);
    m = scene(40, 32, 1002);
    for (int i = 0; i < 40 * 32 * 3; i++)
        m.pixel[i] = (uint8_t)(205 + m.pixel[i] / 6);
    keep_png(&f, "bee/sun.png", m);
    m = scene(40, 32, 1003);
    for (int i = 0; i < 40 * 32 * 3; i++)
        m.pixel[i] = (uint8_t)(110 + m.pixel[i] / 8);
    keep_png(&f, "bee/fog.png", m);
    keep_png(&f, "bee/icon.png", scene(16, 16, 1004));
    keep_png(&f, "bee/long.png", scene(200, 40, 1005));
    r = audit(f.path);
    only(&r, "tiny dark bright dull stretched");
    assert_string_equal(picture(&r, &r.f->finding[0], 0, 0), "bee/icon.png");
    assert_string_equal(picture(&r, &r.f->finding[1], 0, 0), "bee/night.png");
    assert_string_equal(picture(&r, &r.f->finding[2], 0, 0), "bee/sun.png");
    assert_string_equal(picture(&r, &r.f->finding[3], 0, 0), "bee/fog.png");
    assert_string_equal(picture(&r, &r.f->finding[4], 0, 0), "bee/long.png");
    assert_int_equal(r.f->finding[0].n + r.f->finding[1].n + r.f->finding[2].n +
                     r.f->finding[3].n + r.f->finding[4].n, 5);
    release(&r);
    made_close(&f);
}

static void what_all_pictures_are_is_not_odd(void **state)
{
    struct result r = audit(clean.path);

    (void)state;
    for (int i = 0; i < r.x->n; i++) {          /* an endoscope of 28 x 28 */
        struct data_fact *f = &r.a->fact[i];

        f->width = f->height = 28;
        f->look.light = 0.05f;
        f->look.low = 0.02f;
        f->look.high = 0.1f;
        f->look.sharp = 0.5f;
        f->look.grey = true;
    }
    find(&r);
    only(&r, "");
    release(&r);
}

static void facts_of_files_are_told(void **state)
{
    struct result r = audit(clean.path);
    struct data_fact *f = r.a->fact;

    (void)state;
    f[0].format = DATA_JPEG;
    f[1].orientation = 6;
    f[2].unfinished = true;
    f[3].look.grey = true;
    f[4].look.sharp = 0.5f;
    f[5].width = 6000;
    f[5].height = 5000;
    find(&r);
    only(&r, "blurred huge unfinished ending turned grey");
    for (int i = 0; i < r.f->n; i++)
        assert_int_equal(r.f->finding[i].n, 1);
    assert_string_equal(r.f->finding[3].of[0].note, "is JPEG");
    release(&r);
}

static void what_tells_the_label_without_looking_is_told(void **state)
{
    const struct data_finding *g;
    struct result r = audit(clean.path);

    (void)state;
    for (int i = 0; i < r.x->n; i++)            /* bees by another camera; sizes vary */
        r.a->fact[i].width = (r.x->sample[i].label ? 60 : 40) + (i % 3 == 0);
    find(&r);
    g = only(&r, "shortcut");
    assert_int_equal(g->n, 2);
    assert_string_equal(g->of[0].what, "width and height");
    assert_string_equal(g->of[0].note, "alone tells 100 % of the labels (always \"ant\": 50 %)");
    for (int i = 0; i < r.x->n; i++)            /* every picture its own size: nothing is told */
        r.a->fact[i].width = 40 + i % 9;
    find(&r);
    only(&r, "");
    release(&r);
}

/* ---- several labels a picture ---------------------------------------------------------------- */

static void marks_that_teach_nothing_are_told(void **state)
{
    const struct data_finding *g;
    struct made_folder f;
    struct result r;
    struct str table = { 0 };

    (void)state;
    copy_clean(&f, "");
    str_add(&table, "filename,red,crimson,any,seldom,never\n");
    for (int i = 0; i < 2 * EACH; i++)
        str_printf(&table, "%s/%03d.png,%d,%d,%s,%d,0\n", i % 2 ? "bee" : "ant", i / 2, i >= 130,
                   i >= 130, i == 7 ? "" : i == 8 ? "0" : "1", i == 9);
    made_text(&f, "labels.csv", str_text(&table));
    str_release(&table);
    r = audit(made_path(&f, "labels.csv"));
    assert_int_equal(r.x->task, DATA_MULTI);
    only(&r, "few empty together imbalance unmarked unknown");
    g = r.f->finding;
    assert_string_equal(g[0].of[0].what, "seldom");
    assert_string_equal(g[1].of[0].what, "never");
    assert_string_equal(g[2].of[0].note, "and \"red\", in 130 pictures");
    assert_string_equal(picture(&r, &g[4], 0, 0), "ant/004.png");
    assert_string_equal(g[5].of[0].note, "unknown for 1 of 260, 0.4 %");
    assert_int_equal(r.c->carrying[0], 2);
    assert_int_equal(r.c->n_pairs, 4);
    assert_int_equal(r.c->pair[0].both, 130);
    release(&r);
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_those_of_the_files),
        cmocka_unit_test(headers_behind_long_metadata_are_found),
        cmocka_unit_test(counts_are_those_of_what_can_be_read),
        cmocka_unit_test(a_clean_set_has_no_findings),
        cmocka_unit_test(broken_files_are_told_with_the_reason),
        cmocka_unit_test(a_file_that_vanished_is_missing),
        cmocka_unit_test(copies_are_told_once_and_by_what_they_do),
        cmocka_unit_test(a_copy_under_another_label_is_a_conflict),
        cmocka_unit_test(a_recompressed_copy_is_near),
        cmocka_unit_test(a_group_in_two_parts_is_torn),
        cmocka_unit_test(rare_labels_are_told_with_what_they_want),
        cmocka_unit_test(parts_that_lack_a_label_or_pictures_are_told),
        cmocka_unit_test(labels_that_look_alike_are_told),
        cmocka_unit_test(odd_pictures_are_told_and_only_they),
        cmocka_unit_test(what_all_pictures_are_is_not_odd),
        cmocka_unit_test(facts_of_files_are_told),
        cmocka_unit_test(what_tells_the_label_without_looking_is_told),
        cmocka_unit_test(marks_that_teach_nothing_are_told),
    };

    return cmocka_run_group_tests(tests, make_clean, remove_clean);
}
