/* report: all parts that there is something for, nothing from outside unescaped, nothing loaded */
#include "tests/data/made.h"

#include "train/listen/report.h"

static const char net[] = "image = input shape=4x4x3\nm = meanpool image\n"
                          "fc = linear m width=3 bias=true\noutput logits = fc\n";

#define HOSTILE "</td><script>alert('1')</script> \"x\" & \xe2\x80\xae"
static const char *labels[] = { "ants", HOSTILE, "bees" };

static const char provenance[] =
    "{\"version\":\"0.1\",\"git\":\"abc<b>\",\"settings\":{\"lr\":0.1,\"batch\":8,\"val\":0.25,"
    "\"optim\":\"sgd\",\"background\":[255,255,255]},\"data\":{\"fingerprint\":\"00ff\"},"
    "\"epoch\":2,\"step\":6,\"date\":\"2026-01-31T12:00:00Z\"}";

static const char *const notes[] = { "lr 0.1: because <i>so</i>", "val 0.25: there is no val part",
                                     "the machine is slower: 5 steps instead of 6" };

enum { N = 12 };

/* A report about N pictures, all but the first two there. */
struct all {
    struct made_folder folder;
    struct data_index x, val;
    struct data_sample sample[N];
    char name[N][80], path[N][160];
    int8_t mark[N][3];
    struct infer_answers a;
    struct train_metrics row[3];
    struct train_report r;
};

static struct infer_model *make_model(enum data_task task)
{
    struct data_prep prep = { .size = { 4, 4 }, .crop = 1, .std = { 1, 1, 1 } };
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(net, strlen(net), 0, NULL, &err);
    struct nn_params *p = g ? nn_params_new(g, false, &err) : NULL;
    struct infer_model *m =
        p ? infer_model_new(g, p, &prep, task, 3, labels, "<tiny>", &err) : NULL;

    if (!m)
        fail_msg("%s", err.msg);
    m->provenance = provenance;
    return m;
}

static void make_samples(struct all *t, enum data_task task)
{
    for (int i = 0; i < N; i++) {
        struct data_image m = made_image(40, 30, (uint64_t)i);
        struct err err = { 0 };

        snprintf(t->name[i], sizeof t->name[i], "%d/\"><img src=x onerror=alert(%d)>.png", i, i);
        snprintf(t->path[i], sizeof t->path[i], "%s/%d.png", t->folder.path, i);
        if (i >= 2)
            assert_true(data_image_write_png(t->path[i], &m, &err));
        data_image_release(&m);
        for (int l = 0; l < 3; l++)
            t->mark[i][l] = (int8_t)((i + l) % 3 - 1);
        t->sample[i] = (struct data_sample){ .path = t->path[i], .name = t->name[i],
                                             .label = i % 3, .split = DATA_VAL,
                                             .mark = task == DATA_MULTI ? t->mark[i] : NULL };
    }
    t->x = (struct data_index){ .task = task, .label = labels, .n_labels = 3,
                                .sample = t->sample, .n = N };
}

static struct all *make(enum data_task task)
{
    struct all *t = calloc(1, sizeof *t);
    float p[N * 3], target[N * 3];
    int sample[N];
    struct err err = { 0 };

    made_open(&t->folder);
    make_samples(t, task);
    for (int i = 0; i < N; i++) {
        sample[i] = i;
        for (int l = 0; l < 3; l++) {
            p[i * 3 + l] = l == i * 5 % 7 % 3 ? 0.5f + 0.04f * (float)i : 0.01f * (float)i;
            target[i * 3 + l] = task == DATA_MULTI ? t->mark[i][l] : (float)(l == i % 3);
        }
    }
    assert_true(infer_answers_init(&t->a, task, 3, N, &err));
    memcpy(t->a.probability, p, sizeof p);
    infer_answers_add(&t->a, N, target, sample);
    for (int i = 0; i < 3; i++) {
        double figure = 0.3 + 0.1 * i;

        t->row[i] = (struct train_metrics){
            .epoch = i + 1, .step = 2 * i + 2, .seconds = 70 * i, .loss = 1.5 - 0.4 * i,
            .accuracy = task == DATA_SINGLE ? 0.4 : NAN, .lr = 0.1, .pictures_per_second = 100,
            .memory_mb = 64, .val_pictures = N, .val_log_loss = 1.2,
            .val_accuracy = task == DATA_SINGLE ? figure : NAN,
            .val_map = task == DATA_MULTI ? figure : NAN, .best = i == 1,
        };
    }
    t->r = (struct train_report){ .name = "runs/" HOSTILE, .model = make_model(task),
                                  .index = &t->x, .val = &t->x, .answers = &t->a, .n_rows = 3,
                                  .row = t->row, .n_notes = 3, .note = notes,
                                  .command = "discern train '<data>'", .threads = 2 };
    return t;
}

