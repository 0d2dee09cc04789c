/*
 * table: what columns and rows mean, and that errors name them
 */
#include "tests/data/table.h"

#include "nn/base/str.h"

/* ---- rules ----------------------------------------------------------------------------------- */

static void one_label_or_two_as_the_data_say(void **state)
{
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_pictures(&f);
    x = read_text(&f, "defect.csv", "filename,defect\na.jpg,1\nb.jpg,0\nc.jpg,1\nd.jpg,0\n", NULL);
    assert_int_equal(x->task, DATA_MULTI);
    assert_int_equal(x->n_labels, 1);
    assert_string_equal(x->label[0], "defect");
    data_index_free(x);
    x = read_text(&f, "words.csv", "filename,defect\na.jpg,yes\nb.jpg,no\nc.jpg,yes\nd.jpg,no\n",
                  NULL);
    assert_int_equal(x->task, DATA_SINGLE);
    assert_int_equal(x->n_labels, 2);
    assert_string_equal(x->label[0], "no");
    data_index_free(x);
    /* by its name a column of labels, whatever is in it */
    x = read_text(&f, "digits.csv", "filename,label\na.jpg,1\nb.jpg,0\nc.jpg,1\nd.jpg,0\n", NULL);
    assert_int_equal(x->task, DATA_SINGLE);
    assert_string_equal(x->label[1], "1");
    data_index_free(x);
    made_close(&f);
}

static void rows_with_nothing_in_them_are_passed_over(void **state)
{
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_pictures(&f);
    x = read_text(&f, "sheet.csv",
                  "filename,label\n,\na.jpg,x\nb.jpg,y\nc.jpg,x\nd.jpg,y\n,\n ,\n,,\n", NULL);
    assert_int_equal(x->n, 4);
    data_index_free(x);
    refused(&f, "sheet.csv", "filename,label\na.jpg,x\n,y\n", NULL, "line 3: no file name");
    made_close(&f);
}

static void a_first_row_of_any_length_names_the_columns(void **state)
{
    enum { WIDTH = 20000 };
    struct made_folder f;
    struct data_index *x;
    struct str text = { 0 };

    (void)state;
    made_pictures(&f);
    str_add(&text, "filename");
    for (int j = 0; j < WIDTH; j++)
        str_printf(&text, ",label %d", j);
    for (int i = 0; i < 4; i++) {
        str_printf(&text, "\n%c.jpg", 'a' + i);
        for (int j = 0; j < WIDTH; j++)
            str_printf(&text, ",%d", (i + j) % 2);
    }
    x = read_text(&f, "wide.csv", str_text(&text), NULL);
    assert_int_equal(x->n, 4);
    assert_int_equal(x->n_labels, WIDTH);
    assert_string_equal(x->label[WIDTH - 1], "label 19999");
    assert_int_equal(x->sample[1].mark[0], 1);
    data_index_free(x);
    str_release(&text);
    made_close(&f);
}

/* Labels of the table, "/" between them. */
static const char *labels_of(const struct made_folder *f, const char *text, const char *delimiter)
{
    static char out[256];
    struct data_source_options opt = { .delimiter = delimiter };
    struct data_index *x = read_text(f, "labels.csv", text, &opt);
    size_t n = 0;

    out[0] = 0;
    for (int j = 0; j < x->n_labels; j++)
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%s", j ? "/" : "", x->label[j]);
    data_index_free(x);
    return out;
}

