/*
 * test_foreign -- weights of others become models of ours, whole or not at all
 */
#include "infer/foreign/foreign.h"
#include "infer/foreign/foreign_file.h"
#include "infer/foreign/foreign_names.h"
#include "nn/exec.h"
#include "nn/io/safetensors.h"
#include "nn/kernel/cpu.h"
#include "nn/model/model.h"
#include "nn/pass/pass.h"
#include "tests/data/made.h"

#include <math.h>

enum { LABELS = 3, MOST = 400 };

static struct made_folder folder;

static int set_up(void **state)
{
    (void)state;
    made_open(&folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    made_close(&folder);
    return 0;
}

/* A network's parameters as tensors of a file. */
struct weights {
    struct nn_graph *g;
    struct nn_params *p;
    struct st_entry entry[MOST];
    int n;
};

static struct weights make(const char *arch, int labels)
{
    struct err err = { 0 };
    const struct nn_model *m = nn_model_find(arch, &err);
    struct nn_model_args args = { m->size, m->size, 3, labels, 0, 0 };
    struct weights w = { .g = nn_model_build(m, &args, &err) };

    w.p = nn_params_new(w.g, false, &err);
    assert_non_null(w.p);
    nn_params_init(w.p, w.g, 1);
    assert_true(w.p->n <= MOST);
    for (int i = 0; i < w.p->n; i++) {
        float *x = malloc((size_t)w.p->count[i] * sizeof *x);

        for (int64_t k = 0; k < w.p->count[i]; k++)     /* norms are no longer all alike */
            w.p->value[w.p->offset[i] + k] += (real)(0.01 * (double)(k % 7));
        nn_params_to_file(w.g, w.p->node[i], w.p->value + w.p->offset[i], x);
        w.entry[w.n++] = (struct st_entry){
            .name = w.g->node[w.p->node[i]].name,
            .tensor = { DTYPE_F32, nn_params_file_shape(w.g, w.p->node[i]), x } };
    }
    return w;
}

static void release(struct weights *w)
{
    for (int i = 0; i < w->p->n; i++)
        free(w->entry[i].tensor.data);
    nn_params_free(w->p);
    nn_graph_free(w->g);
}

static void write_tensors(const char *name, const struct st_entry *entry, int n)
{
    struct err err = { 0 };

    if (!st_write(made_path(&folder, name), n, entry, 0, NULL, &err))
        fail_msg("%s", err.msg);
}

static struct infer_model *import(const char *name, const struct infer_foreign_options *o)
{
    struct err err = { 0 };
    struct str told = { 0 };
    struct infer_model *m = infer_foreign_open(made_path(&folder, name), o, &told, &err);

    if (!m)
        fail_msg("%s\n%s", err.msg, str_text(&told));
    str_release(&told);
    return m;
}

static void refused(const char *name, const struct infer_foreign_options *o, enum err_kind kind,
                    const char *why, const char *line)
{
    struct err err = { 0 };
    struct str told = { 0 };

    assert_null(infer_foreign_open(made_path(&folder, name), o, &told, &err));
    assert_int_equal(err.kind, kind);
    if (!strstr(err.msg, why) || !strstr(str_text(&told), line))
        fail_msg("%s\n%s", err.msg, str_text(&told));
    str_release(&told);
}

static void same_values(const struct infer_model *m, const struct weights *w)
{
    assert_int_equal(m->params->total, w->p->total);
    assert_memory_equal(m->params->value, w->p->value, (size_t)w->p->total * sizeof(real));
}

static const struct infer_foreign_options plain = { .arch = NULL };

static void networks_are_recognised_by_their_tensors(void **state)
{
    static const char *const archs[] = { "resnet20", "resnet32", "mobilenet_v1_0.25",
                                         "mobilenet_v1_0.5", "mobilenet_v2" };

    (void)state;
    for (size_t i = 0; i < sizeof archs / sizeof *archs; i++) {
        struct weights w = make(archs[i], LABELS + (int)i);
        struct infer_model *m;

        write_tensors("w.safetensors", w.entry, w.n);
        m = import("w.safetensors", &plain);
        assert_string_equal(m->arch, archs[i]);
        assert_int_equal(m->n_labels, LABELS + (int)i);
        same_values(m, &w);
        infer_model_free(m);
        release(&w);
    }
}

/* Counters are no parameters, a prefix of all names is none of theirs. */
static void what_frameworks_add_is_passed_over(void **state)
{
    struct weights w = make("resnet20", LABELS);
    struct arena *mem = arena_new();
    int64_t steps = 7;
    struct infer_model *m;

    (void)state;
    w.entry[w.n++] = (struct st_entry){ .name = "bn1.num_batches_tracked",
                                        .tensor = { DTYPE_I64, { 0 }, &steps } };
    for (int i = 0; i < w.n; i++)
        w.entry[i].name = arena_printf(mem, "module.%s", w.entry[i].name);
    write_tensors("w.safetensors", w.entry, w.n);
    m = import("w.safetensors", &plain);
    same_values(m, &w);
    infer_model_free(m);
    release(&w);
    arena_free(mem);
}

static void an_index_leads_to_its_files(void **state)
{
    struct weights w = make("resnet20", LABELS);
    struct str index = { 0 };
    struct infer_model *m;

    (void)state;
    write_tensors("a.safetensors", w.entry, 40);
    write_tensors("b.safetensors", w.entry + 40, w.n - 40);
    str_add(&index, "{\"metadata\":{\"total_size\":1},\"weight_map\":{");
    for (int i = 0; i < w.n; i++)
        str_printf(&index, "%s\"%s\":\"%s.safetensors\"", i ? "," : "", w.entry[i].name,
                   i < 40 ? "a" : "b");
    str_add(&index, "}}");
    made_text(&folder, "model.safetensors.index.json", str_text(&index));
    m = import("model.safetensors.index.json", &plain);
    same_values(m, &w);
    infer_model_free(m);
    m = import(".", &plain);
    same_values(m, &w);
    infer_model_free(m);
    str_release(&index);
    release(&w);
    made_text(&folder, "x.index.json", "{\"weight_map\":{\"fc\":\"../a.safetensors\"}}");
    refused("x.index.json", &plain, ERR_INPUT, "one beside it is wanted", "");
    made_text(&folder, "x.index.json", "{\"weight_map\":{\"fc\":\"a.safetensors\"}}");
    refused("x.index.json", &plain, ERR_INPUT, "tensor \"fc\" is not in a.safetensors", "");
    made_text(&folder, "x.index.json", "[1]");
    refused("x.index.json", &plain, ERR_INPUT, "has no \"weight_map\"", "");
}

static void all_that_does_not_fit_is_named(void **state)
{
    struct weights w = make("resnet20", LABELS);

    (void)state;
    for (int i = 0; i < w.n; i++) {
        if (!strcmp(w.entry[i].name, "layer1.0.bn1.weight"))
            w.entry[i].name = "layer1.0.norm.weight";
        if (!strcmp(w.entry[i].name, "bn1.bias"))
            w.entry[i].tensor.shape = (struct shape){ 1, { 5 } };
    }
    write_tensors("w.safetensors", w.entry, w.n);
    refused("w.safetensors", &plain, ERR_INPUT,
            "the nearest is resnet20, as timm calls its tensors: 95 fit, 1 missing, 1 of another "
            "shape, 1 left over", "missing: layer1.0.bn1.weight\n");
    refused("w.safetensors", &plain, ERR_INPUT, "w.safetensors", "left over: layer1.0.norm.weight");
    refused("w.safetensors", &plain, ERR_INPUT, "w.safetensors", "of another shape: bn1.bias\n");
    refused("w.safetensors", &(struct infer_foreign_options){ .arch = "resnet81" }, ERR_USAGE,
            "no architecture is called \"resnet81\"", "");
    release(&w);
}

/* A last layer of no label at all, and numbers that are none. */
static void empty_heads_and_numbers_that_are_none_are_refused(void **state)
{
    struct weights w = make("resnet20", LABELS), again;

    (void)state;
    for (int i = 0; i < w.n; i++)
        if (!strncmp(w.entry[i].name, "linear.", 7))
            w.entry[i].tensor.shape.dim[0] = 0;
    write_tensors("w.safetensors", w.entry, w.n);
    refused("w.safetensors", &plain, ERR_INPUT, "of another shape", "");
    release(&w);
    again = make("resnet20", LABELS);
    ((float *)again.entry[3].tensor.data)[0] = NAN;
    write_tensors("w.safetensors", again.entry, again.n);
    refused("w.safetensors", &plain, ERR_INPUT, "number 0 is not finite", "");
    release(&again);
}

/* Only a training may go without the last layer. */
static void the_last_layer_may_be_missing_for_a_training(void **state)
{
    struct weights w = make("resnet20", LABELS);
    struct infer_model *m;
    int n = 0;

    (void)state;
    for (int i = 0; i < w.n; i++)
        if (strncmp(w.entry[i].name, "linear.", 7) != 0) {
            struct st_entry e = w.entry[i];

            w.entry[i] = w.entry[n];
            w.entry[n++] = e;
        }
    write_tensors("w.safetensors", w.entry, n);
    refused("w.safetensors", &plain, ERR_INPUT, "2 missing", "missing: linear.weight\n");
    m = import("w.safetensors", &(struct infer_foreign_options){ .to_train = true });
    assert_string_equal(m->arch, "resnet20");
    infer_model_free(m);
    release(&w);
}

static void files_of_settings_say_preparation_and_labels(void **state)
{
    struct weights w = make("resnet20", LABELS);
    struct infer_model *m;

    (void)state;
    write_tensors("model.safetensors", w.entry, w.n);
    made_text(&folder, "config.json",
              "{\"architecture\":\"resnet20\",\"label_names\":[\"ant\",\"bee\",\"bee\"],"
              "\"pretrained_cfg\":{\"input_size\":[3,40,48],\"interpolation\":\"bicubic\","
              "\"crop_pct\":0.9,\"mean\":[0.1,0.2,0.3],\"std\":[1,2,3]}}");
    m = import(".", &plain);
    assert_string_equal(m->label[0], "ant");
    assert_string_equal(m->label[2], "bee (2)");
    assert_int_equal(m->prep.size[0], 40);
    assert_int_equal(m->prep.size[1], 48);
    assert_int_equal(m->prep.filter, DATA_BICUBIC);
    assert_true(m->prep.crop == 0.9 && m->prep.mean[1] == 0.2 && m->prep.std[2] == 3);
    infer_model_free(m);
    made_text(&folder, "config.json",
              "{\"id2label\":{\"2\":\"cat\",\"0\":\"ant\",\"1\":\"bee\"}}");
    made_text(&folder, "preprocessor_config.json",
              "{\"size\":{\"shortest_edge\":40},\"crop_size\":{\"height\":32,\"width\":32},"
              "\"resample\":3,\"rescale_factor\":0.00784313725490196,\"image_mean\":[1,1,1],"
              "\"image_std\":[1,1,2]}");
    m = import("model.safetensors", &plain);
    assert_string_equal(m->label[2], "cat");
    assert_int_equal(m->prep.size[0], 32);
    assert_true(m->prep.crop == 0.8 && fabs(m->prep.mean[0] - 0.5) < 1e-12 &&
                fabs(m->prep.std[2] - 1) < 1e-12);
    infer_model_free(m);
    made_text(&folder, "config.json", "{\"id2label\":{\"0\":\"ant\",\"1\":\"bee\"}}");
    refused(".", &plain, ERR_INPUT, "config.json has 2 names, the network answers with 3", "");
    made_text(&folder, "config.json", "{\"id2label\":{\"0\":\"ant\",\"7\":\"bee\"}}");
    refused(".", &plain, ERR_INPUT, "\"7\" is no number of one of 2 labels", "");
    made_text(&folder, "config.json", "{}");
    made_text(&folder, "preprocessor_config.json", "{\"size\":-1}");
    refused(".", &plain, ERR_INPUT, "\"size\" is no number of pixels", "");
    release(&w);
}

/* What one file says stays where the other says nothing, and is not scaled by it. */
static void files_of_settings_do_not_mix(void **state)
{
    static const char timm[] = "{\"pretrained_cfg\":{\"mean\":[0.1,0.2,0.3],\"std\":[1,2,3],"
                               "\"interpolation\":\"lanczos\"}}";
    struct infer_config c = { .mem = arena_new() };
    struct err err = { 0 };
    static const char *const pictures[] = {
        "{\"do_rescale\":false,\"size\":32}",
        "{\"do_normalize\":false,\"resample\":2}",
        "{\"do_normalize\":false,\"do_rescale\":false}",
        "{\"image_mean\":[0.4,0.4,0.4],\"image_std\":[0.5,0.5,0.5],\"include_top\":true}",
        "{\"image_mean\":[0,0,0],\"image_std\":[1,1,1],\"rescale_offset\":true,"
        "\"rescale_factor\":0.00784313725490196}",
    };
    static const double want[][2] = { { 0.2, 2 }, { 0, 1 }, { 0, 1 / 255.0 }, { 0.4, 0.25 },
                                      { 0.5, 0.5 } };

    (void)state;
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++) {
        assert_true(infer_config_model(&c, timm, sizeof timm - 1, &err));
        assert_true(infer_config_pictures(&c, pictures[i], strlen(pictures[i]), &err));
        assert_true(fabs(c.prep.mean[1] - want[i][0]) < 1e-12);
        assert_true(fabs(c.prep.std[1] - want[i][1]) < 1e-12);
    }
    arena_free(c.mem);
    /* a filter alone, without mean and deviation, counts */
    c = (struct infer_config){ .mem = arena_new() };
    assert_true(infer_config_model(&c, "{\"interpolation\":\"bicubic\"}", 27, &err));
    assert_false(infer_config_fill(&c, "resnet18", 224).mean);
    assert_int_equal(c.prep.filter, DATA_BICUBIC);
    assert_null(c.filter);
    arena_free(c.mem);
}

