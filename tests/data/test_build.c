/*
 * build: the same facts give the same index, and facts that make none are named
 */
#include "tests/data/made.h"

#include "data/build.h"
#include "data/source.h"
#include "nn/base/arena.h"

/* Facts as text: "NAME[@PART][=GROUP] [LABEL[:VALUE] ...]; ..."; "?" as a label: unsaid ones are
 * unknown. */
static struct data_index *built(const char *facts, const struct data_source_options *opt,
                                struct err *err)
{
    struct data_build *b = data_build_new("data", opt, err);
    struct data_index *x = NULL;
    char *text = strdup(facts), *row, *rest = text;
    bool ok = b != NULL;

    while (ok && (row = strsep(&rest, ";"))) {
        char *name, *part, *group, *word;
        struct data_sample s = { 0 };
        int at;

        row += strspn(row, " ");
        name = strsep(&row, " ");
        group = strchr(name, '=');
        if (group)
            *group++ = 0;
        part = strchr(name, '@');
        if (part)
            *part++ = 0;
        s = (struct data_sample){ .path = name, .name = name, .group = group,
                                  .split = part ? data_index_split(part) : DATA_UNSPLIT };
        at = data_build_sample(b, &s, err);
        ok = at >= 0;
        while (ok && (word = strsep(&row, " "))) {
            char *value = strchr(word, ':');
            int label;

            if (!*word || !strcmp(word, "?")) {
                if (*word)
                    data_build_rest(b, at, -1);
                continue;
            }
            if (value)
                *value++ = 0;
            label = data_build_label(b, word, err);
            ok = label >= 0 && data_build_mark(b, at, label,
                                               value ? (int)strtol(value, NULL, 10) : 1, err);
        }
    }
    if (ok)
        x = data_build_finish(b, err);
    data_build_free(b);
    free(text);
    return x;
}

/* The index as text: "single|multi LABELS;NAME[@part][=group] LABEL|MARKS;..." or "! error". */
static const char *index_of(const char *facts, const struct data_source_options *opt)
{
    static char out[2048];
    struct err err = { 0 };
    struct data_index *x = built(facts, opt, &err);
    size_t n;

    if (!x) {
        snprintf(out, sizeof out, "! %s", err.msg);
        return out;
    }
    n = (size_t)snprintf(out, sizeof out, "%s", data_task_names[x->task]);
    for (int i = 0; i < x->n_labels; i++)
        n += (size_t)snprintf(out + n, sizeof out - n, " %s", x->label[i]);
    for (int i = 0; i < x->n; i++) {
        const struct data_sample *s = &x->sample[i];

        n += (size_t)snprintf(out + n, sizeof out - n, ";%s%s%s%s%s ", s->name,
                              s->split ? "@" : "", s->split ? data_split_names[s->split] : "",
                              s->group ? "=" : "", s->group ? s->group : "");
        if (x->task == DATA_SINGLE)
            n += (size_t)snprintf(out + n, sizeof out - n, "%s", x->label[s->label]);
        for (int j = 0; s->mark && j < x->n_labels; j++)
            n += (size_t)snprintf(out + n, sizeof out - n, "%c", "?01"[s->mark[j] + 1]);
        assert_int_equal(s->hash, 0);
    }
    data_index_free(x);
    return out;
}

static void says(const char *facts, const struct data_source_options *opt, const char *word)
{
    const char *got = index_of(facts, opt);

    if (*got != '!' || !strstr(got, word))
        fail_msg("\"%s\" lacks \"%s\"", got, word);
}

static void labels_and_samples_are_sorted(void **state)
{
    (void)state;
    assert_string_equal(index_of("b 10; a 2; d 2; c 10", NULL), "single 2 10;a 2;b 10;c 10;d 2");
    assert_string_equal(index_of("d 2; c 10; b 10; a 2", NULL), "single 2 10;a 2;b 10;c 10;d 2");
}

static void forms_of_the_same_facts_are_the_same(void **state)
{
    static const char *const single[] = {
        "a x; b y; c x; d y",                                   /* a label a row */
        "a x y:0; b x:0 y; c x y:0; d x:0 y",                   /* one-hot */
        "a x:1; a y:0; b y:1; b x:0; c x:1; d y:1; d y:1; a x", /* a row a label, some twice */
    };
    static const char *const multi[] = {
        "a x y; b y; c; d x",
        "a x y; b x:0 y; c x:0 y:0; d x y:0",
        "a x; b y; c x:0; d x; a y; c y:0",
    };

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_string_equal(index_of(single[i], NULL), "single x y;a x;b y;c x;d y");
        assert_string_equal(index_of(multi[i], NULL), "multi x y;a 11;b 01;c 00;d 10");
    }
}

