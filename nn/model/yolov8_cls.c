/*
 * yolov8_cls -- the classifiers that come with the detector YOLOv8
 *
 * Jocher et al. 2023, github.com/ultralytics/ultralytics, cfg/models/v8/yolov8-cls.yaml: 3x3
 * convolutions of stride 2, each but the first followed by a C2f block (a 1x1 convolution, whose
 * second half goes through bottlenecks one behind another; all they make side by side, and a 1x1
 * convolution), a 1x1 convolution to 1280, the mean and a linear layer.  Names of its state_dict;
 * SiLU, epsilon 1e-3, momentum 0.03.  Pictures are 0 to 1.
 */
#include "nn/model/model.h"
#include "nn/op/batchnorm.h"
#include "nn/op/concat.h"
#include "nn/op/conv2d.h"
#include "nn/op/linear.h"
#include "nn/op/slice.h"

enum { STAGES = 4, HEAD = 1280 };

struct row {
    double width, depth;        /* of the largest network's channels and blocks */
};

static const int channels[STAGES + 1] = { 64, 128, 256, 512, 1024 };
static const int blocks[STAGES + 1] = { 0, 3, 6, 6, 3 };

static int unit(struct nn_build *b, const char *prefix, const char *name, int x, int to, int size,
                int stride)
{
    char inner[96];

    snprintf(inner, sizeof inner, "%s%s", prefix, name);
    return nn_silu(b, nn_model_conv_bn_of(b, inner, ".conv", ".bn", x, (struct nn_conv2d){
        .channels = to, .size = NN_BOTH(size), .stride = NN_BOTH(stride),
        .pad = NN_ALL(size / 2) }, (struct nn_bn){ .epsilon = 1e-3, .momentum = 0.03 }));
}

static int half(struct nn_build *b, int x, int which, int n)
{
    return nn_build_node(b, &nn_op_slice, NULL, &(struct nn_slice){
        .axis = 3, .start = which * n, .step = 1, .count = n }, 1, &x);
}

static int c2f(struct nn_build *b, const char *prefix, int x, int to, int n, double droppath)
{
    int part[NN_MAX_IN], all = unit(b, prefix, "cv1", x, to, 1, 1), width = to / 2;

    part[0] = half(b, all, 0, width);
    part[1] = half(b, all, 1, width);
    for (int i = 0; i < n; i++) {
        char inner[64];
        int y;

        snprintf(inner, sizeof inner, "%sm.%d.", prefix, i);
        y = unit(b, inner, "cv2", unit(b, inner, "cv1", part[1 + i], width, 3, 1), width, 3, 1);
        part[2 + i] = nn_add(b, part[1 + i], nn_droppath(b, y, droppath));
    }
    x = nn_build_node(b, &nn_op_concat, NULL, &(struct nn_concat){ .axis = -1 }, 2 + n, part);
    return unit(b, prefix, "cv2", x, to, 1, 1);
}

static struct nn_graph *build(const struct nn_model *m, const struct nn_model_args *args,
                              struct err *err)
{
    const struct row *r = m->row;
    struct nn_build b;
    int x = nn_model_begin(&b, m, args, err), layer = 0;
    char prefix[32];

    for (int s = 0; s <= STAGES; s++) {
        int to = nn_model_divisible(channels[s] * r->width, 0);
        int n = (int)(blocks[s] * r->depth + 0.5);

        snprintf(prefix, sizeof prefix, "model.%d", layer++);
        x = unit(&b, prefix, "", x, to, 3, 2);
        if (!s)
            continue;
        snprintf(prefix, sizeof prefix, "model.%d.", layer++);
        x = c2f(&b, prefix, x, to, n < 1 ? 1 : n, nn_model_droppath(args, s, STAGES));
    }
    x = unit(&b, "model.9.", "conv", x, HEAD, 1, 1);
    return nn_model_end(&b, x, "model.9.linear", args);
}

#define NETWORK(called, tested, wide, deep) \
    { .name = called, .doc = called ", Jocher et al. 2023, github.com/ultralytics/ultralytics", \
      .size = 224, .least = 32, .sample = tested, .row = &(const struct row){ wide, deep }, \
      .build = build }

const struct nn_model nn_family_yolov8_cls[] = {
    NETWORK("yolov8n-cls", true, 0.25, 0.33),
    NETWORK("yolov8s-cls", false, 0.5, 0.33),
    { .name = NULL }
};
