/*
 * model: what is written reads back, and no bytes of others do harm
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "infer/model.h"
#include "nn/base/file.h"
#include "nn/base/rng.h"
#include "nn/io/safetensors.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const char net[] =
    "image = input shape=8x8x3\n"
    "c1 = conv2d image channels=4 size=3 pad=1\n"
    "b1 = batchnorm c1\n"
    "r1 = relu b1\n"
    "p1 = maxpool r1 size=2 stride=2\n"
    "m = meanpool p1\n"
    "fc = linear m width=3 bias=true\n"
    "output logits = fc\n";

static const char *const labels[] = { "cat", "Grünspecht", "with \"quotes\" and \\" };

static const struct data_prep prep = {
    .size = { 8, 8 }, .resize = DATA_LETTERBOX, .crop = 0.875,
    .mean = { 0.485, 0.456, 1.0 / 3 }, .std = { 0.229, 0.224, 0.225 },
};

/* A path of this test, one for each name. */
static const char *scratch(const char *name)
{
    static char path[4][96];
    static int next;
    char *p = path[next++ % 4];

    snprintf(p, sizeof path[0], "/tmp/discern-test-model-%ld-%s", (long)getpid(), name);
    return p;
}

static struct infer_model *make(const char *text, const struct data_prep *how, enum data_task task,
                                int n, const char *const *label, struct err *err)
{
    struct nn_graph *g = nn_graph_read(text, strlen(text), 0, NULL, err);
    struct nn_params *p = g ? nn_params_new(g, false, err) : NULL;
    struct infer_model *m;

    if (!p)
        fail_msg("%s", err->msg);
    nn_params_init(p, g, 7);
    for (int64_t i = 0; i < p->total; i++)
        if (p->value[i] == 0)
            p->value[i] = (real)rng_f32(7, rng_stream(RNG_TEST, 0), (uint64_t)i);
    m = infer_model_new(g, p, how, task, n, label, "tiny", err);
    if (!m) {
        nn_graph_free(g);
        nn_params_free(p);
    }
    return m;
}

static struct infer_model *make_good(void)
{
    struct err err = { 0 };
    struct infer_model *m = make(net, &prep, DATA_SINGLE, 3, labels, &err);

    if (!m)
        fail_msg("%s", err.msg);
    return m;
}

static void write_good(const char *path)
{
    struct err err = { 0 };
    struct infer_model *m = make_good();

    if (!infer_model_write(m, path, NULL, &err))
        fail_msg("%s", err.msg);
    infer_model_free(m);
}

static const float moment[] = { 0.5f, -1, 3e-40f, 7, 0 }, average[] = { 1e30f };
static const struct infer_array arrays[] = { { "training.moment", 5, moment },
                                             { "training.average", 1, average } };
static const struct infer_extra extra = { "{\"step\":12}", 2, arrays };

static void write_checkpoint(const char *path)
{
    struct err err = { 0 };
    struct infer_model *m = make_good();

    if (!infer_model_write(m, path, &extra, &err))
        fail_msg("%s", err.msg);
    infer_model_free(m);
}

static void expect_same(const struct infer_model *a, const struct infer_model *b)
{
    assert_true(nn_graph_equal(a->graph, b->graph));
    assert_int_equal(a->params->n, b->params->n);
    for (int i = 0; i < a->params->n; i++)
        assert_memory_equal(a->params->value + a->params->offset[i],
                            b->params->value + b->params->offset[i],
                            (size_t)a->params->count[i] * sizeof(real));
    assert_int_equal(a->n_labels, b->n_labels);
    for (int i = 0; i < a->n_labels; i++)
        assert_string_equal(a->label[i], b->label[i]);
    assert_true(field_equal(data_prep_fields, &a->prep, &b->prep));
    assert_int_equal(a->task, b->task);
    assert_string_equal(a->arch, b->arch);
    assert_string_equal(a->provenance, b->provenance);
}

