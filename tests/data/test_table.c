/*
 * table: the same facts in any form of table or JSON give the same index, and what is written
 * reads back
 */
#include "tests/data/made.h"

#include "data/rows.h"
#include "data/source.h"
#include "data/table.h"
#include "nn/base/str.h"

/* ---- facts ----------------------------------------------------------------------------------- */

static const char *const label_names[] = { "cat", "dog", "indoors" };
enum { LABELS = 3, PICTURES = 8 };

static const struct fact {
    const char *name;
    int8_t multi[LABELS], masked[LABELS];       /* without unknown labels, and with */
    int single;
    enum data_split split;
} facts[PICTURES] = {
    { "a.jpg", { 1, 0, 1 }, { 1, 0, 1 }, 0, DATA_TRAIN },
    { "b.jpg", { 0, 1, 0 }, { 0, 1, -1 }, 1, DATA_TRAIN },
    { "c.jpg", { 0, 0, 0 }, { 0, 0, 0 }, 2, DATA_TRAIN },
    { "d.jpg", { 1, 1, 0 }, { 1, 1, 0 }, 0, DATA_TRAIN },
    { "e.jpg", { 0, 0, 1 }, { -1, -1, 1 }, 1, DATA_TRAIN },
    { "f.jpg", { 1, 0, 0 }, { 1, 0, 0 }, 2, DATA_TRAIN },
    { "g.jpg", { 0, 1, 0 }, { 0, 1, 0 }, 0, DATA_VAL },
    { "h.jpg", { 1, 1, 1 }, { 1, 1, 1 }, 1, DATA_TEST },
};

enum what { MULTI, MASKED, SINGLE };
enum parts { NONE, HELD, ALL };         /* no parts; test counts as val; as they are */

static const char *base_of(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash ? slash + 1 : name;
}

static enum data_split split_of(const struct fact *f, enum parts parts)
{
    return parts == NONE ? DATA_UNSPLIT
                         : parts == HELD && f->split == DATA_TEST ? DATA_VAL : f->split;
}

static void check_sample(const struct fact *f, const struct data_sample *s, enum what what,
                         enum parts parts)
{
    assert_string_equal(base_of(s->path), f->name);
    assert_int_equal(s->split, split_of(f, parts));
    if (what == SINGLE) {
        assert_int_equal(s->label, f->single);
        assert_null(s->mark);
    } else {
        assert_memory_equal(s->mark, what == MULTI ? f->multi : f->masked, LABELS);
    }
}

static void check_facts(const struct data_index *x, enum what what, enum parts parts)
{
    assert_int_equal(x->n, PICTURES);
    assert_int_equal(x->n_labels, LABELS);
    assert_int_equal(x->task, what == SINGLE ? DATA_SINGLE : DATA_MULTI);
    for (int j = 0; j < LABELS; j++)
        assert_string_equal(x->label[j], label_names[j]);
    for (int i = 0; i < PICTURES; i++) {
        int found = 0;

        for (int k = 0; k < PICTURES; k++) {
            if (strcmp(base_of(x->sample[k].name), facts[i].name))
                continue;
            check_sample(&facts[i], &x->sample[k], what, parts);
            found++;
        }
        assert_int_equal(found, 1);
    }
}

/* ---- opening --------------------------------------------------------------------------------- */

static struct data_index *opened(const struct made_folder *f, const char *name,
                                 const struct data_source_options *opt)
{
    struct err err = { 0 };
    struct data_index *x = data_index_open(made_path(f, name), opt, &err);

    if (!x)
        fail_msg("%s", err.msg);
    return x;
}

/* The text as a file, read. */
static struct data_index *read_text(const struct made_folder *f, const char *name, const char *text,
                                    const struct data_source_options *opt)
{
    made_text(f, name, text);
    return opened(f, name, opt);
}

