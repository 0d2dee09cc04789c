/*
 * swin -- transformers that see windows, which every other block shifts by half
 *
 * Liu et al., "Swin Transformer", arXiv:2103.14030, sec. 3: 4x4 patches, stages of blocks at half
 * the resolution each, 2x2 pixels merged between them.  Windows of 7; a picture that is no larger
 * is one window, and one that windows do not fill gets zeros on the right and at the bottom.  Names
 * of timm's; epsilon 1e-5.
 */
#include "nn/model/model.h"
#include "nn/op/attention.h"
#include "nn/op/concat.h"
#include "nn/op/conv2d.h"
#include "nn/op/linear.h"
#include "nn/op/pad.h"
#include "nn/op/slice.h"

enum { STAGES = 4, FIRST = 96, HEAD = 32, WINDOW = 7, WIDER = 4 };
static const double EPSILON = 1e-5;

struct block {
    const char *prefix;
    int shift;
    double droppath;
};

static int cut(struct nn_build *b, int x, int axis, int start, int step, int count)
{
    return nn_build_node(b, &nn_op_slice, NULL, &(struct nn_slice){
        .axis = axis, .start = start, .step = step, .count = count }, 1, &x);
}

static int pad(struct nn_build *b, int x, int axis, int more)
{
    return more ? nn_pad(b, x, (struct nn_pad){ .axis = axis, .after = more }) : x;
}

static int joined(struct nn_build *b, int axis, int n, const int *part)
{
    return nn_build_node(b, &nn_op_concat, NULL, &(struct nn_concat){ .axis = axis }, n, part);
}

/* Rows, or columns, from `by` on, then those before. */
static int rolled(struct nn_build *b, int x, int axis, int by)
{
    int side = nn_build_dim(b, x, axis), part[2];

    part[0] = cut(b, x, axis, by, 1, side - by);
    part[1] = cut(b, x, axis, 0, 1, by);
    return joined(b, axis, 2, part);
}

/* Windows that do not fill the picture are filled with zeros, as are queries, keys and values but
 * for their biases; the picture is rolled before that, so attention finds it so. */
static int attend(struct nn_build *b, const struct block *k, int x)
{
    int width = nn_build_dim(b, x, 3), window = WINDOW, shift = k->shift, side[2];
    bool fills = true;
    char text[96];

    for (int d = 0; d < 2; d++) {
        side[d] = nn_build_dim(b, x, 1 + d);
        if (side[d] <= window) {
            window = side[d];
            shift = 0;
        }
    }
    for (int d = 0; d < 2 && window; d++)
        fills &= side[d] % window == 0;
    for (int d = 0; d < 2 && !fills; d++) {
        x = shift ? rolled(b, x, 1 + d, shift) : x;
        x = pad(b, x, 1 + d, (window - side[d] % window) % window);
    }
    x = nn_model_dense(b, k->prefix, "attn.qkv", x, 3 * width);
    snprintf(text, sizeof text, "%sattn", k->prefix);
    x = nn_build_node(b, &nn_op_attention, text, &(struct nn_attention){
        .heads = width / HEAD, .window = window, .shift = shift, .rolled = shift && !fills,
        .relative = true }, 1, &x);
    x = nn_model_dense(b, k->prefix, "attn.proj", x, width);
    for (int d = 0; d < 2 && !fills; d++) {
        x = nn_build_dim(b, x, 1 + d) > side[d] ? cut(b, x, 1 + d, 0, 1, side[d]) : x;
        x = shift ? rolled(b, x, 1 + d, side[d] - shift) : x;
    }
    return x;
}

static int block(struct nn_build *b, const struct block *k, int x)
{
    int width = nn_build_dim(b, x, 3), y;

    y = attend(b, k, nn_model_layernorm(b, k->prefix, "norm1", x, EPSILON));
    x = nn_add(b, x, nn_droppath(b, y, k->droppath));
    y = nn_model_layernorm(b, k->prefix, "norm2", x, EPSILON);
    y = nn_gelu(b, nn_model_dense(b, k->prefix, "mlp.fc1", y, WIDER * width));
    y = nn_model_dense(b, k->prefix, "mlp.fc2", y, width);
    return nn_add(b, x, nn_droppath(b, y, k->droppath));
}

/* Of 2x2 pixels the upper left, lower left, upper right and lower right one side by side; where
 * the last row or column is alone, with zeros. */
static int merge(struct nn_build *b, const char *prefix, int x)
{
    int width = nn_build_dim(b, x, 3), part[4];
    char text[96];

    for (int d = 1; d < 3; d++)
        x = pad(b, x, d, nn_build_dim(b, x, d) % 2);
    for (int i = 0; i < 4; i++) {
        int rows = cut(b, x, 1, i % 2, 2, nn_build_dim(b, x, 1) / 2);

        part[i] = cut(b, rows, 2, i / 2, 2, nn_build_dim(b, x, 2) / 2);
    }
    x = nn_model_layernorm(b, prefix, "norm", joined(b, -1, 4, part), EPSILON);
    snprintf(text, sizeof text, "%sreduction", prefix);
    return nn_dense(b, text, x, (struct nn_linear){ .width = 2 * width });
}

static struct nn_graph *build(const struct nn_model *m, const struct nn_model_args *args,
                              struct err *err)
{
    const int *blocks = m->row;
    struct nn_build b;
    int x = nn_model_begin(&b, m, args, err), done = 0, all = 0;

    for (int s = 0; s < STAGES; s++)
        all += blocks[s];
    x = nn_conv(&b, "patch_embed.proj", x, (struct nn_conv2d){
        .channels = FIRST, .size = NN_BOTH(4), .stride = NN_BOTH(4), .bias = true });
    x = nn_layernorm(&b, "patch_embed.norm", x, EPSILON);
    for (int s = 0; s < STAGES; s++) {
        char prefix[64];

        snprintf(prefix, sizeof prefix, "layers.%d.downsample.", s);
        x = s ? merge(&b, prefix, x) : x;
        for (int i = 0; i < blocks[s]; i++) {
            struct block k = { prefix, i % 2 * (WINDOW / 2), nn_model_droppath(args, ++done, all) };

            snprintf(prefix, sizeof prefix, "layers.%d.blocks.%d.", s, i);
            x = block(&b, &k, x);
        }
    }
    return nn_model_end(&b, nn_layernorm(&b, "norm", x, EPSILON), "head.fc", args);
}

#define NETWORK(called, tested, ...) \
    { .name = "swin_" called "_patch4_window7_224", \
      .doc = "Swin-" called ", Liu et al. 2021, arXiv:2103.14030, timm's names", \
      .size = 224, .least = 32, .sample = tested, .one_size = true, \
      .row = (const int[STAGES]){ __VA_ARGS__ }, .build = build }

const struct nn_model nn_family_swin[] = {
    NETWORK("tiny", false, 2, 2, 6, 2),
    NETWORK("small", false, 2, 2, 18, 2),
    { .name = NULL }
};
