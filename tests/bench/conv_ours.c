/*
 * conv, ours -- the calls of conv2d in a plan
 */
#include "tests/bench/conv.h"

#include "train/bench.h"

#include <stdio.h>
#include <stdlib.h>

struct conv_side {
    struct train_bench_op *op;
    bool backward;
};

struct conv_side *conv_ours_new(const struct conv_layer *l, enum conv_pass pass, bool half,
                                const char *isa)
{
    struct conv_side *s = calloc(1, sizeof *s);
    char op[160], in[64];
    struct train_bench_op_options how = { .op = op, .in = in, .batch = l->batch, .isa = isa,
                                          .mode = pass == CONV_FORWARD ? NN_INFER : NN_TRAIN,
                                          .precision = half ? NN_PRECISION_BF16 :
                                                              NN_PRECISION_FP32 };
    struct nn_call *call;
    struct err err;

    snprintf(in, sizeof in, "%dx%dx%d", l->h, l->w, l->c);
    snprintf(op, sizeof op, "conv2d channels=%d size=%d stride=%d pad=%d groups=%d%s", l->k,
             l->size, l->stride, l->pad, l->groups, pass == CONV_FORWARD ? " bias=true" : "");
    if (s)
        s->op = train_bench_op_new(&how, &err);
    if (!s || !s->op) {
        free(s);
        return NULL;
    }
    call = train_bench_op_call(s->op, pass != CONV_FORWARD);
    if (half && call->y.dtype != DTYPE_BF16) {          /* its kernels do not know bf16 */
        conv_ours_free(s);
        return NULL;
    }
    s->backward = pass != CONV_FORWARD;
    if (s->backward)
        call->dx[pass == CONV_DATA ? 1 : 0].data = NULL;
    return s;
}

void conv_ours_run(void *side)
{
    struct conv_side *s = side;

    (s->backward ? train_bench_op_backward : train_bench_op_forward)(s->op);
}

void conv_ours_free(struct conv_side *s)
{
    if (s)
        train_bench_op_free(s->op);
    free(s);
}