static void what_parts_labels_is_told_from_the_table(void **state)
{
    static const char bears[] = "image,label\na.jpg,polar bear\nb.jpg,brown bear\nc.jpg,dog\n"
                                "d.jpg,polar bear\ne.jpg,brown bear\nf.jpg,dog\n";
    static const char colours[] = "image,label\na.jpg,red cat\nb.jpg,red dog\nc.jpg,blue cat\n"
                                  "d.jpg,blue dog\ne.jpg,red cat\nf.jpg,red dog\ng.jpg,blue cat\n"
                                  "h.jpg,blue dog\n";
    static const char tench[] = "image,label\na.jpg,\"tench, Tinca tinca\"\nb.jpg,\"tench, Tinca "
                                "tinca\"\nc.jpg,\"cock, rooster\"\nd.jpg,\"cock, rooster\"\n";
    static const char genres[] = "image,labels\na.jpg,N/A\nb.jpg,Drama War\nc.jpg,War\n"
                                 "d.jpg,Drama\ne.jpg,N/A\nf.jpg,Drama War\ng.jpg,War\n"
                                 "h.jpg,Drama\n";
    struct made_folder f;

    (void)state;
    made_pictures(&f);
    assert_string_equal(labels_of(&f, bears, NULL), "brown bear/dog/polar bear");
    assert_string_equal(labels_of(&f, colours, NULL), "blue cat/blue dog/red cat/red dog");
    assert_string_equal(labels_of(&f, colours, " "), "blue/cat/dog/red");
    assert_string_equal(labels_of(&f, tench, NULL), "cock, rooster/tench, Tinca tinca");
    assert_string_equal(labels_of(&f, genres, NULL), "Drama/N/A/War");
    assert_string_equal(labels_of(&f, genres, ""), "Drama/Drama War/N/A/War");
    assert_string_equal(labels_of(&f, "image,label\na.jpg,x::y\nb.jpg,y\nc.jpg,\n", "::"), "x/y");
    made_close(&f);
}

static const struct data_sample *find(const struct data_index *x, const char *name)
{
    for (int i = 0; i < x->n; i++) {
        if (!strcmp(x->sample[i].name, name))
            return &x->sample[i];
    }
    fail_msg("no sample is called %s", name);
    return NULL;
}

static void names_lead_to_files(void **state)
{
    static const char *const files[] = {
        "t/1.jpg", "t/images/2.jpg", "t/images/3.JPG", "t/4.png", "t/deep/5.jpg", "6.jpg", "7",
        "t/8.jpg", "t/10.jpg", "else/9.jpg", NULL
    };
    static const char *const want[][2] = {
        { "1.jpg", "t/1.jpg" }, { "2.jpg", "t/images/2.jpg" }, { "3.JPG", "t/images/3.JPG" },
        { "4.png", "t/4.png" }, { "deep/5.jpg", "t/deep/5.jpg" }, { "../6.jpg", "6.jpg" },
        { "8.jpg", "t/8.jpg" }, { "10.jpg", "t/10.jpg" },
    };
    struct data_source_options images = { 0 };
    struct made_folder f;
    struct data_index *x;
    char text[1024];

    (void)state;
    made_open(&f);
    for (int i = 0; files[i]; i++)
        made_text(&f, files[i], "");
    snprintf(text, sizeof text, "id,label\n1,a\n2,b\n3,a\n./4,b\ns3://x/y/deep/5.jpg,a\n../6,b\n"
             "%s/7,a\nhttps://example.org/z/8.jpg,b\n/gone/10.jpg,a\n", f.path);
    x = read_text(&f, "t/t.csv", text, NULL);
    assert_int_equal(x->n, 9);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct stat a, b;

        assert_int_equal(stat(find(x, want[i][0])->path, &a), 0);
        assert_int_equal(stat(made_path(&f, want[i][1]), &b), 0);
        assert_true(a.st_ino == b.st_ino);
    }
    assert_string_equal(find(x, made_path(&f, "7"))->path, made_path(&f, "7"));
    data_index_free(x);
    images.images = made_path(&f, "else");
    made_text(&f, "else/1.jpg", "");
    x = read_text(&f, "t/t.csv", "id,cat\n9,1\n9.jpg,1\n1.jpg,0\n2,0\n", &images);
    assert_int_equal(x->n, 2);
    assert_string_equal(x->sample[0].path, made_path(&f, "else/1.jpg"));
    data_index_free(x);
    made_close(&f);
}