/* "size" with two sides, or a bare number, presses a picture into it; a shortest edge does not. */
static void pictures_are_pressed_where_it_is_said(void **state)
{
    static const struct {
        const char *text;
        bool squash, pressed;
        double crop;
    } said[] = {
        { "{\"size\":{\"height\":64,\"width\":64},\"crop_size\":64}", true, false, 1 },
        { "{\"size\":64,\"crop_size\":{\"height\":56,\"width\":56}}", false, true, 0.875 },
        { "{\"size\":{\"shortest_edge\":64},\"crop_size\":56}", false, false, 0.875 },
        { "{\"size\":64}", true, false, 1 },
        { "{\"size\":64,\"crop_size\":56,\"do_center_crop\":false}", true, false, 1 },
    };
    struct weights w = make("resnet20", LABELS);
    struct str told = { 0 };
    struct err err = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        struct infer_config c = { .mem = arena_new() };

        assert_true(infer_config_pictures(&c, said[i].text, strlen(said[i].text), &err));
        if (c.squash != said[i].squash || c.pressed != said[i].pressed ||
            fabs(c.prep.crop - said[i].crop) > 1e-12)
            fail_msg("%s: %d %d %g", said[i].text, c.squash, c.pressed, c.prep.crop);
        arena_free(c.mem);
    }
    write_tensors("model.safetensors", w.entry, w.n);
    made_text(&folder, "preprocessor_config.json", said[1].text);
    infer_model_free(infer_foreign_open(made_path(&folder, "."), &plain, &told, &err));
    assert_non_null(strstr(str_text(&told), "pictures: pressed into a square before"));
    str_release(&told);
    release(&w);
}

