/*
 * mobilenet_v1 -- depthwise and pointwise convolutions in turns
 *
 * Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision
 * applications", arXiv:1704.04861, table 1.  mobilenetv1_100 is timm's network, names and all.  The
 * others are those of Keras, width and names as in `mobilenet_v1_0.25_224` and its kin converted to
 * safetensors: epsilon 1e-3, and TensorFlow's paddings.
 */
#include "nn/model/model.h"
#include "nn/op/batchnorm.h"
#include "nn/op/conv2d.h"

struct row {
    double width;
    bool keras;
};

enum { STEM = 32, LAYERS = 13 };

/* Of each pointwise convolution the channels, of the depthwise one before it the stride. */
static const struct layer {
    int channels, stride;
} layers[LAYERS] = {
    { 64, 1 }, { 128, 2 }, { 128, 1 }, { 256, 2 }, { 256, 1 }, { 512, 2 }, { 512, 1 },
    { 512, 1 }, { 512, 1 }, { 512, 1 }, { 512, 1 }, { 1024, 2 }, { 1024, 1 },
};

static struct nn_conv2d filter(const struct nn_build *b, const struct row *r, int x, int channels,
                               int groups, int stride)
{
    return nn_model_filter(b, x, r->keras ? NN_MODEL_PAD_SAME : NN_MODEL_PAD_EVEN,
                           (struct nn_conv2d){ .channels = channels, .size = NN_BOTH(3),
                                               .stride = NN_BOTH(stride), .groups = groups });
}

static int conv_bn(struct nn_build *b, const struct row *r, const char *conv, const char *bn, int x,
                   struct nn_conv2d attr)
{
    return nn_relu6(b, nn_model_conv_bn_of(b, "", conv, bn, x, attr, (struct nn_bn){
        .epsilon = r->keras ? 1e-3 : 0 }));
}

/* timm counts layers within their stages. */
static void names(const struct row *r, int i, char name[4][40])
{
    int stage = 0, first = 0;

    for (int k = 1; k <= i; k++)
        if (layers[k].channels != layers[k - 1].channels) {
            stage++;
            first = k;
        }
    if (r->keras) {
        snprintf(name[0], sizeof name[0], "conv_dw_%d", i + 1);
        snprintf(name[1], sizeof name[1], "conv_dw_%d_bn", i + 1);
        snprintf(name[2], sizeof name[2], "conv_pw_%d", i + 1);
        snprintf(name[3], sizeof name[3], "conv_pw_%d_bn", i + 1);
    } else {
        snprintf(name[0], sizeof name[0], "blocks.%d.%d.conv_dw", stage, i - first);
        snprintf(name[1], sizeof name[1], "blocks.%d.%d.bn1", stage, i - first);
        snprintf(name[2], sizeof name[2], "blocks.%d.%d.conv_pw", stage, i - first);
        snprintf(name[3], sizeof name[3], "blocks.%d.%d.bn2", stage, i - first);
    }
}

static struct nn_graph *build(const struct nn_model *m, const struct nn_model_args *args,
                              struct err *err)
{
    const struct row *r = m->row;
    struct nn_build b;
    int x = nn_model_begin(&b, m, args, err), wide = (int)(STEM * r->width);

    x = conv_bn(&b, r, r->keras ? "conv1" : "conv_stem", r->keras ? "conv1_bn" : "bn1", x,
                filter(&b, r, x, wide, 1, 2));
    for (int i = 0; i < LAYERS; i++) {
        char name[4][40];

        names(r, i, name);
        x = conv_bn(&b, r, name[0], name[1], x, filter(&b, r, x, wide, wide, layers[i].stride));
        wide = (int)(layers[i].channels * r->width);
        x = conv_bn(&b, r, name[2], name[3], x, (struct nn_conv2d){ .channels = wide });
    }
    return nn_model_end(&b, x, r->keras ? "fc" : "classifier", args);
}

#define HOWARD ", Howard et al. 2017, arXiv:1704.04861"
#define NETWORK(called, text, tested, ...) \
    { .name = called, .doc = text, .size = 224, .least = 32, .sample = tested, \
      .row = &(const struct row){ __VA_ARGS__ }, .build = build }

const struct nn_model nn_family_mobilenet_v1[] = {
    NETWORK("mobilenet_v1_0.25", "MobileNetV1, width 0.25, Keras's names and paddings" HOWARD, true,
            .width = 0.25, .keras = true),
    NETWORK("mobilenet_v1_0.5", "MobileNetV1, width 0.5, Keras's names and paddings" HOWARD, false,
            .width = 0.5, .keras = true),
    NETWORK("mobilenet_v1_0.75", "MobileNetV1, width 0.75, Keras's names and paddings" HOWARD,
            false, .width = 0.75, .keras = true),
    NETWORK("mobilenet_v1_1.0", "MobileNetV1, width 1, Keras's names and paddings" HOWARD, false,
            .width = 1, .keras = true),
    NETWORK("mobilenetv1_100", "MobileNetV1, timm's names" HOWARD, false, .width = 1),
    { .name = NULL }
};
