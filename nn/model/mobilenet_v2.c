/*
 * mobilenet_v2 -- inverted residuals and linear bottlenecks
 *
 * Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", arXiv:1801.04381,
 * table 2.  Parameter names are those of timm's mobilenetv2_100 and its kin, whose paddings are
 * symmetric.  Those called tf_... are TensorFlow's, which Hugging Face has: timm has none of them.
 */
#include "nn/model/inverted.h"

struct row {
    double width;
    bool tf;
};

/* Table 2: blocks n, filters of 3x3, stride s of the first, expansion t, channels c. */
static const struct nn_inverted_stage stages[] = {
    NN_STAGE(SEPARABLE, 1, 3, 1, 1, 16),
    NN_STAGE(RESIDUAL, 2, 3, 2, 6, 24),
    NN_STAGE(RESIDUAL, 3, 3, 2, 6, 32),
    NN_STAGE(RESIDUAL, 4, 3, 2, 6, 64),
    NN_STAGE(RESIDUAL, 3, 3, 1, 6, 96),
    NN_STAGE(RESIDUAL, 3, 3, 2, 6, 160),
    NN_STAGE(RESIDUAL, 1, 3, 1, 6, 320),
    { .n = 0 }
};

/* The head of a narrow network is as wide as that of the plain one: section 5. */
static struct nn_graph *build(const struct nn_model *m, const struct nn_model_args *args,
                              struct err *err)
{
    const struct row *r = m->row;
    const struct nn_inverted v = { .stage = stages, .stem = 32,
                                   .head = nn_inverted_wide(1280, r->width > 1 ? r->width : 1),
                                   .width = r->width, .tf = r->tf, .act = nn_relu6 };

    return nn_inverted_build(m, &v, args, err);
}

#define NETWORK(called, text, pixels, tested, ...) \
    { .name = called, .doc = "MobileNetV2, width " text, .size = pixels, .least = 32, \
      .sample = tested, .row = &(const struct row){ __VA_ARGS__ }, .build = build }
#define SANDLER ", Sandler et al. 2018, arXiv:1801.04381, timm's names"
#define PADS " and TensorFlow's paddings"

const struct nn_model nn_family_mobilenet_v2[] = {
    NETWORK("mobilenet_v2", "1" SANDLER, 224, true, .width = 1),
    NETWORK("mobilenetv2_035", "0.35" SANDLER, 224, false, .width = 0.35),
    NETWORK("tf_mobilenetv2_035", "0.35" SANDLER PADS, 96, false, .width = 0.35, .tf = true),
    NETWORK("mobilenetv2_050", "0.5" SANDLER, 224, false, .width = 0.5),
    NETWORK("mobilenetv2_075", "0.75" SANDLER, 224, false, .width = 0.75),
    NETWORK("tf_mobilenetv2_075", "0.75" SANDLER PADS, 160, false, .width = 0.75, .tf = true),
    NETWORK("tf_mobilenetv2_100", "1" SANDLER PADS, 224, false, .width = 1, .tf = true),
    NETWORK("mobilenetv2_140", "1.4" SANDLER, 224, false, .width = 1.4),
    NETWORK("tf_mobilenetv2_140", "1.4" SANDLER PADS, 224, false, .width = 1.4, .tf = true),
    { .name = NULL }
};