static void what_config_says_of_the_network_counts(void **state)
{
    struct weights w = make("resnet20", LABELS);
    struct infer_model *m;

    (void)state;
    write_tensors("model.safetensors", w.entry, w.n);
    made_text(&folder, "config.json", "{\"architecture\":\"resnet20_gn.in1k\"}");
    refused(".", &plain, ERR_UNSUPPORTED, "\"resnet20_gn.in1k\", which is no network of ours", "");
    refused(".", &plain, ERR_UNSUPPORTED, "--arch NAME takes", "");
    m = import(".", &(struct infer_foreign_options){ .arch = "resnet20" });
    infer_model_free(m);
    made_text(&folder, "config.json", "{\"architecture\":\"resnet32\"}");
    refused(".", &plain, ERR_INPUT, "the nearest is resnet32", "missing: ");
    made_text(&folder, "config.json",
              "{\"model_type\":\"resnet\",\"downsample_in_bottleneck\":true}");
    refused(".", &plain, ERR_UNSUPPORTED, "\"downsample_in_bottleneck\" is true, and false in ours",
            "");
    made_text(&folder, "config.json", "{\"model_type\":\"beit\",\"hidden_act\":\"relu\"}");
    m = import(".", &plain);
    infer_model_free(m);
    made_text(&folder, "config.json",
              "{\"model_type\":\"vit\",\"hidden_size\":192,\"num_attention_heads\":12}");
    refused(".", &plain, ERR_UNSUPPORTED, "\"num_attention_heads\" is 12, and 3 in ours", "");
    assert_string_equal(infer_config_network("mobilenetv2_100"), "mobilenet_v2");
    assert_null(infer_config_network("resnet50_gn"));
    assert_string_equal(infer_config_network("resnet50.a1_in1k"), "resnet50");
    assert_string_equal(infer_config_network("mobilenet_v1_0.25"), "mobilenet_v1_0.25");
    release(&w);
}

