/*
 * arrays: MNIST's and CIFAR's files are pictures at offsets, and no header is believed
 */
#include "tests/data/made.h"

#include "data/index.h"
#include "data/source/arrays.h"

static void refused(const char *path, const char *word)
{
    struct err err = { 0 };

    assert_null(data_index_open(path, NULL, &err));
    if (!strstr(err.msg, word))
        fail_msg("\"%s\" lacks \"%s\"", err.msg, word);
}

/* n pictures of 3x2 whose pixel p is 16 * i + p, and labels i % 2 + 4. */
static void made_idx(const struct made_folder *f, const char *images, const char *labels, int n)
{
    uint8_t b[1024] = { 0, 0, 8, 3 }, l[64] = { 0, 0, 8, 1 };

    made_be32(b + 4, (uint32_t)n);
    made_be32(b + 8, 2);
    made_be32(b + 12, 3);
    made_be32(l + 4, (uint32_t)n);
    for (int i = 0; i < n; i++) {
        l[8 + i] = (uint8_t)(4 + i % 2);
        for (int p = 0; p < 6; p++)
            b[16 + 6 * i + p] = (uint8_t)(16 * i + p);
    }
    if (images)
        made_file(f, images, b, 16 + 6 * (size_t)n);
    if (labels)
        made_file(f, labels, l, 8 + (size_t)n);
}

static void idx_pictures_are_where_they_are(void **state)
{
    struct made_folder f;
    struct data_index *x;
    struct data_image m;
    struct err err;
    uint64_t first;

    (void)state;
    made_open(&f);
    made_idx(&f, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", 6);
    made_idx(&f, "t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte", 4);
    made_text(&f, "train-images-idx3-ubyte.gz", "\x1f\x8b");
    x = made_opened(f.path, NULL);
    assert_string_equal(x->source, "idx");
    assert_true(x->n == 10 && x->n_labels == 2 && x->task == DATA_SINGLE);
    assert_string_equal(x->label[1], "5");
    assert_string_equal(x->sample[3].name, "t10k-images.idx3-ubyte#00003");
    assert_int_equal(x->sample[3].split, DATA_TEST);
    assert_string_equal(x->sample[6].name, "train-images-idx3-ubyte#00002");
    assert_int_equal(x->sample[6].split, DATA_TRAIN);
    assert_int_equal(x->sample[6].label, 0);
    assert_true(data_sample_image(&x->sample[6], NULL, &m, &err));
    assert_true(m.width == 3 && m.height == 2);
    for (int p = 0; p < 18; p++)
        assert_int_equal(m.pixel[p], 32 + p / 3);
    data_image_release(&m);
    assert_true(data_index_hash(x, 2, &err));
    first = x->sample[4].hash;
    assert_true(first && first == x->sample[0].hash && first != x->sample[5].hash);
    data_index_free(x);
    x = made_opened(made_path(&f, "train-images-idx3-ubyte"), NULL);
    assert_int_equal(x->n, 6);
    made_text(&f, "train-images-idx3-ubyte", "cut");
    assert_false(data_sample_image(&x->sample[5], NULL, &m, &err));
    assert_non_null(strstr(err.msg, "ends in the middle"));
    data_index_free(x);
    made_close(&f);
}

static void idx_files_that_do_not_fit_are_refused(void **state)
{
    struct made_folder f;

    (void)state;
    made_open(&f);
    made_text(&f, "train-images-idx3-ubyte.gz", "\x1f\x8b");
    refused(f.path, "gunzip it");
    refused(made_path(&f, "train-images-idx3-ubyte.gz"), "gunzip");
    made_idx(&f, "train-images-idx3-ubyte", NULL, 6);
    refused(f.path, "its labels are not there");
    made_idx(&f, NULL, "train-labels-idx1-ubyte", 5);
    refused(f.path, "6 pictures, but 5 labels");
    refused(made_path(&f, "train-labels-idx1-ubyte"), "give the file of pictures");
    made_idx(&f, NULL, "train-labels-idx1-ubyte", 6);
    data_index_free(made_opened(f.path, NULL));
    assert_int_equal(truncate(made_path(&f, "train-images-idx3-ubyte"), 50), 0);
    refused(f.path, "6 pictures of 3x2 are 52 bytes, but it has 50");
    made_close(&f);
}

static void idx_headers_are_not_believed(void **state)
{
    static const struct { uint8_t head[16]; uint64_t bytes; const char *why; } bad[] = {
        { { 0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 255, 255, 0, 0, 255, 255 }, 16, "no sense" },
        { { 0, 0, 8, 3, 16, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 1 }, 16, "no sense" },
        { { 0, 0, 8, 3, 16, 0, 0, 0, 0, 0, 255, 255, 0, 0, 255, 255 }, 16, "but it has 16" },
        { { 0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1 }, 16, "no sense" },
        { { 0, 0, 13, 3 }, 16, "type 0x0d" },
        { { 0, 0, 8, 4 }, 16, "4 dimensions" },
        { { 1, 0, 8, 3 }, 16, "not an idx file" },
    };
    struct data_raw raw;
    struct err err;
    int n;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(data_idx_images(bad[i].head, 16, bad[i].bytes, &n, &raw, &err));
        if (!strstr(err.msg, bad[i].why))
            fail_msg("\"%s\" lacks \"%s\"", err.msg, bad[i].why);
    }
    for (size_t size = 0; size < 16; size++)
        assert_false(data_idx_images(bad[2].head, size, size, &n, &raw, &err));
    assert_false(data_idx_labels((const uint8_t[]){ 0, 0, 8, 1, 255, 255, 255, 255 }, 8, 8, &n,
                                 &err));
}

