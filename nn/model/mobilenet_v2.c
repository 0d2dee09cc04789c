/*
 * mobilenet_v2 -- inverted residuals and linear bottlenecks
 *
 * Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", arXiv:1801.04381,
 * table 2.  Parameter names are those of timm's mobilenetv2_100 and its kin; paddings are
 * symmetric, as there.
 */
#include "nn/model/inverted.h"

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

static struct nn_graph *build(const struct nn_model *m, const struct nn_model_args *args,
                              struct err *err)
{
    const struct nn_inverted v = { .stage = stages, .stem = 32, .head = 1280, .act = nn_relu6 };

    return nn_inverted_build(m, &v, args, err);
}

const struct nn_model nn_family_mobilenet_v2[] = {
    {
        .name = "mobilenet_v2",
        .doc = "MobileNetV2 1.0 (Sandler et al. 2018, arXiv:1801.04381), timm's names",
        .size = 224, .least = 32, .sample = true, .build = build,
    },
    { .name = NULL }
};
