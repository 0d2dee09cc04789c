/*
 * cmd_info -- discern info: what a model file holds
 */
#include "infer/cmd.h"
#include "infer/info.h"
#include "nn/base/json.h"
#include "nn/base/record.h"
#include "nn/pass/pass.h"

#include <stdlib.h>
#include <sys/stat.h>


struct options {
    bool json, graph, dot, plan, models;
};

static const struct field options[] = {
    FIELD_BOOL(struct options, json, "one JSON object instead of text"),
    FIELD_BOOL(struct options, graph, "the network's text form instead, or with --json beside it"),
    FIELD_BOOL(struct options, dot, "the network as a drawing instead: for dot -Tsvg"),
    FIELD_BOOL(struct options, plan,
               "the steps of an answer with their costs and times, and the memory of training, "
               "instead, or with --json beside it"),
    FIELD_BOOL(struct options, models,
               "the networks that there are, without MODEL: parameters, cost, size of pictures"),
    FIELDS_END
};

static bool facts_open(struct infer_info *f, const char *path, const struct infer_model *m,
                       struct err *err)
{
    struct nn_plan_options opt = { .mode = NN_INFER, .batch = 1 };
    struct stat st;

    *f = (struct infer_info){ .path = path, .m = m };
    if (stat(path, &st) != 0)
        return err_errno(err, path, "read");
    f->file_bytes = st.st_size;
    f->parameters = nn_params_trained(m->params);
    f->kernels = opt.kernels = nn_kernels_get(NULL, err);
    if (!opt.kernels || !nn_pass_infer(m->graph, m->params, &f->inference, &f->params, err))
        return false;
    for (int i = 0; i < f->params->n; i++)
        f->weight_bytes += f->params->count[i] * (int64_t)sizeof(real);
    f->plan = nn_plan_new(f->inference, &opt, err);
    return f->plan;
}