/* timm's from TensorFlow have the tensors of the plain ones, and compute something else. */
static void networks_of_the_same_tensors_are_told_apart_by_name(void **state)
{
    struct weights w = make("mobilenetv3_small_100", LABELS);
    struct infer_model *m;
    struct err err = { 0 };
    struct str told = { 0 };

    (void)state;
    write_tensors("model.safetensors", w.entry, w.n);
    m = infer_foreign_open(made_path(&folder, "model.safetensors"), &plain, &told, &err);
    assert_non_null(m);
    assert_string_equal(m->arch, "mobilenetv3_small_100");
    assert_non_null(strstr(str_text(&told), "--arch tf_mobilenetv3_small_100, if it is that"));
    infer_model_free(m);
    str_clear(&told);
    made_text(&folder, "config.json", "{\"architecture\":\"tf_mobilenetv3_small_100.in1k\"}");
    m = infer_foreign_open(made_path(&folder, "."), &plain, &told, &err);
    assert_non_null(m);
    assert_string_equal(m->arch, "tf_mobilenetv3_small_100");
    assert_null(strstr(str_text(&told), "--arch"));
    same_values(m, &w);
    infer_model_free(m);
    str_release(&told);
    release(&w);
}

static void settings_that_cannot_be_read_are_not_passed_over(void **state)
{
    struct weights w = make("resnet20", LABELS);
    struct err err = { 0 };

    (void)state;
    write_tensors("model.safetensors", w.entry, w.n);
    assert_true(file_mkdir(made_path(&folder, "config.json"), &err));
    refused(".", &plain, ERR_INPUT, "config.json: is a folder", "");
    release(&w);
}

