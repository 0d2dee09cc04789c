/*
 * table: the same facts in any form of table or JSON give the same index
 */
#include "tests/data/table.h"

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
    { "3.csv", "csv", MULTI, ALL, TABLE_CSV },
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
    x = made_opened(made_path(&f, ""), NULL);
    assert_string_equal(x->source, "roboflow");
    check_facts(x, MULTI, ALL);
    assert_string_equal(x->sample[0].name, "test/h.jpg");
    data_index_free(x);
    x = made_opened(made_path(&f, "train/_classes.csv"), NULL);
    assert_string_equal(x->source, "roboflow");
    assert_int_equal(x->n, 6);
    assert_int_equal(x->sample[0].split, DATA_UNSPLIT);
    assert_string_equal(x->sample[0].name, "a.jpg");
    data_index_free(x);
    x = made_opened(made_path(&f, "train"), NULL);
    assert_int_equal(x->n, 6);
    data_index_free(x);
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_facts_in_any_form_give_the_same_index),
        cmocka_unit_test(folders_with_tables_are_one_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
