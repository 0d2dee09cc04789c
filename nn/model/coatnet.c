/*
 * coatnet -- convolutions while pictures are large, then attention among all pixels
 *
 * Dai et al., "CoAtNet: marrying convolution and attention for all data sizes", arXiv:2106.04803,
 * fig. 2 and table 3: a stem, two stages of inverted residuals with gates, two of transformers that
 * add a trained number for each distance of pixels.  Names and choices of timm's coatnet_0_rw_224,
 * of which weights are public: blocks begin with a norm; what makes pictures smaller is a mean of
 * 2x2 pixels; gates are before the norm; third stages are two blocks deeper than the paper's.
 * Epsilon 1e-5 in convolutional blocks, 1e-6 in others.
 */
#include "nn/model/model.h"
#include "nn/op/attention.h"
#include "nn/op/conv2d.h"
#include "nn/op/pool.h"

enum { STAGES = 4, CONVOLUTIONAL = 2, FIRST = 96, STEM = 32, HEAD = 32, WIDER = 4, GATE = 4 };
static const double EPSILON = 1e-6;

struct block {
    const char *prefix;
    int to, stride;
    double droppath;
};

static const char *named(char text[96], const struct block *k, const char *name)
{
    snprintf(text, 96, "%s%s", k->prefix, name);
    return text;
}

static int conv(struct nn_build *b, const struct block *k, const char *name, int x, int channels,
                bool bias)
{
    char text[96];

    return nn_conv(b, named(text, k, name), x, (struct nn_conv2d){
        .channels = channels, .bias = bias });
}

static int smaller(struct nn_build *b, const struct block *k, int x)
{
    return k->stride == 1 ? x : nn_avgpool(b, x, (struct nn_pool){
        .size = NN_BOTH(2), .stride = NN_BOTH(2) });
}

static int shortcut(struct nn_build *b, const struct block *k, int x)
{
    if (k->stride == 1)
        return x;
    x = smaller(b, k, x);
    return nn_build_dim(b, x, 3) == k->to ? x : conv(b, k, "shortcut.expand", x, k->to, false);
}

static int bn_act(struct nn_build *b, const struct block *k, const char *name, int x)
{
    char text[96];

    return nn_silu(b, nn_batchnorm(b, named(text, k, name), x));
}

static int convolutional(struct nn_build *b, const struct block *k, int x)
{
    int wide = nn_model_divisible((double)WIDER * nn_build_dim(b, x, 3), 0.9);
    int y = smaller(b, k, bn_act(b, k, "pre_norm", x));
    char text[96];

    y = bn_act(b, k, "norm1", conv(b, k, "conv1_1x1", y, wide, false));
    y = nn_conv(b, named(text, k, "conv2_kxk"), y, (struct nn_conv2d){
        .channels = wide, .size = NN_BOTH(3), .pad = NN_ALL(1), .groups = wide });
    y = nn_model_squeeze(b, k->prefix, "se_early.fc1", "se_early.fc2", y, wide / GATE, nn_relu,
                         nn_sigmoid);
    y = conv(b, k, "conv3_1x1", bn_act(b, k, "norm2", y), k->to, false);
    return nn_add(b, nn_droppath(b, y, k->droppath), shortcut(b, k, x));
}

static int transformer(struct nn_build *b, const struct block *k, int x)
{
    int from = nn_build_dim(b, x, 3), y;
    char text[96];

    y = nn_model_layernorm(b, k->prefix, k->stride == 1 ? "norm1" : "norm1.norm", x, EPSILON);
    y = conv(b, k, "attn.qkv", smaller(b, k, y), 3 * from, true);
    y = nn_build_node(b, &nn_op_attention, named(text, k, "attn.rel_pos"), &(struct nn_attention){
        .heads = from / HEAD, .relative = true, .by_head = true }, 1, &y);
    y = conv(b, k, "attn.proj", y, k->to, true);
    x = nn_add(b, shortcut(b, k, x), nn_droppath(b, y, k->droppath));
    y = conv(b, k, "mlp.fc1", nn_model_layernorm(b, k->prefix, "norm2", x, EPSILON), WIDER * k->to,
             true);
    y = conv(b, k, "mlp.fc2", nn_gelu(b, y), k->to, true);
    return nn_add(b, x, nn_droppath(b, y, k->droppath));
}

static struct nn_graph *build(const struct nn_model *m, const struct nn_model_args *args,
                              struct err *err)
{
    const int *blocks = m->row;
    const struct block stem = { .prefix = "stem." };
    struct nn_build b;
    int x = nn_model_begin(&b, m, args, err), done = 0, all = 0;

    for (int s = 0; s < STAGES; s++)
        all += blocks[s];
    x = nn_conv(&b, "stem.conv1", x, (struct nn_conv2d){
        .channels = STEM, .size = NN_BOTH(3), .stride = NN_BOTH(2), .pad = NN_ALL(1) });
    x = nn_conv(&b, "stem.conv2", bn_act(&b, &stem, "norm1", x), (struct nn_conv2d){
        .channels = 2 * STEM, .size = NN_BOTH(3), .pad = NN_ALL(1) });
    for (int s = 0; s < STAGES; s++)
        for (int i = 0; i < blocks[s]; i++) {
            char prefix[64];
            struct block k = { prefix, FIRST << s, i ? 1 : 2,
                               nn_model_droppath(args, ++done, all) };

            snprintf(prefix, sizeof prefix, "stages.%d.blocks.%d.", s, i);
            x = s < CONVOLUTIONAL ? convolutional(&b, &k, x) : transformer(&b, &k, x);
        }
    return nn_model_end(&b, nn_layernorm(&b, "norm", x, EPSILON), "head.fc", args);
}

const struct nn_model nn_family_coatnet[] = {
    { .name = "coatnet_0_rw_224",
      .doc = "CoAtNet-0, Dai et al. 2021, arXiv:2106.04803, as timm trained it",
      .size = 224, .least = 32, .one_size = true, .row = (const int[STAGES]){ 2, 3, 7, 2 },
      .build = build },
    { .name = NULL }
};
