/*
 * resnet18 -- a residual network of 18 layers
 */
#include "nn/model/resnet.h"

/* Two 3x3 convolutions: fig. 2. */
static int basic(struct nn_build *b, const char *prefix, int x, int channels, int stride)
{
    int y = nn_relu(b, nn_resnet_conv_bn(b, prefix, "conv1", "bn1", x, channels, 3, stride));

    return nn_resnet_conv_bn(b, prefix, "conv2", "bn2", y, channels, 3, 1);
}

static struct nn_graph *build(const struct nn_model_args *args, struct err *err)
{
    const struct nn_resnet r = { &nn_model_resnet18, { 2, 2, 2, 2 }, 1, basic };

    return nn_resnet_build(&r, args, err);
}

const struct nn_model nn_model_resnet18 = {
    .name = "resnet18", .doc = "ResNet-18 (He et al. 2015, arXiv:1512.03385), timm's names",
    .size = 224, .least = 32, .build = build,
};
