/*
 * network -- a network as it answers: in inference form, with calibration and activation
 *
 * Made once, for a precision and the kernels of a level of instructions; its weights are there as
 * these read them and no other way.  It does not change, and any number of predictors share it.
 */
#ifndef INFER_NETWORK_H
#define INFER_NETWORK_H

#include "infer/model.h"
#include "nn/weights.h"

struct infer_network {
    struct nn_graph *graph;
    struct nn_weights *weights;
    const struct nn_kernels *kernels;
    enum nn_precision precision;        /* of pictures within it; auto no more */
    int width;                  /* numbers of a picture's features; 0: made without them */
};

struct infer_network_options {
    enum data_task task;        /* softmax or sigmoid, of logits */
    const struct infer_calibration *calibration;        /* as this has them; NULL: as they are */
    enum nn_precision precision;
    const char *isa;            /* as in nn_kernels_get */
    struct pool *pool;          /* that makes the weights; NULL: the caller alone */
    bool features;              /* it has an output "features" [N,width], too: infer/embed/cut.h */
};

/* g and the values, or p, are read during the call only. */
struct infer_network *infer_network_new(const struct nn_graph *g, const struct nn_values *v,
                                        const struct infer_network_options *o, struct err *err);
struct infer_network *infer_network_of(const struct nn_graph *g, const struct nn_params *p,
                                       const struct infer_network_options *o, struct err *err);
/* That of a model file, from which values go straight to where kernels read them.  raw: without its
 * calibration.  *m = the model, without graph and values, which is the caller's; task and
 * calibration of o are its own. */
struct infer_network *infer_network_open(const struct infer_file *f, bool raw,
                                         const struct infer_network_options *o,
                                         struct infer_model **m, struct err *err);
void infer_network_free(struct infer_network *n);       /* NULL is fine */

/* An inference graph with calibration (NULL: none) and activation added as output "probability"
 * (what is exported); "logits" stays as it is, without either.  *g2 and *p2 are NULL on failure. */
bool infer_answer_graph(const struct nn_graph *g, const struct nn_params *p, enum data_task task,
                        const struct infer_calibration *calibration, struct nn_graph **g2,
                        struct nn_params **p2, struct err *err);

#endif
