/* fuzz: any bytes as an ONNX file; what is read is a graph that is whole, and can be planned */
#include "nn/io/onnx_in.h"

#include "nn/kernel/cpu.h"
#include "nn/plan.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_net(const struct nn_onnx_file *f, const struct nn_onnx_in_options *opt)
{
    struct err err = { 0 };
    struct nn_onnx_net *net = nn_onnx_in(f, opt, &err);
    struct nn_plan_options plan = { .mode = NN_INFER, .batch = 2,
                                    .precision = NN_PRECISION_FP32,
                                    .kernels = nn_kernels_get("ref", &err) };

    if (!net) {
        if (err.kind == ERR_NONE || !err.msg[0])
            abort();
        return;
    }
    if (net->graph) {
        if (!nn_graph_check(net->graph, &err) || !net->params)
            abort();
        nn_plan_free(nn_plan_new(net->graph, &plan, &err));
    }
    nn_onnx_net_free(net);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct nn_onnx_in_options options[] = {
        { .classifier = true, .height = 8, .width = 8 }, { .whole = true, .newer = true } };
    struct err err = { 0 };
    struct nn_onnx_file *f = nn_onnx_parse(data, size, &err);

    if (!f) {
        if (err.kind == ERR_NONE || !err.msg[0])
            abort();
        return 0;
    }
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        read_net(f, &options[i]);
    nn_onnx_close(f);
    return 0;
}