static void refused(const struct made_folder *f, const char *name, const char *text,
                    const struct data_source_options *opt, const char *word)
{
    struct err err = { 0 };

    made_text(f, name, text);
    assert_null(data_index_open(made_path(f, name), opt, &err));
    if (err.kind != ERR_INPUT || !strstr(err.msg, word) || !strstr(err.msg, name) ||
        strchr(err.msg, '\n'))
        fail_msg("kind %d, \"%s\" lacks \"%s\"", err.kind, err.msg, word);
}

/* Empty files called as the facts are. */
static void made_pictures(struct made_folder *f)
{
    made_open(f);
    for (int i = 0; i < PICTURES; i++)
        made_text(f, facts[i].name, "");
}

/* ---- the forms ------------------------------------------------------------------------------- */

static const struct form {
    const char *name, *source;          /* of the file; the layout that it must be taken for */
    enum what what;
    enum parts parts;
    const char *text;
} forms[] = {
    { "1.csv", "cells", SINGLE, NONE, "path,label\n" "a.jpg,cat\nb.jpg,dog\nc.jpg,indoors\n"
      "d.jpg,cat\ne.jpg,dog\nf.jpg,indoors\ng.jpg,cat\nh.jpg,dog\n" },
    { "1-bare.csv", "cells", SINGLE, NONE, "a.jpg,cat\nb.jpg,dog\nc.jpg,indoors\n"
      "d.jpg,cat\ne.jpg,dog\nf.jpg,indoors\ng.jpg,cat\nh.jpg,dog\n" },
    { "1.txt", "cells", SINGLE, NONE, "a.jpg cat\nb.jpg dog\nc.jpg indoors\n"
      "d.jpg cat\ne.jpg dog\nf.jpg indoors\ng.jpg cat\nh.jpg dog\n" },
    { "2.csv", "cells", SINGLE, ALL, "path,label,split\n" "a.jpg,cat,train\nb.jpg,dog,train\n"
      "c.jpg,indoors,train\nd.jpg,cat,train\ne.jpg,dog,train\nf.jpg,indoors,train\n"
      "g.jpg,cat,valid\nh.jpg,dog,test\n" },
    { "2-bare.csv", "cells", SINGLE, ALL, "train,a.jpg,cat\n" "train,b.jpg,dog\n"
      "train,c.jpg,indoors\ntrain,d.jpg,cat\ntrain,e.jpg,dog\ntrain,f.jpg,indoors\n"
      "val,g.jpg,cat\ntest,h.jpg,dog\n" },
    { "2-semicolon.csv", "cells", SINGLE, ALL, "\xef\xbb\xbf" "Split;Klasse;Image Path\r\n"
      "train;cat;a.jpg\r\ntrain;dog;b.jpg\r\nTRAIN;indoors;c.jpg\r\ntrain;cat;d.jpg\r\n"
      "train;dog;e.jpg\r\ntrain;indoors;f.jpg\r\nVal;cat;g.jpg\r\ntest;dog;h.jpg" },
    { "3.csv", "csv", MULTI, ALL, "filename,cat,dog,indoors,split\n" "a.jpg,1,0,1,train\n"
      "b.jpg,0,1,0,train\nc.jpg,0,0,0,train\nd.jpg,1,1,0,train\ne.jpg,0,0,1,train\n"
      "f.jpg,1,0,0,train\ng.jpg,0,1,0,validation\nh.jpg,1,1,1,test\n" },
    { "3-masked.csv", "csv", MASKED, ALL, "split\tfilename\tindoors\tcat\tdog\r"
      "train\ta.jpg\t1\t1\t0\rtrain\tb.jpg\t\t0\t1\rtrain\tc.jpg\t0\t0\t0\rtrain\td.jpg\t0\t1\t1\r"
      "train\te.jpg\t1\t-1\t\rtrain\tf.jpg\t0\t1\t0\rvalid\tg.jpg\t0.0\t0.0\t1.0\r"
      "test\th.jpg\tTrue\ttrue\t1\r" },
    { "3-single.csv", "csv", SINGLE, NONE, ",image,cat,dog,indoors,width\n" "0,a.jpg,1,0,0,640\n"
      "1,b.jpg,0,1,0,640\n2,c.jpg,0,0,1,640\n3,d.jpg,1,0,0,640\n4,e.jpg,0,1,0,640\n"
      "5,f.jpg,0,0,1,480\n6,g.jpg,1,0,0,480\n7,h.jpg,0,1,0,480\n" },
    { "3-celeba.txt", "csv", MULTI, NONE, "8\ncat dog indoors \n" "a.jpg  1 -1  1\n"
      "b.jpg -1  1 -1\nc.jpg -1 -1 -1\nd.jpg  1  1 -1\ne.jpg -1 -1  1\nf.jpg  1 -1 -1\n"
      "g.jpg -1  1 -1\nh.jpg  1  1  1\n" },
    { "4-space.csv", "cells", MULTI, ALL, "fname,labels,split\n" "a.jpg,cat indoors,train\n"
      "b.jpg,dog,train\nc.jpg,,train\nd.jpg,dog cat,train\ne.jpg,indoors,train\n"
      "f.jpg,cat,train\ng.jpg,dog,val\nh.jpg,dog cat indoors,test\n" },
    { "4-bar.csv", "cells", MULTI, ALL, "fname,labels,split\n" "a.jpg,cat|indoors,train\n"
      "b.jpg,dog,train\nc.jpg,,train\nd.jpg,dog | cat,train\ne.jpg,indoors,train\n"
      "f.jpg,cat|,train\ng.jpg,dog,val\nh.jpg,dog|cat|indoors,test\n" },
    { "4-comma.csv", "cells", MULTI, ALL, "fname,tags,split\n" "a.jpg,\"cat, indoors\",train\n"
      "b.jpg,dog,train\nc.jpg,,train\nd.jpg,\"dog,cat\",train\ne.jpg,indoors,train\n"
      "f.jpg,cat,train\ng.jpg,dog,val\nh.jpg,\"dog,cat,indoors\",test\n" },
    { "4-bare.csv", "cells", MULTI, ALL, "a.jpg,cat/indoors,train\n"
      "b.jpg,dog,train\nc.jpg,,train\nd.jpg,dog/cat,train\ne.jpg,indoors,train\n"
      "f.jpg,cat,train\ng.jpg,dog,val\nh.jpg,dog/cat/indoors,test\n" },
    { "5.csv", "long", MULTI, ALL, "path,label,split\n" "a.jpg,cat,train\na.jpg,indoors,train\n"
      "b.jpg,dog,train\nc.jpg,,train\nd.jpg,cat,train\nd.jpg,dog,train\ne.jpg,indoors,train\n"
      "f.jpg,cat,train\ng.jpg,dog,val\nh.jpg,cat,test\nh.jpg,dog,test\nh.jpg,indoors,test\n" },
    { "5-open-images.csv", "long", MASKED, NONE, "ImageID,Source,LabelName,Confidence\n"
      "a,verification,cat,1\na,verification,dog,0\na,verification,indoors,1\nb,v,cat,0\nb,v,dog,1\n"
      "c,v,cat,0\nc,v,dog,0\nc,v,indoors,0\nd,v,cat,1.0\nd,v,dog,0.9\nd,v,indoors,0\n"
      "e,v,indoors,1\ne,v,dog,0.3\nf,v,cat,1\nf,v,dog,0\nf,v,indoors,0\ng,v,dog,1\ng,v,cat,0\n"
      "g,v,indoors,0\nh,v,cat,1\nh,v,dog,1\nh,v,indoors,1\n" },
    { "7.csv", "cells", MULTI, HELD, "fname,labels,is_valid\n" "a.jpg,cat indoors,False\n"
      "b.jpg,dog,False\nc.jpg,,False\nd.jpg,dog cat,False\ne.jpg,indoors,False\n"
      "f.jpg,cat,False\ng.jpg,dog,True\nh.jpg,dog cat indoors,True\n" },
    { "8.csv", "vertex", MULTI, ALL, "TRAIN,gs://bucket/set/a.jpg,cat,indoors\n"
      "TRAIN,gs://bucket/set/b.jpg,dog\nTRAIN,gs://bucket/set/c.jpg\n"
      "TRAINING,gs://bucket/set/d.jpg,cat,dog\nTRAIN,gs://bucket/set/e.jpg,indoors,,\n"
      "train,gs://bucket/set/f.jpg,cat\nVALIDATION,gs://bucket/set/g.jpg,dog\n"
      "TEST,gs://bucket/set/h.jpg,cat,dog,indoors\n" },
    { "8-unassigned.csv", "vertex", MULTI, NONE, "gs://b/a.jpg,cat,indoors\nUNASSIGNED,gs://b/b.jpg"
      ",dog\ngs://b/c.jpg\ngs://b/d.jpg,cat,dog\ngs://b/e.jpg,indoors\ngs://b/f.jpg,cat\n"
      "gs://b/g.jpg,dog\ngs://b/h.jpg,cat,dog,indoors\n" },
#define VIAM(name, labels) "{\"image_path\": \"" name "\", \"timestamp\": \"2024-07-01\"," \
    " \"classification_annotations\": [" labels "]," \
    " \"bounding_box_annotations\": [{\"annotation_label\": \"dog\", \"x_min_normalized\": 0.1}]}\n"
#define TAG(label) "{\"annotation_label\": \"" label "\"}"
    { "9.jsonl", "viam", MULTI, NONE, VIAM("a.jpg", TAG("cat") "," TAG("indoors"))
      VIAM("b.jpg", TAG("dog")) VIAM("./c.jpg", "") VIAM("d.jpg", TAG("cat") "," TAG("dog"))
      VIAM("e.jpg", TAG("indoors")) VIAM("f.jpg", TAG("cat")) VIAM("/robot/data/g.jpg", TAG("dog"))
      VIAM("h.jpg", TAG("cat") "," TAG("dog") "," TAG("indoors")) },
    { "9-vertex.jsonl", "jsonl", SINGLE, ALL,
#define USE(name, label, use) \
      "{\"imageGcsUri\": \"gs://b/" name "\", \"classificationAnnotation\": " \
      "{\"displayName\": \"" label "\"}, \"dataItemResourceLabels\": " \
      "{\"aiplatform.googleapis.com/ml_use\": \"" use "\"}}\n"
      USE("a.jpg", "cat", "training") USE("b.jpg", "dog", "training")
      USE("c.jpg", "indoors", "training") USE("d.jpg", "cat", "training")
      USE("e.jpg", "dog", "training") USE("f.jpg", "indoors", "training")
      USE("g.jpg", "cat", "validation") USE("h.jpg", "dog", "test") },
    { "10.jsonl", "jsonl", MULTI, ALL, "{\"file_name\":\"a.jpg\",\"labels\":[\"cat\",\"indoors\"],"
      "\"split\":\"train\"}\n{\"file_name\":\"b.jpg\",\"labels\":\"dog\",\"split\":\"train\"}\r\n"
      "{\"file_name\":\"c.jpg\",\"labels\":[],\"split\":\"train\"}\n\n"
      "{\"file_name\":\"d.jpg\",\"labels\":[\"dog\",\"cat\"],\"split\":\"train\",\"width\":1}\n"
      "{\"file_name\":\"e.jpg\",\"labels\":{\"indoors\":1,\"cat\":0},\"split\":\"train\"}\n"
      "{\"file_name\":\"f.jpg\",\"tags\":[\"cat\"],\"split\":\"train\"}\n"
      "{\"file_name\":\"g.jpg\",\"labels\":[\"dog\"],\"split\":\"val\"}\n"
      "{\"file_name\":\"h.jpg\",\"labels\":[\"cat\",\"dog\",\"indoors\"],\"split\":\"test\"}" },
    { "10-masked.json", "jsonl", MASKED, NONE, "[{\"image\":\"a\",\"cat\":1,\"dog\":0,"
      "\"indoors\":1},\n{\"image\":\"b\",\"cat\":false,\"dog\":true},"
      "{\"image\":\"c\",\"cat\":0,\"dog\":0,"
      "\"indoors\":0},\n{\"image\":\"d\",\"cat\":1,\"dog\":1,\"indoors\":0},"
      "{\"image\":\"e\",\"cat\":null,\"dog\":-1,\"indoors\":true},"
      "{\"image\":\"f\",\"cat\":1,\"dog\":0,\"indoors\":0,\"width\":640},"
      "{\"image\":\"g\",\"cat\":0,\"dog\":1,\"indoors\":0},"
      "{\"image\":\"h\",\"cat\":1,\"dog\":1,\"indoors\":1}]" },
    { "metadata.csv", "cells", SINGLE, NONE, "file_name,text,label\na.jpg,one,cat\n"
      "b.jpg,two,dog\nc.jpg,\"three, four\",indoors\n"
      "d.jpg,,cat\ne.jpg,six,dog\nf.jpg,seven,indoors\n"
      "g.jpg,eight,cat\nh.jpg,nine,dog\n" },
    { "label-studio.json", "jsonl", MULTI, NONE, "[{\"image\":\"/data/upload/1/a.jpg\",\"id\":1,"
      "\"choice\":{\"choices\":[\"cat\",\"indoors\"]},\"annotator\":1},"
      "{\"image\":\"b.jpg\",\"choice\":\"dog\"},{\"image\":\"c.jpg\"},"
      "{\"image\":\"d.jpg\",\"choice\":{\"choices\":[\"cat\",\"dog\"]}},"
      "{\"image\":\"e.jpg\",\"choice\":\"indoors\"},{\"image\":\"f.jpg\",\"choice\":\"cat\"},"
      "{\"image\":\"g.jpg\",\"choice\":\"dog\"},"
      "{\"image\":\"h.jpg\",\"choice\":{\"choices\":[\"cat\",\"dog\",\"indoors\"]}}]" },
    { "label-studio-whole.json", "jsonl", SINGLE, NONE,
#define TASK(name, label) "{\"id\":7,\"data\":{\"image\":\"/data/upload/1/" name "\"}," \
      "\"annotations\":[{\"result\":[{\"type\":\"choices\"," \
      "\"value\":{\"choices\":[\"" label "\"]}}]}]}"
      "[" TASK("a.jpg", "cat") "," TASK("b.jpg", "dog") "," TASK("c.jpg", "indoors") ","
      TASK("d.jpg", "cat") "," TASK("e.jpg", "dog") "," TASK("f.jpg", "indoors") ","
      TASK("g.jpg", "cat") "," TASK("h.jpg", "dog") "]" },
    { "coco.json", "coco", MULTI, NONE, "{\"info\":{\"year\":2024,\"images\":[]},\"licenses\":[{}],"
      "\"annotations\":[{\"image_id\":1,\"category_id\":5,\"bbox\":[1,2,3.5,4]},"
      "{\"image_id\":1,\"category_id\":9},{\"image_id\":1,\"category_id\":5},"
      "{\"image_id\":2,\"category_id\":7},{\"image_id\":4,\"category_id\":7},"
      "{\"image_id\":4,\"category_id\":5},{\"image_id\":50,\"category_id\":9},"
      "{\"image_id\":6,\"category_id\":5},{\"image_id\":7,\"category_id\":7},"
      "{\"image_id\":8,\"category_id\":5},{\"image_id\":8,\"category_id\":7},"
      "{\"image_id\":8,\"category_id\":9}],"
      "\"categories\":[{\"id\":0,\"name\":\"animals\",\"supercategory\":\"none\"},"
      "{\"id\":9,\"name\":\"indoors\"},{\"id\":7,\"name\":\"dog\"},{\"id\":5,\"name\":\"cat\"}],"
      "\"images\":[{\"id\":1,\"file_name\":\"a.jpg\",\"width\":3},"
      "{\"id\":2,\"file_name\":\"b.jpg\"},"
      "{\"id\":3,\"file_name\":\"c.jpg\"},{\"id\":4,\"file_name\":\"d.jpg\"},"
      "{\"id\":50,\"file_name\":\"e.jpg\"},{\"id\":6,\"file_name\":\"f.jpg\"},"
      "{\"id\":7,\"file_name\":\"g.jpg\"},{\"id\":8,\"file_name\":\"h.jpg\"}]}" },
};

