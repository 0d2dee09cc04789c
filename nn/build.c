/*
 * build -- see build.h
 */
#include "nn/build.h"
#include "nn/op/batchnorm.h"
#include "nn/op/conv2d.h"
#include "nn/op/dropout.h"
#include "nn/op/droppath.h"
#include "nn/op/groupnorm.h"
#include "nn/op/input.h"
#include "nn/op/layernorm.h"
#include "nn/op/linear.h"
#include "nn/op/pad.h"
#include "nn/op/pool.h"
#include "nn/op/reshape.h"
#include "nn/op/scale.h"

#include <string.h>

struct nn_build nn_build_begin(struct err *err)
{
    return (struct nn_build){ .g = nn_graph_new(err), .err = err };
}

static int fail(struct nn_build *b)
{
    nn_graph_free(b->g);
    b->g = NULL;
    return -1;
}

struct nn_graph *nn_build_end(struct nn_build *b)
{
    struct nn_graph *g;

    if (b->g && !nn_graph_check(b->g, b->err))
        fail(b);
    g = b->g;
    b->g = NULL;
    return g;
}

int nn_build_node(struct nn_build *b, const struct nn_op *op, const char *name, const void *attr,
                  int n_in, const int *in)
{
    int all[NN_MAX_IN], id;
    char filled[256];

    if (!b->g)
        return -1;
    if (n_in > NN_MAX_IN || op->attr_size > sizeof filled) {
        err_set(b->err, ERR_INPUT, "%s: too many inputs or attributes", op->name);
        return fail(b);
    }
    if (n_in)
        memcpy(all, in, (size_t)n_in * sizeof *in);
    if (op->param && n_in && all[0] >= 0 && all[0] < b->g->n) {
        memset(filled, 0, sizeof filled);
        if (attr)
            memcpy(filled, attr, op->attr_size);
        field_fill(op->attrs, filled);
        while (n_in < op->in_max) {
            struct nn_param p = { 0 };
            const char *suffix = op->param(filled, &b->g->node[all[0]].type, n_in, &p);
            char param_name[NN_MAX_NAME + 2];

            if (!suffix)
                break;
            snprintf(param_name, sizeof param_name, "%s.%s", name ? name : op->name, suffix);
            id = nn_graph_add(b->g, &nn_op_param, param_name, &p, 0, NULL, b->err);
            if (id < 0) {
                err_in(b->err, "%s \"%s\"", op->name, name ? name : "");
                return fail(b);
            }
            all[n_in++] = id;
        }
    }
    id = nn_graph_add(b->g, op, name, attr, n_in, all, b->err);
    return id < 0 ? fail(b) : id;
}

void nn_build_output(struct nn_build *b, const char *name, int node)
{
    if (b->g && !nn_graph_output(b->g, name, node, b->err))
        fail(b);
}

int nn_build_dim(const struct nn_build *b, int node, int i)
{
    return b->g && node >= 0 ? b->g->node[node].type.dim[i].n : 0;
}

int nn_input(struct nn_build *b, const char *name, int rank, const int *dim)
{
    struct nn_input attr = { 0 };

    for (int i = 0; i < rank && i < SHAPE_MAX_RANK - 1; i++)
        attr.shape[i] = dim[i];
    return nn_build_node(b, &nn_op_input, name, &attr, 0, NULL);
}

static int unary(struct nn_build *b, const struct nn_op *op, const void *attr, int x)
{
    return nn_build_node(b, op, NULL, attr, 1, &x);
}

int nn_relu(struct nn_build *b, int x)
{
    return unary(b, &nn_op_relu, NULL, x);
}

int nn_relu6(struct nn_build *b, int x)
{
    return unary(b, &nn_op_relu6, NULL, x);
}

int nn_flatten(struct nn_build *b, int x)
{
    return unary(b, &nn_op_flatten, NULL, x);
}

int nn_meanpool(struct nn_build *b, int x)
{
    return unary(b, &nn_op_meanpool, NULL, x);
}

int nn_dropout(struct nn_build *b, int x, double rate)
{
    return unary(b, &nn_op_dropout, &(struct nn_dropout){ rate }, x);
}

int nn_droppath(struct nn_build *b, int x, double rate)
{
    return rate > 0 ? unary(b, &nn_op_droppath, &(struct nn_droppath){ rate }, x) : x;
}

int nn_gelu(struct nn_build *b, int x)
{
    return unary(b, &nn_op_gelu, NULL, x);
}

int nn_silu(struct nn_build *b, int x)
{
    return unary(b, &nn_op_silu, NULL, x);
}

int nn_sigmoid(struct nn_build *b, int x)
{
    return unary(b, &nn_op_sigmoid, NULL, x);
}

int nn_hardswish(struct nn_build *b, int x)
{
    return unary(b, &nn_op_hardswish, NULL, x);
}

int nn_maxpool(struct nn_build *b, int x, struct nn_pool attr)
{
    return unary(b, &nn_op_maxpool, &attr, x);
}

int nn_avgpool(struct nn_build *b, int x, struct nn_pool attr)
{
    return unary(b, &nn_op_avgpool, &attr, x);
}

int nn_reshape(struct nn_build *b, int x, struct nn_reshape attr)
{
    return unary(b, &nn_op_reshape, &attr, x);
}

int nn_pad(struct nn_build *b, int x, struct nn_pad attr)
{
    return unary(b, &nn_op_pad, &attr, x);
}

int nn_gate(struct nn_build *b, int x, int gate)
{
    return nn_build_node(b, &nn_op_gate, NULL, NULL, 2, (int[]){ x, gate });
}

int nn_add(struct nn_build *b, int x, int y)
{
    return nn_build_node(b, &nn_op_add, NULL, NULL, 2, (int[]){ x, y });
}

int nn_conv(struct nn_build *b, const char *name, int x, struct nn_conv2d attr)
{
    return nn_build_node(b, &nn_op_conv2d, name, &attr, 1, &x);
}

int nn_dense(struct nn_build *b, const char *name, int x, struct nn_linear attr)
{
    return nn_build_node(b, &nn_op_linear, name, &attr, 1, &x);
}

int nn_batchnorm(struct nn_build *b, const char *name, int x)
{
    return nn_build_node(b, &nn_op_batchnorm, name, NULL, 1, &x);
}

int nn_batchnorm_of(struct nn_build *b, const char *name, int x, struct nn_bn attr)
{
    return nn_build_node(b, &nn_op_batchnorm, name, &attr, 1, &x);
}

int nn_groupnorm(struct nn_build *b, const char *name, int x, int groups)
{
    return nn_build_node(b, &nn_op_groupnorm, name, &(struct nn_groupnorm){ .groups = groups }, 1,
                         &x);
}

int nn_layernorm(struct nn_build *b, const char *name, int x, double epsilon)
{
    return nn_build_node(b, &nn_op_layernorm, name, &(struct nn_layernorm){ epsilon }, 1, &x);
}

int nn_scale(struct nn_build *b, const char *name, int x, struct nn_scale attr)
{
    return nn_build_node(b, &nn_op_scale, name, &attr, 1, &x);
}