static void facts_close(struct infer_info *f)
{
    free(f->seconds);
    nn_plan_free(f->plan);
    nn_params_free(f->params);
    nn_graph_free(f->inference);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_step(const struct infer_info_step *s, const char *name, struct str *out)
{
    json_begin(out, name, '{');
    json_number(out, "bytes", (double)s->bytes);
    json_number(out, "kept", (double)s->kept);
    json_number(out, "again", (double)s->again);
    json_number(out, "more", s->more);
    json_end(out, '}');
}

static void json_variants(const struct nn_plan *p, int step, struct str *out)
{
    const struct nn_choice *k = p->graph->node[p->step[step].node].op->choices;

    json_begin(out, "variants", '{');
    for (; k && k->name; k++)
        if (infer_info_variant(p, step, k))
            json_text(out, k->name, infer_info_variant(p, step, k));
    json_end(out, '}');
}

static void json_plan(const struct infer_info *f, struct str *out)
{
    const struct nn_plan *p = f->plan;

    json_begin(out, "plan", '[');
    for (int i = 0; i < p->n_forward; i++) {
        int node = infer_info_tail(p, i);
        struct str ops = { 0 };

        infer_info_operators(p, i, &ops);
        json_begin(out, NULL, '{');
        json_text(out, "operator", str_text(&ops));
        json_text(out, "name", p->graph->node[p->step[i].node].name);
        str_release(&ops);
        json_begin(out, "shape", '[');
        for (int k = 0; k < p->shape[node].rank; k++)
            json_number(out, NULL, (double)p->shape[node].dim[k]);
        json_end(out, ']');
        json_number(out, "bytes", (double)infer_info_bytes(p, i));
        json_number(out, "flops", (double)infer_info_flops(p, i));
        json_number(out, "seconds", f->seconds[i]);
        json_variants(p, i, out);
        json_end(out, '}');
    }
    json_end(out, ']');
    if (!f->step.bytes)
        return;
    json_begin(out, "training", '{');
    json_number(out, "batch", INFER_INFO_BATCH);
    json_step(&f->step, "step", out);
    json_step(&f->least, "least", out);
    json_end(out, '}');
}

static void json_model(const struct infer_info *f, struct str *out)
{
    const struct infer_model *m = f->m;
    json_t *prep = record_to_json(data_prep_fields, &m->prep);
    char *prep_text = prep ? record_dump(prep) : NULL;

    json_text(out, "arch", m->arch);
    json_text(out, "task", data_task_names[m->task]);
    json_begin(out, "labels", '[');
    for (int l = 0; l < m->n_labels; l++)
        json_text(out, NULL, m->label[l]);
    json_end(out, ']');
    json_begin(out, "input", '{');
    json_number(out, "height", m->prep.size[0]);
    json_number(out, "width", m->prep.size[1]);
    json_number(out, "channels", data_prep_channels(&m->prep));
    json_end(out, '}');
    json_raw(out, "prep", prep_text ? prep_text : "null");
    out->failed |= !prep_text;
    free(prep_text);
    json_decref(prep);
}

static void write_json(const struct infer_info *f, bool graph, bool plan, struct str *out)
{
    const struct infer_calibration *c = f->m->calibration;
    char *calibration = c ? infer_calibration_text(c, f->m->n_labels) : NULL;

    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.info/1");
    json_text(out, "file", f->path);
    json_number(out, "bytes", (double)f->file_bytes);
    json_model(f, out);
    json_number(out, "parameters", (double)f->parameters);
    json_number(out, "flops", (double)f->plan->flops);
    json_number(out, "activation_bytes", (double)f->plan->bytes);
    json_number(out, "weight_bytes", (double)f->weight_bytes);
    json_begin(out, "kernels", '{');
#define SLOT(s) json_text(out, #s, f->kernels->name.s);
    NN_SLOTS(SLOT)
#undef SLOT
    json_end(out, '}');
    json_raw(out, "calibration", calibration ? calibration : "null");
    json_raw(out, "provenance", f->m->provenance);
    if (graph) {
        struct str text = { 0 };

        out->failed |= !nn_graph_write(f->m->graph, &text);
        json_text(out, "graph", str_text(&text));
        str_release(&text);
    }
    if (plan)
        json_plan(f, out);
    json_end(out, '}');
    out->failed |= c && !calibration;
    free(calibration);
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool check_options(const struct options *o, int n_args, struct err *err)
{
    if (o->models && (n_args || o->graph || o->dot || o->plan))
        return err_set(err, ERR_USAGE, "--models answers alone, and takes no MODEL");
    if (!o->models && !n_args)
        return err_set(err, ERR_USAGE, "info expects MODEL, but got nothing; see discern info "
                       "--help");
    if (o->graph + o->dot + o->plan > 1 && (!o->json || o->dot))
        return err_set(err, ERR_USAGE, "--graph, --dot and --plan answer alone: give one");
    if (o->json && o->dot)
        return err_set(err, ERR_USAGE, "--dot is no JSON: --json --graph has the network's text");
    return true;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct cli_args args;
    struct err err = { 0 };
    struct infer_model *m = NULL;
    struct infer_info f = { NULL };
    struct str out = { 0 };
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);

    if (parsed == CLI_DONE)
        return 0;
    if (parsed == CLI_FAILED || !check_options(&o, args.n, &err))
        return cli_fail(&err, o.json);
    if (o.models) {
        if (infer_info_models(o.json, &out, &err))
            cli_print(&out, &err);
        str_release(&out);
        return err.kind ? cli_fail(&err, o.json) : 0;
    }
    m = infer_cmd_model(args.arg, args.n, &err);
    if (m && facts_open(&f, args.arg[0], m, &err) && (!o.plan || infer_info_measure(&f, &err))) {
        if (o.json)
            write_json(&f, o.graph, o.plan, &out);
        else if (o.graph)
            out.failed |= !nn_graph_write(m->graph, &out);
        else if (o.dot)
            infer_info_dot(m->graph, &out);
        else if (o.plan)
            infer_info_plan(&f, &out);
        else
            infer_info_text(&f, &out);
        cli_print(&out, &err);
    }
    str_release(&out);
    facts_close(&f);
    infer_model_free(m);
    return err.kind ? cli_fail(&err, o.json) : 0;
}

const struct cli_command infer_cmd_info = {
    .name = "info",
    .summary = "say what a model file holds",
    .synopsis = "[MODEL]",
    .about = "Prints the task, the labels, how pictures are prepared, the size and cost of the "
             "network, how its answers are calibrated, and how the model came about.",
    .examples = "discern info cats.safetensors\n"
                "discern info --plan cats.safetensors\n"
                "discern info --graph cats.safetensors >cats.net\n"
                "discern info --dot cats.safetensors | dot -Tsvg >cats.svg\n"
                "discern info --json cats.safetensors\n"
                "discern info --models\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 0,
    .max_args = 1,
    .run = run,
};
