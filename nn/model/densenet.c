/*
 * densenet -- every layer sees what all before it in its block have made
 *
 * Huang et al., "Densely connected convolutional networks", arXiv:1608.06993, table 1 and sec. 3:
 * bottlenecks of four times the growth, transitions to half the channels.  Names of timm and of
 * torchvision.
 */
#include "nn/model/model.h"
#include "nn/op/concat.h"
#include "nn/op/conv2d.h"
#include "nn/op/pool.h"

enum { STEM = 64, GROWTH = 32, WIDER = 4, BLOCKS = 4 };

/* A norm, relu, and a convolution, PREFIX and then NORM and CONV. */
static int norm_conv(struct nn_build *b, const char *prefix, const char *norm, const char *conv,
                     int x, int channels, int size)
{
    char name[96];

    snprintf(name, sizeof name, "%s%s", prefix, norm);
    x = nn_relu(b, nn_batchnorm(b, name, x));
    snprintf(name, sizeof name, "%s%s", prefix, conv);
    return nn_conv(b, name, x, (struct nn_conv2d){
        .channels = channels, .size = NN_BOTH(size), .pad = NN_ALL(size / 2) });
}

static int layer(struct nn_build *b, const char *prefix, int x)
{
    int y = norm_conv(b, prefix, "norm1", "conv1", x, WIDER * GROWTH, 1);

    y = norm_conv(b, prefix, "norm2", "conv2", y, GROWTH, 3);
    return nn_build_node(b, &nn_op_concat, NULL, &(struct nn_concat){ .axis = -1 }, 2,
                         (int[]){ x, y });
}

static struct nn_graph *build(const struct nn_model *m, const struct nn_model_args *args,
                              struct err *err)
{
    const int *layers = m->row;
    struct nn_build b;
    int x = nn_model_begin(&b, m, args, err);

    x = nn_relu(&b, nn_model_conv_bn(&b, "features.", "conv0", "norm0", x, (struct nn_conv2d){
        .channels = STEM, .size = NN_BOTH(7), .stride = NN_BOTH(2), .pad = NN_ALL(3) }));
    x = nn_maxpool(&b, x, (struct nn_pool){
        .size = NN_BOTH(3), .stride = NN_BOTH(2), .pad = NN_ALL(1) });
    for (int i = 1; i <= BLOCKS; i++) {
        char prefix[64];

        for (int k = 1; k <= layers[i - 1]; k++) {
            snprintf(prefix, sizeof prefix, "features.denseblock%d.denselayer%d.", i, k);
            x = layer(&b, prefix, x);
        }
        if (i == BLOCKS)
            break;
        snprintf(prefix, sizeof prefix, "features.transition%d.", i);
        x = norm_conv(&b, prefix, "norm", "conv", x, nn_build_dim(&b, x, 3) / 2, 1);
        x = nn_avgpool(&b, x, (struct nn_pool){ .size = NN_BOTH(2), .stride = NN_BOTH(2) });
    }
    return nn_model_end(&b, nn_relu(&b, nn_batchnorm(&b, "features.norm5", x)), "classifier", args);
}

#define NETWORK(layers_, tested, ...) \
    { .name = "densenet" #layers_, \
      .doc = "DenseNet-" #layers_ ", Huang et al. 2016, arXiv:1608.06993, timm's names", \
      .size = 224, .least = 32, .sample = tested, .row = (const int[BLOCKS]){ __VA_ARGS__ }, \
      .build = build }

const struct nn_model nn_family_densenet[] = {
    NETWORK(121, false, 6, 12, 24, 16),
    NETWORK(169, false, 6, 12, 32, 32),
    NETWORK(201, false, 6, 12, 48, 32),
    { .name = NULL }
};
