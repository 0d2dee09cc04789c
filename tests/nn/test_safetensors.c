/*
 * safetensors: what is written reads back, and every malformed header is refused in words
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/file.h"
#include "nn/io/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *scratch(void)
{
    static char path[64];

    snprintf(path, sizeof path, "/tmp/discern-test-st-%ld", (long)getpid());
    return path;
}

/* A file of this header and n bytes of data; *size its length.  free() it. */
static unsigned char *make(const char *header, size_t n, size_t *size)
{
    uint64_t length = strlen(header);
    unsigned char *file;

    *size = 8 + (size_t)length + n;
    file = calloc(1, *size);
    assert_non_null(file);
    memcpy(file, &length, 8);
    memcpy(file + 8, header, (size_t)length);
    return file;
}

static void expect_refusal(const char *header, size_t n, enum err_kind kind, const char *words)
{
    struct err err = { 0 };
    size_t size;
    unsigned char *file = make(header, n, &size);
    struct st_file *f = st_parse(file, size, &err);

    if (f || err.kind != kind || !strstr(err.msg, words))
        fail_msg("%s: %s, message \"%s\" lacks \"%s\"", header, f ? "was read" : "was refused",
                 err.msg, words);
    free(file);
}

static void malformed_headers_are_refused_in_words(void **state)
{
    static const struct {
        const char *header;
        size_t n;
        const char *words;
    } bad[] = {
        { "", 0, "does not start with '{'" },
        { " {}", 0, "does not start with '{'" },
        { "[]", 0, "does not start with '{'" },
        { "{", 0, "safetensors header" },
        { "{} x", 0, "safetensors header" },
        { "{\"a\":1}", 0, "tensor \"a\": is no object" },
        { "{\"\":{}}", 0, "the name of tensor 0 is empty" },
        { "{\"a\\n\":{}}", 0, "control character" },
        { "{\"a\\u0000b\":{}}", 0, "safetensors header" },
        { "{\"\xff\":{}}", 0, "safetensors header" },
        { "{\"a\":{}}", 0, "dtype is no string" },
        { "{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
          "no dtype \"F31\"" },
        { "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "shape is no list" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4,
          "no whole number" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4,
          "no whole number" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]}}", 4,
          "no whole number" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775808],\"data_offsets\":[0,4]}}", 4,
          "header" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
          "9 dimensions" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "data_offsets is no pair" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}", 4,
          "data_offsets is no pair" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4,
          "data_offsets is no pair" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":{}}}", 4,
          "data_offsets is no pair" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4,
          "before it begins" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":0}}", 4,
          "unknown key \"x\"" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "cut short" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8, "needs 4 bytes" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 8, "needs 8 bytes" },
        /* products that wrap to 4, and to 0 */
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[4194305,4194305,211106198978564],\"data_offsets\":["
          "0,4]}}",
          4, "overflows" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0,
          "overflows" },
        /* holes, overlaps, a tail, sharing */
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8,
          "begins at byte 4" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
          "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
          12, "the one before ends at 4" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
          "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
          12, "the one before ends at 8" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
          "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
          4, "the one before ends at 4" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 5,
          "1 bytes after the last tensor" },
        { "{}", 1, "1 bytes after the last tensor" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
          "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
          4, "safetensors header" },
        { "{\"__metadata__\":[]}", 0, "__metadata__ is no object" },
        { "{\"__metadata__\":{\"a\":1}}", 0, "metadata \"a\" is no string" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_refusal(bad[i].header, bad[i].n, ERR_INPUT, bad[i].words);
    expect_refusal("{\"a\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8,
                   ERR_UNSUPPORTED, "F64 is not supported");
}

static void long_names_and_many_tensors_are_refused(void **state)
{
    char *header = malloc(8 << 20), *p;

    (void)state;
    assert_non_null(header);
    for (int len = 512; len <= 513; len++) {
        struct err err = { 0 };
        size_t size;
        unsigned char *file;
        struct st_file *f;

        snprintf(header, 1024,
                 "{\"%0*d\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}", len, 0);
        file = make(header, 0, &size);
        f = st_parse(file, size, &err);
        assert_int_equal(!f, len == 513);
        st_close(f);
        free(file);
    }
    for (int n = 65536; n <= 65537; n++) {
        struct err err = { 0 };
        size_t size;
        unsigned char *file;
        struct st_file *f;

        p = header;
        for (int i = 0; i < n; i++)
            p +=
                snprintf(p, 96, "%s\"%d\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}",
                         i ? "," : "{", i);
        snprintf(p, 2, "}");
        file = make(header, 0, &size);
        f = st_parse(file, size, &err);
        if (n == 65536) {
            assert_non_null(f);
            assert_int_equal(f->n, n);
            assert_string_equal(f->entry[777].name, "777");
            assert_string_equal(st_find(f, "65535")->name, "65535");
            assert_null(st_find(f, "65536"));
        } else {
            assert_null(f);
            assert_non_null(strstr(err.msg, "at most 65536"));
        }
        st_close(f);
        free(file);
    }
    free(header);
}

