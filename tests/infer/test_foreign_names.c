/*
 * test_foreign_names -- what other libraries call all parameters of a network, and what we do
 *
 * A row writes out the names of a network as its library has them: "{0..2}" is 0, 1, 2 and "{a,b}"
 * is a, b.  Each must become a parameter of ours, or a part of one, and each parameter be made.
 */
#include "infer/foreign/foreign.h"
#include "infer/foreign/foreign_names.h"
#include "nn/io/safetensors.h"
#include "nn/model/model.h"
#include "tests/data/made.h"

#include <math.h>

enum { MOST = 1200 };

#define WB ".{weight,bias}"
#define BN ".{weight,bias,running_mean,running_var}"

/* As PyTorch names a convolution and its norm in a row. */
#define CONV_BN(at) at ".0.weight", at ".1" BN

#define HF_VIT(p) \
    p ".embeddings.{cls_token,position_embeddings}", \
    p ".embeddings.patch_embeddings.projection" WB, \
    p ".encoder.layer.{0..11}.attention.{attention.query,attention.key,attention.value}" WB, \
    p ".encoder.layer.{0..11}.attention.output.dense" WB, \
    p ".encoder.layer.{0..11}.{intermediate,output}.dense" WB, \
    p ".encoder.layer.{0..11}.layernorm_{before,after}" WB, p ".layernorm" WB

#define HF_SWIN(stage, blocks) \
    "swin.encoder.layers." stage ".blocks." blocks ".attention.self.relative_position_bias_table", \
    "swin.encoder.layers." stage ".blocks." blocks ".attention.self.relative_position_index", \
    "swin.encoder.layers." stage ".blocks." blocks ".attention.self.{query,key,value}" WB, \
    "swin.encoder.layers." stage ".blocks." blocks \
    ".{attention.output.dense,intermediate.dense,output.dense,layernorm_before,layernorm_after}" WB

#define TV_SWIN(at) \
    at ".{norm1,norm2,attn.qkv,attn.proj,mlp.0,mlp.3}" WB, \
    at ".attn.relative_position_{bias_table,index}"

#define HF_CONVNEXT(stage, layers) \
    "convnext.encoder.stages." stage ".layers." layers ".layer_scale_parameter", \
    "convnext.encoder.stages." stage ".layers." layers ".{dwconv,layernorm,pwconv1,pwconv2}" WB

/* Blocks that widen, and all. */
#define HF_EFFICIENTNET(wide, last) \
    "efficientnet.embeddings.convolution.weight", "efficientnet.embeddings.batchnorm" BN, \
    "efficientnet.encoder.blocks." wide ".expansion.expand_conv.weight", \
    "efficientnet.encoder.blocks." wide ".expansion.expand_bn" BN, \
    "efficientnet.encoder.blocks.{0.." last "}.depthwise_conv.depthwise_conv.weight", \
    "efficientnet.encoder.blocks.{0.." last "}.depthwise_conv.depthwise_norm" BN, \
    "efficientnet.encoder.blocks.{0.." last "}.squeeze_excite.{reduce,expand}" WB, \
    "efficientnet.encoder.blocks.{0.." last "}.projection.project_conv.weight", \
    "efficientnet.encoder.blocks.{0.." last "}.projection.project_bn" BN, \
    "efficientnet.encoder.top_conv.weight", "efficientnet.encoder.top_bn" BN, "classifier" WB

/* Of torchvision's inverted residuals: widened, with SE, without; and one that is not widened. */
#define SE(at) at ".fc{1,2}" WB
#define WIDE(at) CONV_BN(at ".block.0"), CONV_BN(at ".block.1"), CONV_BN(at ".block.2")
#define WIDE_SE(at) \
    CONV_BN(at ".block.0"), CONV_BN(at ".block.1"), SE(at ".block.2"), CONV_BN(at ".block.3")
#define NARROW(at) CONV_BN(at ".block.0"), CONV_BN(at ".block.1")
#define NARROW_SE(at) CONV_BN(at ".block.0"), SE(at ".block.1"), CONV_BN(at ".block.2")

