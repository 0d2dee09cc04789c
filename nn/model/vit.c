/*
 * vit -- transformers on patches: ViT, DeiT
 *
 * Dosovitskiy et al., "An image is worth 16x16 words", arXiv:2010.11929, table 1; Touvron et al.,
 * "Training data-efficient image transformers", arXiv:2012.12877, table 1 and, with a second token
 * and head whose logits are averaged with the first's, sec. 4.  Norms before each part, epsilon
 * 1e-6.  Names of timm's.
 */
#include "nn/model/model.h"
#include "nn/op/attention.h"
#include "nn/op/conv2d.h"
#include "nn/op/embed.h"
#include "nn/op/math.h"
#include "nn/op/reshape.h"
#include "nn/op/slice.h"

struct row {
    int width, heads;
    bool distilled;
};

enum { PATCH = 16, DEPTH = 12, WIDER = 4 };

static const double EPSILON = 1e-6;

static int block(struct nn_build *b, const struct row *r, const char *prefix, int x,
                 double droppath)
{
    int y = nn_model_layernorm(b, prefix, "norm1", x, EPSILON);

    y = nn_model_dense(b, prefix, "attn.qkv", y, 3 * r->width);
    y = nn_build_node(b, &nn_op_attention, NULL, &(struct nn_attention){ .heads = r->heads }, 1,
                      &y);
    y = nn_model_dense(b, prefix, "attn.proj", y, r->width);
    x = nn_add(b, x, nn_droppath(b, y, droppath));
    y = nn_model_layernorm(b, prefix, "norm2", x, EPSILON);
    y = nn_gelu(b, nn_model_dense(b, prefix, "mlp.fc1", y, WIDER * r->width));
    y = nn_model_dense(b, prefix, "mlp.fc2", y, r->width);
    return nn_add(b, x, nn_droppath(b, y, droppath));
}

static int number(struct nn_build *b, const char *name, int tokens, int width)
{
    return nn_build_node(b, &nn_op_param, name, &(struct nn_param){
        .shape = { 1, tokens, width }, .init = NN_INIT_TRUNC }, 0, NULL);
}

/* Patches as tokens, with the network's own before them. */
static int tokens(struct nn_build *b, const struct row *r, int x)
{
    int own = 1 + r->distilled, in[4], patches;

    x = nn_conv(b, "patch_embed.proj", x, (struct nn_conv2d){
        .channels = r->width, .size = NN_BOTH(PATCH), .stride = NN_BOTH(PATCH), .bias = true });
    patches = nn_build_dim(b, x, 1) * nn_build_dim(b, x, 2);
    in[0] = nn_reshape(b, x, (struct nn_reshape){ .shape = { -1, r->width } });
    in[1] = number(b, "pos_embed", patches + own, r->width);
    in[2] = number(b, "cls_token", 1, r->width);
    in[3] = r->distilled ? number(b, "dist_token", 1, r->width) : -1;
    return nn_build_node(b, &nn_op_embed, NULL, &(struct nn_embed){ .tokens = own }, 2 + own, in);
}

/* What token i says. */
static int head(struct nn_build *b, const char *name, int x, int i,
                const struct nn_model_args *args)
{
    x = nn_build_node(b, &nn_op_slice, NULL, &(struct nn_slice){
        .axis = 1, .start = i, .step = 1, .count = 1 }, 1, &x);
    x = nn_flatten(b, x);
    if (args->dropout > 0)
        x = nn_dropout(b, x, args->dropout);
    return nn_model_dense(b, "", name, x, args->labels);
}

static struct nn_graph *build(const struct nn_model *m, const struct nn_model_args *args,
                              struct err *err)
{
    const struct row *r = m->row;
    struct nn_build b;
    int x = tokens(&b, r, nn_model_begin(&b, m, args, err)), y;

    for (int i = 0; i < DEPTH; i++) {
        char prefix[32];

        snprintf(prefix, sizeof prefix, "blocks.%d.", i);
        x = block(&b, r, prefix, x, nn_model_droppath(args, i + 1, DEPTH));
    }
    x = nn_layernorm(&b, "norm", x, EPSILON);
    y = head(&b, "head", x, 0, args);
    if (r->distilled) {
        y = nn_add(&b, y, head(&b, "head_dist", x, 1, args));
        y = nn_build_node(&b, &nn_op_math, NULL, &(struct nn_math){
            .kind = NN_MATH_affine, .a = 0.5 }, 1, &y);
    }
    nn_build_output(&b, "logits", y);
    return nn_build_end(&b);
}

#define NETWORK(called, text, tested, ...) \
    { .name = called, .doc = text, .size = 224, .least = 32, .sample = tested, .one_size = true, \
      .row = &(const struct row){ __VA_ARGS__ }, .build = build }
#define VIT(called, tested, ...) \
    NETWORK("vit_" called "_patch16_224", \
            "ViT-" called "/16, Dosovitskiy et al. 2020, arXiv:2010.11929", tested, __VA_ARGS__)
#define DEIT(called, tested, ...) \
    NETWORK("deit_" called "_patch16_224", \
            "DeiT-" called ", Touvron et al. 2020, arXiv:2012.12877", tested, __VA_ARGS__)

const struct nn_model nn_family_vit[] = {
    VIT("tiny", true, .width = 192, .heads = 3),
    VIT("small", false, .width = 384, .heads = 6),
    VIT("base", false, .width = 768, .heads = 12),
    DEIT("tiny", false, .width = 192, .heads = 3),
    DEIT("small", false, .width = 384, .heads = 6),
    DEIT("base", false, .width = 768, .heads = 12),
    DEIT("tiny_distilled", false, .width = 192, .heads = 3, .distilled = true),
    DEIT("small_distilled", false, .width = 384, .heads = 6, .distilled = true),
    DEIT("base_distilled", false, .width = 768, .heads = 12, .distilled = true),
    { .name = NULL }
};
