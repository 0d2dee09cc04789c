/*
 * embed -- tokens of their own before the others, and to each what says where it is
 *
 * x [N,T,C], position [1,K+T,C], then K inputs of one token each, [1,1,C]:
 *   y[n,t] = (t < K ? token t : x[n,t-K]) + position[t]
 * ViT (Dosovitskiy et al. 2020, arXiv:2010.11929, eq. 1); with two tokens DeiT.
 */
#include "nn/op/embed.h"
#include "nn/io/onnx.h"
#include "nn/op.h"

enum { X, POSITION, TOKEN, TOKENS = 2 };

static const struct field attrs[] = {
    FIELD_INT(struct nn_embed, tokens, NULL, 0, 0, TOKENS, "tokens of its own"),
    FIELDS_END
};

static const char *param(const void *attr, const struct nn_type *x, int i, struct nn_param *p)
{
    static const char *const names[] = { "pos_embed", "cls_token", "dist_token" };
    int own = ((const struct nn_embed *)attr)->tokens, tokens = 1;

    if (i < POSITION || i >= TOKEN + own)
        return NULL;
    if (i == POSITION)
        tokens = x->rank == 3 && x->dim[1].n < INT32_MAX - own ? x->dim[1].n + own : 0;
    *p = (struct nn_param){ .shape = { 1, tokens, x->rank == 3 ? x->dim[2].n : 0 },
                            .init = NN_INIT_TRUNC };
    return names[i - POSITION];
}

static bool type(const void *attr, int n_in, const struct nn_type *in, struct nn_type *out,
                 struct err *err)
{
    const struct nn_type *x = &in[X];
    int own = ((const struct nn_embed *)attr)->tokens;

    if (x->rank != 3 || x->dtype != DTYPE_F32 || !x->dim[0].batch || x->dim[1].batch ||
        x->dim[2].batch || x->dim[1].n >= INT32_MAX - own)
        return err_set(err, ERR_INPUT, "embed: needs batch x tokens x channels");
    for (int i = POSITION; i < n_in || i < TOKEN + own; i++)
        if (!nn_type_param(&nn_op_embed, attr, n_in, in, i, err))
            return false;
    *out = *x;
    out->dim[1].n += own;
    return nn_type_fits(&nn_op_embed, out, err);
}

static void forward_rows(const struct nn_call *c, int64_t row, int64_t rows)
{
    int64_t all = c->y.shape.dim[1], n = c->y.shape.dim[2], own = c->n_in - TOKEN;

    for (int64_t r = row; r < row + rows; r++) {
        int64_t t = r % all;
        const real *from = t < own ? c->x[TOKEN + t].data
                                   : (const real *)c->x[X].data +
                                         (r / all * (all - own) + t - own) * n;

        c->k->add_f32(n, from, (const real *)c->x[POSITION].data + t * n,
                      (real *)c->y.data + r * n);
    }
}

static void forward(const struct nn_call *c)
{
    int64_t n = c->y.shape.dim[2];

    nn_each_rows(c, shape_count(&c->y.shape) / n, n, forward_rows);
}

static void dx_rows(const struct nn_call *c, int64_t row, int64_t rows)
{
    int64_t all = c->y.shape.dim[1], n = c->y.shape.dim[2], own = c->n_in - TOKEN;

    for (int64_t r = row; r < row + rows; r++) {
        int64_t at = r / (all - own) * all + own + r % (all - own);
        real *dx = (real *)c->dx[X].data + r * n;

        c->k->add_f32(n, dx, (const real *)c->dy.data + at * n, dx);
    }
}

/* What is the same for all pictures: tokens [row, row + rows), over the batch in order. */
static void shared_rows(const struct nn_call *c, int64_t row, int64_t rows)
{
    int64_t all = c->y.shape.dim[1], n = c->y.shape.dim[2], own = c->n_in - TOKEN;

    for (int64_t t = row; t < row + rows; t++)
        for (int64_t p = 0; p < c->y.shape.dim[0]; p++) {
            const real *dy = (const real *)c->dy.data + (p * all + t) * n;
            real *at = c->dx[POSITION].data ? (real *)c->dx[POSITION].data + t * n : NULL;
            real *token = t < own ? c->dx[TOKEN + t].data : NULL;

            if (at)
                c->k->add_f32(n, at, dy, at);
            if (token)
                c->k->add_f32(n, token, dy, token);
        }
}

static void backward(const struct nn_call *c)
{
    int64_t n = c->y.shape.dim[2];

    if (c->dx[X].data)
        nn_each_rows(c, shape_count(&c->x[X].shape) / n, n, dx_rows);
    nn_each_rows(c, c->y.shape.dim[1], n, shared_rows);
}

/* A token for every picture: of x, the first one times 0 and the token. */
static const char *token(struct nn_onnx_out *o, const struct nn_onnx_node *node, int i)
{
    static const int64_t from = 0, to = 1;
    const char *first = nn_onnx_name(o, node->out), *none = nn_onnx_name(o, node->out);
    const char *mine = nn_onnx_name(o, node->out), *zero = nn_onnx_scalar(o, "zero", 0);
    const char *a = nn_onnx_int64s(o, "from", 1, &from), *b = nn_onnx_int64s(o, "to", 1, &to);

    return first && none && mine && zero && a && b &&
                   nn_onnx_begin(o, "Slice", 4, (const char *[]){ node->in[X], a, b, b }, first) &&
                   nn_onnx_begin(o, "Mul", 2, (const char *[]){ first, zero }, none) &&
                   nn_onnx_begin(o, "Add", 2, (const char *[]){ none, node->in[TOKEN + i] }, mine)
               ? mine : NULL;
}

static bool onnx_write(struct nn_onnx_out *o, const struct nn_onnx_node *node, struct err *err)
{
    int own = ((const struct nn_embed *)node->attr)->tokens;
    const char *all[TOKENS + 1], *joined = own ? nn_onnx_name(o, node->out) : node->in[X];

    (void)err;
    for (int i = 0; i < own; i++)
        if (!(all[i] = token(o, node, i)))
            return false;
    all[own] = node->in[X];
    return joined &&
           (!own || (nn_onnx_begin(o, "Concat", own + 1, all, joined) &&
                     nn_onnx_int(o, "axis", 1))) &&
           nn_onnx_begin(o, "Add", 2, (const char *[]){ joined, node->in[POSITION] }, node->out);
}

const struct nn_op nn_op_embed = {
    .name = "embed", .doc = "tokens of their own before the others, and positions",
    .in_min = 2, .in_max = TOKEN + TOKENS,
    .attr_size = sizeof(struct nn_embed), .attrs = attrs,
    .type = type, .param = param, .forward = forward, .backward = backward,
    .onnx_write = onnx_write,
    .cases = (const struct nn_case[]){
        { "", "2x3x5", NULL }, { "tokens=1", "2x3x4", NULL }, { "tokens=2", "3x2x3", NULL },
        { NULL, NULL, NULL }
    },
};
