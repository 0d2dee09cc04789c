/*
 * onnx_check -- see onnx_check.h
 *
 * Nodes are run in their order; every value is kept to the end.
 */
#include "nn/io/onnx_check.h"

#include "nn/io/onnx_check_ops.h"

#include <string.h>

struct run {
    struct arena *mem;
    struct nn_onnx_value *value;
    size_t n;
    struct err *err;
};

/* A name that is not there is NULL. */
static bool all_named(const Onnx__GraphProto *g)
{
    bool ok = g->input[0]->name;

    for (size_t i = 0; ok && i < g->n_initializer; i++)
        ok = g->initializer[i]->name;
    for (size_t i = 0; ok && i < g->n_node; i++) {
        ok = g->node[i]->op_type && g->node[i]->name;
        for (size_t k = 0; ok && k < g->node[i]->n_attribute; k++)
            ok = g->node[i]->attribute[k]->name;
    }
    return ok;
}

static const struct nn_onnx_value *lookup(const struct run *r, const char *name)
{
    for (size_t i = r->n; i-- > 0;)
        if (!strcmp(r->value[i].name, name))
            return &r->value[i];
    return NULL;
}

static bool run_node(struct run *r, const Onnx__NodeProto *node)
{
    struct nn_onnx_job j = { .node = node, .n_in = (int)node->n_input, .y = &r->value[r->n],
                             .mem = r->mem, .err = r->err };

    if (node->n_output != 1 || node->n_input > NN_ONNX_CHECK_IN)
        return err_set(r->err, ERR_INPUT, "has not one output, or too many inputs");
    for (int i = 0; i < j.n_in; i++) {
        const struct nn_onnx_value *x = *node->input[i] ? lookup(r, node->input[i]) : NULL;

        if (!x && *node->input[i])
            return err_set(r->err, ERR_INPUT, "reads \"%.100s\", which is not there",
                           node->input[i]);
        if (x)
            j.x[i] = *x;
    }
    j.y->name = node->output[0];
    if (!nn_onnx_check_node(&j))
        return false;
    r->n++;
    return true;
}

static bool add_initializer(struct run *r, const Onnx__TensorProto *t)
{
    struct nn_onnx_value *v = &r->value[r->n];
    bool floats = t->data_type == NN_ONNX_FLOAT;
    size_t one = floats ? sizeof(float) : sizeof(int64_t), count = 1, bytes;

    *v = (struct nn_onnx_value){ .name = t->name, .type = t->data_type, .data = t->raw_data.data };
    if (t->n_dims > SHAPE_MAX_RANK || (!floats && t->data_type != NN_ONNX_INT64))
        return err_set(r->err, ERR_INPUT, "initializer \"%.100s\" has no kind that is written here",
                       t->name);
    v->shape.rank = (int)t->n_dims;
    for (size_t d = 0; d < t->n_dims; d++) {
        v->shape.dim[d] = t->dims[d];
        /* None is 0: beside it the others could be as large as they like. */
        if (t->dims[d] < 1 || !size_mul(count, (size_t)t->dims[d], &count))
            count = SIZE_MAX;
    }
    if (!size_mul(count, one, &bytes) || bytes != t->raw_data.len)
        return err_set(r->err, ERR_INPUT, "initializer \"%.100s\" has not as many bytes as numbers",
                       t->name);
    r->n++;
    return true;
}

/* The input as the file declares it. */
static bool add_input(struct run *r, const Onnx__ValueInfoProto *v, enum dtype type,
                      const struct shape *shape, const void *x)
{
    const Onnx__TypeProto__Tensor *t =
        v->type && v->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ? v->type->tensor_type
                                                                              : NULL;
    bool fits = t && t->shape && t->shape->n_dim == (size_t)shape->rank &&
                t->elem_type == (type == DTYPE_U8 ? NN_ONNX_UINT8 : NN_ONNX_FLOAT);

    for (int d = 1; fits && d < shape->rank; d++)
        fits = t->shape->dim[d]->value_case ==
                   ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE &&
               t->shape->dim[d]->dim_value == shape->dim[d];
    if (!fits)
        return err_set(r->err, ERR_INPUT, "its input \"%.100s\" is another", v->name);
    r->value[r->n++] = (struct nn_onnx_value){ v->name, t->elem_type, *shape, x };
    return true;
}

static bool answer(const struct run *r, const struct nn_onnx_asked *a)
{
    const struct nn_onnx_value *v = lookup(r, a->name);

    if (!v || v->type != NN_ONNX_FLOAT || shape_count(&v->shape) != a->n)
        return err_set(r->err, ERR_INPUT, "it has no \"%.100s\" of %lld numbers", a->name,
                       (long long)a->n);
    memcpy(a->out, v->data, (size_t)a->n * sizeof *a->out);
    return true;
}

static bool run_graph(struct run *r, const Onnx__GraphProto *g)
{
    for (size_t i = 0; i < g->n_initializer; i++)
        if (!add_initializer(r, g->initializer[i]))
            return false;
    for (size_t i = 0; i < g->n_node; i++)
        if (!run_node(r, g->node[i]))
            return err_in(r->err, "node \"%.100s\"", g->node[i]->name);
    return true;
}

bool nn_onnx_compute(const uint8_t *bytes, size_t size, enum dtype type, const struct shape *shape,
                     const void *x, int n_asked, const struct nn_onnx_asked *asked,
                     struct err *err)
{
    Onnx__ModelProto *model = onnx__model_proto__unpack(NULL, size, bytes);
    const Onnx__GraphProto *g = model ? model->graph : NULL;
    struct run r = { .mem = arena_new(), .err = err };
    bool ok = false;

    if (!g || g->n_input != 1 || !all_named(g)) {
        err_set(err, ERR_INPUT, "the bytes are no ONNX file of one input");
        goto out;
    }
    r.value = r.mem ? arena_array(r.mem, g->n_initializer + g->n_node + 1, sizeof *r.value) : NULL;
    if (!r.value) {
        err_set(err, ERR_MEMORY, "no memory");
        goto out;
    }
    ok = add_input(&r, g->input[0], type, shape, x) && run_graph(&r, g);
    for (int i = 0; ok && i < n_asked; i++)
        ok = answer(&r, &asked[i]);
out:
    if (!ok)
        err_in(err, "onnx check");
    arena_free(r.mem);
    onnx__model_proto__free_unpacked(model, NULL);
    return ok;
}
