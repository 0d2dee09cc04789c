/*
 * mobilenet_v3 -- inverted residuals as a search has found them, with hard activations
 *
 * Howard et al., "Searching for MobileNetV3", arXiv:1905.02244, tables 1 and 2.  Names of
 * timm's mobilenetv3_large_100 and mobilenetv3_small_100, whose paddings are symmetric, and of
 * those that it has from TensorFlow (tf_...).
 */
#include "nn/model/inverted.h"
#include "nn/op/math.h"

struct row {
    bool large, tf;
};

static const struct nn_inverted_stage large[] = {
    NN_STAGE(SEPARABLE, 1, 3, 1, 1, 16, .relu = true),
    NN_STAGE(RESIDUAL, 1, 3, 2, 4, 24, .relu = true),
    NN_STAGE(RESIDUAL, 1, 3, 1, 3, 24, .relu = true, .more = true),
    NN_STAGE(RESIDUAL, 3, 5, 2, 3, 40, .relu = true, .gated = true),
    NN_STAGE(RESIDUAL, 1, 3, 2, 6, 80),
    NN_STAGE(RESIDUAL, 1, 3, 1, 2.5, 80, .more = true),
    NN_STAGE(RESIDUAL, 2, 3, 1, 2.3, 80, .more = true),
    NN_STAGE(RESIDUAL, 2, 3, 1, 6, 112, .gated = true),
    NN_STAGE(RESIDUAL, 3, 5, 2, 6, 160, .gated = true),
    NN_STAGE(CONV, 1, 1, 1, 1, 960),
    { .n = 0 }
};

static const struct nn_inverted_stage small[] = {
    NN_STAGE(SEPARABLE, 1, 3, 2, 1, 16, .relu = true, .gated = true),
    NN_STAGE(RESIDUAL, 1, 3, 2, 4.5, 24, .relu = true),
    NN_STAGE(RESIDUAL, 1, 3, 1, 3.67, 24, .relu = true, .more = true),
    NN_STAGE(RESIDUAL, 1, 5, 2, 4, 40, .gated = true),
    NN_STAGE(RESIDUAL, 2, 5, 1, 6, 40, .gated = true, .more = true),
    NN_STAGE(RESIDUAL, 2, 5, 1, 3, 48, .gated = true),
    NN_STAGE(RESIDUAL, 3, 5, 2, 6, 96, .gated = true),
    NN_STAGE(CONV, 1, 1, 1, 1, 576),
    { .n = 0 }
};

/* min(max(x / 6 + 1/2, 0), 1) */
static int hardsigmoid(struct nn_build *b, int x)
{
    return nn_build_node(b, &nn_op_math, NULL, &(struct nn_math){
        .kind = NN_MATH_hardsigmoid, .a = 1.0 / 6, .b = 0.5 }, 1, &x);
}

static struct nn_graph *build(const struct nn_model *m, const struct nn_model_args *args,
                              struct err *err)
{
    const struct row *r = m->row;
    const struct nn_inverted v = {
        .stage = r->large ? large : small, .stem = 16, .head = r->large ? 1280 : 1024,
        .tf = r->tf, .act = nn_hardswish, .gate = hardsigmoid, .gate_wide = true,
        .head_last = true };

    return nn_inverted_build(m, &v, args, err);
}

#define NETWORK(called, text, tested, ...) \
    { .name = called, .doc = "MobileNetV3-" text, .size = 224, .least = 32, .sample = tested, \
      .row = &(const struct row){ __VA_ARGS__ }, .build = build }
#define HOWARD " 1.0, Howard et al. 2019, arXiv:1905.02244, timm's names"
#define PADS " and TensorFlow's paddings"

const struct nn_model nn_family_mobilenet_v3[] = {
    NETWORK("mobilenetv3_small_100", "small" HOWARD, true, .large = false),
    NETWORK("tf_mobilenetv3_small_100", "small" HOWARD PADS, false, .tf = true),
    NETWORK("mobilenetv3_large_100", "large" HOWARD, false, .large = true),
    NETWORK("tf_mobilenetv3_large_100", "large" HOWARD PADS, false, .large = true, .tf = true),
    { .name = NULL }
};