static void what_is_written_reads_back(void **state)
{
    struct err err = { 0 };
    struct infer_model *m = make_good(), *again;
    const char *path = scratch("a"), *second = scratch("b");
    size_t n, n2;
    uint8_t *bytes, *bytes2;

    (void)state;
    m->provenance = "{\"seed\":1,\"note\":\"a \\\"b\\\"\"}";
    assert_true(infer_model_write(m, path, NULL, &err));
    again = infer_model_open(path, &err);
    if (!again)
        fail_msg("%s", err.msg);
    expect_same(m, again);
    assert_true(infer_model_write(again, second, NULL, &err));
    bytes = file_read(path, 1 << 20, &n, &err);
    bytes2 = file_read(second, 1 << 20, &n2, &err);
    assert_int_equal(n, n2);
    assert_memory_equal(bytes, bytes2, n);
    free(bytes);
    free(bytes2);
    infer_model_free(m);
    infer_model_free(again);
    unlink(path);
    unlink(second);
}

static void a_multi_label_model_keeps_its_task(void **state)
{
    struct err err = { 0 };
    struct infer_model *m = make(net, &prep, DATA_MULTI, 3, labels, &err), *again;

    (void)state;
    assert_non_null(m);
    assert_true(infer_model_write(m, scratch("multi"), NULL, &err));
    again = infer_model_open(scratch("multi"), &err);
    assert_non_null(again);
    expect_same(m, again);
    infer_model_free(m);
    infer_model_free(again);
    unlink(scratch("multi"));
}

/* Others read the file as a state dict: convolutions are OIHW, linear weights [out,in]. */
static void tensors_lie_as_everyone_stores_them(void **state)
{
    static const struct {
        const char *name;
        struct shape shape;
    } want[] = {
        { "c1.weight", { 4, { 4, 3, 3, 3 } } },
        { "b1.weight", { 1, { 4 } } },
        { "b1.running_var", { 1, { 4 } } },
        { "fc.weight", { 2, { 3, 4 } } },
        { "fc.bias", { 1, { 3 } } },
    };
    struct infer_model *m = make_good();
    struct err err = { 0 };
    struct st_file *f;
    int conv = nn_graph_find(m->graph, "c1.weight");
    float w[4 * 3 * 3 * 3];

    (void)state;
    assert_true(infer_model_write(m, scratch("order"), NULL, &err));
    f = st_open(scratch("order"), &err);
    assert_non_null(f);
    assert_string_equal(st_meta(f, "format"), "pt");
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const struct st_entry *e = st_find(f, want[i].name);

        if (!e)
            fail_msg("no tensor %s", want[i].name);
        assert_int_equal(e->tensor.dtype, DTYPE_F32);
        assert_true(shape_equal(&e->tensor.shape, &want[i].shape));
    }
    /* memory [3,3,3,4] (rows, columns, in, out) -> file [out,in,rows,columns] */
    assert_true(st_floats(st_find(f, "c1.weight"), w, &err));
    for (int o = 0; o < 4; o++)
        for (int i = 0; i < 3; i++)
            for (int r = 0; r < 3; r++)
                for (int s = 0; s < 3; s++)
                    assert_true(
                        w[((o * 3 + i) * 3 + r) * 3 + s] ==
                        (float)(m->params->value + m->params->offset[m->params->entry[conv]])
                            [((r * 3 + s) * 3 + i) * 4 + o]);
    st_close(f);
    infer_model_free(m);
    unlink(scratch("order"));
}

static void expect_open_fails(const char *path, enum err_kind kind, const char *words)
{
    struct err err = { 0 };
    struct infer_model *m = infer_model_open(path, &err);

    if (m || err.kind != kind || !strstr(err.msg, words) || strncmp(err.msg, path, strlen(path)) ||
        strchr(err.msg, '\n'))
        fail_msg("%s, kind %d, message \"%s\" lacks \"%s\"", m ? "read" : "refused", err.kind,
                 err.msg, words);
}

/* The good file with one metadata value replaced (NULL: taken out; a new key: added), and without
 * sums, as a tool that knows nothing of them would write it. */
