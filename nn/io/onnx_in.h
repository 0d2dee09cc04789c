/*
 * onnx_in -- an ONNX file as a graph and its values
 *
 * Opsets 6 to 18.  What comes out is a graph of ours like any other, of pictures in NHWC: it is
 * fused, trained and written again by the same code.  Sizes that the file computes are computed
 * while it is read, for one size of picture; the batch stays open.  Files are hostile: every size
 * is checked before it is believed, and errors name the node.
 */
#ifndef NN_ONNX_IN_H
#define NN_ONNX_IN_H

#include "nn/params.h"

enum { NN_ONNX_IN_OPSET_MIN = 6, NN_ONNX_IN_OPSET_MAX = 18 };

/* A file, read and checked to be of the form; its graph not yet. */
struct nn_onnx_file;

/* external: weights may lie in other files, below the folder of this one.  NULL on failure. */
struct nn_onnx_file *nn_onnx_open(const char *path, bool external, struct err *err);
/* The same from memory, which is lent during the call only; there are no other files. */
struct nn_onnx_file *nn_onnx_parse(const uint8_t *bytes, size_t size, struct err *err);
void nn_onnx_close(struct nn_onnx_file *f);     /* NULL is fine */

/* The names of the other files that the file at path has weights in, each once, in mem: all of them
 * below its folder, 1024 at most.  None of a file that cannot have any, whatever it is. */
bool nn_onnx_beside(const char *path, struct arena *mem, const char ***name, int *n,
                    struct err *err);

/* A value of metadata_props, lent; NULL: there is none. */
const char *nn_onnx_meta(const struct nn_onnx_file *f, const char *key);

/* The numbers that an input takes: any; whole ones, of which pixels of 0 to 255 are some (uint8 and
 * wider); others, which they are not (int8, truth, text). */
enum nn_onnx_numbers { NN_ONNX_NUMBERS, NN_ONNX_WHOLE, NN_ONNX_NO_PIXELS };

/* The first input that is no weight, as it is declared: -1 for what is left open.  False: none. */
bool nn_onnx_first_input(const struct nn_onnx_file *f, const char **name, int *rank,
                         int64_t dim[SHAPE_MAX_RANK], enum nn_onnx_numbers *numbers);

/* Numbers that are known before: an input that becomes a constant. */
struct nn_onnx_given {
    const char *name;
    const uint8_t *tensor;      /* a TensorProto */
    size_t bytes;
};

struct nn_onnx_in_options {
    int height, width;          /* of an input of rank 4; 0: as the file says */
    bool nhwc;                  /* of which the last dimension is its channels */
    /* The one output is "logits" [N,labels], what stands before a softmax or sigmoid at the end;
     * the one input is "image". */
    bool classifier;
    const char *output;         /* the classifier's, where there are several; NULL: the first */
    /* The first dimension is no batch: all is one thing (tests of operators). */
    bool whole;
    bool newer;                 /* opsets behind 18 too: what is the same since */
    int n_given;
    const struct nn_onnx_given *given;
};

/* An output of the file.  Our dimension d is the file's dimension axis[d]; -1: it has none, and
 * ours is the batch. */
struct nn_onnx_result {
    const char *name;           /* of the graph's output */
    int rank;
    int64_t dim[SHAPE_MAX_RANK];        /* the file's, of a batch of 1 */
    int n_axis, axis[SHAPE_MAX_RANK];
    const double *number;       /* a constant's, in the file's order; then the graph lacks it */
};

enum nn_onnx_end { NN_ONNX_END_NONE, NN_ONNX_END_SOFTMAX, NN_ONNX_END_SIGMOID };

struct nn_onnx_net {
    struct nn_graph *graph;     /* NULL: every output is a constant */
    struct nn_params *params;
    enum nn_onnx_end end;       /* what the classifier lost */
    int n_input;
    struct nn_onnx_result *input;       /* those that are no weights and not given */
    int n_output;
    struct nn_onnx_result *output;
    struct arena *mem;
};

/* NULL on failure; operators that are not known are named all at once. */
struct nn_onnx_net *nn_onnx_in(const struct nn_onnx_file *f, const struct nn_onnx_in_options *opt,
                               struct err *err);
void nn_onnx_net_free(struct nn_onnx_net *n);   /* NULL is fine */

#endif