/* Lists in lists without end, in all that is JSON. */
static void depth_is_refused_in_words(void **state)
{
    enum { DEEP = 200000 };
    char *text = malloc(DEEP + 1);
    struct infer_config c = { .mem = arena_new() };
    struct infer_tensors t;
    struct infer_names names;
    struct err err[4] = { { 0 } };

    (void)state;
    memset(text, '[', DEEP);
    text[DEEP] = '\0';
    assert_false(infer_config_model(&c, text, DEEP, &err[0]));
    assert_false(infer_config_pictures(&c, text, DEEP, &err[1]));
    assert_false(infer_tensors_parse(text, DEEP, ".", &t, &err[2]));
    assert_false(infer_names_any(text, c.mem, &names, &err[3]));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(err[i].kind, ERR_INPUT);
        assert_true(err[i].msg[0]);
    }
    arena_free(c.mem);
    free(text);
}

static void no_network_is_made_for_that_size(void **state)
{
    struct weights w = make("resnet20", LABELS);

    (void)state;
    write_tensors("w.safetensors", w.entry, w.n);
    refused("w.safetensors",
            &(struct infer_foreign_options){ .arch = "swin_tiny_patch4_window7_224", .size = 30 },
            ERR_INPUT, "w.safetensors: ", "");
    release(&w);
}

