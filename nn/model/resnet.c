/*
 * resnet -- residual networks of four stages, and what grew out of them
 *
 * He et al., "Deep residual learning for image recognition", arXiv:1512.03385, table 1, with the
 * stride in a bottleneck's 3x3 convolution.  The D variants have a stem of three 3x3 convolutions,
 * and average before their shortcuts' 1x1 (He et al. 2018, arXiv:1812.01187, fig. 2); ResNeXt and
 * Wide ResNet differ in the 3x3 of a bottleneck (Xie et al., arXiv:1611.05431; Zagoruyko and
 * Komodakis, arXiv:1605.07146); SE-ResNet ends a branch with a gate (Hu et al., arXiv:1709.01507).
 *
 * Parameter names, strides, paddings and epsilon are timm's (of SE its seresnet50, not the legacy
 * one) and, where it has the network, torchvision's: their weights fit.
 */
#include "nn/model/model.h"
#include "nn/op/conv2d.h"
#include "nn/op/pool.h"

struct row {
    int blocks[4];
    bool bottleneck;            /* else two 3x3 convolutions */
    bool deep;                  /* D */
    bool gated;                 /* SE */
    int groups, width;          /* of the 3x3 in a bottleneck; width of each where there are 64
                                   channels; 0: 1 and 64 */
};

enum { STEM = 64, WIDER = 4, SQUEEZED = 16 };

struct block {
    const struct row *row;
    const char *prefix;
    int channels, stride;
};

static int conv_bn(struct nn_build *b, const char *prefix, const char *conv, const char *bn, int x,
                   int channels, int size, int stride)
{
    return nn_model_conv_bn(b, prefix, conv, bn, x, (struct nn_conv2d){
        .channels = channels, .size = NN_BOTH(size), .stride = NN_BOTH(stride),
        .pad = NN_ALL(size / 2) });
}

/* Fig. 2. */
static int basic(struct nn_build *b, const struct block *k, int x)
{
    x = nn_relu(b, conv_bn(b, k->prefix, "conv1", "bn1", x, k->channels, 3, k->stride));
    return conv_bn(b, k->prefix, "conv2", "bn2", x, k->channels, 3, 1);
}

/* Fig. 5: down to fewer channels, 3x3, and up again. */
static int bottleneck(struct nn_build *b, const struct block *k, int x)
{
    int groups = k->row->groups ? k->row->groups : 1, width = k->row->width ? k->row->width : STEM;
    int channels = k->channels * width / STEM * groups;

    x = nn_relu(b, conv_bn(b, k->prefix, "conv1", "bn1", x, channels, 1, 1));
    x = nn_relu(b, nn_model_conv_bn(b, k->prefix, "conv2", "bn2", x, (struct nn_conv2d){
        .channels = channels, .size = NN_BOTH(3), .stride = NN_BOTH(k->stride), .pad = NN_ALL(1),
        .groups = groups }));
    return conv_bn(b, k->prefix, "conv3", "bn3", x, WIDER * k->channels, 1, 1);
}

static int wide(const struct block *k)
{
    return k->row->bottleneck ? WIDER * k->channels : k->channels;
}

static int branch(struct nn_build *b, const struct block *k, int x)
{
    int squeezed = nn_model_divisible(wide(k) / (double)SQUEEZED, 0);

    x = (k->row->bottleneck ? bottleneck : basic)(b, k, x);
    return k->row->gated ? nn_model_squeeze(b, k->prefix, "se.fc1", "se.fc2", x, squeezed,
                                            nn_relu, nn_sigmoid)
                         : x;
}

/* A 1x1 convolution where the shape changes; behind a mean of 2x2 in the D variants, of what is
 * there at the edge of an odd picture. */
static int shortcut(struct nn_build *b, const struct block *k, int x)
{
    int odd[2] = { nn_build_dim(b, x, 1) % 2, nn_build_dim(b, x, 2) % 2 };

    if (nn_build_dim(b, x, 3) == wide(k) && k->stride == 1)
        return x;
    if (!k->row->deep)
        return conv_bn(b, k->prefix, "downsample.0", "downsample.1", x, wide(k), 1, k->stride);
    if (k->stride > 1)
        x = nn_avgpool(b, x, (struct nn_pool){
            .size = NN_BOTH(2), .stride = NN_BOTH(2), .pad = { 0, 0, odd[0], odd[1] } });
    return conv_bn(b, k->prefix, "downsample.1", "downsample.2", x, wide(k), 1, 1);
}

