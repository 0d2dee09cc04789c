/*
 * onnx_run -- ONNX files as discern computes them, beside what they should give
 *
 *     onnx_run net FILE.onnx LO HI             a made-up picture: a line an output
 *     onnx_run light FILE.onnx OUTPUT.pb       x[i] = i / n: the largest difference
 *     onnx_run tests FOLDER TEST...            node tests: "passed" or "refused: why" or "FAILED"
 *
 * The made-up picture and the lines are those of onnx_reference_outputs.csv.
 */
#include "nn/base/file.h"
#include "nn/exec.h"
#include "nn/io/onnx_in.h"
#include "nn/kernel/cpu.h"

#include "onnx.pb-c.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 64 };

struct run {
    struct nn_onnx_file *file;
    struct nn_onnx_net *net;
    struct nn_plan *plan;
    struct nn_exec *exec;
    struct err err;
};

static bool open_run(struct run *r, const char *path, const struct nn_onnx_in_options *opt)
{
    struct nn_plan_options o = { .mode = NN_INFER, .batch = 1, .precision = NN_PRECISION_FP32 };

    *r = (struct run){ .file = nn_onnx_open(path, true, &r->err) };
    r->net = r->file ? nn_onnx_in(r->file, opt, &r->err) : NULL;
    o.kernels = nn_kernels_get(NULL, &r->err);
    if (!r->net || !r->net->graph)
        return r->net;
    r->plan = nn_plan_new(r->net->graph, &o, &r->err);
    r->exec = r->plan ? nn_exec_new(r->plan, r->net->params, NULL, &r->err) : NULL;
    return r->exec;
}

static void close_run(struct run *r)
{
    nn_exec_free(r->exec);
    nn_plan_free(r->plan);
    nn_onnx_net_free(r->net);
    nn_onnx_close(r->file);
}

static int64_t count_of(int rank, const int64_t *dim)
{
    int64_t n = 1;

    for (int d = 0; d < rank; d++)
        n *= dim[d];
    return n;
}

/* Number i in the file's order is where in ours? */
static int64_t place(int rank, const int64_t *dim, int n_axis, const int *axis, int64_t i)
{
    int64_t at[SHAPE_MAX_RANK] = { 0 }, to = 0;

    for (int d = rank - 1; d >= 0; i /= dim[d--])
        at[d] = i % dim[d];
    for (int d = 0; d < n_axis; d++)
        if (axis[d] >= 0)
            to = to * dim[axis[d]] + at[axis[d]];
    return to;
}

static double *output_of(struct run *r, int k)
{
    const struct nn_onnx_result *o = &r->net->output[k];
    int64_t n = count_of(o->rank, o->dim);
    double *y = malloc(((size_t)n + 1) * sizeof *y);
    struct tensor t = { 0 };

    if (!o->number)
        t = nn_exec_output(r->exec, o->name);
    for (int64_t i = 0; y && i < n; i++)
        y[i] = o->number ? o->number[i]
                         : (double)((real *)t.data)[place(o->rank, o->dim, o->n_axis, o->axis, i)];
    return y;
}

/* Fills the input, a picture that is NCHW in the file. */
static void fill_picture(struct run *r, double lo, double hi, bool fraction)
{
    static const int nhwc[4] = { 0, 2, 3, 1 };
    const struct nn_onnx_result *in = &r->net->input[0];
    struct tensor t = nn_exec_input(r->exec, in->name);
    int64_t dim[4] = { 1, t.shape.dim[3], t.shape.dim[1], t.shape.dim[2] };
    int64_t n = count_of(4, dim);

    for (int64_t i = 0; i < n; i++) {
        double f = fraction ? fmod((double)i * 0.6180339887498949, 1) : (double)i / (double)n;

        ((real *)t.data)[place(4, dim, 4, nhwc, i)] = (real)(float)(lo + (hi - lo) * f);
    }
}

static int run_net(const char *path, double lo, double hi)
{
    struct nn_onnx_in_options opt = { 0 };
    struct run r;
    bool ok = open_run(&r, path, &opt);

    if (!ok)
        printf("%s\n", r.err.msg);
    if (ok) {
        fill_picture(&r, lo, hi, true);
        nn_exec_forward(r.exec);
    }
    for (int k = 0; ok && k < r.net->n_output; k++) {
        const struct nn_onnx_result *o = &r.net->output[k];
        int64_t n = count_of(o->rank, o->dim), best = 0;
        double *y = output_of(&r, k), sum = 0, least = y[0];

        for (int64_t i = 0; i < n; i++) {
            sum += y[i];
            best = y[i] > y[best] ? i : best;
            least = fmin(least, y[i]);
        }
        printf("%s,", o->name);
        for (int d = 0; d < o->rank; d++)
            printf("%s%lld", d ? "x" : "", (long long)o->dim[d]);
        printf(",%.6g,%.6g,%.6g,%lld,", sum, least, y[best], (long long)best);
        for (int i = 0; i < 6 && i < n; i++)
            printf("%s%.6g", i ? " " : "", y[i]);
        printf("\n");
        free(y);
    }
    close_run(&r);
    return !ok;
}

