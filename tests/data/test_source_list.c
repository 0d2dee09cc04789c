/*
 * list: paths, one a line, are pictures of the class that they lie in
 */
#include "tests/data/made.h"

#include "data/index.h"

/* "label:name[@part]" and spaces, or "! error". */
static const char *read_as(const char *path, const struct data_source_options *opt)
{
    static char out[1024];
    struct err err = { 0 };
    struct data_index *x = data_index_open(path, opt, &err);
    size_t n = 0;

    if (!x) {
        snprintf(out, sizeof out, "! %s", err.msg);
        return out;
    }
    assert_string_equal(x->source, "list");
    for (int i = 0; i < x->n; i++) {
        const struct data_sample *s = &x->sample[i];

        assert_int_equal(file_kind(s->path), FILE_REGULAR);
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%s:%s%s%s", i ? " " : "",
                              x->label[s->label], s->name, s->split ? "@" : "",
                              s->split ? data_split_names[s->split] : "");
    }
    data_index_free(x);
    return out;
}

static void refused(const char *path, const char *word)
{
    const char *got = read_as(path, NULL);

    if (*got != '!' || !strstr(got, word))
        fail_msg("\"%s\" lacks \"%s\"", got, word);
}

static void made_pictures(const struct made_folder *f)
{
    static const char *const files[] = {
        "a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg", "train/rain/1.jpg", "train/rain/2.jpg",
        "train/sun/3.jpg", "train/sun/4.jpg", "val/rain/5.jpg", "val/sun/6.jpg", NULL
    };

    for (int i = 0; files[i]; i++)
        made_text(f, files[i], "");
}

static void lines_are_paths_and_folders_classes(void **state)
{
    static const char want[] = "a:a/1.jpg a:a/2.jpg b:b/1.jpg b:b/2.jpg";
    static const char zeros[] = "a/1.jpg\0b/1.jpg\0./a/2.jpg\0b/2.jpg\0a\nb/n.jpg\0a\nb/m.jpg";
    struct made_folder f;
    struct data_source_options opt = { 0 };

    (void)state;
    made_open(&f);
    made_pictures(&f);
    made_text(&f, "l.txt", "\xef\xbb\xbf" "b/1.jpg\r\n\r\n./a/1.jpg\r\na/2.jpg\r\nb/2.jpg");
    assert_string_equal(read_as(made_path(&f, "l.txt"), NULL), want);
    made_text(&f, "deep/er/l.list", "b/1.jpg\na/1.jpg\na/2.jpg\nb/2.jpg\nb/1.jpg\n");
    assert_string_equal(read_as(made_path(&f, "deep/er/l.list"), NULL), want);
    made_text(&f, "a\nb/n.jpg", "");
    made_text(&f, "a\nb/m.jpg", "");
    made_file(&f, "l0", zeros, sizeof zeros);
    assert_string_equal(read_as(made_path(&f, "l0"), NULL),
                        "a\nb:a\nb/m.jpg a\nb:a\nb/n.jpg a:a/1.jpg a:a/2.jpg b:b/1.jpg b:b/2.jpg");
    made_text(&f, "sub/l.txt", "1.jpg\n2.jpg\n");
    opt.images = made_path(&f, "a");
    assert_non_null(strstr(read_as(made_path(&f, "sub/l.txt"), &opt),
                           "line 1: '1.jpg' lies in no folder that would be its class"));
    made_close(&f);
}

static void the_folder_above_may_name_the_part(void **state)
{
    struct made_folder f;

    (void)state;
    made_open(&f);
    made_pictures(&f);
    made_text(&f, "l.txt", "train/rain/1.jpg\ntrain/sun/3.jpg\nval/rain/5.jpg\nval/sun/6.jpg\n");
    assert_string_equal(read_as(made_path(&f, "l.txt"), NULL),
                        "rain:train/rain/1.jpg@train sun:train/sun/3.jpg@train "
                        "rain:val/rain/5.jpg@val sun:val/sun/6.jpg@val");
    made_close(&f);
}

static void darknet_classes_are_whole_words(void **state)
{
    struct made_folder f;

    (void)state;
    made_open(&f);
    made_pictures(&f);
    made_text(&f, "train/46_rain.png", "");
    made_text(&f, "cfg/w.data", "# weather\nclasses = 2\ntrain=lists/train.list\n"
              "valid = lists/val.list\nlabels = lists/labels.txt\nbackup = /tmp\n");
    made_text(&f, "lists/labels.txt", "rain\nsun\n");
    made_text(&f, "lists/train.list", "train/rain/1.jpg\ntrain/sun/3.jpg\ntrain/46_rain.png\n");
    made_text(&f, "lists/val.list", "val/rain/5.jpg\nval/sun/6.jpg\n");
    assert_string_equal(read_as(made_path(&f, "cfg/w.data"), NULL),
                        "rain:train/46_rain.png@train rain:train/rain/1.jpg@train "
                        "sun:train/sun/3.jpg@train rain:val/rain/5.jpg@val sun:val/sun/6.jpg@val");
    made_text(&f, "lists/labels.txt", "rai\nsun\n");
    refused(made_path(&f, "cfg/w.data"), "'train/rain/1.jpg' names none of the 2 classes");
    made_text(&f, "lists/labels.txt", "46\nrain\nsun\n");
    refused(made_path(&f, "cfg/w.data"), "'train/46_rain.png' names several of the 3 classes");
    made_text(&f, "cfg/none.data", "classes=2\n");
    refused(made_path(&f, "cfg/none.data"), "names no list");
    made_close(&f);
}

static void what_is_wrong_names_the_line(void **state)
{
    struct made_folder f;

    (void)state;
    made_open(&f);
    made_pictures(&f);
    made_text(&f, "l.txt", "a/9.jpg\na/1.jpg\n");
    refused(made_path(&f, "l.txt"), "l.txt: line 1: 'a/9.jpg' is not there");
    made_text(&f, "l.txt", "a/1.jpg\n\nb\xff/1.jpg\n");
    refused(made_path(&f, "l.txt"), "l.txt: line 3: the class name");
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_paths_and_folders_classes),
        cmocka_unit_test(the_folder_above_may_name_the_part),
        cmocka_unit_test(darknet_classes_are_whole_words),
        cmocka_unit_test(what_is_wrong_names_the_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
