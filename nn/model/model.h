/*
 * model -- architectures: functions that build a graph for an input size and a number of labels
 *
 * Graph input "image" [N,size,size,channels]; output "logits" [N,labels].  Parameter names are
 * timm's where timm has the network.
 */
#ifndef NN_MODEL_H
#define NN_MODEL_H

#include "nn/build.h"

struct nn_model_args {
    int height, width, channels;        /* of the picture */
    int labels;
    double dropout;                     /* before the last layer; 0 = none */
    double droppath;                    /* of the last residual branch; 0 = none */
};

struct nn_model {
    const char *name, *doc;             /* doc: one line, source included */
    int size;                           /* input size that it was made for */
    int least;                          /* smallest height and width */
    bool sample;                        /* stands for those that are built of the same blocks,
                                           where all would take too long: tests, bench */
    bool one_size;                      /* its parameters are of pictures of one size */
    const void *row;                    /* its numbers, as its family's file has them */
    struct nn_graph *(*build)(const struct nn_model *m, const struct nn_model_args *args,
                              struct err *err);
};

/* The networks of a file, in order of their size; the last one has no name. */
#define NN_FAMILY(name) extern const struct nn_model nn_family_##name[];
#include "nn/model/models.def"
#undef NN_FAMILY

int nn_model_count(void);
const struct nn_model *nn_model_at(int i);
struct nn_graph *nn_model_build(const struct nn_model *m, const struct nn_model_args *args,
                                struct err *err);
/* NULL when there is none: err names the nearest. */
const struct nn_model *nn_model_find(const char *name, struct err *err);

/* The rate of nn_droppath at the end of block i of n, counted from 1: it grows linearly with depth
 * (Huang et al., arXiv:1603.09382, eq. 4). */
double nn_model_droppath(const struct nn_model_args *args, int i, int n);

/* A convolution and its batch-norm, called PREFIX and then CONV and BN. */
int nn_model_conv_bn(struct nn_build *b, const char *prefix, const char *conv, const char *bn,
                     int x, struct nn_conv2d attr);
int nn_model_conv_bn_of(struct nn_build *b, const char *prefix, const char *conv, const char *bn,
                        int x, struct nn_conv2d attr, struct nn_bn norm);

/* The paddings of a square filter over x: as PyTorch's networks have them, alike on all sides; or
 * TensorFlow's SAME, which makes ceil(n / stride) of n pixels and adds the odd one behind, so that
 * it depends on how large x is. */
enum nn_model_pad { NN_MODEL_PAD_EVEN, NN_MODEL_PAD_SAME };
struct nn_conv2d nn_model_filter(const struct nn_build *b, int x, enum nn_model_pad pad,
                                 struct nn_conv2d attr);

/* A linear layer with a bias, and a layer norm, called PREFIX and then NAME. */
int nn_model_dense(struct nn_build *b, const char *prefix, const char *name, int x, int width);
int nn_model_layernorm(struct nn_build *b, const char *prefix, const char *name, int x,
                       double epsilon);

/* n channels as the field rounds them: to the nearest multiple of 8, at least 8, and up again where
 * that is less than `least` of n (0.9; 0: never). */
int nn_model_divisible(double n, double least);

/* Squeeze and excitation: x times a gate of each channel, which two 1x1 convolutions, PREFIX and
 * then REDUCE (`width` wide) and EXPAND, make of the mean over the pixels. */
typedef int nn_model_map(struct nn_build *b, int x);
int nn_model_squeeze(struct nn_build *b, const char *prefix, const char *reduce,
                     const char *expand, int x, int width, nn_model_map *act, nn_model_map *gate);

/* What architectures begin and end with.  Input "image", which must not be smaller than m->least:
 * -1 and *b failed when it is.  The mean over the pixels, dropout and a linear layer called `name`
 * as output "logits". */
int nn_model_begin(struct nn_build *b, const struct nn_model *m, const struct nn_model_args *args,
                   struct err *err);
struct nn_graph *nn_model_end(struct nn_build *b, int x, const char *name,
                              const struct nn_model_args *args);
/* The same where files have that layer as a 1x1 convolution. */
struct nn_graph *nn_model_end_conv(struct nn_build *b, int x, const char *name,
                                   const struct nn_model_args *args);

#endif