static void the_task_follows_the_facts_or_the_option(void **state)
{
    static const struct data_source_options one = { .task = DATA_TASK_SINGLE };
    static const struct data_source_options any = { .task = DATA_TASK_MULTI };

    (void)state;
    assert_string_equal(index_of("a x; b y; c x; d y:1 x:-1", NULL),
                        "multi x y;a 10;b 01;c 10;d ?1");
    assert_string_equal(index_of("a x; b y; c x; d y:1 x:-1", &one), "single x y;a x;b y;c x;d y");
    assert_string_equal(index_of("a x; b y; c x; d y", &any), "multi x y;a 10;b 01;c 10;d 01");
    assert_string_equal(index_of("a x; b x:0; c x; d x:0", NULL), "multi x;a 1;b 0;c 1;d 0");
    says("a x y; b y", &one, "'a' has more than one label, 'x' and 'y'");
    says("a; b y", &one, "'a' has no label");
    says("b y; c y x:0; a y:-1", &one, "'a' has no label");
}

static void unknown_is_masked_and_silence_is_no(void **state)
{
    (void)state;
    assert_string_equal(index_of("a x ?; b x:0 y; c", NULL), "multi x y;a 1?;b 01;c 00");
    assert_string_equal(index_of("a x:-1 y; a x; b y:0 x:0", NULL), "multi x y;a 11;b 00");
}

static void contradictions_name_the_sample(void **state)
{
    (void)state;
    says("a x; b y; b y:0; c x", NULL, "'b' is said to show 'y' and not to");
    says("a x y:0; b x:0; a y", NULL, "'a' is said to show 'y' and not to");
    says("a@train x; b y; a@val x", NULL, "'a' stands in two parts, train and val");
    says("a=1 x; b y; a=2 x", NULL, "'a' stands in two groups, '1' and '2'");
    assert_string_equal(index_of("a x; b y; a@val=g; c x; d y", NULL),
                        "single x y;a@val=g x;b y;c x;d y");
}

static void too_little_says_what_is_needed(void **state)
{
    (void)state;
    says("a x; b x", NULL, "only one class, 'x': at least 2 are needed");
    says("a x; b y; c x", NULL, "class 'y' has 1 picture; at least 2 are needed");
    says("a x", NULL, "only one picture");
    says("a x:1; b x:-1", NULL, "every one of the 2 pictures has 'x'");
    says("a x:0; b x:0", NULL, "none of the 2 pictures has 'x'");
    says("a x:0 y z; b x:0 y z", NULL, "every one of the 3 labels is on all pictures or on none");
    says("a; b", NULL, "no labels");
    assert_string_equal(index_of("a x; b y; c", NULL), "multi x y;a 10;b 01;c 00");
}

static void held_out_labels_must_have_been_learnt(void **state)
{
    static const char *const labels[] = { "y", "x" };
    static const struct data_source_options model = { .n_labels = 2, .labels = labels,
                                                      .task = DATA_TASK_SINGLE };

    (void)state;
    says("a@train x; b@train y; c@val z; d@train x; e@train y", NULL,
         "class 'z' is in val (c), but training never sees it");
    says("a@test x; b@test y; c@val x; d@val y", NULL, "no train part to learn from");
    says("a@train x y; b@train x:0 y:0; c@test z:1 x:0", NULL, "class 'z' is in test (c)");
    assert_string_equal(index_of("a@test x; b@test y", &model), "single y x;a@test x;b@test y");
    assert_string_equal(index_of("a x", &model), "single y x;a x");
    says("a x; b cow", &model, "class 'cow' is not among the 2 labels of the model");
}

static void a_file_of_classes_chooses_and_orders(void **state)
{
    static const char *const labels[] = { "x", "y", "z" };
    struct made_folder f;
    struct data_source_options opt = { 0 }, model = { .n_labels = 3, .labels = labels,
                                                      .task = DATA_TASK_SINGLE };

    (void)state;
    made_open(&f);
    made_text(&f, "c.txt", "\xef\xbb\xbfz\r\ny\r\n\r\n");
    opt.classes = model.classes = made_path(&f, "c.txt");
    assert_string_equal(index_of("a x; b y; c z; d y; e z", &opt), "single z y;b y;c z;d y;e z");
    assert_string_equal(index_of("a x y; b y z:0; c x", &opt), "multi z y;a 01;b 01;c 00");
    assert_string_equal(index_of("a x; b y; c cow", &model), "single x y z;b y");
    says("a x; b x; c y; d y", &opt, "class 'z' has 0 pictures");
    made_text(&f, "c.txt", "z\ny\nz\n");
    says("a x", &opt, "line 3: 'z' stands there twice");
    made_text(&f, "c.txt", "w\ny\n");
    says("a y", &model, "'w' is not among the 3 labels of the model");
    made_text(&f, "c.txt", "\n");
    says("a y", &opt, "no class names");
    made_close(&f);
}