static void other_files_are_named(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        enum err_kind kind;
        const char *words;
    } other[] = {
        { "", 0, ERR_INPUT, "only 0 bytes" },
        { "1234567", 7, ERR_INPUT, "only 7 bytes" },
        { "random bytes of no format at all", 32, ERR_INPUT, "not a safetensors file" },
        { "\377\377\377\377\377\377\377\377{}", 10, ERR_INPUT, "not a safetensors file" },
        { "\001\000\000\001\000\000\000\000{}", 10, ERR_INPUT,
          "not a safetensors file" }, /* 16 MiB + 1 */
        { "\003\000\000\000\000\000\000\000{}", 10, ERR_INPUT, "cut short" },
        { "PK\003\004\000\000\010\010\000\000", 10, ERR_UNSUPPORTED, "zip" },
        { "\200\002}q\000(X\001\000\000", 10, ERR_UNSUPPORTED, "pickle" },
        { "\211HDF\r\n\032\n\000\000", 10, ERR_UNSUPPORTED, "HDF5" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        struct err err = { 0 };
        unsigned char *copy =
            malloc(other[i].n ? other[i].n : 1); /* ASan sees what is read beyond it */

        memcpy(copy, other[i].bytes, other[i].n);
        assert_null(st_parse(copy, other[i].n, &err));
        assert_int_equal(err.kind, other[i].kind);
        assert_non_null(strstr(err.msg, other[i].words));
        assert_null(strchr(err.msg, '\n'));
        free(copy);
    }
}

static void odd_but_valid_files_are_read(void **state)
{
    /* a scalar, empty tensors that share an offset, spaces after the header, data in another order
     * than names */
    const char *header = "{\"z\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[4,4]},"
                         "\"b\":{\"shape\":[2],\"data_offsets\":[4,8],\"dtype\":\"F16\"},"
                         "\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
                         "\"__metadata__\":{\"k\":\"v\",\"e\":\"\"},"
                         "\"y\":{\"dtype\":\"I64\",\"shape\":[0],\"data_offsets\":[8,8]}}   ";
    struct err err = { 0 };
    size_t size;
    unsigned char *file = make(header, 8, &size);
    struct st_file *f = st_parse(file, size, &err);
    float x[2];

    (void)state;
    assert_non_null(f);
    assert_int_equal(f->n, 4);
    assert_string_equal(f->entry[0].name, "s");
    assert_string_equal(f->entry[1].name, "z");
    assert_string_equal(f->entry[2].name, "b");
    assert_string_equal(f->entry[3].name, "y");
    assert_int_equal(f->entry[0].tensor.shape.rank, 0);
    assert_int_equal(st_find(f, "b")->tensor.dtype, DTYPE_F16);
    assert_null(st_find(f, "c"));
    assert_string_equal(st_meta(f, "k"), "v");
    assert_string_equal(st_meta(f, "e"), "");
    assert_null(st_meta(f, "x"));
    assert_true(st_floats(st_find(f, "z"), x, &err));
    assert_false(st_floats(st_find(f, "y"), x, &err));
    assert_int_equal(err.kind, ERR_UNSUPPORTED);
    st_close(f);
    free(file);
}