/* n records whose label is i % 2 and whose channels are i, 100 + i and 200 + i. */
static void made_cifar(const struct made_folder *f, const char *name, int label_bytes, int n)
{
    size_t record = 3072 + (size_t)label_bytes;
    uint8_t *b = calloc((size_t)n, record);

    assert_non_null(b);
    for (int i = 0; i < n; i++) {
        uint8_t *r = b + (size_t)i * record;

        r[0] = 19;
        r[label_bytes - 1] = (uint8_t)(i % 2);
        for (int p = 0; p < 3072; p++)
            r[label_bytes + p] = (uint8_t)(p / 1024 * 100 + i);
    }
    made_file(f, name, b, (size_t)n * record);
    free(b);
}

static void cifar_records_are_planar_pictures(void **state)
{
    struct made_folder f;
    struct data_index *x;
    struct data_image m;
    struct err err;

    (void)state;
    made_open(&f);
    made_cifar(&f, "data_batch_1.bin", 1, 4);
    made_cifar(&f, "data_batch_2.bin", 1, 4);
    made_cifar(&f, "test_batch.bin", 1, 2);
    made_text(&f, "batches.meta.txt", "plane\ncar\n\n");
    x = made_opened(f.path, NULL);
    assert_string_equal(x->source, "cifar");
    assert_true(x->n == 10 && x->n_labels == 2);
    assert_string_equal(x->label[0], "car");
    assert_string_equal(x->sample[6].name, "data_batch_2.bin#00002");
    assert_string_equal(x->label[x->sample[6].label], "plane");
    assert_int_equal(x->sample[9].split, DATA_TEST);
    assert_true(data_sample_image(&x->sample[6], NULL, &m, &err));
    assert_true(m.width == 32 && m.height == 32);
    for (int p = 0; p < 3072; p++)
        assert_int_equal(m.pixel[p], p % 3 * 100 + 2);
    data_image_release(&m);
    data_index_free(x);
    x = made_opened(made_path(&f, "data_batch_1.bin"), NULL);
    assert_int_equal(x->n, 4);
    data_index_free(x);
    made_text(&f, "batches.meta.txt", "plane\n");
    refused(f.path, "picture 1 has the label 1 of 1");
    made_text(&f, "data_batch_2.bin", "short");
    made_text(&f, "batches.meta.txt", "plane\ncar\n");
    refused(f.path, "no whole records");
    made_close(&f);
}

static void cifar_100_has_fine_labels(void **state)
{
    struct made_folder f;
    struct data_index *x;

    (void)state;
    made_open(&f);
    made_cifar(&f, "train.bin", 2, 4);
    made_cifar(&f, "test.bin", 2, 4);
    made_text(&f, "fine_label_names.txt", "apple\nbear\n");
    x = made_opened(f.path, NULL);
    assert_true(x->n == 8 && x->n_labels == 2);
    assert_string_equal(x->label[1], "bear");
    assert_int_equal(x->sample[0].offset, 2);
    data_index_free(x);
    made_close(&f);
}

static void pickles_are_not_opened(void **state)
{
    struct made_folder f;

    (void)state;
    made_open(&f);
    made_text(&f, "data_batch_1", "\x80\x02}");
    made_text(&f, "batches.meta", "\x80\x02}");
    refused(f.path, "get the binary version");
    made_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idx_pictures_are_where_they_are),
        cmocka_unit_test(idx_files_that_do_not_fit_are_refused),
        cmocka_unit_test(idx_headers_are_not_believed),
        cmocka_unit_test(cifar_records_are_planar_pictures),
        cmocka_unit_test(cifar_100_has_fine_labels),
        cmocka_unit_test(pickles_are_not_opened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