static int stem(struct nn_build *b, const struct row *r, int x)
{
    if (r->deep) {
        x = nn_relu(b, conv_bn(b, "conv1.", "0", "1", x, STEM / 2, 3, 2));
        x = nn_relu(b, conv_bn(b, "conv1.", "3", "4", x, STEM / 2, 3, 1));
        x = nn_relu(b, conv_bn(b, "", "conv1.6", "bn1", x, STEM, 3, 1));
    } else {
        x = nn_relu(b, conv_bn(b, "", "conv1", "bn1", x, STEM, 7, 2));
    }
    return nn_maxpool(b, x, (struct nn_pool){
        .size = NN_BOTH(3), .stride = NN_BOTH(2), .pad = NN_ALL(1) });
}

static struct nn_graph *build(const struct nn_model *m, const struct nn_model_args *args,
                              struct err *err)
{
    const struct row *r = m->row;
    struct nn_build b;
    int x = stem(&b, r, nn_model_begin(&b, m, args, err)), done = 0, all = 0;

    for (int stage = 0; stage < 4; stage++)
        all += r->blocks[stage];
    for (int stage = 0; stage < 4; stage++)
        for (int i = 0; i < r->blocks[stage]; i++) {
            char prefix[32];
            struct block k = { r, prefix, STEM << stage, stage > 0 && i == 0 ? 2 : 1 };
            int y;

            snprintf(prefix, sizeof prefix, "layer%d.%d.", stage + 1, i);
            y = nn_droppath(&b, branch(&b, &k, x), nn_model_droppath(args, ++done, all));
            x = nn_relu(&b, nn_add(&b, shortcut(&b, &k, x), y));
        }
    return nn_model_end(&b, x, "fc", args);
}

#define BLOCKS_18 { 2, 2, 2, 2 }
#define BLOCKS_34 { 3, 4, 6, 3 }        /* and of 50 */
#define BLOCKS_101 { 3, 4, 23, 3 }
#define BLOCKS_152 { 3, 8, 36, 3 }
#define NETWORK(called, text, tested, ...) \
    { .name = called, .doc = text, .size = 224, .least = 32, .sample = tested, \
      .row = &(const struct row){ __VA_ARGS__ }, .build = build }
#define HE ", He et al. 2015, arXiv:1512.03385"
#define D ", He et al. 2018, arXiv:1812.01187"
#define SE ", Hu et al. 2018, arXiv:1709.01507"

const struct nn_model nn_family_resnet[] = {
    NETWORK("resnet18", "ResNet-18" HE, true, .blocks = BLOCKS_18),
    NETWORK("resnet34", "ResNet-34" HE, false, .blocks = BLOCKS_34),
    NETWORK("resnet50", "ResNet-50" HE, true, .blocks = BLOCKS_34, .bottleneck = true),
    NETWORK("resnet101", "ResNet-101" HE, false, .blocks = BLOCKS_101, .bottleneck = true),
    NETWORK("resnet152", "ResNet-152" HE, false, .blocks = BLOCKS_152, .bottleneck = true),
    NETWORK("resnet18d", "ResNet-18-D" D, false, .blocks = BLOCKS_18, .deep = true),
    NETWORK("resnet34d", "ResNet-34-D" D, false, .blocks = BLOCKS_34, .deep = true),
    NETWORK("resnet50d", "ResNet-50-D" D, false, .blocks = BLOCKS_34, .bottleneck = true,
            .deep = true),
    NETWORK("resnet101d", "ResNet-101-D" D, false, .blocks = BLOCKS_101, .bottleneck = true,
            .deep = true),
    NETWORK("resnet152d", "ResNet-152-D" D, false, .blocks = BLOCKS_152, .bottleneck = true,
            .deep = true),
    NETWORK("resnext50_32x4d", "ResNeXt-50, 32 groups of 4, Xie et al. 2016, arXiv:1611.05431",
            false, .blocks = BLOCKS_34, .bottleneck = true, .groups = 32, .width = 4),
    NETWORK("resnext101_32x8d", "ResNeXt-101, 32 groups of 8, Xie et al. 2016, arXiv:1611.05431",
            false, .blocks = BLOCKS_101, .bottleneck = true, .groups = 32, .width = 8),
    NETWORK("wide_resnet50_2", "Wide ResNet-50-2, Zagoruyko and Komodakis 2016, arXiv:1605.07146",
            false, .blocks = BLOCKS_34, .bottleneck = true, .width = 128),
    NETWORK("wide_resnet101_2", "Wide ResNet-101-2, Zagoruyko and Komodakis 2016, arXiv:1605.07146",
            false, .blocks = BLOCKS_101, .bottleneck = true, .width = 128),
    NETWORK("seresnet18", "SE-ResNet-18" SE, true, .blocks = BLOCKS_18, .gated = true),
    NETWORK("seresnet34", "SE-ResNet-34" SE, false, .blocks = BLOCKS_34, .gated = true),
    NETWORK("seresnet50", "SE-ResNet-50" SE, false, .blocks = BLOCKS_34, .bottleneck = true,
            .gated = true),
    { .name = NULL }
};
