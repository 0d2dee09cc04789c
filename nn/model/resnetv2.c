/*
 * resnetv2 -- residual networks with norms before convolutions: BiT
 *
 * He et al. 2016, arXiv:1603.05027, as Kolesnikov et al., "Big transfer", arXiv:1912.11370, made
 * them: group norms of 32, filters standardized (epsilon 1e-8), no batch-norm anywhere.  The pool
 * behind the stem pads by zeros, and the last layer is a 1x1 convolution.  Names of timm's
 * resnetv2_..._bit.
 */
#include "nn/model/model.h"
#include "nn/op/conv2d.h"
#include "nn/op/pad.h"
#include "nn/op/pool.h"
#include "nn/op/standardize.h"

enum { STEM = 64, WIDER = 4, GROUPS = 32 };

struct row {
    int blocks[4], width;
};

/* A convolution whose filters are standardized: parameter PREFIX NAME.weight. */
static int conv(struct nn_build *b, const char *prefix, const char *name, int x,
                struct nn_conv2d attr)
{
    struct nn_param filters = {
        .shape = { attr.size[0] ? attr.size[0] : 1, attr.size[1] ? attr.size[1] : 1,
                   nn_build_dim(b, x, 3), attr.channels },
        .perm = { 3, 2, 0, 1 }, .init = NN_INIT_HE, .groups = 1 };
    char text[96];
    int in[2] = { x };

    snprintf(text, sizeof text, "%s%s.weight", prefix, name);
    in[1] = nn_build_node(b, &nn_op_param, text, &filters, 0, NULL);
    in[1] = nn_build_node(b, &nn_op_standardize, NULL, NULL, 1, &in[1]);
    return nn_build_node(b, &nn_op_conv2d, NULL, &attr, 2, in);
}

static int norm(struct nn_build *b, const char *prefix, const char *name, int x)
{
    char text[96];

    snprintf(text, sizeof text, "%s%s", prefix, name);
    return nn_relu(b, nn_groupnorm(b, text, x, GROUPS));
}

static int block(struct nn_build *b, const char *prefix, int x, int to, int stride,
                 double droppath)
{
    int y = norm(b, prefix, "norm1", x), within = to / WIDER;

    if (nn_build_dim(b, x, 3) != to || stride > 1)
        x = conv(b, prefix, "downsample.conv", y, (struct nn_conv2d){
            .channels = to, .stride = NN_BOTH(stride) });
    y = conv(b, prefix, "conv1", y, (struct nn_conv2d){ .channels = within });
    y = conv(b, prefix, "conv2", norm(b, prefix, "norm2", y), (struct nn_conv2d){
        .channels = within, .size = NN_BOTH(3), .stride = NN_BOTH(stride), .pad = NN_ALL(1) });
    y = conv(b, prefix, "conv3", norm(b, prefix, "norm3", y), (struct nn_conv2d){ .channels = to });
    return nn_add(b, x, nn_droppath(b, y, droppath));
}

static int stem(struct nn_build *b, int channels, int x)
{
    x = conv(b, "stem.", "conv", x, (struct nn_conv2d){
        .channels = channels, .size = NN_BOTH(7), .stride = NN_BOTH(2), .pad = NN_ALL(3) });
    for (int axis = 1; axis < 3; axis++)
        x = nn_pad(b, x, (struct nn_pad){ .axis = axis, .before = 1, .after = 1 });
    return nn_maxpool(b, x, (struct nn_pool){ .size = NN_BOTH(3), .stride = NN_BOTH(2) });
}

static struct nn_graph *build(const struct nn_model *m, const struct nn_model_args *args,
                              struct err *err)
{
    const struct row *r = m->row;
    struct nn_build b;
    int x = stem(&b, STEM * r->width, nn_model_begin(&b, m, args, err)), done = 0, all = 0;

    for (int s = 0; s < 4; s++)
        all += r->blocks[s];
    for (int s = 0; s < 4; s++)
        for (int i = 0; i < r->blocks[s]; i++) {
            char prefix[40];

            snprintf(prefix, sizeof prefix, "stages.%d.blocks.%d.", s, i);
            x = block(&b, prefix, x, (STEM * WIDER << s) * r->width, s && !i ? 2 : 1,
                      nn_model_droppath(args, ++done, all));
        }
    return nn_model_end_conv(&b, norm(&b, "", "norm", x), "head.fc", args);
}

#define NETWORK(called, text, tested, ...) \
    { .name = called, .doc = "BiT, " text ", Kolesnikov et al. 2019, arXiv:1912.11370", \
      .size = 224, .least = 32, .sample = tested, .row = &(const struct row){ __VA_ARGS__ }, \
      .build = build }

const struct nn_model nn_family_resnetv2[] = {
    NETWORK("resnetv2_50x1_bit", "ResNetV2-50", false, { 3, 4, 6, 3 }, 1),
    NETWORK("resnetv2_101x1_bit", "ResNetV2-101", false, { 3, 4, 23, 3 }, 1),
    { .name = NULL }
};
