/* conv2d -- attributes, for builders and passes; the operator is in conv2d.c */
#ifndef NN_OP_CONV2D_H
#define NN_OP_CONV2D_H

#include <stdbool.h>

struct nn_conv2d {
    int channels;               /* of the output */
    int size[2], stride[2], dilation[2];        /* rows, columns */
    int pad[4];                 /* top, left, bottom, right */
    int groups;
    bool bias;                  /* input 2 exists */
};

/* All sides alike: .size = NN_BOTH(3), .pad = NN_ALL(1) */
#define NN_BOTH(n) { n, n }
#define NN_ALL(n) { n, n, n, n }

#endif
