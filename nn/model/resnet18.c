/*
 * resnet18 -- a residual network of 18 layers
 *
 * He et al., "Deep residual learning for image recognition", arXiv:1512.03385, table 1.  Parameter
 * names are timm's and torchvision's.  Strides, paddings and epsilon too, so their weights fit.
 */
#include "nn/model/model.h"
#include "nn/op/conv2d.h"
#include "nn/op/pool.h"

/* Convolution CONV and batch-norm BN under a prefix. */
static int conv_bn(struct nn_build *b, const char *prefix, const char *conv, const char *bn, int x,
                   int channels, int size, int stride)
{
    char name[64];

    snprintf(name, sizeof name, "%s%s", prefix, conv);
    x = nn_conv(b, name, x, (struct nn_conv2d){
        .channels = channels, .size = NN_BOTH(size), .stride = NN_BOTH(stride),
        .pad = NN_ALL(size / 2) });
    snprintf(name, sizeof name, "%s%s", prefix, bn);
    return nn_batchnorm(b, name, x);
}

/* Two 3x3 convolutions and a shortcut: fig. 2. */
static int basic_block(struct nn_build *b, const char *prefix, int x, int channels, int stride,
                       bool widen, double droppath)
{
    int y = nn_relu(b, conv_bn(b, prefix, "conv1", "bn1", x, channels, 3, stride));

    y = nn_droppath(b, conv_bn(b, prefix, "conv2", "bn2", y, channels, 3, 1), droppath);
    if (widen)
        x = conv_bn(b, prefix, "downsample.0", "downsample.1", x, channels, 1, stride);
    return nn_relu(b, nn_add(b, x, y));
}

static struct nn_graph *build(const struct nn_model_args *args, struct err *err)
{
    struct nn_build b;
    int x = nn_model_begin(&b, &nn_model_resnet18, args, err);
    char prefix[32];

    x = nn_relu(&b, conv_bn(&b, "", "conv1", "bn1", x, 64, 7, 2));
    x = nn_maxpool(&b, x, (struct nn_pool){
        .size = NN_BOTH(3), .stride = NN_BOTH(2), .pad = NN_ALL(1) });
    for (int stage = 0; stage < 4; stage++) {
        for (int block = 0; block < 2; block++) {
            bool widen = stage > 0 && block == 0;

            snprintf(prefix, sizeof prefix, "layer%d.%d.", stage + 1, block);
            x = basic_block(&b, prefix, x, 64 << stage, widen ? 2 : 1, widen,
                            nn_model_droppath(args, 2 * stage + block + 1, 8));
        }
    }
    return nn_model_end(&b, x, "fc", args);
}

const struct nn_model nn_model_resnet18 = {
    .name = "resnet18", .doc = "ResNet-18 (He et al. 2015, arXiv:1512.03385), timm's names",
    .size = 224, .least = 32, .build = build,
};