static void what_is_missing_is_left_out_and_noted(void **state)
{
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_pictures(&f);
    assert_int_equal(mkfifo(made_path(&f, "pipe.jpg"), 0600), 0);
    x = read_text(&f, "t.csv", "filename,cat\na.jpg,1\ngone.jpg,1\nb.jpg,0\npipe.jpg,1\n", NULL);
    assert_int_equal(x->n, 2);
    assert_int_equal(x->n_skipped, 2);
    assert_string_equal(x->skipped[0].path, made_path(&f, "gone.jpg"));
    assert_string_equal(x->skipped[0].why, "missing");
    assert_string_equal(x->skipped[1].why, "no regular file");
    data_index_free(x);
    refused(&f, "t.csv", "filename,cat\nx.jpg,1\ny.jpg,0\n", NULL,
            "none of the 2 files is there: 'x.jpg' is neither beside it nor in images/");
    refused(&f, "t.csv", "filename,cat\nx.jpg,1\ny.jpg,0\n",
            &(struct data_source_options){ .images = "/nowhere" }, "'x.jpg' is not in /nowhere/");
    refused(&f, "t.jsonl", "{\"file_name\":\"x.jpg\",\"label\":\"a\"}\n", NULL,
            "none of the 1 files is there");
    made_close(&f);
}

static void rows_may_repeat_but_not_contradict(void **state)
{
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_pictures(&f);
    x = read_text(&f, "t.csv", "filename,labels\na.jpg,cat|dog\nb.jpg,dog\n./a.jpg,dog | cat\n"
                  "c.jpg,\n", NULL);
    assert_int_equal(x->n, 3);
    data_index_free(x);
    x = read_text(&f, "t.csv", "filename,cat,dog\na,1,0\nb.jpg,0,1\na.jpg,1,0\nc,1,0\nd,0,1\n",
                  NULL);
    assert_int_equal(x->n, 4);
    data_index_free(x);
    refused(&f, "t.csv", "filename,cat,dog\na,1,0\nb.jpg,0,1\na.jpg,1,1\n", NULL,
            "a.jpg' is told otherwise in line 2");
    refused(&f, "t.csv", "filename,cat,split\na,1,train\nb.jpg,0,\na.jpg,1,test\n", NULL,
            "line 4: ");
    refused(&f, "t.csv", "filename,label\na,x\nb,y\nc,x\nd,y\ne,x\nf,y\ng,x\nh,y\na,x\nb,y\nc,x\n"
            "a,y\n", NULL, "line 13: '");
    refused(&f, "t.csv", "path,label,confidence\na,x,1\nb,y,1\na,x,0\n", NULL,
            "'a.jpg' is said to");
    refused(&f, "t.jsonl", "{\"file_name\":\"a\",\"label\":\"x\"}\n{\"file_name\":\"b\",\"label\":"
            "\"y\"}\n{\"file_name\":\"a.jpg\",\"label\":\"y\"}\n", NULL, "line 3: '");
    made_close(&f);
}

