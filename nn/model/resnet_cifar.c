/*
 * resnet_cifar -- residual networks of 6n + 2 layers for 32x32 pictures
 *
 * He et al., "Deep residual learning for image recognition", arXiv:1512.03385, sec. 4.2: a 3x3
 * stem, three stages of n blocks with 16, 32 and 64 channels.  Shortcuts have no parameters (option
 * A): where the stride is 2 every second row and column, with zeros for the channels that are new,
 * half of them on either side.  Parameter names are those of the weights by Y. Idelbayev
 * (akamaster/pytorch_resnet_cifar10), the most used ones.
 */
#include "nn/model/model.h"
#include "nn/op/conv2d.h"
#include "nn/op/pad.h"
#include "nn/op/pool.h"

enum { STAGES = 3, FIRST = 16 };

static int conv_bn(struct nn_build *b, const char *prefix, const char *conv, const char *bn, int x,
                   int channels, int stride)
{
    return nn_model_conv_bn(b, prefix, conv, bn, x, (struct nn_conv2d){
        .channels = channels, .size = NN_BOTH(3), .stride = NN_BOTH(stride), .pad = NN_ALL(1) });
}

static int shortcut(struct nn_build *b, int x, int channels)
{
    int more = channels - nn_build_dim(b, x, 3);

    if (!more)
        return x;
    x = nn_avgpool(b, x, (struct nn_pool){ .size = NN_BOTH(1), .stride = NN_BOTH(2) });
    return nn_pad(b, x, (struct nn_pad){ .axis = 3, .before = more / 2, .after = more - more / 2 });
}

static struct nn_graph *build(const struct nn_model *m, const struct nn_model_args *args,
                              struct err *err)
{
    int blocks = *(const int *)m->row, done = 0;
    struct nn_build b;
    int x = nn_model_begin(&b, m, args, err);

    x = nn_relu(&b, conv_bn(&b, "", "conv1", "bn1", x, FIRST, 1));
    for (int stage = 0; stage < STAGES; stage++)
        for (int i = 0; i < blocks; i++) {
            int channels = FIRST << stage, y;
            char prefix[32];

            snprintf(prefix, sizeof prefix, "layer%d.%d.", stage + 1, i);
            y = nn_relu(&b, conv_bn(&b, prefix, "conv1", "bn1", x, channels,
                                    stage && !i ? 2 : 1));
            y = nn_droppath(&b, conv_bn(&b, prefix, "conv2", "bn2", y, channels, 1),
                            nn_model_droppath(args, ++done, STAGES * blocks));
            x = nn_relu(&b, nn_add(&b, shortcut(&b, x, channels), y));
        }
    return nn_model_end(&b, x, "linear", args);
}

#define NETWORK(layers, n, tested) \
    { .name = "resnet" #layers, \
      .doc = "ResNet-" #layers " for 32x32 pictures, He et al. 2015, arXiv:1512.03385, sec. 4.2", \
      .size = 32, .least = 16, .sample = tested, .row = &(const int){ n }, .build = build }

const struct nn_model nn_family_resnet_cifar[] = {
    NETWORK(20, 3, true),
    NETWORK(32, 5, false),
    NETWORK(44, 7, false),
    NETWORK(56, 9, false),
    { .name = NULL }
};