/* ---- tensors of files ------------------------------------------------------------------------ */

/* Reads a TensorProto by way of the importer: as a graph of one constant. */
static double *tensor_numbers(const uint8_t *bytes, size_t size, int *rank, int64_t *dim, int *type)
{
    Onnx__TensorProto *t = onnx__tensor_proto__unpack(NULL, size, bytes);
    Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
    Onnx__GraphProto graph = ONNX__GRAPH_PROTO__INIT;
    Onnx__ValueInfoProto info = ONNX__VALUE_INFO_PROTO__INIT, *infos = &info;
    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT, *opsets = &opset;
    struct nn_onnx_in_options opt = { .whole = true };
    struct nn_onnx_file *f = NULL;
    struct nn_onnx_net *net = NULL;
    struct err err = { 0 };
    uint8_t *packed = NULL;
    double *y = NULL;

    if (!t)
        return NULL;
    *type = t->data_type;
    free(t->name);
    t->name = strdup("t");
    info.name = t->name;
    graph.n_initializer = graph.n_output = 1;
    graph.initializer = &t;
    graph.output = &infos;
    opset.has_version = true;
    opset.version = 13;
    model.n_opset_import = 1;
    model.opset_import = &opsets;
    model.graph = &graph;
    packed = malloc(onnx__model_proto__get_packed_size(&model));
    if (packed) {
        f = nn_onnx_parse(packed, onnx__model_proto__pack(&model, packed), &err);
        net = f ? nn_onnx_in(f, &opt, &err) : NULL;
    }
    if (net) {
        int64_t n = count_of(net->output[0].rank, net->output[0].dim);

        *rank = net->output[0].rank;
        memcpy(dim, net->output[0].dim, sizeof net->output[0].dim);
        y = malloc(((size_t)n + 1) * sizeof *y);
        if (y)
            memcpy(y, net->output[0].number, (size_t)n * sizeof *y);
    }
    nn_onnx_net_free(net);
    nn_onnx_close(f);
    free(packed);
    onnx__tensor_proto__free_unpacked(t, NULL);
    return y;
}

static int run_light(const char *path, const char *expected)
{
    struct nn_onnx_in_options opt = { 0 };
    struct run r;
    bool ok = open_run(&r, path, &opt);
    size_t size;
    uint8_t *bytes = ok ? file_read(expected, 1 << 28, &size, &r.err) : NULL;
    int64_t dim[SHAPE_MAX_RANK];
    int rank, type;
    double *want = bytes ? tensor_numbers(bytes, size, &rank, dim, &type) : NULL;

    if (want) {
        double *y, most = 0;

        fill_picture(&r, 0, 1, false);
        nn_exec_forward(r.exec);
        y = output_of(&r, 0);
        ok = r.net->output[0].rank == rank &&
             !memcmp(r.net->output[0].dim, dim, (size_t)rank * sizeof *dim);
        for (int64_t i = 0; i < count_of(rank, dim); i++)
            most = fmax(most, fabs(y[i] - want[i]));
        printf("%s: largest difference %.3g%s\n", path, most, ok ? "" : ", of ANOTHER SHAPE");
        free(y);
    } else {
        printf("%s\n", r.err.msg);
    }
    free(want);
    free(bytes);
    close_run(&r);
    return !want;
}

/* ---- node tests ------------------------------------------------------------------------------ */

struct test {
    char folder[512];
    Onnx__ModelProto *model;
    uint8_t *in[MANY];
    size_t bytes[MANY];
    int n_in;
};

static bool open_test(struct test *t, const char *root, const char *name)
{
    char path[1024];
    struct err err = { 0 };
    size_t size;
    uint8_t *bytes;

    *t = (struct test){ .n_in = 0 };
    snprintf(t->folder, sizeof t->folder, "%s/%s", root, name);
    snprintf(path, sizeof path, "%s/model.onnx", t->folder);
    bytes = file_read(path, 1 << 28, &size, &err);
    t->model = bytes ? onnx__model_proto__unpack(NULL, size, bytes) : NULL;
    free(bytes);
    for (; t->model && t->n_in < MANY; t->n_in++) {
        snprintf(path, sizeof path, "%s/test_data_set_0/input_%d.pb", t->folder, t->n_in);
        t->in[t->n_in] = file_read(path, 1 << 28, &t->bytes[t->n_in], &err);
        if (!t->in[t->n_in])
            break;
    }
    return t->model;
}

static void close_test(struct test *t)
{
    for (int i = 0; i < t->n_in; i++)
        free(t->in[i]);
    if (t->model)
        onnx__model_proto__free_unpacked(t->model, NULL);
}

static bool agree(double have, double want)
{
    return (isnan(have) && isnan(want)) || have == want ||
           fabs(have - want) <= 1e-5 + 1e-3 * fabs(want);
}