static const struct row {
    const char *dialect, *arch;
    const char *name[40];
} rows[] = {
    { "Hugging Face ViT", "vit_tiny_patch16_224", { HF_VIT("vit"), "classifier" WB } },
    { "Hugging Face DeiT", "deit_tiny_distilled_patch16_224",
      { HF_VIT("deit"), "deit.embeddings.distillation_token",
        "{cls_classifier,distillation_classifier}" WB } },
    { "torchvision's ViT", "vit_base_patch16_224",
      { "class_token", "conv_proj" WB, "encoder.pos_embedding",
        "encoder.layers.encoder_layer_{0..11}.{ln_1,ln_2,self_attention.out_proj,mlp.0,mlp.3}" WB,
        "encoder.layers.encoder_layer_{0..11}.self_attention.in_proj_{weight,bias}",
        "encoder.ln" WB, "heads.head" WB } },
    { "Hugging Face Swin", "swin_tiny_patch4_window7_224",
      { "swin.embeddings.{patch_embeddings.projection,norm}" WB,
        HF_SWIN("{0,1,3}", "{0..1}"), HF_SWIN("2", "{0..5}"),
        "swin.encoder.layers.{0..2}.downsample.reduction.weight",
        "swin.encoder.layers.{0..2}.downsample.norm" WB, "swin.layernorm" WB, "classifier" WB } },
    { "torchvision's Swin", "swin_small_patch4_window7_224",
      { "features.0.{0,2}" WB, TV_SWIN("features.{1,3,7}.{0..1}"), TV_SWIN("features.5.{0..17}"),
        "features.{2,4,6}.reduction.weight", "features.{2,4,6}.norm" WB, "norm" WB, "head" WB } },
    { "Swin's authors", "swin_tiny_patch4_window7_224",
      { "patch_embed.{proj,norm}" WB,
        "layers.{0,1,3}.blocks.{0..1}.{norm1,norm2,attn.qkv,attn.proj,mlp.fc1,mlp.fc2}" WB,
        "layers.2.blocks.{0..5}.{norm1,norm2,attn.qkv,attn.proj,mlp.fc1,mlp.fc2}" WB,
        "layers.{0,1,3}.blocks.{0..1}.attn.relative_position_{bias_table,index}",
        "layers.2.blocks.{0..5}.attn.relative_position_{bias_table,index}",
        "layers.{0..2}.blocks.1.attn_mask", "layers.{0..2}.downsample.reduction.weight",
        "layers.{0..2}.downsample.norm" WB, "norm" WB, "head" WB } },
    { "Hugging Face ConvNeXt", "convnext_tiny",
      { "convnext.embeddings.{patch_embeddings,layernorm}" WB,
        "convnext.encoder.stages.{1..3}.downsampling_layer.{0..1}" WB,
        HF_CONVNEXT("{0,1,3}", "{0..2}"), HF_CONVNEXT("2", "{0..8}"), "convnext.layernorm" WB,
        "classifier" WB } },
    { "torchvision's ConvNeXt", "convnext_small",
      { "features.0.{0..1}" WB, "features.{1,3,7}.{0..2}.layer_scale",
        "features.5.{0..26}.layer_scale",
        "features.{1,3,7}.{0..2}.block.{0,2,3,5}" WB, "features.5.{0..26}.block.{0,2,3,5}" WB,
        "features.{2,4,6}.{0..1}" WB, "classifier.{0,2}" WB } },
    { "ConvNeXt's authors", "convnext_tiny",
      { "downsample_layers.{0..3}.{0..1}" WB, "stages.{0,1,3}.{0..2}.gamma",
        "stages.2.{0..8}.gamma",
        "stages.{0,1,3}.{0..2}.{dwconv,norm,pwconv1,pwconv2}" WB,
        "stages.2.{0..8}.{dwconv,norm,pwconv1,pwconv2}" WB, "{norm,head}" WB } },
    { "torchvision's EfficientNet", "efficientnet_b0",
      { CONV_BN("features.{0,8}"), NARROW_SE("features.1.0"), WIDE_SE("features.{2,3}.{0..1}"),
        WIDE_SE("features.{4,5}.{0..2}"), WIDE_SE("features.6.{0..3}"), WIDE_SE("features.7.0"),
        "classifier.1" WB } },
    { "torchvision's EfficientNetV2", "efficientnetv2_s",
      { CONV_BN("features.{0,7}"), CONV_BN("features.1.{0..1}.block.0"),
        NARROW("features.{2,3}.{0..3}"), WIDE_SE("features.4.{0..5}"), WIDE_SE("features.5.{0..8}"),
        WIDE_SE("features.6.{0..14}"), "classifier.1" WB } },
    { "torchvision's MobileNetV3 (large)", "mobilenetv3_large_100",
      { CONV_BN("features.{0,16}"), NARROW("features.1"), WIDE("features.{2,3,7,8,9,10}"),
        WIDE_SE("features.{4,5,6,11,12,13,14,15}"), "classifier.{0,3}" WB } },
    { "torchvision's MobileNetV3 (small)", "mobilenetv3_small_100",
      { CONV_BN("features.{0,12}"), NARROW_SE("features.1"), WIDE("features.{2,3}"),
        WIDE_SE("features.{4..11}"), "classifier.{0,3}" WB } },
    { "Hugging Face MobileNetV1", "mobilenet_v1_1.0",
      { "mobilenet_v1.{conv_stem,layer.0,layer.1,layer.2,layer.3}.convolution.weight",
        "mobilenet_v1.layer.{4..25}.convolution.weight",
        "mobilenet_v1.{conv_stem,layer.0,layer.1,layer.2,layer.3}.normalization" BN,
        "mobilenet_v1.layer.{4..25}.normalization" BN, "classifier" WB } },
    { "Hugging Face MobileNetV2", "tf_mobilenetv2_100",
      { "mobilenet_v2.conv_stem.{first_conv,conv_3x3,reduce_1x1}.convolution.weight",
        "mobilenet_v2.conv_stem.{first_conv,conv_3x3,reduce_1x1}.normalization" BN,
        "mobilenet_v2.layer.{0..15}.{expand_1x1,conv_3x3,reduce_1x1}.convolution.weight",
        "mobilenet_v2.layer.{0..15}.{expand_1x1,conv_3x3,reduce_1x1}.normalization" BN,
        "mobilenet_v2.conv_1x1.convolution.weight", "mobilenet_v2.conv_1x1.normalization" BN,
        "classifier" WB } },
    { "Hugging Face EfficientNet (B0)", "tf_efficientnet_b0",
      { HF_EFFICIENTNET("{1..15}", "15") } },
    { "Hugging Face EfficientNet (B1)", "tf_efficientnet_b1",
      { HF_EFFICIENTNET("{2..22}", "22") } },
    { "Hugging Face EfficientNet (B2)", "tf_efficientnet_b2",
      { HF_EFFICIENTNET("{2..22}", "22") } },
    { "Hugging Face EfficientNet (B3)", "tf_efficientnet_b3",
      { HF_EFFICIENTNET("{2..25}", "25") } },
    { "Hugging Face EfficientNet (B4)", "tf_efficientnet_b4",
      { HF_EFFICIENTNET("{2..31}", "31") } },
    { "torchvision's older DenseNet", "densenet121",
      { "features.conv0.weight", "features.{norm0,norm5}" BN,
        "features.denseblock1.denselayer{1..6}.norm.{1,2}" BN,
        "features.denseblock1.denselayer{1..6}.conv.{1,2}.weight",
        "features.denseblock2.denselayer{1..12}.norm.{1,2}" BN,
        "features.denseblock2.denselayer{1..12}.conv.{1,2}.weight",
        "features.denseblock3.denselayer{1..24}.norm.{1,2}" BN,
        "features.denseblock3.denselayer{1..24}.conv.{1,2}.weight",
        "features.denseblock4.denselayer{1..16}.norm.{1,2}" BN,
        "features.denseblock4.denselayer{1..16}.conv.{1,2}.weight",
        "features.transition{1..3}.norm" BN, "features.transition{1..3}.conv.weight",
        "classifier" WB } },
};
enum { ROWS = sizeof rows / sizeof *rows };