static void the_labels_column_may_be_named(void **state)
{
    static const char table[] = "image,species,male\na.jpg,dog,1\nb.jpg,cat,0\nc.jpg,dog,0\n"
        "d.jpg,cat,1\n";
    static const char lines[] = "{\"image\":\"a.jpg\",\"species\":\"dog\",\"male\":1}\n"
        "{\"image\":\"b.jpg\",\"species\":\"cat\",\"male\":0}\n"
        "{\"image\":\"c.jpg\",\"species\":\"dog\",\"male\":0}\n"
        "{\"image\":\"d.jpg\",\"species\":\"cat\",\"male\":1}\n";
    static const struct data_source_options species = { .label = "species" };
    static const struct data_source_options nope = { .label = "nope" };
    struct made_folder f;

    (void)state;
    made_pictures(&f);
    for (int json = 0; json < 2; json++) {
        const char *name = json ? "t.jsonl" : "t.csv", *text = json ? lines : table;
        struct data_index *x = read_text(&f, name, text, &species);
        struct str told = { 0 };

        assert_int_equal(x->task, DATA_SINGLE);
        assert_string_equal(x->label[0], "cat");
        assert_string_equal(x->columns,
                            "file names in 'image', labels in 'species'; passed over: male");
        assert_null(x->passed);
        data_index_tell_skipped(x, &told);
        assert_int_equal(told.len, 0);
        data_index_free(x);
        /* Told by what they hold: what might have been meant is said. */
        x = read_text(&f, name, text, NULL);
        assert_string_equal(x->label[0], "male");
        assert_string_equal(x->columns,
                            "file names in 'image', labels in 'male'; passed over: species");
        assert_string_equal(x->passed, "species");
        data_index_tell_skipped(x, &told);
        assert_non_null(strstr(str_text(&told), "--label COLUMN"));
        str_release(&told);
        data_index_free(x);
        refused(&f, name, text, &nope, "called 'nope'; the");
        refused(&f, name, text, &nope, "are: image, species, male");
    }
    refused(&f, "t.csv", "image,species,site\na.jpg,cat,x\nb.jpg,dog,y\n", NULL,
            "--label COLUMN says which it is; the columns are: image, species, site");
    refused(&f, "t.csv", "image,species,age\na.jpg,cat,1\nb.jpg,dog,0\nc.jpg,dog,7\n", NULL,
            "'age' holds '7'");
    refused(&f, "t.csv", "image,species,age\na.jpg,cat,1\nb.jpg,dog,0\nc.jpg,dog,7\n", NULL,
            "--label COLUMN");
    refused(&f, "t.jsonl", "{\"image\":\"a.jpg\",\"x\":\"cat\",\"y\":\"b\"}\n", NULL,
            "--label KEY says which it is; the keys are: image, x, y");
    refused(&f, "t.csv", "a.jpg,cat\nb.jpg,dog\n", &species, "no names of columns");
    made_close(&f);
}

static void an_empty_column_of_labels_is_named(void **state)
{
    static const struct data_source_options whatever = { .whatever = true };
    static const char table[] = "image,Labels\na.jpg,\nb.jpg,\n";
    struct made_folder f;

    (void)state;
    made_pictures(&f);
    refused(&f, "t.csv", table, NULL, "the column 'Labels' is empty in every row");
    data_index_free(read_text(&f, "t.csv", table, &whatever));
    made_close(&f);
}

static void numbers_and_texts_that_come_once_are_no_labels(void **state)
{
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_pictures(&f);
    x = read_text(&f, "t.csv", "image,width,caption,site,male\na.jpg,224,x,n,1\nb.jpg,224,y,s,0\n"
                  "c.jpg,99,z,n,0\nd.jpg,99,w,s,1\n", NULL);
    assert_string_equal(x->columns, "file names in 'image', labels in 'male'; passed over: width, "
                        "caption, site");
    assert_string_equal(x->passed, "site");
    data_index_free(x);
    x = read_text(&f, "t.csv", "image,label,site\na.jpg,a,n\nb.jpg,b,s\nc.jpg,a,n\nd.jpg,b,s\n",
                  NULL);
    assert_string_equal(x->columns, "file names in 'image', labels in 'label'; passed over: site");
    assert_null(x->passed);
    data_index_free(x);
    made_close(&f);
}

static void words_for_parts(void **state)
{
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_pictures(&f);
    x = read_text(&f, "t.csv", "filename,cat,split\na,1,Train\nb,0,TRAINING\nc,0,unassigned\nd,1,\n"
                  "e,1,Valid\nf,0,validation\ng,1,val\nh,0,Test\n", NULL);
    assert_int_equal(x->sample[1].split, DATA_TRAIN);
    assert_int_equal(x->sample[2].split, DATA_UNSPLIT);
    assert_int_equal(x->sample[3].split, DATA_UNSPLIT);
    for (int i = 4; i < 7; i++)
        assert_int_equal(x->sample[i].split, DATA_VAL);
    assert_int_equal(x->sample[7].split, DATA_TEST);
    data_index_free(x);
    refused(&f, "t.csv", "filename,cat,split\na,1,train\nb,0,holdout\n", NULL,
            "line 3: 'holdout' is no part");
    refused(&f, "t.csv", "filename,cat,is_valid\na,1,True\nb,0,maybe\n", NULL, "line 3: is_valid");
    refused(&f, "t.csv", "DEV,gs://b/a.jpg,cat\nTEST,gs://b/b.jpg,dog\n", NULL,
            "line 1: 'DEV' is no part");
    refused(&f, "t.jsonl", "{\"file_name\":\"a\",\"label\":\"x\",\"split\":\"later\"}\n", NULL,
            "line 1: 'later' is no part");
    made_close(&f);
}

