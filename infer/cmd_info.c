/*
 * cmd_info -- discern info: what a model file holds
 */
#include "infer/cmd.h"
#include "nn/base/json.h"
#include "nn/base/record.h"
#include "nn/kernel/cpu.h"
#include "nn/pass/pass.h"
#include "nn/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { LABELS_SHOWN = 20, LIST_SHOWN = 8 };

struct options {
    bool json, graph;
};

static const struct field options[] = {
    FIELD_BOOL(struct options, json, "one JSON object instead of text"),
    FIELD_BOOL(struct options, graph, "the network's text form instead, or with --json beside it"),
    FIELDS_END
};

/* What is known of a model beyond what its struct says. */
struct facts {
    int64_t file_bytes, parameters, flops, bytes;
    const struct nn_kernels *kernels;
    struct str graph;
};

/* flops and bytes: of one picture through the inference form. */
static bool find_facts(const char *path, const struct infer_model *m, struct facts *f,
                       struct err *err)
{
    struct nn_plan_options opt = { .mode = NN_INFER, .batch = 1 };
    struct nn_graph *g = NULL;
    struct nn_params *p = NULL;
    struct nn_plan *plan;
    struct stat st;

    if (stat(path, &st) != 0)
        return err_errno(err, path, "read");
    f->file_bytes = st.st_size;
    f->parameters = nn_params_trained(m->params);
    f->kernels = opt.kernels = nn_kernels_get(NULL, err);
    if (!opt.kernels || !nn_pass_infer(m->graph, m->params, &g, &p, err))
        return false;
    plan = nn_plan_new(g, &opt, err);
    if (plan) {
        f->flops = plan->flops;
        f->bytes = (int64_t)plan->bytes;
    }
    nn_plan_free(plan);
    nn_params_free(p);
    nn_graph_free(g);
    if (!plan)
        return false;
    if (!nn_graph_write(m->graph, &f->graph))
        return err_set(err, ERR_MEMORY, "no memory for the network's text");
    return true;
}

static void write_json(const char *path, const struct infer_model *m, const struct facts *f,
                       bool with_graph, struct str *out)
{
    json_t *prep = record_to_json(data_prep_fields, &m->prep);
    char *prep_text = prep ? record_dump(prep) : NULL;

    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.info/1");
    json_text(out, "file", path);
    json_number(out, "bytes", (double)f->file_bytes);
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
    json_number(out, "parameters", (double)f->parameters);
    json_number(out, "flops", (double)f->flops);
    json_number(out, "activation_bytes", (double)f->bytes);
    json_begin(out, "kernels", '{');
#define SLOT(s) json_text(out, #s, f->kernels->name.s);
    NN_SLOTS(SLOT)
#undef SLOT
    json_end(out, '}');
    json_raw(out, "provenance", m->provenance);
    if (with_graph)
        json_text(out, "graph", str_text(&f->graph));
    json_end(out, '}');
    out->failed |= !prep_text;
    free(prep_text);
    json_decref(prep);
}

/* 1234567 as 1,234,567. */
static void grouped(struct str *out, int64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRId64, n);

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            str_addc(out, ',');
        str_addc(out, digits[i]);
    }
}

/* A number of things or bytes, with three digits and a unit. */
static void rounded(struct str *out, double x, const char *unit)
{
    static const char *const scale[] = { "", "k", "M", "G", "T" };
    int s = 0;

    while (s < 4 && x >= 999.5) {
        x /= 1000;
        s++;
    }
    str_printf(out, "%.3g %s%s", x, scale[s], unit);
}

/* For eyes: six digits, and objects as "key value, key value". */
static void value_text(const json_t *value, struct str *out)
{
    json_t *member;
    const char *key, *comma = "";
    char *text;

    if (json_array_size(value) > LIST_SHOWN) {
        str_printf(out, "%zu (--json has them)", json_array_size(value));
    } else if (json_is_string(value)) {
        cli_clean(out, json_string_value(value));
    } else if (json_is_real(value)) {
        str_printf(out, "%g", json_real_value(value));
    } else if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, key, member) {
            str_add(out, comma);
            cli_clean(out, key);
            str_addc(out, ' ');
            value_text(member, out);
            comma = ", ";
        }
    } else {
        text = json_dumps(value, JSON_ENCODE_ANY);
        cli_clean(out, text ? text : "?");
        free(text);
    }
}