/* ---- names ----------------------------------------------------------------------------------- */

struct names {
    int n;
    char *name[MOST];
};

/* head, what the braces of rest stand for, and so on. */
static void expand(const char *head, const char *rest, struct names *out)
{
    const char *open = strchr(rest, '{'), *close = open ? strchr(open, '}') : NULL, *dots;
    char text[256];
    int from, to;

    if (!open) {
        snprintf(text, sizeof text, "%s%s", head, rest);
        assert_true(out->n < MOST);
        out->name[out->n++] = strdup(text);
        return;
    }
    dots = strstr(open, "..");
    if (dots && dots < close) {
        assert_int_equal(sscanf(open, "{%d..%d}", &from, &to), 2);
        for (int i = from; i <= to; i++) {
            snprintf(text, sizeof text, "%s%.*s%d", head, (int)(open - rest), rest, i);
            expand(text, close + 1, out);
        }
        return;
    }
    for (const char *word = open + 1; word < close;) {
        int n = (int)strcspn(word, ",}");

        snprintf(text, sizeof text, "%s%.*s%.*s", head, (int)(open - rest), rest, n, word);
        expand(text, close + 1, out);
        word += n + 1;
    }
}

static void expand_row(const struct row *r, struct names *out)
{
    out->n = 0;
    for (int i = 0; r->name[i]; i++)
        expand("", r->name[i], out);
}

static void release_names(struct names *names)
{
    for (int i = 0; i < names->n; i++)
        free(names->name[i]);
}

static const struct infer_dialect *dialect_of(const struct row *r)
{
    const struct infer_dialect *d = infer_dialects;

    while (d->name && strcmp(d->name, r->dialect) != 0)
        d++;
    if (!d->name)
        fail_msg("no dialect %s", r->dialect);
    return d;
}

