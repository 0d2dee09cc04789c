/*
 * efficientnet -- inverted residuals with gates, as wide and as deep as one number says
 *
 * Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks",
 * arXiv:1905.11946, table 1 and sec. 3.3; the second version begins with fused blocks (Tan and Le
 * 2021, arXiv:2104.00298, table 4).  Names of timm's efficientnet_b0 ... b4 and efficientnetv2_s,
 * whose paddings are symmetric, and of those that it has from TensorFlow (tf_...).
 */
#include "nn/model/inverted.h"

static const struct nn_inverted_stage first[] = {
    NN_STAGE(SEPARABLE, 1, 3, 1, 1, 16, .gated = true),
    NN_STAGE(RESIDUAL, 2, 3, 2, 6, 24, .gated = true),
    NN_STAGE(RESIDUAL, 2, 5, 2, 6, 40, .gated = true),
    NN_STAGE(RESIDUAL, 3, 3, 2, 6, 80, .gated = true),
    NN_STAGE(RESIDUAL, 3, 5, 1, 6, 112, .gated = true),
    NN_STAGE(RESIDUAL, 4, 5, 2, 6, 192, .gated = true),
    NN_STAGE(RESIDUAL, 1, 3, 1, 6, 320, .gated = true),
    { .n = 0 }
};

static const struct nn_inverted_stage second[] = {
    NN_STAGE(CONV, 2, 3, 1, 1, 24),
    NN_STAGE(FUSED, 4, 3, 2, 4, 48),
    NN_STAGE(FUSED, 4, 3, 2, 4, 64),
    NN_STAGE(RESIDUAL, 6, 3, 2, 4, 128, .gated = true),
    NN_STAGE(RESIDUAL, 9, 3, 1, 6, 160, .gated = true),
    NN_STAGE(RESIDUAL, 15, 3, 2, 6, 256, .gated = true),
    { .n = 0 }
};

struct row {
    double width, depth;
    bool second, tf;
};

static struct nn_graph *build(const struct nn_model *m, const struct nn_model_args *args,
                              struct err *err)
{
    const struct row *r = m->row;
    const struct nn_inverted v = {
        .stage = r->second ? second : first, .stem = r->second ? 24 : 32,
        .head = nn_inverted_wide(1280, r->width), .width = r->width, .depth = r->depth,
        .tf = r->tf, .act = nn_silu, .gate = nn_sigmoid };

    return nn_inverted_build(m, &v, args, err);
}

#define NETWORK(called, text, pixels, tested, ...) \
    { .name = called, .doc = text, .size = pixels, .least = 32, .sample = tested, \
      .row = &(const struct row){ __VA_ARGS__ }, .build = build }
#define TAN ", Tan and Le 2019, arXiv:1905.11946, timm's names"
#define TAN_2 ", Tan and Le 2021, arXiv:2104.00298, timm's names"
#define PADS " and TensorFlow's paddings"

/* Plain, and from TensorFlow. */
#define B(n, pixels, tested, ...) \
    NETWORK("efficientnet_b" #n, "EfficientNet-B" #n TAN, pixels, tested, __VA_ARGS__), \
    NETWORK("tf_efficientnet_b" #n, "EfficientNet-B" #n TAN PADS, pixels, false, __VA_ARGS__, \
            .tf = true)

const struct nn_model nn_family_efficientnet[] = {
    B(0, 224, true, .width = 1, .depth = 1),
    B(1, 240, false, .width = 1, .depth = 1.1),
    B(2, 260, false, .width = 1.1, .depth = 1.2),
    B(3, 300, false, .width = 1.2, .depth = 1.4),
    B(4, 380, false, .width = 1.4, .depth = 1.8),
    NETWORK("efficientnetv2_s", "EfficientNetV2-S" TAN_2, 384, false, .second = true),
    NETWORK("tf_efficientnetv2_s", "EfficientNetV2-S" TAN_2 PADS, 384, false, .second = true,
            .tf = true),
    { .name = NULL }
};