static void provenance_text(const char *json, struct str *out)
{
    json_t *all = json_loads(json, 0, NULL), *value;
    const char *key;

    json_object_foreach(all, key, value) {
        str_add(out, "\n  ");
        cli_clean(out, key);
        for (int w = cli_width(key); w < 11; w++)
            str_addc(out, ' ');
        value_text(value, out);
    }
    json_decref(all);
}

/* The kernels that are not the reference. */
static void kernels_text(const struct nn_kernels *k, struct str *out)
{
#define SLOT(s)                                                                                    \
    if (strcmp(k->name.s, "ref") != 0)                                                             \
        str_printf(out, "%s %s, ", #s, k->name.s);
    NN_SLOTS(SLOT)
#undef SLOT
    str_add(out, "the others ref");
}

static void write_text(const char *path, const struct infer_model *m, const struct facts *f,
                       struct str *out)
{
    str_add(out, "model        ");
    cli_clean(out, path);
    str_add(out, ", ");
    rounded(out, (double)f->file_bytes, "B");
    str_add(out, "\nnetwork      ");
    cli_clean(out, m->arch);
    str_printf(out, "\ntask         %s",
               m->task == DATA_SINGLE ? "single: one label a picture"
                                      : "multi: any number of labels a picture");
    str_printf(out, "\nlabels       %d: ", m->n_labels);
    for (int l = 0; l < m->n_labels && l < LABELS_SHOWN; l++) {
        str_add(out, l ? ", " : "");
        cli_clean(out, m->label[l]);
    }
    if (m->n_labels > LABELS_SHOWN)
        str_printf(out, " and %d more (--json has them)", m->n_labels - LABELS_SHOWN);
    str_printf(out, "\ninput        %d x %d pixels, %s", m->prep.size[1], m->prep.size[0],
               m->prep.color == DATA_GREY ? "grey" : "RGB");
    str_add(out, "\npreparation ");
    for (const struct field *p = data_prep_fields; p->name; p++) {
        str_printf(out, " %s=", p->name);
        field_text(p, &m->prep, out);
    }
    str_add(out, "\nparameters   ");
    grouped(out, f->parameters);
    str_add(out, "\ncost         ");
    rounded(out, (double)f->flops, "flop");
    str_add(out, " and ");
    rounded(out, (double)f->bytes, "B");
    str_add(out, " of activations for a picture\nkernels      ");
    kernels_text(f->kernels, out);
    str_add(out, "\ntrained");
    provenance_text(m->provenance, out);
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct cli_args args;
    struct err err = { 0 };
    struct infer_model *m = NULL;
    struct facts f = { 0 };
    struct str out = { 0 };
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);

    if (parsed == CLI_DONE)
        return 0;
    if (parsed == CLI_FAILED)
        return cli_fail(&err, o.json);
    m = infer_cmd_model(args.arg, args.n, &err);
    if (m && find_facts(args.arg[0], m, &f, &err)) {
        if (o.json)
            write_json(args.arg[0], m, &f, o.graph, &out);
        else if (o.graph)
            str_add(&out, str_text(&f.graph));
        else
            write_text(args.arg[0], m, &f, &out);
        cli_print(&out, &err);
    }
    str_release(&out);
    str_release(&f.graph);
    infer_model_free(m);
    return err.kind ? cli_fail(&err, o.json) : 0;
}

const struct cli_command infer_cmd_info = {
    .name = "info",
    .summary = "say what a model file holds",
    .synopsis = "MODEL",
    .about = "Prints the task, the labels, how pictures are prepared, the size and cost of the "
             "network, and how the model came about.",
    .examples = "discern info cats.safetensors\n"
                "discern info --graph cats.safetensors\n"
                "discern info --json cats.safetensors\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