static struct nn_graph *graph_of(const char *arch)
{
    struct err err = { 0 };
    const struct nn_model *m = nn_model_find(arch, &err);
    struct nn_model_args args = { m->size, m->size, 3, 10, 0, 0 };

    return nn_model_build(m, &args, &err);
}

/* ---- properties ------------------------------------------------------------------------------ */

/* No name is left over, none is made twice, no parameter is missing. */
static void all_names_become_all_parameters(void **state)
{
    (void)state;
    for (int r = 0; r < ROWS; r++) {
        const struct infer_dialect *d = dialect_of(&rows[r]);
        struct nn_graph *g = graph_of(rows[r].arch);
        int *made = calloc((size_t)g->n, sizeof *made), parts[2];
        struct names names;
        bool marked = false;

        assert_true(infer_name_fits(d->archs, rows[r].arch));
        expand_row(&rows[r], &names);
        for (int i = 0; i < names.n; i++) {
            struct str to = { 0 };
            int node;

            marked |= infer_name_fits(d->mark, names.name[i]);
            if (infer_rename(d, names.name[i], &to, parts)) {
                node = nn_graph_find(g, str_text(&to));
                if (node < 0 || g->node[node].op != &nn_op_param)
                    fail_msg("%s: %s is %s", d->name, names.name[i], str_text(&to));
                if (made[node] & 1 << parts[0])
                    fail_msg("%s: %s is made twice", d->name, str_text(&to));
                made[node] |= 1 << parts[0] | 1 << (8 + parts[1]);
            }
            str_release(&to);
        }
        for (int i = 0; i < g->n; i++)
            if (g->node[i].op == &nn_op_param && made[i] != (1 | 1 << 9) &&
                made[i] != (7 | 1 << 11))
                fail_msg("%s: %s is not made", d->name, g->node[i].name);
        assert_true(marked);
        release_names(&names);
        free(made);
        nn_graph_free(g);
    }
}

/* A dialect's file becomes the network's values: parts in their order, variances with what the
 * epsilon of others adds. */
static void files_in_a_dialect_become_the_network(void **state)
{
    static const int tried[] = { 0, 12 };       /* the ViT, whose parts are three; MobileNetV3 */
    static const struct infer_foreign_options plain = { .arch = NULL };
    struct made_folder folder;

    (void)state;
    made_open(&folder);
    for (size_t t = 0; t < sizeof tried / sizeof *tried; t++) {
        const struct row *r = &rows[tried[t]];
        const struct infer_dialect *d = dialect_of(r);
        struct nn_graph *g = graph_of(r->arch);
        struct err err = { 0 };
        struct nn_params *p = nn_params_new(g, false, &err);
        struct st_entry *entry = calloc(MOST, sizeof *entry);
        struct arena *mem = arena_new();
        struct str told = { 0 };
        struct infer_model *m;
        struct names names;

        nn_params_init(p, g, 5);
        expand_row(r, &names);
        for (int i = 0; i < names.n; i++) {
            struct str to = { 0 };
            int part[2], e = 0;
            struct shape shape;
            float *x;

            assert_true(infer_rename(d, names.name[i], &to, part));
            while (strcmp(g->node[p->node[e]].name, str_text(&to)) != 0)
                e++;
            str_release(&to);
            shape = nn_params_file_shape(g, p->node[e]);
            x = arena_alloc(mem, (size_t)p->count[e] * sizeof *x);
            nn_params_to_file(g, p->node[e], p->value + p->offset[e], x);
            shape.dim[0] /= part[1];
            entry[i] = (struct st_entry){ .name = names.name[i], .tensor = {
                DTYPE_F32, shape, x + part[0] * (p->count[e] / part[1]) } };
        }
        assert_true(st_write(made_path(&folder, "w.safetensors"), names.n, entry, 0, NULL, &err));
        m = infer_foreign_open(made_path(&folder, "w.safetensors"), &plain, &told, &err);
        if (!m)
            fail_msg("%s\n%s", err.msg, str_text(&told));
        assert_string_equal(m->arch, r->arch);
        for (int e = 0; e < p->n; e++) {
            const char *name = g->node[p->node[e]].name;
            double more = d->epsilon > 0 && strstr(name, "running_var") ? d->epsilon - 1e-5 : 0;

            for (int64_t i = 0; i < p->count[e]; i++)
                assert_true(fabs((double)m->params->value[m->params->offset[e] + i] -
                                 (double)p->value[p->offset[e] + i] - more) < 1e-7);
        }
        infer_model_free(m);
        release_names(&names);
        str_release(&told);
        arena_free(mem);
        free(entry);
        nn_params_free(p);
        nn_graph_free(g);
    }
    made_close(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_names_become_all_parameters),
        cmocka_unit_test(files_in_a_dialect_become_the_network),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
