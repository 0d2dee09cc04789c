/*
 * resnet -- see resnet.h
 */
#include "nn/model/resnet.h"

#include "nn/op/conv2d.h"
#include "nn/op/pool.h"

int nn_resnet_conv_bn(struct nn_build *b, const char *prefix, const char *conv, const char *bn,
                      int x, int channels, int size, int stride)
{
    return nn_model_conv_bn(b, prefix, conv, bn, x, (struct nn_conv2d){
        .channels = channels, .size = NN_BOTH(size), .stride = NN_BOTH(stride),
        .pad = NN_ALL(size / 2) });
}

struct nn_graph *nn_resnet_build(const struct nn_resnet *r, const struct nn_model_args *args,
                                 struct err *err)
{
    struct nn_build b;
    int x = nn_model_begin(&b, r->model, args, err), done = 0, all = 0;
    char prefix[32];

    for (int stage = 0; stage < 4; stage++)
        all += r->blocks[stage];
    x = nn_relu(&b, nn_resnet_conv_bn(&b, "", "conv1", "bn1", x, 64, 7, 2));
    x = nn_maxpool(&b, x, (struct nn_pool){
        .size = NN_BOTH(3), .stride = NN_BOTH(2), .pad = NN_ALL(1) });
    for (int stage = 0; stage < 4; stage++)
        for (int block = 0; block < r->blocks[stage]; block++) {
            int channels = 64 << stage, stride = stage > 0 && block == 0 ? 2 : 1, y;

            snprintf(prefix, sizeof prefix, "layer%d.%d.", stage + 1, block);
            y = nn_droppath(&b, r->block(&b, prefix, x, channels, stride),
                            nn_model_droppath(args, ++done, all));
            if (block == 0 && (stage > 0 || r->wider > 1))
                x = nn_resnet_conv_bn(&b, prefix, "downsample.0", "downsample.1", x,
                                      r->wider * channels, 1, stride);
            x = nn_relu(&b, nn_add(&b, x, y));
        }
    return nn_model_end(&b, x, "fc", args);
}
