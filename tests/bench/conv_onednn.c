/*
 * conv, oneDNN -- the C API of oneDNN 2 (Debian's libdnnl-dev)
 *
 * Empty where the library is not: HAVE_ONEDNN comes from the Makefile.
 */
#include "tests/bench/conv.h"

#include <stddef.h>

#ifdef HAVE_ONEDNN

#include "tests/bench/bench.h"

#include <dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct conv_side {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t arg[4];
    int n;
    char name[64];
};

const char *conv_onednn_about(void)
{
    static char text[64];
    const dnnl_version_t *v = dnnl_version();

    snprintf(text, sizeof text, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
    return text;
}

const char *conv_onednn_name(const struct conv_side *s)
{
    return s->name;
}

static void add(struct conv_side *s, int id, const dnnl_memory_desc_t *d)
{
    dnnl_memory_t memory;
    void *data;

    if (dnnl_memory_create(&memory, d, s->engine, DNNL_MEMORY_ALLOCATE) != dnnl_success)
        return;
    if (dnnl_memory_get_data_handle(memory, &data) == dnnl_success)
        conv_fill(data, dnnl_memory_desc_get_size(d), d->data_type == dnnl_bf16);
    s->arg[s->n++] = (dnnl_exec_arg_t){ id, memory };
}

/* What each pass reads and writes: the argument, and where a descriptor of the primitive has it. */
static const struct argument {
    int id;
    dnnl_query_t query;
    int index;
} arguments[][5] = {
    [CONV_FORWARD] = { { DNNL_ARG_SRC, dnnl_query_src_md, 0 },
                       { DNNL_ARG_WEIGHTS, dnnl_query_weights_md, 0 },
                       { DNNL_ARG_BIAS, dnnl_query_weights_md, 1 },
                       { DNNL_ARG_DST, dnnl_query_dst_md, 0 } },
    [CONV_DATA] = { { DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md, 0 },
                    { DNNL_ARG_WEIGHTS, dnnl_query_weights_md, 0 },
                    { DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md, 0 } },
    [CONV_WEIGHTS] = { { DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md, 0 },
                       { DNNL_ARG_SRC, dnnl_query_src_md, 0 },
                       { DNNL_ARG_DIFF_WEIGHTS, dnnl_query_diff_weights_md, 0 } },
};

/* The descriptor of a way to compute it; NULL: oneDNN has no such way. */
static dnnl_primitive_desc_t describe(dnnl_engine_t engine, const struct conv_layer *l,
                                      enum conv_pass pass, bool half, dnnl_alg_kind_t how,
                                      dnnl_format_tag_t tag)
{
    const dnnl_data_type_t type = half ? dnnl_bf16 : dnnl_f32;
    int oh = (int)conv_out(l, l->h), ow = (int)conv_out(l, l->w), g = l->groups, dims = g > 1;
    dnnl_dims_t xd = { l->batch, l->c, l->h, l->w }, yd = { l->batch, l->k, oh, ow };
    dnnl_dims_t wd = { l->k, l->c, l->size, l->size }, bd = { l->k };
    dnnl_dims_t gd = { g, l->k / g, l->c / g, l->size, l->size };
    dnnl_dims_t step = { l->stride, l->stride }, pad = { l->pad, l->pad };
    dnnl_dims_t end = { (oh - 1) * l->stride + l->size - l->h - l->pad,
                        (ow - 1) * l->stride + l->size - l->w - l->pad };
    dnnl_memory_desc_t x, y, w, dw, b;
    dnnl_convolution_desc_t forward, backward;
    dnnl_primitive_desc_t hint = NULL, found = NULL;
    dnnl_status_t ok;

    dnnl_memory_desc_init_by_tag(&x, 4, xd, type, tag);
    dnnl_memory_desc_init_by_tag(&y, 4, yd, type, tag);
    dnnl_memory_desc_init_by_tag(&w, 4 + dims, dims ? gd : wd, type, dnnl_format_tag_any);
    dnnl_memory_desc_init_by_tag(&dw, 4 + dims, dims ? gd : wd, dnnl_f32, dnnl_format_tag_any);
    dnnl_memory_desc_init_by_tag(&b, 1, bd, dnnl_f32, dnnl_format_tag_any);
    ok = pass == CONV_FORWARD ?
        dnnl_convolution_forward_desc_init(&forward, dnnl_forward_inference, how, &x, &w, &b, &y,
                                           step, pad, end) :
        dnnl_convolution_forward_desc_init(&forward, dnnl_forward_training, how, &x, &w, NULL, &y,
                                           step, pad, end);
    if (ok == dnnl_success)
        dnnl_primitive_desc_create(&hint, &forward, NULL, engine, NULL);
    if (!hint || pass == CONV_FORWARD)
        return hint;
    ok = pass == CONV_DATA ?
        dnnl_convolution_backward_data_desc_init(&backward, how, &x, &w, &y, step, pad, end) :
        dnnl_convolution_backward_weights_desc_init(&backward, how, &x, &dw, NULL, &y, step, pad,
                                                    end);
    if (ok == dnnl_success)
        dnnl_primitive_desc_create(&found, &backward, NULL, engine, hint);
    dnnl_primitive_desc_destroy(hint);
    return found;
}

static struct conv_side *make(const struct conv_layer *l, enum conv_pass pass, bool half,
                              dnnl_alg_kind_t how, dnnl_format_tag_t tag)
{
    struct conv_side *s = calloc(1, sizeof *s);
    dnnl_primitive_desc_t d;
    const char *name = "";

    if (!s || dnnl_engine_create(&s->engine, dnnl_cpu, 0) != dnnl_success) {
        free(s);
        return NULL;
    }
    dnnl_stream_create(&s->stream, s->engine, dnnl_stream_default_flags);
    d = describe(s->engine, l, pass, half, how, tag);
    if (!d || dnnl_primitive_create(&s->primitive, d) != dnnl_success) {
        conv_onednn_free(s);
        s = NULL;
    }
    for (const struct argument *a = arguments[pass]; s && a->id; a++)
        add(s, a->id, dnnl_primitive_desc_query_md(d, a->query, a->index));
    if (s && dnnl_primitive_desc_query(d, dnnl_query_impl_info_str, 0, &name) == dnnl_success)
        snprintf(s->name, sizeof s->name, "%s%s", name, tag == dnnl_nhwc ? ", nhwc" : "");
    if (d)
        dnnl_primitive_desc_destroy(d);
    return s;
}

/* Seconds of the faster of some runs behind one that warms up. */
static double try(struct conv_side *s)
{
    double best = 1e9;

    conv_onednn_run(s);
    for (int i = 0; i < 4; i++) {
        double start = bench_now(), seconds;

        conv_onednn_run(s);
        seconds = bench_now() - start;
        best = seconds < best ? seconds : best;
    }
    return best;
}

static struct conv_side *faster(struct conv_side *a, struct conv_side *b)
{
    bool second = b && (!a || (strcmp(a->name, b->name) && try(b) < try(a)));

    conv_onednn_free(second ? a : b);
    return second ? b : a;
}

struct conv_side *conv_onednn_new(const struct conv_layer *l, enum conv_pass pass, bool half,
                                  enum conv_way way, bool avx2)
{
    if (avx2)
        dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
    if (way == CONV_WINOGRAD)
        return make(l, pass, half, dnnl_convolution_winograd, dnnl_format_tag_any);
    return faster(make(l, pass, half, dnnl_convolution_direct, dnnl_format_tag_any),
                  make(l, pass, half, dnnl_convolution_direct, dnnl_nhwc));
}

void conv_onednn_run(void *side)
{
    struct conv_side *s = side;

    dnnl_primitive_execute(s->primitive, s->stream, s->n, s->arg);
    dnnl_stream_wait(s->stream);
}

void conv_onednn_free(struct conv_side *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->n; i++)
        dnnl_memory_destroy(s->arg[i].memory);
    if (s->primitive)
        dnnl_primitive_destroy(s->primitive);
    dnnl_stream_destroy(s->stream);
    dnnl_engine_destroy(s->engine);
    free(s);
}

#else

const char *conv_onednn_about(void)
{
    return "no oneDNN (apt-get install libdnnl-dev)";
}

const char *conv_onednn_name(const struct conv_side *s)
{
    (void)s;
    return "";
}

struct conv_side *conv_onednn_new(const struct conv_layer *l, enum conv_pass pass, bool half,
                                  enum conv_way way, bool avx2)
{
    (void)l, (void)pass, (void)half, (void)way, (void)avx2;
    return NULL;
}

void conv_onednn_run(void *side)
{
    (void)side;
}

void conv_onednn_free(struct conv_side *s)
{
    (void)s;
}

#endif