static void groups_come_from_columns_or_names(void **state)
{
    struct data_source_options opt = { .group = "^p([0-9]+)" };

    (void)state;
    assert_string_equal(index_of("p1_a x; p1_b y; p22 x; q y", &opt),
                        "single x y;p1_a=1 x;p1_b=1 y;p22=22 x;q y");
    opt.group = "..";
    assert_string_equal(index_of("ab x; c y; abc x; d y", &opt),
                        "single x y;ab=ab x;abc=ab x;c y;d y");
    opt.group = "p(";
    says("a x; b y; c x; d y", &opt, "nor a regular expression");
    opt.group = "((a{1,40}){,40}){40}";         /* 64,000 copies for regcomp to make */
    says("a x; b y; c x; d y", &opt, "repeats too much");
    opt.group = "^([a-z]{8}-([0-9]{4}-){3}[]{9}]{12}|.{40}[^]{900}]{30}\\{900}|.)";     /* few */
    assert_string_equal(index_of("ab x; c y; abc x; d y", &opt),
                        "single x y;ab=a x;abc=a x;c=c y;d=d y");
    opt.group = "[a-z]{999}{2}";
    says("a x; b y; c x; d y", &opt, "repeats too much");
    opt.group = "(a{16}";
    says("a x; b y; c x; d y", &opt, "nor a regular expression");
    opt.group = "zzz";
    says("a x; b y; c x; d y", &opt, "matches none of the 4 names");
}

static void a_split_file_overrides(void **state)
{
    struct made_folder f;
    struct data_source_options opt = { 0 };

    (void)state;
    made_open(&f);
    made_text(&f, "s.csv", "name,split\na,val\nc,train\n");
    opt.split_file = made_path(&f, "s.csv");
    assert_string_equal(index_of("a x; b y; c@val x; d y", &opt),
                        "single x y;a@val x;b y;c@train x;d y");
    says("a@train x; b y; d y; e@val x", &opt, "class 'x' is in val (a), but training never");
    opt.split_file = made_path(&f, "gone.csv");
    says("a x; b y; c x; d y", &opt, "gone.csv");
    made_close(&f);
}

static void a_source_is_found_by_name(void **state)
{
    struct err err = { 0 };
    struct made_folder f;

    (void)state;
    assert_ptr_equal(data_source_find("folder", &err), &data_source_folder);
    assert_null(data_source_find("foldr", &err));
    assert_int_equal(err.kind, ERR_USAGE);
    assert_non_null(strstr(err.msg, "did you mean 'folder'"));
    made_open(&f);
    assert_ptr_equal(data_source_of(made_path(&f, "."), &err), &data_source_folder);
    made_text(&f, "x.tar.gz", "\x1f\x8b....");
    assert_null(data_source_of(made_path(&f, "x.tar.gz"), &err));
    assert_non_null(strstr(err.msg, "unpack it first"));
    made_close(&f);
}

static void many_labels_and_pictures_are_quick(void **state)
{
    enum { LABELS = 10000, N = 40000 };
    struct err err = { 0 };
    struct data_build *b = data_build_new("data", NULL, &err);
    struct data_index *x;

    (void)state;
    for (int i = 0; i < N; i++) {
        char name[32], label[32];
        struct data_sample s = { .path = name, .name = name };

        snprintf(name, sizeof name, "%d.jpg", i);
        snprintf(label, sizeof label, "class %d", i % LABELS);
        assert_int_equal(data_build_sample(b, &s, &err), i);
        assert_true(data_build_mark(b, i, data_build_label(b, label, &err), 1, &err));
    }
    x = data_build_finish(b, &err);
    data_build_free(b);
    assert_non_null(x);
    assert_int_equal(x->n_labels, LABELS);
    assert_string_equal(x->label[9999], "class 9999");
    data_index_free(x);
}

static void the_fingerprint_is_of_names_labels_parts_and_bytes(void **state)
{
    static const char *const facts[] = {
        "a x; b y; c x; d y", "a x; b y; c y; d x", "a x; b y; c x; e y", "a x; b z; c x; d z",
        "a x; b y; c x; d@train y", "a x y; b y; c x; d y",
    };
    enum { N = sizeof facts / sizeof *facts };
    uint64_t print[N];
    struct err err;

    (void)state;
    for (int i = 0; i < N; i++) {
        struct data_index *x = built(facts[i], NULL, &err), *again = built(facts[i], NULL, &err);

        print[i] = data_index_fingerprint(x);
        assert_true(print[i] == data_index_fingerprint(again));
        again->sample[2].hash = 7;
        assert_true(print[i] != data_index_fingerprint(again));
        for (int j = 0; j < i; j++)
            assert_true(print[i] != print[j]);
        data_index_free(x);
        data_index_free(again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_and_samples_are_sorted),
        cmocka_unit_test(forms_of_the_same_facts_are_the_same),
        cmocka_unit_test(the_task_follows_the_facts_or_the_option),
        cmocka_unit_test(unknown_is_masked_and_silence_is_no),
        cmocka_unit_test(contradictions_name_the_sample),
        cmocka_unit_test(too_little_says_what_is_needed),
        cmocka_unit_test(held_out_labels_must_have_been_learnt),
        cmocka_unit_test(a_file_of_classes_chooses_and_orders),
        cmocka_unit_test(groups_come_from_columns_or_names),
        cmocka_unit_test(a_split_file_overrides),
        cmocka_unit_test(a_source_is_found_by_name),
        cmocka_unit_test(many_labels_and_pictures_are_quick),
        cmocka_unit_test(the_fingerprint_is_of_names_labels_parts_and_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
