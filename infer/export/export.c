/*
 * export -- see export.h
 */
#include "infer/export/export.h"

#include "infer/predict.h"
#include "nn/io/onnx.h"

static const char *const forms[] = {
#define EXPORT(name, doc) #name,
#include "infer/export/exports.def"
#undef EXPORT
    NULL
};

const char *const infer_export_layouts[] = { "nchw", "nhwc", NULL };

const struct field infer_export_fields[] = {
    FIELD_ENUM(struct infer_export_options, to, forms, 0, "what to write"),
    { .name = "out", .kind = FIELD_KIND_STRING, .count = 1, .hint = "FILE", .letter = 'o',
      .offset = offsetof(struct infer_export_options, out),
      .doc = "where to; without it, MODEL.onnx, or what ending the form has" },
    FIELD_BOOL(struct infer_export_options, force, "overwrite a file that is there"),
    FIELD_BOOL(struct infer_export_options, json, "one JSON object on what was written"),
    { .name = "verify", .kind = FIELD_KIND_BOOL, .count = 1, .def = 1,
      .offset = offsetof(struct infer_export_options, verify),
      .doc = "hold the file against the model before it is put there" },
    FIELD_BOOL(struct infer_export_options, logits,
               "leave softmax (sigmoid) to the caller: output \"logits\""),
    FIELD_BOOL(struct infer_export_options, raw, "without the model's calibration"),
    FIELD_BOOL(struct infer_export_options, header, "c: beside it, the declarations as NAME.h"),
    FIELD_INT(struct infer_export_options, batch, NULL, 1, 1, 65536,
              "onnx: pictures at a time, always so many"),
    FIELD_BOOL(struct infer_export_options, dynamic_batch,
               "onnx: any number of pictures at a time"),
    FIELD_ENUM(struct infer_export_options, layout, infer_export_layouts, INFER_EXPORT_NCHW,
               "onnx: order of the input's dimensions"),
    FIELD_BOOL(struct infer_export_options, uint8,
               "onnx: the input is pixels, 0 to 255, and normalised in the file"),
    FIELD_INT(struct infer_export_options, opset, NULL, NN_ONNX_OPSET_MIN, NN_ONNX_OPSET_MIN,
              NN_ONNX_OPSET_MAX, "onnx: version of the operators"),
    FIELD_STRING(struct infer_export_options, input_name, "NAME", "image",
                 "onnx: what the input is called"),
    FIELD_STRING(struct infer_export_options, output_name, "NAME", NULL,
                 "onnx: what the output is called; without it, probability or logits"),
    FIELDS_END
};

bool infer_export_graph(const struct infer_model *m, const struct infer_export_options *o,
                        struct nn_graph **g, struct nn_params **p, struct err *err)
{
    const struct infer_calibration *calibration = o->raw ? NULL : m->calibration;
    const struct nn_node *last;

    if (!infer_answer_graph(m->graph, m->params, m->task, calibration, g, p, err))
        return false;
    last = &(*g)->node[nn_graph_find_output(*g, "probability")];
    if (nn_graph_output(*g, "logits", last->in[0], err))
        return true;
    nn_graph_free(*g);
    nn_params_free(*p);
    *g = NULL;
    *p = NULL;
    return false;
}