/* As Python writes them; and names that numbers would make alike again. */
static void names_are_taken_as_they_are_meant(void **state)
{
    static const struct {
        const char *text, *name[3];
    } lists[] = {
        { "{0: 'caf\\xe9', 2: \"it's\", 1: 'a\\u00dfb\\n\\101'}",
          { "caf\xc3\xa9", "a\xc3\x9f" "b\nA", "it's" } },
        { "['\\U0001F600', 'C:\\\\x', '\\d']", { "\xf0\x9f\x98\x80", "C:\\x", "\\d" } },
        { "[\"ant\",\"ant\",\"ant (1)\"]", { "ant", "ant (1)", "ant (1) (2)" } },
        { "ant\n\nant", { "ant", "label 1", "ant (2)" } },
    };
    static const char *const bad[] = { "['\\x4']", "['\\ud800']", "['\\x00']", "['a\\", "{0: 'a'",
                                       "caf\xe9\ntea" };

    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct arena *mem = arena_new();
        struct infer_names names;
        struct err err = { 0 };

        if (!infer_names_any(lists[i].text, mem, &names, &err))
            fail_msg("%s: %s", lists[i].text, err.msg);
        assert_int_equal(names.n, 3);
        for (int k = 0; k < 3; k++)
            assert_string_equal(names.name[k], lists[i].name[k]);
        arena_free(mem);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct arena *mem = arena_new();
        struct infer_names names;
        struct err err = { 0 };

        assert_false(infer_names_any(bad[i], mem, &names, &err));
        assert_int_equal(err.kind, ERR_INPUT);
        arena_free(mem);
    }
}

