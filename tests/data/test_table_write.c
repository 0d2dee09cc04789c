/*
 * table: what is written in any form reads back the same, or is refused
 */
#include "tests/data/table.h"

#include "data/rows.h"
#include "data/source.h"
#include "data/table.h"
#include "nn/base/str.h"

/* ---- writing --------------------------------------------------------------------------------- */

static void same_index(const struct data_index *a, const struct data_index *b, const char *who)
{
    assert_int_equal(a->task, b->task);
    assert_int_equal(a->n_labels, b->n_labels);
    for (int j = 0; j < a->n_labels; j++)
        assert_string_equal(a->label[j], b->label[j]);
    assert_int_equal(a->n, b->n);
    for (int i = 0; i < a->n; i++) {
        const struct data_sample *s = &a->sample[i], *t = &b->sample[i];

        if (strcmp(s->name, t->name) || s->split != t->split || s->label != t->label ||
            !s->mark != !t->mark)
            fail_msg("%s: '%s' is '%s', %d %d, %d %d", who, s->name, t->name, (int)s->split,
                     (int)t->split, s->label, t->label);
        if (s->mark)
            assert_memory_equal(s->mark, t->mark, (size_t)a->n_labels);
    }
}

/* Random facts by way of a one-hot table: an index that keeps every rule. */
static struct data_index *random_index(const struct made_folder *f, uint64_t seed, bool masked,
                                       bool single, bool split, const char *const *names, int n,
                                       const char *const *labels, int n_labels)
{
    static const char *const words[] = { "", "train", "val", "test" };
    struct data_source_options opt = { .format = "csv" };
    uint64_t r = rng_stream(RNG_TEST, 7);
    struct str text = { 0 };
    struct data_index *x;

    str_add(&text, "filename");
    for (int j = 0; j < n_labels; j++) {
        str_addc(&text, ',');
        data_csv_put(&text, labels[j]);
    }
    str_add(&text, ",split\n");
    for (int i = 0; i < n; i++) {
        /* each label is learnt from: labels that are only held out are an error */
        int most = single ? i < n_labels ? 2 : 4 : i ? 4 : 2;
        int part = split ? (int)rng_below(seed, r, (uint64_t)i, (uint32_t)most) : 0;
        int one = i % n_labels;

        data_csv_put(&text, names[i]);
        for (int j = 0; j < n_labels; j++) {
            int v = (int)rng_below(seed, r, (uint64_t)(1000 + 100 * i + j), masked ? 3 : 2);

            str_printf(&text, ",%d", single ? j == one : !i ? 1 : v == 2 ? -1 : v);
        }
        str_printf(&text, ",%s\n", words[part]);
    }
    x = read_text(f, "random.csv", str_text(&text), &opt);
    str_release(&text);
    return x;
}

static void what_is_written_reads_back(void **state)
{
    static const char *const names[] = {
        "a.jpg", "b,c.jpg", "d;e.jpg", "f g.jpg", "h\"i\".jpg", "two\nlines.jpg", "j|k.jpg",
        "\xc3\xa4.jpg", "tab\there.jpg", "-1", "deep/er/l.png", "'m'.jpg", "100%.jpg", "#n.jpg",
    };
    static const char *const labels[] = { "1", "2", "10", "a", "polar bear", "x/y", "\xc3\xb6" };
    enum { N = sizeof names / sizeof *names, L = sizeof labels / sizeof *labels };
    struct made_folder f;
    int written = 0;

    (void)state;
    made_open(&f);
    for (int i = 0; i < N; i++)
        made_text(&f, names[i], "");
    for (uint64_t seed = 0; seed < 24; seed++) {
        bool single = seed % 3 == 0, masked = seed % 3 == 1, split = seed % 2;
        struct data_index *x = random_index(&f, seed, masked, single, split, names, N, labels, L);

        assert_int_equal(x->task, single ? DATA_SINGLE : DATA_MULTI);
        for (int k = 0; k < data_source_count(); k++) {
            const struct data_source *s = data_source_at(k);
            bool folder = !strcmp(s->name, "roboflow") || !strcmp(s->name, "folder");
            struct err err = { 0 };
            struct data_index *y;

            if (!s->write || folder)
                continue;
            if (!s->write(x, made_path(&f, "written"), &err)) {
                assert_true(masked);
                assert_non_null(strstr(err.msg, "unknown, which this form cannot say"));
                continue;
            }
            y = made_opened(made_path(&f, "written"), NULL);
            assert_string_equal(y->source, s->name);
            same_index(x, y, s->name);
            data_index_free(y);
            written++;
        }
        data_index_free(x);
    }
    assert_int_equal(written, 24 * 3 + 16 * 4);         /* unknown: csv, long and jsonl alone */
    made_close(&f);
}