static void a_column_may_name_groups(void **state)
{
    struct data_source_options opt = { .group = "Patient" };
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_pictures(&f);
    x = read_text(&f, "t.csv", "filename,patient,label\na,7,x\nb,7,y\nc,,x\nd,8,y\n", &opt);
    assert_int_equal(x->n_labels, 2);
    assert_string_equal(x->sample[0].group, "7");
    assert_string_equal(x->sample[1].group, "7");
    assert_null(x->sample[2].group);
    assert_string_equal(x->sample[3].group, "8");
    data_index_free(x);
    opt.group = "patient";
    x = read_text(&f, "t.jsonl", "{\"file_name\":\"a\",\"patient\":7,\"label\":\"x\"}\n"
                  "{\"file_name\":\"b\",\"patient\":\"n7\",\"label\":\"y\"}\n"
                  "{\"file_name\":\"c\",\"label\":\"x\"}\n{\"file_name\":\"d\",\"label\":\"y\"}\n",
                  &opt);
    assert_string_equal(x->sample[0].group, "7");
    assert_string_equal(x->sample[1].group, "n7");
    assert_null(x->sample[2].group);
    data_index_free(x);
    made_close(&f);
}

static void a_models_labels_rule(void **state)
{
    static const char *const labels[] = { "wolf", "dog", "cat" };
    struct data_source_options opt = { .n_labels = 3, .labels = labels };
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_pictures(&f);
    x = read_text(&f, "t.csv", "image;cat;dog\na.jpg;1;0\n", &opt);
    assert_int_equal(x->n_labels, 3);
    assert_memory_equal(x->sample[0].mark, "\xff\0\1", 3);      /* no column: unknown */
    data_index_free(x);
    x = read_text(&f, "t.csv", "image,labels\na.jpg,cat dog\nb.jpg,dog\nc.jpg,cat\n", &opt);
    assert_memory_equal(x->sample[0].mark, "\0\1\1", 3);        /* not listed: no */
    data_index_free(x);
    refused(&f, "t.csv", "image,cat,cow\na.jpg,1,0\n", &opt,
            "line 1: class 'cow' is not among the 3 labels");
    refused(&f, "t.csv", "image,label\na.jpg,cat\nb.jpg,cow\n", &opt,
            "line 3: class 'cow' is not among the 3 labels");
    made_close(&f);
}