static void half_precision_is_exact(void **state)
{
    static const struct {
        enum dtype dtype;
        uint16_t bits;
        float value;
    } half[] = {
        { DTYPE_F16, 0x0000, 0.0f },
        { DTYPE_F16, 0x3c00, 1.0f },
        { DTYPE_F16, 0xc000, -2.0f },
        { DTYPE_F16, 0x7bff, 65504.0f },
        { DTYPE_F16, 0x0400, 0x1p-14f },
        { DTYPE_F16, 0x0001, 0x1p-24f },
        { DTYPE_F16, 0x83ff, -1023 * 0x1p-24f },
        { DTYPE_F16, 0x3555, 0.333251953125f },
        { DTYPE_BF16, 0x3f80, 1.0f },
        { DTYPE_BF16, 0xc040, -3.0f },
        { DTYPE_BF16, 0x0001, 0x1p-133f },
    };
    struct err err = { 0 };
    uint16_t nan = 0x7e00, minus_inf = 0xfc00;
    struct st_entry e = { "x", { DTYPE_F16, { 0 }, &nan } };
    float x;

    (void)state;
    for (size_t i = 0; i < sizeof half / sizeof *half; i++) {
        struct st_entry h = { "x", { half[i].dtype, { 0 }, (void *)(uintptr_t)&half[i].bits } };

        assert_true(st_floats(&h, &x, &err));
        assert_memory_equal(&x, &half[i].value, sizeof x);
    }
    assert_true(st_floats(&e, &x, &err));
    assert_true(x != x);
    e.tensor.data = &minus_inf;
    assert_true(st_floats(&e, &x, &err));
    assert_true(x < -3e38f);
}

static void what_is_written_reads_back(void **state)
{
    static const float w[6] = { 1, -2, 3.5f, 0, -0.0f, 1e-40f };
    static const int64_t steps[1] = { 77 };
    static const struct st_meta meta[] = {
        { "format", "pt" },
        { "discern.graph", "a = b\n# \"quoted\" \\ \t\n" },
        { "name", "Grünspecht ✓" },
    };
    struct st_entry entry[] = {
        { "fc.weight", { DTYPE_F32, { 2, { 2, 3 } }, (void *)(uintptr_t)w } },
        { "a scalar", { DTYPE_I64, { 0 }, (void *)(uintptr_t)steps } },
        { "none", { DTYPE_U8, { 1, { 0 } }, NULL } },
    };
    struct err err = { 0 };
    const char *path = scratch();
    uint8_t *first, *second;
    size_t n_first, n_second;
    uint64_t header;
    struct st_file *f;

    (void)state;
    if (!st_write(path, 3, entry, 3, meta, &err))
        fail_msg("%s", err.msg);
    first = file_read(path, 1 << 20, &n_first, &err);
    assert_non_null(first);
    memcpy(&header, first, 8);
    assert_int_equal((8 + header) % 64, 0);
    assert_memory_equal(first + 8, "{\"__metadata__\":{\"format\":\"pt\"", 30);

    f = st_open(path, &err);
    if (!f)
        fail_msg("%s", err.msg);
    assert_int_equal(f->n, 3);
    assert_int_equal(f->n_meta, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(f->entry[i].name, entry[i].name);
        assert_int_equal(f->entry[i].tensor.dtype, entry[i].tensor.dtype);
        assert_true(shape_equal(&f->entry[i].tensor.shape, &entry[i].tensor.shape));
        assert_string_equal(f->meta[i].key, meta[i].key);
        assert_string_equal(f->meta[i].value, meta[i].value);
    }
    assert_memory_equal(f->entry[0].tensor.data, w, sizeof w);
    assert_memory_equal(f->entry[1].tensor.data, steps, sizeof steps);
    assert_int_equal((uintptr_t)f->entry[0].tensor.data % 64, 0);

    /* byte-stable: written from what was read, while the old file is mapped */
    assert_true(st_write(path, f->n, f->entry, f->n_meta, f->meta, &err));
    second = file_read(path, 1 << 20, &n_second, &err);
    assert_int_equal(n_first, n_second);
    assert_memory_equal(first, second, n_first);
    st_close(f);
    free(first);
    free(second);
    unlink(path);
}

static void empty_files_are_written_and_read(void **state)
{
    struct err err = { 0 };
    struct st_file *f;

    (void)state;
    for (int n_meta = 0; n_meta < 2; n_meta++) {
        assert_true(st_write(scratch(), 0, NULL, n_meta, &(struct st_meta){ "k", "v" }, &err));
        f = st_open(scratch(), &err);
        assert_non_null(f);
        assert_int_equal(f->n, 0);
        assert_int_equal(f->n_meta, n_meta);
        st_close(f);
    }
    unlink(scratch());
}