static void lists_of_names_are_read_as_they_come(void **state)
{
    static const struct {
        const char *text, *name[2];
    } lists[] = {
        { "ant\nbee", { "ant", "bee" } },
        { "\xef\xbb\xbf" "ant\r\nbee\r\n\r\n", { "ant", "bee" } },
        { "0 ant\n1 bee\n", { "ant", "bee" } },
        { "0 ant\n2 bee\n", { "0 ant", "2 bee" } },
        { "n01440764 ant, pismire\nn01443537 bee\n", { "ant, pismire", "bee" } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct arena *mem = arena_new();
        struct infer_names names;
        struct err err = { 0 };

        assert_true(infer_names_lines(lists[i].text, mem, &names, &err));
        assert_int_equal(names.n, 2);
        for (int k = 0; k < 2; k++)
            assert_string_equal(names.name[k], lists[i].name[k]);
        arena_free(mem);
    }
}

static void names_of_others_become_ours(void **state)
{
    static const struct {
        const char *dialect, *from, *to;
    } known[] = {
        { "timm", "layer1.0.conv1.weight", "layer1.0.conv1.weight" },
        { "timm", "layer1.0.bn1.num_batches_tracked", NULL },
        { "Hugging Face ResNet", "resnet.encoder.stages.2.layers.10.layer.1.normalization.bias",
          "layer3.10.bn2.bias" },
        { "Hugging Face ResNet", "resnet.encoder.stages.99999999999999999999.layers.0.layer.1."
          "normalization.bias", "resnet.encoder.stages.99999999999999999999.layers.0.layer.1."
          "normalization.bias" },
        { "torchvision's MobileNetV2", "features.1.conv.1.weight", "blocks.0.0.conv_pw.weight" },
        { "torchvision's MobileNetV2", "features.10.conv.1.1.running_var",
          "blocks.3.3.bn2.running_var" },
        { "torchvision's MobileNetV2", "features.17.conv.3.bias", "blocks.6.0.bn3.bias" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct infer_dialect *d = infer_dialects;
        struct str name = { 0 };
        int part[2];

        while (d->name && strcmp(d->name, known[i].dialect) != 0)
            d++;
        assert_non_null(d->name);
        assert_int_equal(infer_rename(d, known[i].from, &name, part), known[i].to != NULL);
        assert_string_equal(str_text(&name), known[i].to ? known[i].to : "");
        str_release(&name);
    }
}

static void other_formats_are_refused_with_what_converts_them(void **state)
{
    static const char *const names[][2] = {
        { "a.pt", "safetensors.torch" }, { "a.PTH", "safetensors.torch" },
        { "a.pkl", "safetensors.torch" }, { "a.h5", "tf2onnx" }, { "a.tflite", "tf2onnx" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        made_text(&folder, names[i][0], "x");
        refused(names[i][0], &plain, ERR_UNSUPPORTED, names[i][1], "");
        assert_true(infer_tensors_meant(made_path(&folder, names[i][0])));
    }
}

/* ---- weights of the world, where they are ---------------------------------------------------- */

static const float *tensor(const struct st_file *f, const char *name)
{
    const struct st_entry *e = st_find(f, name);

    assert_non_null(e);
    return e->tensor.data;
}

/* Keras's MobileNetV1 gives the logits that a separate implementation gave. */
static void real_weights_give_the_answers_that_are_known(void **state)
{
    const char *root = getenv("DISCERN_DATASETS");
    char path[2][512];
    struct err err = { 0 };
    struct str told = { 0 };
    struct st_file *known;
    struct infer_model *m;
    struct nn_graph *g;
    struct nn_params *p;
    struct nn_plan *plan;
    struct nn_exec *e;
    struct nn_plan_options opt = { .mode = NN_INFER, .batch = 2, .threads = 1,
                                   .precision = NN_PRECISION_FP32,
                                   .kernels = nn_kernels_get("auto", &err) };
    const float *image, *logits;
    double most = 0;

    (void)state;
    for (int i = 0; i < 2; i++)
        snprintf(path[i], sizeof path[i], "%s/weights/mobilenet_v1_0.25_224_%s.safetensors",
                 root ? root : "../shared/datasets", i ? "testvector" : "imagenet");
    if (file_kind(path[0]) != FILE_REGULAR) {
        print_message("skipped: %s is not there (set DISCERN_DATASETS)\n", path[0]);
        return;
    }
    m = infer_foreign_open(path[0], &plain, &told, &err);
    known = st_open(path[1], &err);
    if (!m || !known)
        fail_msg("%s", err.msg);
    assert_string_equal(m->arch, "mobilenet_v1_0.25");
    assert_true(nn_pass_infer(m->graph, m->params, &g, &p, &err));
    plan = nn_plan_new(g, &opt, &err);
    e = nn_exec_new(plan, p, NULL, &err);
    assert_non_null(e);
    image = tensor(known, "image");
    logits = tensor(known, "logits");
    for (int i = 0; i < 2 * 224 * 224 * 3; i++)
        ((real *)nn_exec_input(e, "image").data)[i] =
            (real)image[(i / (224 * 224 * 3) * 3 + i % 3) * 224 * 224 + i / 3 % (224 * 224)];
    nn_exec_forward(e);
    for (int i = 0; i < 2000; i++)
        most = fmax(most, fabs((double)((real *)nn_exec_output(e, "logits").data)[i] -
                               (double)logits[i]));
    print_message("MobileNetV1 0.25: logits at most %.2g off\n", most);
    assert_true(most <= 1e-4);
    str_release(&told);
    nn_exec_free(e);
    nn_plan_free(plan);
    nn_params_free(p);
    nn_graph_free(g);
    infer_model_free(m);
    st_close(known);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(networks_are_recognised_by_their_tensors),
        TEST(what_frameworks_add_is_passed_over),
        TEST(an_index_leads_to_its_files),
        TEST(all_that_does_not_fit_is_named),
        TEST(empty_heads_and_numbers_that_are_none_are_refused),
        TEST(the_last_layer_may_be_missing_for_a_training),
        TEST(files_of_settings_say_preparation_and_labels),
        TEST(files_of_settings_do_not_mix),
        TEST(pictures_are_pressed_where_it_is_said),
        TEST(what_config_says_of_the_network_counts),
        TEST(networks_of_the_same_tensors_are_told_apart_by_name),
        TEST(settings_that_cannot_be_read_are_not_passed_over),
        TEST(depth_is_refused_in_words),
        TEST(no_network_is_made_for_that_size),
        TEST(names_are_taken_as_they_are_meant),
        TEST(lists_of_names_are_read_as_they_come),
        TEST(names_of_others_become_ours),
        TEST(other_formats_are_refused_with_what_converts_them),
        TEST(real_weights_give_the_answers_that_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