static void with_meta(const char *key, const char *value, enum err_kind kind, const char *words)
{
    struct err err = { 0 };
    struct st_file *f = st_open(scratch("good"), &err);
    struct st_meta meta[16];
    int n = 0;

    assert_non_null(f);
    for (int i = 0; i < f->n_meta; i++)
        if (strcmp(f->meta[i].key, key) && strcmp(f->meta[i].key, "discern.sums"))
            meta[n++] = f->meta[i];
    if (value)
        meta[n++] = (struct st_meta){ key, value };
    assert_true(st_write(scratch("bad"), f->n, f->entry, n, meta, &err));
    st_close(f);
    if (words) {
        expect_open_fails(scratch("bad"), kind, words);
    } else {
        struct infer_model *m = infer_model_open(scratch("bad"), &err);

        if (!m)
            fail_msg("%s = %s: %s", key, value ? value : "nothing", err.msg);
        infer_model_free(m);
    }
    unlink(scratch("bad"));
}

#define PREP(size, std)                                                                            \
    "{\"size\":" size ",\"resize\":\"crop\",\"crop\":1,\"mean\":[0,0,0],\"std\":" std "}"

#define IMAGE "image = input shape=8x8x3\n"
#define CONV(in, channels) "c1 = conv2d " in " channels=" channels " size=3 pad=1\n"
#define REST "b1 = batchnorm c1\nm = meanpool b1\nfc = linear m width=3 bias=true\n"
#define LOGITS "output logits = fc\n"

static void wrong_metadata_are_refused_in_words(void **state)
{
    (void)state;
    write_good(scratch("good"));
    with_meta("discern.format", "2", ERR_UNSUPPORTED, "discern.format is \"2\"");
    with_meta("discern.format", NULL, ERR_UNSUPPORTED, "no discern model");
    with_meta("discern.graph", NULL, ERR_UNSUPPORTED, "no discern model");
    with_meta("discern.future", "x", ERR_UNSUPPORTED, "\"discern.future\" is not known");
    with_meta("somebody.else", "x", ERR_NONE, NULL);
    with_meta("format", NULL, ERR_NONE, NULL);
    with_meta("discern.arch", NULL, ERR_NONE, NULL);
    with_meta("discern.provenance", NULL, ERR_NONE, NULL);
    with_meta("discern.provenance", "[]", ERR_INPUT, "discern.provenance");
    with_meta("discern.provenance", "{", ERR_INPUT, "discern.provenance");
    with_meta("discern.task", NULL, ERR_INPUT, "discern.task is missing");
    with_meta("discern.task", "triple", ERR_INPUT, "no task \"triple\"");
    with_meta("discern.labels", NULL, ERR_INPUT, "discern.labels is missing");
    with_meta("discern.labels", "{}", ERR_INPUT, "no JSON array");
    with_meta("discern.labels", "[\"a\",\"b\"", ERR_INPUT, "discern.labels");
    with_meta("discern.labels", "[\"a\",\"b\",3]", ERR_INPUT, "label 2 is no string");
    with_meta("discern.labels", "[\"a\",\"b\",\"\"]", ERR_INPUT, "label 2 is empty");
    with_meta("discern.labels", "[\"a\",\"b\",\"a\"]", ERR_INPUT, "two labels are called \"a\"");
    with_meta("discern.labels", "[\"a\",\"b\"]", ERR_INPUT,
              "output \"logits\" is Nx3, should be Nx2");
    with_meta("discern.labels", "[]", ERR_INPUT, "0 labels");
    with_meta("discern.prep", NULL, ERR_INPUT, "discern.prep is missing");
    with_meta("discern.prep", "{}", ERR_INPUT, "is missing");
    with_meta("discern.prep", PREP("[8,8]", "[1,1,1]"), ERR_NONE, NULL);
    with_meta("discern.prep", PREP("[8,8]", "[1,1,1],\"color\":\"grey\""), ERR_INPUT,
              "input \"image\" is Nx8x8x3, should be Nx8x8x1");
    with_meta("discern.prep", PREP("[8,8]", "[1,1,1],\"background\":[0,0,256]"), ERR_INPUT,
              "background");
    with_meta("discern.prep", PREP("[8,9]", "[1,1,1]"), ERR_INPUT,
              "input \"image\" is Nx8x8x3, should be Nx8x9x3");
    with_meta("discern.prep", PREP("[8,8]", "[1,1,0]"), ERR_INPUT, "std");
    with_meta("discern.prep", PREP("[8,8]", "[1,1,1],\"x\":1"), ERR_INPUT, "\"x\"");
    with_meta("discern.prep", PREP("[8,8]", "[1,1]"), ERR_INPUT, "\"std\" has 2 numbers, not 3");
    with_meta("discern.graph", "", ERR_INPUT, "discern.graph");
    with_meta("discern.graph", "image = nonsense\n", ERR_INPUT, "line 1");
    with_meta("discern.graph", IMAGE CONV("image", "4") REST "output features = fc\n", ERR_INPUT,
              "no output \"logits\"");
    with_meta("discern.graph", "picture = input shape=8x8x3\n" CONV("picture", "4") REST LOGITS,
              ERR_INPUT, "no input \"image\"");
    with_meta("discern.graph", IMAGE "other = input shape=1\n" CONV("image", "4") REST LOGITS,
              ERR_INPUT, "second input");
    with_meta("discern.graph", IMAGE CONV("image", "5") REST LOGITS, ERR_INPUT,
              "the graph needs 5x3x3x3");
    with_meta("discern.graph", IMAGE CONV("image", "4") "s = relu c1\n" REST LOGITS, ERR_NONE,
              NULL);
    with_meta("discern.graph",
              IMAGE CONV("image", "4") "m = meanpool c1\nfc = linear m width=3 bias=true\n" LOGITS,
              ERR_INPUT, "belongs to no parameter");
    /* gigabytes of weights by a line of text: a tensor is missed before memory is asked for */
    with_meta("discern.graph",
              IMAGE CONV("image", "4") "t = meanpool c1\nh1 = linear t width=46000\n"
              "h2 = linear h1 width=46000\nh3 = linear h2 width=46000\n" REST LOGITS,
              ERR_INPUT, "is missing");
    unlink(scratch("good"));
}