static void release(struct all *t)
{
    infer_model_free((struct infer_model *)(uintptr_t)t->r.model);
    infer_answers_release(&t->a);
    made_close(&t->folder);
    free(t);
}

/* free() it. */
static char *page_of(const struct all *t)
{
    const char *path = made_path(&t->folder, "report.html");
    struct err err = { 0 };
    size_t size;
    char *page;

    if (!train_report_write(&t->r, path, &err))
        fail_msg("%s", err.msg);
    page = (char *)file_read(path, 8 << 20, &size, &err);
    assert_non_null(page);
    assert_int_equal(strlen(page), size);
    return page;
}

static int count(const char *page, const char *what)
{
    int n = 0;

    for (; (page = strstr(page, what)); page += strlen(what))
        n++;
    return n;
}

static void expect(const char *page, const char *what)
{
    if (!strstr(page, what))
        fail_msg("the page lacks \"%s\"", what);
}

static void expect_not(const char *page, const char *what)
{
    if (strstr(page, what))
        fail_msg("the page has \"%s\": %.60s", what, strstr(page, what));
}

/* A copy without thumbnails, whose letters spell anything; free() it. */
static char *without_pictures(const char *page)
{
    char *copy = strdup(page), *to = copy;

    for (const char *p = page; *p; ) {
        const char *from = "data:image/jpeg;base64,";

        if (!strncmp(p, from, strlen(from)))
            p = strchr(p, '"');
        *to++ = *p++;
    }
    *to = 0;
    return copy;
}

/* What makes a page load, run or end too early. */
static void expect_harmless(const char *page)
{
    static const char *const never[] = { "<script", "<i>so", "<img src=x", "<b>\"", "<tiny>",
                                         "'<data>'", "http:", "https", "url(", "@import", "<link",
                                         "<iframe", "nan", "inf ", "inf\"", "-inf" };
    static const char *const pairs[] = { "div", "svg", "table", "figure", "ul", "li", "h2", "pre",
                                         "details", "style", "figcaption", "text" };

    char *plain = without_pictures(page);

    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        expect_not(plain, never[i]);
    free(plain);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char open[20], also[20], close[20];

        snprintf(open, sizeof open, "<%s>", pairs[i]);
        snprintf(also, sizeof also, "<%s ", pairs[i]);
        snprintf(close, sizeof close, "</%s>", pairs[i]);
        if (count(page, open) + count(page, also) != count(page, close))
            fail_msg("%s is not closed", open);
    }
    assert_int_equal(count(page, "<img"), count(page, "<img alt=\"\" title=\""));
    assert_int_equal(count(page, "<img"), count(page, "\" src=\"data:image/jpeg;base64,"));
    expect(page, "default-src 'none'");
}