static void what_could_not_be_read_is_not_written(void **state)
{
    static const float w[1] = { 1 };
    struct st_entry entry = { "w", { DTYPE_F32, { 1, { 1 } }, (void *)(uintptr_t)w } };
    static const struct st_meta bad_value = { "k", "\xff" };
    struct err err = { 0 };
    const char *path = scratch();
    uint8_t *before, *after;
    size_t n, m;
    char *big = malloc((16 << 20) + 1);
    struct st_meta too_big = { "k", big };

    (void)state;
    memset(big, 'a', 16 << 20);
    big[16 << 20] = 0;
    assert_true(st_write(path, 1, &entry, 0, NULL, &err));
    before = file_read(path, 1 << 20, &n, &err);
    assert_non_null(before);
    assert_false(st_write(path, 1, &entry, 1, &bad_value, &err));
    assert_non_null(strstr(err.msg, "not UTF-8"));
    assert_false(st_write(path, 1, &entry, 1, &too_big, &err));
    assert_int_equal(err.kind, ERR_UNSUPPORTED);
    entry.name = "\x1b[31m";
    assert_false(st_write(path, 1, &entry, 0, NULL, &err));
    entry.name = "w\xc3";
    assert_false(st_write(path, 1, &entry, 0, NULL, &err));
    after = file_read(path, 1 << 20, &m, &err);
    assert_int_equal(n, m);
    assert_memory_equal(before, after, n);
    entry.name = "w";
    assert_false(st_write("/nonexistent-folder/x.safetensors", 1, &entry, 0, NULL, &err));
    assert_non_null(strstr(err.msg, "/nonexistent-folder"));
    free(before);
    free(after);
    free(big);
    unlink(path);
}

static void every_cut_is_refused(void **state)
{
    const char *header = "{\"__metadata__\":{\"k\":\"v\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2],"
                         "\"data_offsets\":[0,8]}}";
    size_t size;
    unsigned char *file = make(header, 8, &size);

    (void)state;
    for (size_t n = 0; n < size; n++) {
        struct err err = { 0 };
        unsigned char *cut = malloc(n ? n : 1);

        memcpy(cut, file, n);
        assert_null(st_parse(cut, n, &err));
        assert_int_equal(err.kind, ERR_INPUT);
        free(cut);
    }
    free(file);
}

static void open_names_the_path(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_null(st_open("/nonexistent-file", &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.msg, "/nonexistent-file"));
    assert_true(file_replace(scratch(), "nonsense!", 9, &err));
    assert_null(st_open(scratch(), &err));
    assert_int_equal(strncmp(err.msg, scratch(), strlen(scratch())), 0);
    unlink(scratch());
}

/* Files of other hands, where they are. */
static void published_files_are_read(void **state)
{
    static const struct {
        const char *name, *tensor;
        int n, rank;
    } file[] = {
        { "cifar10_resnet20", "conv1.weight", 0, 4 },
        { "cifar10_resnet56", "conv1.weight", 0, 4 },
        { "mobilenet_v1_0.25_224_imagenet", "fc.bias", 0, 1 },
        { "mobilenet_v1_0.25_224_testvector", "logits", 3, 2 },
    };
    const char *root = getenv("DISCERN_DATASETS");

    (void)state;
    for (size_t i = 0; i < sizeof file / sizeof *file; i++) {
        struct err err = { 0 };
        const struct st_entry *e;
        struct st_file *f;
        char path[512];
        float *x;

        snprintf(path, sizeof path, "%s/weights/%s.safetensors", root ? root : "../shared/datasets",
                 file[i].name);
        if (access(path, R_OK))
            skip();
        f = st_open(path, &err);
        if (!f)
            fail_msg("%s", err.msg);
        e = st_find(f, file[i].tensor);
        assert_non_null(e);
        assert_int_equal(e->tensor.shape.rank, file[i].rank);
        assert_true(!file[i].n || f->n == file[i].n);
        x = malloc((size_t)shape_count(&e->tensor.shape) * sizeof *x);
        assert_true(st_floats(e, x, &err));
        assert_true(x[0] == x[0]);
        free(x);
        st_close(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_headers_are_refused_in_words),
        cmocka_unit_test(long_names_and_many_tensors_are_refused),
        cmocka_unit_test(other_files_are_named),
        cmocka_unit_test(odd_but_valid_files_are_read),
        cmocka_unit_test(half_precision_is_exact),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(empty_files_are_written_and_read),
        cmocka_unit_test(what_could_not_be_read_is_not_written),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(open_names_the_path),
        cmocka_unit_test(published_files_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