/* The metadata of a file without their sums, which come last. */
static int without_sums(const struct st_file *f)
{
    assert_string_equal(f->meta[f->n_meta - 1].key, "discern.sums");
    return f->n_meta - 1;
}

static void wrong_tensors_are_refused_in_words(void **state)
{
    struct err err = { 0 };
    struct st_file *f;
    struct st_entry entry[16];
    static const int64_t whole[4];

    (void)state;
    write_good(scratch("good"));
    f = st_open(scratch("good"), &err);
    assert_non_null(f);
    assert_true(f->n < 15);
    memcpy(entry, f->entry, (size_t)f->n * sizeof *entry);

    assert_true(st_write(scratch("bad"), f->n - 1, entry, without_sums(f), f->meta, &err));
    expect_open_fails(scratch("bad"), ERR_INPUT, "is missing");
    entry[f->n] = entry[0];
    entry[f->n].name = "momentum";
    assert_true(st_write(scratch("bad"), f->n + 1, entry, without_sums(f), f->meta, &err));
    expect_open_fails(scratch("bad"), ERR_INPUT, "tensor \"momentum\" belongs to no parameter");
    entry[f->n].name = "training.momentum";
    assert_true(st_write(scratch("bad"), f->n + 1, entry, without_sums(f), f->meta, &err));
    expect_open_fails(scratch("bad"), ERR_INPUT, "\"training.momentum\" belongs to no parameter");
    for (int i = 0; i < f->n; i++)
        if (!strcmp(entry[i].name, "b1.bias"))
            entry[i].tensor =
                (struct tensor){ DTYPE_I64, entry[i].tensor.shape, (void *)(uintptr_t)whole };
    assert_true(st_write(scratch("bad"), f->n, entry, without_sums(f), f->meta, &err));
    expect_open_fails(scratch("bad"), ERR_UNSUPPORTED, "tensor \"b1.bias\": holds I64");
    st_close(f);
    unlink(scratch("good"));
    unlink(scratch("bad"));
}