static void a_table_elsewhere_leads_to_the_pictures(void **state)
{
    struct made_folder f;
    struct err err = { 0 };
    struct data_index *x, *y;

    (void)state;
    made_open(&f);
    made_text(&f, "set/images/a.jpg", "");
    made_text(&f, "set/images/deep/b.jpg", "");
    x = read_text(&f, "set/t.csv", "file,cat\na.jpg,1\ndeep/b.jpg,0\n", NULL);
    assert_true(file_mkdir(made_path(&f, "out/here"), &err));
    assert_true(data_source_csv.write(x, made_path(&f, "out/here/t.csv"), &err));
    y = made_opened(made_path(&f, "out/here/t.csv"), NULL);
    assert_int_equal(y->n, 2);
    assert_string_equal(y->sample[0].name, "../../set/images/a.jpg");
    assert_string_equal(y->sample[1].name, "../../set/images/deep/b.jpg");
    data_index_free(y);
    assert_true(data_source_roboflow.write(x, made_path(&f, "robo"), &err));
    y = made_opened(made_path(&f, "robo"), NULL);
    assert_string_equal(y->source, "roboflow");
    assert_string_equal(y->sample[1].name, "../set/images/deep/b.jpg");
    assert_int_equal(y->sample[0].mark[0], 1);
    data_index_free(y);
    assert_false(data_source_roboflow.write(x, made_path(&f, "robo"), &err));
    assert_non_null(strstr(err.msg, "is there already"));
    data_index_free(x);
    made_close(&f);
}

static void parts_become_folders_with_tables(void **state)
{
    struct made_folder f;
    struct err err = { 0 };
    struct data_index *x, *y;

    (void)state;
    made_pictures(&f);
    x = read_text(&f, "t.csv", TABLE_CSV, NULL);
    assert_true(data_source_roboflow.write(x, made_path(&f, "robo"), &err));
    y = made_opened(made_path(&f, "robo"), NULL);
    check_facts(y, MULTI, ALL);
    data_index_free(y);
    x->sample[3].split = DATA_UNSPLIT;
    assert_false(data_source_roboflow.write(x, made_path(&f, "odd"), &err));
    assert_non_null(strstr(err.msg, "1 of 8 pictures are in no part"));
    assert_int_equal(file_kind(made_path(&f, "odd")), FILE_NONE);
    data_index_free(x);
    made_close(&f);
}

static void cannot(const struct data_index *x, const struct made_folder *f,
                   const struct data_source *s, const char *word)
{
    struct err err = { 0 };

    assert_false(s->write(x, made_path(f, "cannot"), &err));
    if (err.kind != ERR_INPUT || !strstr(err.msg, word) || strchr(err.msg, '\n'))
        fail_msg("%s: kind %d, \"%s\" lacks \"%s\"", s->name, err.kind, err.msg, word);
    assert_int_equal(file_kind(made_path(f, "cannot")), FILE_NONE);
}

static void what_a_form_cannot_say_is_refused(void **state)
{
    static const char json[] =
        "{\"file_name\":\"a.jpg\",\"labels\":[\"split\",\"a|b\"]}\n"
        "{\"file_name\":\"b.jpg\",\"labels\":[\"a|b\",\"c;d\"]}\n"
        "{\"file_name\":\"c.jpg\",\"labels\":[\"c;d\"]}\n";
    static const char spaced[] = "{\"file_name\":\"a.jpg\",\"label\":\" a\"}\n"
        "{\"file_name\":\"b.jpg\",\"label\":\"b\"}\n{\"file_name\":\"c.jpg\",\"label\":\" a\"}\n"
        "{\"file_name\":\"d.jpg\",\"label\":\"b\"}\n";
    struct data_index *x;
    struct made_folder f;

    (void)state;
    made_pictures(&f);
    x = read_text(&f, "t.jsonl", json, NULL);
    cannot(x, &f, &data_source_csv, "a column called 'split' would not be taken for a label");
    cannot(x, &f, &data_source_cells, "the label 'a|b' has the '|' in it");
    data_index_free(x);
    x = read_text(&f, "t.jsonl", spaced, NULL);
    assert_string_equal(x->label[0], " a");
    cannot(x, &f, &data_source_cells, "the label ' a' begins or ends with a space");
    data_index_free(x);
    x = read_text(&f, "t.csv", "file,a,b\na.jpg,1,0\nb.jpg,0,0\n", NULL);
    cannot(x, &f, &data_source_vertex, "no picture has the label 'b'");
    data_index_free(x);
    x = read_text(&f, "t.csv", "file,label\na.jpg,a;b\nb.jpg,c\nc.jpg,a;b\nd.jpg,c\n",
                  &(struct data_source_options){ .delimiter = "" });
    assert_int_equal(x->task, DATA_SINGLE);
    cannot(x, &f, &data_source_cells, "labels have ';' in them");
    data_index_free(x);
    made_text(&f, "\xff.jpg", "");
    x = read_text(&f, "t.csv", "file,a\n\xff.jpg,1\nb.jpg,0\n", NULL);
    cannot(x, &f, &data_source_jsonl, "is not UTF-8");
    cannot(x, &f, &data_source_coco, "is not UTF-8");
    cannot(x, &f, &data_source_viam, "is not UTF-8");
    data_index_free(x);
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_table_elsewhere_leads_to_the_pictures),
        cmocka_unit_test(parts_become_folders_with_tables),
        cmocka_unit_test(what_a_form_cannot_say_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
