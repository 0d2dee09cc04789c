/*
 * resnet_small -- a residual network for small pictures
 *
 * A stem, then three stages of one widening convolution, a 2x2 max pool and one residual
 * convolution; mean over the pixels; a linear layer.  Shallow and wide learns faster per flop than
 * deep and narrow when there is time for ten epochs and not for two hundred: the shape is that of
 * David Page's "How to train your ResNet" (2018) and of Keller Jordan's airbench (arXiv:2404.00498)
 * at about a tenth of their cost.  Every convolution is followed by its batch-norm, so that all of
 * them fold at inference.
 *
 * 32x32 pictures run at full size through the stem.  Larger ones are brought near that by a stem of
 * stride 2 (from 64 pixels), and of stride 2 and a max pool (from 128): 105 MFLOP forward for 32
 * pixels, 236 for 96, 339 for 224.
 */
#include "nn/model/model.h"
#include "nn/op/conv2d.h"
#include "nn/op/pool.h"

enum { STEM = 32, STAGES = 3, FIRST = 48 };

/* 3x3 convolution, batch-norm, ReLU: parameters PREFIX.conv.* and PREFIX.bn.* */
static int conv_bn_relu(struct nn_build *b, const char *prefix, int x, int channels, int stride)
{
    char name[64];

    snprintf(name, sizeof name, "%s.conv", prefix);
    x = nn_conv(b, name, x, (struct nn_conv2d){
        .channels = channels, .size = NN_BOTH(3), .stride = NN_BOTH(stride), .pad = NN_ALL(1) });
    snprintf(name, sizeof name, "%s.bn", prefix);
    return nn_relu(b, nn_batchnorm(b, name, x));
}

static int halve(struct nn_build *b, int x)
{
    return nn_maxpool(b, x, (struct nn_pool){ .size = NN_BOTH(2), .stride = NN_BOTH(2) });
}

static struct nn_graph *build(const struct nn_model *m, const struct nn_model_args *args,
                              struct err *err)
{
    struct nn_build b;
    int x = nn_model_begin(&b, m, args, err);
    int side = args->height < args->width ? args->height : args->width;
    char name[64];

    x = conv_bn_relu(&b, "stem", x, STEM, side >= 64 ? 2 : 1);
    if (side >= 128)
        x = halve(&b, x);
    for (int i = 0; i < STAGES; i++) {
        int channels = FIRST << i;

        snprintf(name, sizeof name, "stage%d.widen", i + 1);
        x = halve(&b, conv_bn_relu(&b, name, x, channels, 1));
        snprintf(name, sizeof name, "stage%d.residual", i + 1);
        x = nn_add(&b, x, nn_droppath(&b, conv_bn_relu(&b, name, x, channels, 1),
                                      nn_model_droppath(args, i + 1, STAGES)));
    }
    return nn_model_end(&b, x, "fc", args);
}

const struct nn_model nn_family_resnet_small[] = {
    {
        .name = "resnet_small",
        .doc = "small residual network for small pictures and short trainings (after Page 2018)",
        .size = 32, .least = 16, .sample = true, .build = build,
    },
    { .name = NULL }
};