static void files_of_others_are_named(void **state)
{
    static const float w[4] = { 1 };
    struct st_entry entry = { "conv1.weight",
                              { DTYPE_F32, { 2, { 2, 2 } }, (void *)(uintptr_t)w } };
    static const struct st_meta meta = { "format", "pt" };
    struct err err = { 0 };

    (void)state;
    assert_true(st_write(scratch("bad"), 1, &entry, 1, &meta, &err));
    expect_open_fails(scratch("bad"), ERR_UNSUPPORTED,
                      "1 tensors, the first \"conv1.weight\" f32 2x2, but no discern");
    assert_true(st_write(scratch("bad"), 0, NULL, 0, NULL, &err));
    expect_open_fails(scratch("bad"), ERR_UNSUPPORTED, "no discern model");
    assert_true(file_replace(scratch("bad"), "certainly not a model", 21, &err));
    expect_open_fails(scratch("bad"), ERR_INPUT, "not a safetensors file");
    unlink(scratch("bad"));
}

static void parts_that_do_not_fit_make_no_model(void **state)
{
    static const char *const twice[] = { "a", "b", "a" }, *const empty[] = { "a", "", "b" },
                      *const latin1[] = { "a", "Gr\xfcn", "b" };
    struct data_prep bad = prep;
    struct err err = { 0 };

    (void)state;
    assert_null(make(net, &prep, DATA_SINGLE, 3, twice, &err));
    assert_null(make(net, &prep, DATA_SINGLE, 3, empty, &err));
    assert_null(make(net, &prep, DATA_SINGLE, 3, latin1, &err));
    assert_non_null(strstr(err.msg, "label 1"));
    assert_null(make(net, &prep, DATA_SINGLE, 2, labels, &err));
    bad.size[0] = 9;
    assert_null(make(net, &bad, DATA_SINGLE, 3, labels, &err));
    bad = prep;
    bad.std[1] = 0;
    assert_null(make(net, &bad, DATA_SINGLE, 3, labels, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_null(make("image = input shape=8x8x3\nm = meanpool image\n"
                     "training.fc = linear m width=3\noutput logits = training.fc\n",
                     &prep, DATA_SINGLE, 3, labels, &err));
    assert_non_null(strstr(err.msg, "\"training.fc"));
}

/* Parsed from memory of its exact size, so that the sanitizers see a byte read beyond it. */
static bool survives(const uint8_t *bytes, size_t n)
{
    struct err err = { 0 };
    uint8_t *copy = malloc(n ? n : 1);
    struct infer_model *m;

    memcpy(copy, bytes, n);
    m = infer_model_parse(copy, n, &err);
    free(copy);
    if (m)
        assert_true(nn_graph_check(m->graph, &err));
    else
        assert_true(err.kind != ERR_NONE && err.msg[0] && !strchr(err.msg, '\n'));
    infer_model_free(m);
    return m;
}

static void every_cut_is_an_error(void **state)
{
    struct err err = { 0 };
    size_t n;
    uint8_t *bytes;

    (void)state;
    write_checkpoint(scratch("good"));
    bytes = file_read(scratch("good"), 1 << 20, &n, &err);
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++)
        assert_false(survives(bytes, i));
    assert_true(survives(bytes, n));
    free(bytes);
    unlink(scratch("good"));
}

static void changed_bytes_give_an_error_or_a_model(void **state)
{
    struct err err = { 0 };
    size_t n;
    uint64_t header;
    uint8_t *bytes, *changed;
    int models = 0;

    (void)state;
    write_checkpoint(scratch("good"));
    bytes = file_read(scratch("good"), 1 << 20, &n, &err);
    assert_non_null(bytes);
    memcpy(&header, bytes, 8);
    changed = malloc(n);
    for (uint64_t round = 0; round < 4000; round++) {
        uint64_t stream = rng_stream(RNG_TEST, 1);
        int flips = 1 + (int)(round % 3);

        memcpy(changed, bytes, n);
        for (int k = 0; k < flips; k++) {
            uint32_t where = rng_u32(round, stream, (uint64_t)k * 2),
                     what = rng_u32(round, stream, (uint64_t)k * 2 + 1);

            /* mostly letters and digits of the header, where a change means something */
            if (round % 4)
                changed[8 + where % header] =
                    (uint8_t)"0123456789abcdefx= \\n,:[]{}\"-."[what % 30];
            else
                changed[where % n] ^= (uint8_t)(1u << what % 8);
        }
        models += survives(changed, n);
    }
    assert_true(models > 0 && models < 4000);
    free(bytes);
    free(changed);
    unlink(scratch("good"));
}

/* What a reader gets from the bytes of a checkpoint; NULL: an error. */
static struct infer_model *read_all(const uint8_t *bytes, size_t n, struct str *text,
                                    float *numbers, struct err *err)
{
    struct infer_file *f = infer_file_parse(bytes, n, err);
    struct infer_model *m = f ? infer_file_model(f, err) : NULL;
    bool ok = m;

    if (f && infer_file_training(f)) {
        str_add(text, infer_file_training(f));
        for (int i = 0; ok && i < extra.n; i++) {
            ok = infer_file_array(f, arrays[i].name, arrays[i].count, numbers, err);
            numbers += arrays[i].count;
        }
    }
    infer_file_close(f);
    if (ok)
        return m;
    infer_model_free(m);
    return NULL;
}

static void extras_read_back_and_the_model_opens_without(void **state)
{
    struct err err = { 0 };
    struct infer_model *m = make_good(), *again;
    struct str text = { 0 };
    float numbers[6];
    size_t n;
    uint8_t *bytes;
    struct infer_file *f;

    (void)state;
    write_checkpoint(scratch("point"));
    again = infer_model_open(scratch("point"), &err);
    assert_non_null(again);
    expect_same(m, again);
    infer_model_free(again);
    bytes = file_read(scratch("point"), 1 << 20, &n, &err);
    again = read_all(bytes, n, &text, numbers, &err);
    assert_non_null(again);
    expect_same(m, again);
    assert_string_equal(str_text(&text), extra.text);
    assert_memory_equal(numbers, moment, sizeof moment);
    assert_memory_equal(numbers + 5, average, sizeof average);

    f = infer_file_open(scratch("point"), &err);
    assert_non_null(f);
    assert_false(infer_file_array(f, "training.moment", 4, numbers, &err));
    assert_non_null(strstr(err.msg, "\"training.moment\" has 5 numbers, not 4"));
    assert_int_equal(strncmp(err.msg, scratch("point"), strlen(scratch("point"))), 0);
    assert_false(infer_file_array(f, "training.other", 4, numbers, &err));
    assert_non_null(strstr(err.msg, "\"training.other\" is missing"));
    assert_false(infer_file_array(f, "fc.bias", 3, numbers, &err));
    infer_file_close(f);

    write_good(scratch("point"));
    f = infer_file_open(scratch("point"), &err);
    assert_non_null(f);
    assert_null(infer_file_training(f));
    infer_file_close(f);
    infer_model_free(m);
    infer_model_free(again);
    str_release(&text);
    free(bytes);
    unlink(scratch("point"));
}

/* A bit of every byte of a checkpoint, wherever it lies. */
static void a_flipped_bit_is_found_or_changes_nothing(void **state)
{
    struct err err = { 0 };
    struct infer_model *m = make_good();
    size_t n;
    uint64_t header;
    uint8_t *bytes;
    int read = 0;

    (void)state;
    write_checkpoint(scratch("good"));
    bytes = file_read(scratch("good"), 1 << 20, &n, &err);
    assert_non_null(bytes);
    memcpy(&header, bytes, 8);
    for (size_t i = 0; i < n; i++) {
        uint8_t bit = (uint8_t)(1u << rng_below(1, rng_stream(RNG_TEST, 2), i, 8));
        struct str text = { 0 };
        float numbers[6] = { 0 };
        struct infer_model *again;

        bytes[i] ^= bit;
        again = read_all(bytes, n, &text, numbers, &err);
        bytes[i] ^= bit;
        if (again) {
            assert_true(i < 8 + header);        /* numbers are all covered */
            expect_same(m, again);
            assert_string_equal(str_text(&text), extra.text);
            assert_memory_equal(numbers, moment, sizeof moment);
            assert_memory_equal(numbers + 5, average, sizeof average);
            read++;
        } else if (i >= 8 + header) {
            assert_non_null(strstr(err.msg, "is damaged"));
        }
        infer_model_free(again);
        str_release(&text);
    }
    assert_true(read < 40);     /* the value of "format", and where the name of the sums begins */
    infer_model_free(m);
    free(bytes);
    unlink(scratch("good"));
}

static void a_failed_write_leaves_the_old_file(void **state)
{
    struct err err = { 0 };
    struct infer_model *m = make_good();
    const char *path = scratch("kept");
    struct rlimit old, tight;
    size_t n, n2;
    uint8_t *before, *after;

    (void)state;
    assert_true(infer_model_write(m, path, NULL, &err));
    before = file_read(path, 1 << 20, &n, &err);
    assert_non_null(before);

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = (struct rlimit){ .rlim_cur = 700, .rlim_max = old.rlim_max };
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    m->provenance = "{\"second\":true}";
    assert_false(infer_model_write(m, path, NULL, &err));
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(err.kind, ERR_IO);
    assert_non_null(strstr(err.msg, path));

    m->provenance = "no json";
    assert_false(infer_model_write(m, path, NULL, &err));
    after = file_read(path, 1 << 20, &n2, &err);
    assert_int_equal(n, n2);
    assert_memory_equal(before, after, n);
    free(before);
    free(after);
    infer_model_free(m);
    unlink(path);
}

/* The part of docs/format.md from one text up to and with another. */
static char *from_the_docs(const char *first, const char *last)
{
    struct err err = { 0 };
    size_t n;
    char *text = (char *)file_read("docs/format.md", 1 << 20, &n, &err), *begin, *end, *part;

    if (!text)
        fail_msg("%s", err.msg);
    begin = strstr(text, first);
    assert_non_null(begin);
    end = strstr(begin, last);
    assert_non_null(end);
    part = strndup(begin, (size_t)(end - begin) + strlen(last));
    free(text);
    return part;
}

static void the_examples_in_the_docs_are_true(void **state)
{
    static const struct nn_var vars[] = { { "classes", 7 } };
    char *text = from_the_docs("# plain:", "output logits = fc\n");
    char *header = from_the_docs("{\"__metadata__\"", "[0,24]}}");
    uint64_t n = strlen(header);
    size_t size = 8 + (size_t)n + 24;
    uint8_t *file = calloc(1, size);
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(text, strlen(text), 1, vars, &err);
    struct infer_model *m;

    (void)state;
    if (!g)
        fail_msg("%s", err.msg);
    assert_true(nn_graph_find(g, "c1.bias") >= 0);
    assert_int_equal(g->node[nn_graph_find_output(g, "logits")].type.dim[1].n, 7);
    memcpy(file, &n, 8);
    memcpy(file + 8, header, (size_t)n);
    m = infer_model_parse(file, size, &err);
    if (!m)
        fail_msg("%s", err.msg);
    assert_string_equal(m->label[1], "dog");
    infer_model_free(m);
    nn_graph_free(g);
    free(file);
    free(text);
    free(header);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_multi_label_model_keeps_its_task),
        cmocka_unit_test(tensors_lie_as_everyone_stores_them),
        cmocka_unit_test(wrong_metadata_are_refused_in_words),
        cmocka_unit_test(wrong_tensors_are_refused_in_words),
        cmocka_unit_test(files_of_others_are_named),
        cmocka_unit_test(parts_that_do_not_fit_make_no_model),
        cmocka_unit_test(every_cut_is_an_error),
        cmocka_unit_test(changed_bytes_give_an_error_or_a_model),
        cmocka_unit_test(extras_read_back_and_the_model_opens_without),
        cmocka_unit_test(a_flipped_bit_is_found_or_changes_nothing),
        cmocka_unit_test(a_failed_write_leaves_the_old_file),
        cmocka_unit_test(the_examples_in_the_docs_are_true),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
