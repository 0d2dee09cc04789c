/*
 * mobilenet_v2 -- inverted residuals and linear bottlenecks
 *
 * Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", arXiv:1801.04381,
 * table 2, width 1.0.  Parameter names are those of timm's mobilenetv2_100; paddings are symmetric,
 * as there.
 */
#include "nn/model/model.h"
#include "nn/op/conv2d.h"

enum { STEM = 32, HEAD = 1280, BLOCKS = 17 };

/* Table 2: expansion t, channels c, blocks n, stride s of the first. */
static const struct stage {
    int t, c, n, s;
} stages[] = {
    { 1, 16, 1, 1 }, { 6, 24, 2, 2 }, { 6, 32, 3, 2 }, { 6, 64, 4, 2 },
    { 6, 96, 3, 1 }, { 6, 160, 3, 2 }, { 6, 320, 1, 1 },
};

static struct nn_conv2d pointwise(int channels)
{
    return (struct nn_conv2d){ .channels = channels, .size = NN_BOTH(1) };
}

static struct nn_conv2d depthwise(int channels, int stride)
{
    return (struct nn_conv2d){ .channels = channels, .size = NN_BOTH(3), .stride = NN_BOTH(stride),
                               .pad = NN_ALL(1), .groups = channels };
}

/* Expand, filter each channel, project without activation; add where shapes agree: fig. 4d. */
static int inverted_residual(struct nn_build *b, const char *prefix, int x, int from,
                             const struct stage *s, int stride, double droppath)
{
    int wide = from * s->t, y;

    if (s->t == 1) {
        y = nn_relu6(b, nn_model_conv_bn(b, prefix, "conv_dw", "bn1", x, depthwise(wide, stride)));
        y = nn_model_conv_bn(b, prefix, "conv_pw", "bn2", y, pointwise(s->c));
    } else {
        y = nn_relu6(b, nn_model_conv_bn(b, prefix, "conv_pw", "bn1", x, pointwise(wide)));
        y = nn_relu6(b, nn_model_conv_bn(b, prefix, "conv_dw", "bn2", y, depthwise(wide, stride)));
        y = nn_model_conv_bn(b, prefix, "conv_pwl", "bn3", y, pointwise(s->c));
    }
    return stride == 1 && from == s->c ? nn_add(b, x, nn_droppath(b, y, droppath)) : y;
}

static struct nn_graph *build(const struct nn_model_args *args, struct err *err)
{
    struct nn_build b;
    int x = nn_model_begin(&b, &nn_model_mobilenet_v2, args, err), from = STEM, n = 0;

    x = nn_relu6(&b, nn_model_conv_bn(&b, "", "conv_stem", "bn1", x, (struct nn_conv2d){
        .channels = STEM, .size = NN_BOTH(3), .stride = NN_BOTH(2), .pad = NN_ALL(1) }));
    for (int i = 0; i < (int)(sizeof stages / sizeof *stages); i++) {
        for (int block = 0; block < stages[i].n; block++) {
            char prefix[32];

            snprintf(prefix, sizeof prefix, "blocks.%d.%d.", i, block);
            x = inverted_residual(&b, prefix, x, from, &stages[i], block ? 1 : stages[i].s,
                                  nn_model_droppath(args, ++n, BLOCKS));
            from = stages[i].c;
        }
    }
    x = nn_relu6(&b, nn_model_conv_bn(&b, "", "conv_head", "bn2", x, pointwise(HEAD)));
    return nn_model_end(&b, x, "classifier", args);
}

const struct nn_model nn_model_mobilenet_v2 = {
    .name = "mobilenet_v2",
    .doc = "MobileNetV2 1.0 (Sandler et al. 2018, arXiv:1801.04381), timm's names",
    .size = 224, .least = 32, .build = build,
};
