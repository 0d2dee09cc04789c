/*
 * inverted -- networks of inverted residuals: MobileNetV2 and V3, EfficientNet and its second
 *
 * A stem, stages of blocks, a head.  Parameter names are timm's, as are strides, paddings, epsilon
 * and the rounding of channels.
 */
#ifndef NN_MODEL_INVERTED_H
#define NN_MODEL_INVERTED_H

#include "nn/model/model.h"

/* What a stage is made of: depthwise, then 1x1; 1x1, depthwise, 1x1 (the inverted residual); a
 * filter and 1x1 (the fused one); one convolution. */
enum nn_inverted_kind { NN_INVERTED_SEPARABLE, NN_INVERTED_RESIDUAL, NN_INVERTED_FUSED,
                        NN_INVERTED_CONV };

struct nn_inverted_stage {
    enum nn_inverted_kind kind;
    int n, size, stride;        /* blocks; of their filter; of the first */
    double expand;              /* times as wide within */
    int channels;
    bool gated;                 /* squeeze and excitation */
    bool relu;                  /* instead of the network's activation */
    bool more;                  /* of the stage before, as names count */
};

#define NN_STAGE(kind_, n_, size_, stride_, expand_, channels_, ...) \
    { .kind = NN_INVERTED_##kind_, .n = n_, .size = size_, .stride = stride_, \
      .expand = expand_, .channels = channels_, ##__VA_ARGS__ }

struct nn_inverted {
    const struct nn_inverted_stage *stage;      /* n = 0 ends them */
    int stem, head;             /* channels; the head has them whatever the width */
    double width, depth;        /* of stem and stages: times as wide, as many blocks; 0: 1 */
    bool tf;                    /* as TensorFlow has them: its paddings, epsilon 1e-3 */
    nn_model_map *act;          /* NULL: relu */
    nn_model_map *gate;         /* of squeeze and excitation, whose activation is act, or relu where
                                   gate_wide */
    bool gate_wide;             /* its inner channels are a quarter of the block's own, rounded, and
                                   not of what the block begins with */
    bool head_last;             /* the head is behind the mean, with a bias and no norm */
};

/* n channels times `width` (0: 1), rounded. */
int nn_inverted_wide(int n, double width);

struct nn_graph *nn_inverted_build(const struct nn_model *m, const struct nn_inverted *v,
                                   const struct nn_model_args *args, struct err *err);

#endif
