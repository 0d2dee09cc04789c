/*
 * info_models -- the networks that there are, with what they cost
 */
#include "infer/info.h"

#include "nn/base/cli.h"
#include "nn/base/json.h"
#include "nn/model/model.h"

enum { LABELS = 1000, COLUMN = 34 };

struct cost {
    int64_t parameters, flops;
};

/* Of a picture of the size that it was made for. */
static bool cost_of(const struct nn_model *m, struct cost *c, struct err *err)
{
    struct nn_model_args args = { m->size, m->size, 3, LABELS, 0, 0 };
    struct nn_graph *g = nn_model_build(m, &args, err);
    struct nn_plan_options opt = { .mode = NN_INFER, .batch = 1, .bare = true,
                                   .kernels = nn_kernels_get("ref", err) };
    struct nn_plan *plan = g && opt.kernels ? nn_plan_new(g, &opt, err) : NULL;

    c->parameters = 0;
    for (int i = 0; plan && i < g->n; i++) {
        struct shape shape = { 0 };

        if (g->node[i].op == &nn_op_param &&
            !((const struct nn_param *)g->node[i].attr)->buffer) {
            shape = nn_params_file_shape(g, i);
            c->parameters += shape_count(&shape);
        }
    }
    c->flops = plan ? plan->flops : 0;
    nn_plan_free(plan);
    nn_graph_free(g);
    return plan;
}

static void add_column(struct str *out, double x, const char *unit, int width)
{
    struct str text = { 0 };

    infer_info_rounded(&text, x, unit);
    cli_column(out, str_text(&text), width, true);
    out->failed |= text.failed;
    str_release(&text);
}

static void add_text(const struct nn_model *m, const struct cost *c, struct str *out)
{
    cli_column(out, m->name, COLUMN, false);
    add_column(out, (double)c->parameters, "", 10);
    add_column(out, (double)c->flops, "flop", 13);
    str_printf(out, "%7dx%d\n", m->size, m->size);
}

static void add_json(const struct nn_model *m, const struct cost *c, struct str *out)
{
    json_begin(out, NULL, '{');
    json_text(out, "name", m->name);
    json_text(out, "doc", m->doc);
    json_number(out, "parameters", (double)c->parameters);
    json_number(out, "flops", (double)c->flops);
    json_number(out, "size", m->size);
    json_number(out, "least", m->least);
    json_raw(out, "sample", m->sample ? "true" : "false");
    json_end(out, '}');
}

bool infer_info_models(bool json, struct str *out, struct err *err)
{
    if (json) {
        json_begin(out, NULL, '{');
        json_text(out, "schema", "discern.models/1");
        json_number(out, "labels", LABELS);
        json_begin(out, "models", '[');
    }
    for (int i = 0; i < nn_model_count(); i++) {
        const struct nn_model *m = nn_model_at(i);
        struct cost c = { 0 };

        if (!cost_of(m, &c, err))
            return err_in(err, "%s", m->name);
        (json ? add_json : add_text)(m, &c, out);
    }
    if (json) {
        json_end(out, ']');
        json_end(out, '}');
    } else {
        str_printf(out, "\nparameters, and cost of an answer, with %d labels and the pixels that "
                   "it was made for\n", LABELS);
    }
    return true;
}