static void the_same_facts_in_any_form_give_the_same_index(void **state)
{
    struct made_folder f;

    (void)state;
    made_pictures(&f);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct data_index *x = read_text(&f, forms[i].name, forms[i].text, NULL);

        print_message("             %s\n", forms[i].name);
        assert_string_equal(x->source, forms[i].source);
        check_facts(x, forms[i].what, forms[i].parts);
        data_index_free(x);
    }
    made_close(&f);
}

static void folders_with_tables_are_one_set(void **state)
{
    static const char *const part[] = { NULL, "train", "valid", "test" };
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_open(&f);
    for (int i = 0; i < PICTURES; i++) {
        char name[64];

        snprintf(name, sizeof name, "%s/%s", part[facts[i].split], facts[i].name);
        made_text(&f, name, "");
    }
    made_text(&f, "train/_classes.csv", "filename, cat, dog, indoors\na.jpg,1,0,1\nb.jpg,0,1,0\n"
              "c.jpg,0,0,0\nd.jpg, 1, 1, 0\ne.jpg,0,0,1\nf.jpg,1,0,0\n");
    made_text(&f, "valid/_classes.csv", "filename, cat, dog, indoors\ng.jpg,0,1,0\n");
    made_text(&f, "test/_classes.csv", "filename, cat, dog, indoors\nh.jpg,1,1,1\n");
    x = opened(&f, "", NULL);
    assert_string_equal(x->source, "roboflow");
    check_facts(x, MULTI, ALL);
    assert_string_equal(x->sample[0].name, "test/h.jpg");
    data_index_free(x);
    x = opened(&f, "train/_classes.csv", NULL);
    assert_string_equal(x->source, "roboflow");
    assert_int_equal(x->n, 6);
    assert_int_equal(x->sample[0].split, DATA_UNSPLIT);
    assert_string_equal(x->sample[0].name, "a.jpg");
    data_index_free(x);
    x = opened(&f, "train", NULL);
    assert_int_equal(x->n, 6);
    data_index_free(x);
    made_close(&f);
}

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
            y = opened(&f, "written", NULL);
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
    y = opened(&f, "out/here/t.csv", NULL);
    assert_int_equal(y->n, 2);
    assert_string_equal(y->sample[0].name, "../../set/images/a.jpg");
    assert_string_equal(y->sample[1].name, "../../set/images/deep/b.jpg");
    data_index_free(y);
    assert_true(data_source_roboflow.write(x, made_path(&f, "robo"), &err));
    y = opened(&f, "robo", NULL);
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
    x = read_text(&f, forms[6].name, forms[6].text, NULL);
    assert_true(data_source_roboflow.write(x, made_path(&f, "robo"), &err));
    y = opened(&f, "robo", NULL);
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
        cmocka_unit_test(the_same_facts_in_any_form_give_the_same_index),
        cmocka_unit_test(folders_with_tables_are_one_set),
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
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_table_elsewhere_leads_to_the_pictures),
        cmocka_unit_test(parts_become_folders_with_tables),
        cmocka_unit_test(what_a_form_cannot_say_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