static void errors_name_file_and_line(void **state)
{
    struct made_folder f;

    (void)state;
    made_pictures(&f);
    refused(&f, "t.csv", "", NULL, "empty file");
    refused(&f, "t.csv", "cat,dog,cow\n1,0,1\n", NULL, "line 1: no names of columns");
    refused(&f, "t.csv", "file\na.jpg\n", NULL, "line 1: no column for the labels");
    refused(&f, "t.csv", "file,when,where\na.jpg,noon,here\nb.jpg,night,there\n", NULL,
            "line 1: no column for the labels: none is called label");
    refused(&f, "t.csv", "file,a,a\na.jpg,1,0\n", NULL, "line 1: two columns are called 'a'");
    refused(&f, "t.csv", "file,a,,b\na.jpg,1,1,0\n", NULL, "line 1: column 3 has no name");
    refused(&f, "t.csv", "file,a,b\na.jpg,1\n", NULL, "line 2: 2 cells where the first line has 3");
    refused(&f, "t.csv", "file,a,b\na.jpg,1,0\nb.jpg,2,0\nc.jpg,0,1\n", NULL,
            "line 3: 'a' holds '2'");
    refused(&f, "t.csv", "file,a\n,1\n", NULL, "line 2: no file name");
    refused(&f, "t.csv", "a.jpg,1,0\nb.jpg,0,1\n", NULL, "line 1: no names of columns");
    refused(&f, "t.csv", "path,label,confidence\na,x,high\n", NULL, "line 2: 'high' is no confid");
    refused(&f, "t.csv", "file,label\na.jpg,\"cat\n", NULL, "line 2: a quote is never closed");
    refused(&f, "t.jsonl", "{\"file_name\":\"a.jpg\",\"label\":\"x\"}\n{\"file_name\":\n", NULL,
            "line 2: ");
    refused(&f, "t.jsonl", "{\"file_name\":\"a.jpg\",\"label\":1.5}\n", NULL, "line 1: labels are");
    refused(&f, "t.jsonl", "{\"file_name\":\"a.jpg\",\"width\":640}\n", NULL,
            "no key for the labels");
    refused(&f, "t.jsonl", "{\"file_name\":\"a.jpg\",\"label\":\"x\"}\n{\"label\":\"y\"}\n", NULL,
            "line 2: no file_name");
    refused(&f, "t.jsonl", "{\"file_name\":\"a.jpg\",\"label\":\"x\"}\n[]\n", NULL,
            "line 2: not an object");
    refused(&f, "t.json", "[{\"file_name\":\"a.jpg\",\"label\":\"x\"} {}]\n", NULL,
            "line 1: '{' where a comma should be");
    refused(&f, "t.json", "{\"images\":[{\"id\":1,\"file_name\":\"a.jpg\"}],\"annotations\":"
            "[{\"image_id\":2,\"category_id\":1}],\"categories\":[]}", NULL, "there is no image 2");
    refused(&f, "t.json", "{\"images\":[{\"id\":1,\"file_name\":\"a.jpg\"}],\n\"annotations\":"
            "[{\"image_id\":1,\"category_id\":7}],\"categories\":[]}", NULL,
            "line 2: there is no category 7");
    refused(&f, "t.json", "{\"images\":[{\"id\":1,\"file_name\":\"a.jpg\"},\n{\"id\":1,"
            "\"file_name\":\"b.jpg\"}]}", NULL, "lines 1 and 2: two images have the id 1");
    refused(&f, "t.json", "{\"images\":[{\"file_name\":\"a.jpg\"}]}", NULL, "no number called id");
    made_close(&f);
}

static void long_json_is_read_piece_by_piece(void **state)
{
    enum { BYTES = 6 << 20 };
    static const char head[] = "{\"file_name\":\"a.jpg\",\"label\":\"";
    static const char many[] = "{\"info\":[1,2,3.5,\"a\",[[]],{}],\"images\":[";
    char *text = malloc(BYTES + 1);
    struct made_folder f;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', BYTES);
    memcpy(text, head, sizeof head - 1);
    memcpy(text + BYTES - 2, "\"}", 3);
    made_pictures(&f);
    refused(&f, "t.jsonl", text, NULL, "line 1: a JSON value of more than 4194304 bytes");
    /* many small ones are another matter */
    memset(text, ' ', BYTES);
    memcpy(text, many, sizeof many - 1);
    memcpy(text + BYTES - 7, "],\"x\":1", 8);
    refused(&f, "t.json", text, NULL, "the file ends where a comma should be");
    free(text);
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_label_or_two_as_the_data_say),
        cmocka_unit_test(rows_with_nothing_in_them_are_passed_over),
        cmocka_unit_test(a_first_row_of_any_length_names_the_columns),
        cmocka_unit_test(what_parts_labels_is_told_from_the_table),
        cmocka_unit_test(names_lead_to_files),
        cmocka_unit_test(what_is_missing_is_left_out_and_noted),
        cmocka_unit_test(rows_may_repeat_but_not_contradict),
        cmocka_unit_test(the_labels_column_may_be_named),
        cmocka_unit_test(an_empty_column_of_labels_is_named),
        cmocka_unit_test(numbers_and_texts_that_come_once_are_no_labels),
        cmocka_unit_test(words_for_parts),
        cmocka_unit_test(a_column_may_name_groups),
        cmocka_unit_test(a_models_labels_rule),
        cmocka_unit_test(errors_name_file_and_line),
        cmocka_unit_test(long_json_is_read_piece_by_piece),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