/* Bit i of computed: input i is computed with; the others are known before.  1 passed, 0 refused,
 * -1 failed; why says more. */
static int try_test(const struct test *t, unsigned computed, char *why, size_t n_why)
{
    struct nn_onnx_given given[MANY];
    struct nn_onnx_in_options opt = { .whole = true, .newer = true, .given = given };
    char path[1024];
    struct run r;
    int result = 1, at = 0;

    for (int i = 0; i < t->n_in; i++)
        if (!(computed >> i & 1))
            given[opt.n_given++] = (struct nn_onnx_given){ t->model->graph->input[i]->name,
                                                           t->in[i], t->bytes[i] };
    snprintf(path, sizeof path, "%s/model.onnx", t->folder);
    if (!open_run(&r, path, &opt)) {
        const char *msg = strstr(r.err.msg, "model.onnx: ");

        snprintf(why, n_why, "%s", msg ? msg + 12 : r.err.msg);
        result = 0;
    }
    for (int i = 0; result && i < t->n_in; i++) {
        int64_t dim[SHAPE_MAX_RANK], n;
        int rank, type;
        double *x;
        struct tensor to;

        if (!(computed >> i & 1))
            continue;
        x = tensor_numbers(t->in[i], t->bytes[i], &rank, dim, &type);
        to = r.exec && at < r.net->n_input ? nn_exec_input(r.exec, r.net->input[at].name)
                                           : (struct tensor){ 0 };
        at++;
        n = x ? count_of(rank, dim) : 0;
        for (int64_t k = 0; to.data && k < n; k++)
            ((real *)to.data)[k] = (real)x[k];
        if (!x)
            snprintf(why, n_why, "input %d is no tensor that is read", i);
        if (!x)
            result = 0;
        free(x);
    }
    if (result == 1 && r.exec)
        nn_exec_forward(r.exec);
    for (int k = 0; result == 1 && k < r.net->n_output; k++) {
        const struct nn_onnx_result *o = &r.net->output[k];
        struct err err = { 0 };
        int64_t dim[SHAPE_MAX_RANK];
        int rank, type;
        size_t size;
        uint8_t *bytes;
        double *want, *y;

        snprintf(path, sizeof path, "%s/test_data_set_0/output_%d.pb", t->folder, k);
        bytes = file_read(path, 1 << 28, &size, &err);
        want = bytes ? tensor_numbers(bytes, size, &rank, dim, &type) : NULL;
        y = output_of(&r, k);
        if (!want || rank != o->rank || memcmp(dim, o->dim, (size_t)rank * sizeof *dim)) {
            snprintf(why, n_why, "output %d has another shape, or is not read", k);
            result = want ? -1 : 0;
        }
        for (int64_t i = 0; result == 1 && i < count_of(rank, dim); i++)
            if (!agree(y[i], want[i])) {
                snprintf(why, n_why, "output %d [%lld] is %.9g, not %.9g", k, (long long)i, y[i],
                         want[i]);
                result = -1;
            }
        free(y);
        free(want);
        free(bytes);
    }
    close_run(&r);
    return result;
}

/* Tried with every input computed, with whole numbers known before, with all but the first, and
 * with all. */
static void run_test(const char *root, const char *name)
{
    struct test t;
    char why[512] = "cannot be opened", last[512];
    unsigned ways[4] = { ~0u, 0, 1, 0 };
    int result = 0;

    if (open_test(&t, root, name)) {
        for (size_t i = 0; i < t.model->graph->n_input && i < 32; i++) {
            const Onnx__TypeProto *type = t.model->graph->input[i]->type;
            int kind = type && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE
                           ? type->tensor_type->elem_type : 0;

            if (kind == 1 || kind == 10 || kind == 11 || kind == 16)
                ways[1] |= 1u << i;
        }
        for (int i = 0; i < 4 && result != 1; i++) {
            int now = try_test(&t, ways[i], last, sizeof last);

            if (i < 3 || now != 0) {
                memcpy(why, last, sizeof why);
                result = now;
            }
        }
    }
    if (result == 1)
        printf("%s,passed\n", name);
    else
        printf("%s,%s,%s\n", name, result ? "FAILED" : "refused", why);
    close_test(&t);
}

int main(int argc, char **argv)
{
    if (argc == 5 && !strcmp(argv[1], "net"))
        return run_net(argv[2], strtod(argv[3], NULL), strtod(argv[4], NULL));
    if (argc == 4 && !strcmp(argv[1], "light"))
        return run_light(argv[2], argv[3]);
    if (argc < 4 || strcmp(argv[1], "tests")) {
        printf("usage: onnx_run net FILE LO HI | light FILE OUTPUT.pb | tests FOLDER TEST...\n");
        return 2;
    }
    for (int i = 3; i < argc; i++) {
        run_test(argv[2], argv[i]);
        fflush(stdout);
    }
    return 0;
}
