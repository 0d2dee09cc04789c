/*
 * resnet50 -- a residual network of 50 layers
 *
 * The stride is in the 3x3 convolution and not in the 1x1 before it, as in timm and torchvision.
 */
#include "nn/model/resnet.h"

/* Down to a quarter of the channels, 3x3, and up again: fig. 5. */
static int bottleneck(struct nn_build *b, const char *prefix, int x, int channels, int stride)
{
    int y = nn_relu(b, nn_resnet_conv_bn(b, prefix, "conv1", "bn1", x, channels, 1, 1));

    y = nn_relu(b, nn_resnet_conv_bn(b, prefix, "conv2", "bn2", y, channels, 3, stride));
    return nn_resnet_conv_bn(b, prefix, "conv3", "bn3", y, 4 * channels, 1, 1);
}

static struct nn_graph *build(const struct nn_model_args *args, struct err *err)
{
    const struct nn_resnet r = { &nn_model_resnet50, { 3, 4, 6, 3 }, 4, bottleneck };

    return nn_resnet_build(&r, args, err);
}

const struct nn_model nn_model_resnet50 = {
    .name = "resnet50", .doc = "ResNet-50 (He et al. 2015, arXiv:1512.03385), timm's names",
    .size = 224, .least = 32, .build = build,
};