static void a_label_a_picture_has_all_parts(void **state)
{
    static const char *const parts[] = {
        "accuracy on 12 pictures", "95% interval", "always answering", "best of 3 looks",
        "How it learnt", "3 epochs, 6 steps, in 2m20s", ">Accuracy<", "What is taken for what",
        "Label by label", "The worst mistakes", "Is its confidence deserved?",
        "Precision against recall", "because &lt;i&gt;so&lt;/i&gt;",
        "<li>the machine is slower: 5 steps instead of 6</li>", "255x255x255",
        "12 pictures with 3 labels", "00ff", "discern train &#39;&lt;data&gt;&#39;",
        "2026-01-31T12:00:00Z", "&lt;tiny&gt;", "onerror=alert(1)&gt;",
    };
    struct all *t = make(DATA_SINGLE);
    char *page = page_of(t), *again;

    (void)state;
    expect_harmless(page);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        expect(page, parts[i]);
    expect_not(page, "stopped before its end");
    expect_not(page, "<li>lr 0.1");
    /* one of the mistakes cannot be shown, and is there all the same */
    assert_int_equal(count(page, "<figure>"), count(page, "<img") + 1);
    again = page_of(t);
    assert_string_equal(page, again);
    free(page);
    free(again);
    release(t);
}

static void several_labels_have_no_confusion(void **state)
{
    struct all *t = make(DATA_MULTI);
    char *page;

    (void)state;
    t->r.stopped = true;
    page = page_of(t);
    expect_harmless(page);
    expect(page, "mean average precision");
    expect(page, "answering by how common labels are");
    expect(page, "stopped before its end");
    expect(page, "all labels right");
    expect_not(page, "What is taken for what");
    expect_not(page, ">Accuracy<");
    free(page);
    release(t);
}

static void nothing_held_out_is_said_and_no_figure_told(void **state)
{
    struct all *t = make(DATA_SINGLE);
    char *page;

    (void)state;
    t->r.answers = NULL;
    t->r.val = NULL;
    for (int i = 0; i < 3; i++)
        t->row[i].val_pictures = t->row[i].val_log_loss = t->row[i].val_accuracy = NAN;
    page = page_of(t);
    expect_harmless(page);
    expect(page, "Nothing was held out");
    expect(page, "How it learnt");
    expect_not(page, "95% interval");
    expect_not(page, "held out</tspan>");
    expect_not(page, "Label by label");
    free(page);
    t->r.n_rows = 0; /* stopped in its first epoch */
    t->r.n_notes = 0;
    t->r.command = NULL;
    page = page_of(t);
    expect_harmless(page);
    expect_not(page, "How it learnt");
    free(page);
    release(t);
}

/* An epoch is a dot, and figures that are no numbers are no part of a curve. */
static void odd_histories_are_drawn(void **state)
{
    struct all *t = make(DATA_SINGLE);
    char *page;

    (void)state;
    t->r.n_rows = 1;
    page = page_of(t);
    expect_harmless(page);
    assert_true(count(page, "<circle") > 3);
    free(page);
    t->r.n_rows = 3;
    t->row[1].loss = INFINITY;
    t->row[2].loss = 1e30;
    t->row[0].lr = t->row[1].lr = t->row[2].lr = 0;
    t->row[1].seconds = NAN;
    page = page_of(t);
    expect_harmless(page);
    free(page);
    release(t);
}

/* A peak between a thousand other epochs is still there: at the upper edge of the axes. */
static void long_histories_keep_their_peaks(void **state)
{
    enum { EPOCHS = 20000 };
    struct all *t = make(DATA_SINGLE);
    struct train_metrics *row = calloc(EPOCHS, sizeof *row);
    char *page;

    (void)state;
    for (int i = 0; i < EPOCHS; i++) {
        row[i] = t->row[0];
        row[i].epoch = i + 1;
        row[i].loss = i == 7777 ? 9 : 1;
        row[i].lr = NAN;
    }
    t->r.n_rows = EPOCHS;
    t->r.row = row;
    page = page_of(t);
    expect_harmless(page);
    assert_true(strlen(page) < 200000);
    expect(page, " 34.0L");
    free(page);
    free(row);
    release(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_label_a_picture_has_all_parts),
        cmocka_unit_test(several_labels_have_no_confusion),
        cmocka_unit_test(nothing_held_out_is_said_and_no_figure_told),
        cmocka_unit_test(odd_histories_are_drawn),
        cmocka_unit_test(long_histories_keep_their_peaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
