/*
 * c -- a model as one file of C99: no malloc, no libm, nothing to link
 *
 * NAME_run takes pixels of the network's size, normalises them, runs the network layer by layer in
 * an arena of fixed size, and fills in probabilities.  The file compiles with -ffreestanding; what
 * it needs is <stdint.h> and <stddef.h>.
 */
#include "infer/export/c.h"

#include "infer/export/export.h"
#include "infer/export/proof.h"
#include "infer/predict.h"
#include "nn/base/about.h"
#include "nn/base/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a file is written of. */
struct source {
    const struct infer_model *m;
    const struct infer_export_options *o;
    struct nn_graph *graph;
    struct nn_params *params;
    struct nn_plan *plan;
    struct str name, upper;
    int image, answer;                  /* nodes */
    int energy;                 /* node of the logits that tell the unknown; -1: none do */
    struct infer_c c;
    int *uses;
};

static void release(struct source *s)
{
    free(s->uses);
    free(s->c.after);
    free(s->c.done);
    str_release(&s->c.weights);
    str_release(&s->c.layers);
    str_release(&s->c.calls);
    str_release(&s->name);
    str_release(&s->upper);
    nn_plan_free(s->plan);
    nn_params_free(s->params);
    nn_graph_free(s->graph);
}

/* The calibration that the file has; NULL: none. */
static const struct infer_calibration *fitted(const struct source *s)
{
    return s->o->raw ? NULL : s->m->calibration;
}

static bool tells_unknown(const struct source *s)
{
    return !s->o->logits && infer_calibration_tells_unknown(fitted(s));
}

/* The network as it answers, what is asked of it alone, and its memory. */
static bool prepare(struct source *s, const char *path, struct err *err)
{
    const struct nn_plan_options bare = { .mode = NN_INFER, .batch = 1, .bare = true,
                                          .precision = NN_PRECISION_FP32 };
    const struct infer_model *m = s->m;
    size_t n;

    if (!infer_answer_graph(m->graph, m->params, m->task, fitted(s), &s->graph, &s->params, err))
        return false;
    s->image = nn_graph_first_input(s->graph);
    s->answer = nn_graph_find_output(s->graph, "probability");
    if (s->o->logits)
        s->answer = s->graph->node[s->answer].in[0];    /* calibrated */
    s->energy = tells_unknown(s) && fitted(s)->unknown == INFER_UNKNOWN_ENERGY
                    ? nn_graph_find_output(s->graph, "logits")
                    : -1;
    s->graph->n_output = 0;
    if (!nn_graph_output(s->graph, "answer", s->answer, err) ||
        (s->energy >= 0 && !nn_graph_output(s->graph, "energy", s->energy, err)))
        return false;
    s->plan = nn_plan_new(s->graph, &bare, err);
    if (!s->plan)
        return false;
    n = (size_t)s->graph->n;
    s->uses = calloc(n, sizeof *s->uses);
    s->c = (struct infer_c){ .graph = s->graph, .params = s->params, .plan = s->plan,
                             .after = calloc(n, sizeof *s->c.after),
                             .done = calloc(n, sizeof *s->c.done) };
    infer_c_name(&s->name, path);
    for (const char *p = str_text(&s->name); *p; p++)
        str_addc(&s->upper, (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p));
    if (!s->uses || !s->c.after || !s->c.done || s->name.failed || s->upper.failed)
        return err_set(err, ERR_MEMORY, "no memory for the text");
    nn_graph_uses(s->graph, s->uses);
    infer_c_fuse(&s->c, s->uses);
    return true;
}

static bool write_nodes(struct source *s, struct err *err)
{
    for (int i = 0; i < s->plan->n_step; i++) {
        int node = s->plan->step[i].node;

        if (!s->c.done[node] && !infer_c_node(&s->c, node, err))
            return false;
    }
    s->c.constants += (size_t)s->c.deepest;     /* zeros */
    return true;
}

/* Numbers of the arena. */
static size_t arena(const struct source *s)
{
    return s->plan->bytes / sizeof(real) + s->c.room;
}

static const char *pixel_name(const struct source *s)
{
    return data_prep_channels(&s->m->prep) == 3 ? "rgb" : "grey";
}

static void head(const struct source *s, struct str *out)
{
    const struct infer_model *m = s->m;
    const char *name = str_text(&s->name), *upper = str_text(&s->upper);
    bool grey = data_prep_channels(&m->prep) == 1;

    str_printf(out, "/*\n * %s -- an image classifier, written by discern %s\n *\n", name,
               about_version);
    str_add(out, " * Network ");
    infer_c_comment(out, *m->arch ? m->arch : "of no name");
    str_printf(out, ", %d labels, %s a picture.\n", m->n_labels,
               m->task == DATA_SINGLE ? "one" : "any number");
    str_printf(out,
               " * Constants: %zu bytes.  Arena: %zu bytes.  No malloc, no libm; one file of C99:\n"
               " *     cc -std=c99 -O2 -c %s.c\n"
               " * Of a C library it wants nothing but memcpy and memset, which compilers call.\n"
               " * -DPIXELS=1, 2 or 4: how many pixels a convolution takes at a time; fewer want\n"
               " * fewer registers.  -D%s_NO_ARENA leaves out the static arena and %s_run.\n"
               " *\n",
               s->c.constants * sizeof(float), arena(s) * sizeof(float), name, upper, name);
    str_printf(out,
               " * Pictures are %d rows of %d pixels of %s, a byte a number, rows from the top,\n"
               " * pixels from the left.  The model learnt from pictures brought to this size so:\n"
               " * %s, filter %s",
               m->prep.size[0], m->prep.size[1], grey ? "grey" : "red, green, blue",
               data_resize_names[m->prep.resize], data_filter_names[m->prep.filter]);
    if (m->prep.resize == DATA_CROP && m->prep.crop < 1)
        str_printf(out, ", %.3g of its sides seen", m->prep.crop);
    str_printf(out, "%s.\n */\n", grey ? ", grey made of red, green, blue after it" : "");
}

static void define(const struct source *s, const char *what, double value, const char *comment,
                   struct str *out)
{
    str_printf(out, "#define %s_%s ", str_text(&s->upper), what);
    infer_c_number(out, (float)value);
    str_printf(out, "        /* %s */\n", comment);
}

/* The probabilities from which answers count for more. */
static void bands(const struct source *s, struct str *out)
{
    const struct infer_calibration *c = fitted(s);

    if (s->o->logits || !infer_calibration_has_bands(c))
        return;
    define(s, "MED", c->band[0], "an answer of this probability is fairly sure", out);
    define(s, "HI", c->band[1], "and of this one sure", out);
}

/* Declarations: of the header, and at the top of the file itself. */
static void interface(const struct source *s, struct str *out)
{
    const char *name = str_text(&s->name), *upper = str_text(&s->upper), *what = pixel_name(s);
    const char *answer = s->o->logits ? "logits" : "probability";

    str_printf(out, "#define %s_HEIGHT %d\n#define %s_WIDTH %d\n#define %s_CHANNELS %d\n", upper,
               s->m->prep.size[0], upper, s->m->prep.size[1], upper,
               data_prep_channels(&s->m->prep));
    str_printf(out, "#define %s_LABELS %d\n", upper, s->m->n_labels);
    str_printf(out, "#define %s_ARENA %zu        /* floats */\n", upper, arena(s));
    bands(s, out);
    str_printf(out, "\nextern const char *const %s_labels[%s_LABELS];        /* UTF-8 */\n", name,
               upper);
    if (!s->o->logits)
        str_printf(out, "extern const float %s_threshold[%s_LABELS];        /* from it, told */\n",
                   name, upper);
    str_addc(out, '\n');
    str_printf(out,
               "/* %s[HEIGHT][WIDTH][CHANNELS] -> %s[LABELS]; returns the label with the largest.\n"
               " * _in: in the caller's arena[%s_ARENA], for several threads; else in one of the\n"
               " * file.  _float: numbers (pixel/255 - mean) / std.  None can fail. */\n",
               what, answer, upper);
    str_printf(out, "int %s_run_in(float *arena, const uint8_t *%s, float *%s);\n", name, what,
               answer);
    str_printf(out, "int %s_run_float_in(float *arena, const float *image, float *%s);\n", name,
               answer);
    str_printf(out, "#ifndef %s_NO_ARENA\n", upper);
    str_printf(out, "int %s_run(const uint8_t *%s, float *%s);\n", name, what, answer);
    str_printf(out, "int %s_run_float(const float *image, float *%s);\n", name, answer);
    str_add(out, "#endif\n");
    if (!tells_unknown(s))
        return;
    str_printf(out,
               "\n/* After a run in it: 1 where the picture is like none that was learnt. */\n"
               "int %s_unknown_in(const float *arena);\n#ifndef %s_NO_ARENA\n"
               "int %s_unknown(void);\n#endif\n",
               name, upper, name);
}

static void labels(const struct source *s, struct str *out)
{
    str_printf(out, "\nconst char *const %s_labels[%s_LABELS] = {\n", str_text(&s->name),
               str_text(&s->upper));
    for (int l = 0; l < s->m->n_labels; l++) {
        str_add(out, "    ");
        infer_c_string(out, s->m->label[l]);
        str_add(out, ",\n");
    }
    str_add(out, "};\n\n");
    if (s->o->logits)
        return;
    str_printf(out, "const float %s_threshold[%s_LABELS] = {\n", str_text(&s->name),
               str_text(&s->upper));
    for (int l = 0; l < s->m->n_labels; l++) {
        str_add(out, "    ");
        infer_c_number(out, infer_calibration_threshold(fitted(s), s->m->task, l));
        str_add(out, ",\n");
    }
    str_add(out, "};\n\n");
}

static void parts(const struct source *s, struct str *out)
{
    uint64_t used = s->c.parts;

    for (int i = INFER_C_PARTS - 1; i >= 0; i--)
        if (used >> i & 1)
            used |= infer_c_part(i)->needs;
    if (used >> INFER_C_CONV & 1)
        str_printf(out, "\nstatic const float zeros[%d] = { 0 };\n", s->c.deepest);
    for (int i = 0; i < INFER_C_PARTS; i++)
        if (used >> i & 1)
            str_printf(out, "\n%s", infer_c_part(i)->text);
    str_add(out, "\n");
}

/* Pixels to numbers, as data_prep_normalize. */
static void normalize(const struct source *s, struct str *out)
{
    int channels = data_prep_channels(&s->m->prep);
    float factor[3], shift[3];

    data_prep_affine(&s->m->prep, factor, shift);
    str_addc(out, '\n');
    infer_c_array(out, "factor", 0, (size_t)channels, factor);
    infer_c_array(out, "shift", 0, (size_t)channels, shift);
    str_printf(out, "\nstatic void normalize(const uint8_t *%s, float *image)\n{\n",
               pixel_name(s));
    str_printf(out,
               "    for (int i = 0; i < %lld; i++)\n        for (int c = 0; c < %d; c++)\n"
               "            image[i * %d + c] = (float)%s[i * %d + c] * factor0[c] + shift0[c];\n"
               "}\n",
               (long long)data_prep_count(&s->m->prep) / channels, channels, channels,
               pixel_name(s), channels);
}

/* The function that runs the layers, and those of the interface. */
static void functions(struct source *s, struct str *out, struct err *err)
{
    const char *name = str_text(&s->name), *upper = str_text(&s->upper), *what = pixel_name(s);
    const char *answer = s->o->logits ? "logits" : "probability";
    char from[32];
    size_t image = s->plan->buffer[s->plan->value[s->image]].offset / sizeof(real);

    infer_c_value(&s->c, s->answer, from, err);
    str_printf(out,
               "\n/* y[%s_LABELS]; image may be the place in the arena that is kept for it. */\n"
               "static int network(const float *image, float *arena, float *y)\n{\n"
               "    const float *answer = %s;\n    int best = 0;\n\n%s\n",
               upper, from, str_text(&s->c.calls));
    str_printf(out,
               "    for (int i = 0; i < %s_LABELS; i++) {\n        y[i] = answer[i];\n"
               "        if (y[i] > y[best])\n            best = i;\n    }\n    return best;\n}\n",
               upper);
    normalize(s, out);
    str_printf(out,
               "\nint %s_run_in(float *arena, const uint8_t *%s, float *%s)\n{\n"
               "    normalize(%s, arena + %zu);\n"
               "    return network(arena + %zu, arena, %s);\n}\n",
               name, what, answer, what, image, image, answer);
    str_printf(out,
               "\nint %s_run_float_in(float *arena, const float *image, float *%s)\n{\n"
               "    return network(image, arena, %s);\n}\n",
               name, answer, answer);
    str_printf(out, "\n#ifndef %s_NO_ARENA\nstatic float arena_of_all[%s_ARENA];\n", upper, upper);
    str_printf(out,
               "\nint %s_run(const uint8_t *%s, float *%s)\n{\n"
               "    return %s_run_in(arena_of_all, %s, %s);\n}\n",
               name, what, answer, name, what, answer);
    str_printf(out,
               "\nint %s_run_float(const float *image, float *%s)\n{\n"
               "    return %s_run_float_in(arena_of_all, image, %s);\n}\n#endif\n",
               name, answer, name, answer);
}

/* infer_calibration_unknown. */
static void unknown(struct source *s, struct str *out, struct err *err)
{
    const struct infer_calibration *c = fitted(s);
    const char *name = str_text(&s->name), *upper = str_text(&s->upper);
    bool energy = c->unknown == INFER_UNKNOWN_ENERGY;
    struct str at = { 0 };
    char from[32];

    infer_c_value(&s->c, energy ? s->energy : s->answer, from, err);
    infer_c_number(&at, (float)c->unknown_at);
    str_printf(out,
               "\nint %s_unknown_in(const float *arena)\n{\n    const float *x = %s;\n"
               "    float sum = 0.0f;\n\n    for (int i = 0; i < %s_LABELS; i++)\n",
               name, from, upper);
    if (!energy)
        str_printf(out, "        sum = x[i] > sum ? x[i] : sum;\n    return sum < %s;\n}\n",
                   str_text(&at));
    else if (s->m->task == DATA_MULTI)
        str_printf(out, "        sum += softplus_of(x[i]);\n    return !(sum >= %s);\n}\n",
                   str_text(&at));
    else
        str_printf(out,
                   "        sum += exp_of(x[i] - (%s));\n    return !(sum >= 1.0f);\n}\n",
                   str_text(&at));
    str_printf(out,
               "\n#ifndef %s_NO_ARENA\nint %s_unknown(void)\n{\n"
               "    return %s_unknown_in(arena_of_all);\n}\n#endif\n",
               upper, name, name);
    str_release(&at);
}

static bool compose(struct source *s, struct str *out, struct err *err)
{
    if (!write_nodes(s, err))
        return false;
    if (s->energy >= 0)
        s->c.parts |= s->m->task == DATA_MULTI ? INFER_C_BIT(SOFTPLUS_OF) : INFER_C_BIT(EXP);
    head(s, out);
    str_add(out, "#include <stdint.h>\n\n");
    interface(s, out);
    labels(s, out);
    str_addn(out, str_text(&s->c.weights), s->c.weights.len);
    parts(s, out);
    str_add(out, str_text(&s->c.layers));
    functions(s, out, err);
    if (tells_unknown(s))
        unknown(s, out, err);
    if (out->failed || s->c.weights.failed || s->c.layers.failed || s->c.calls.failed)
        return err_set(err, ERR_MEMORY, "no memory for the text");
    return true;
}

static void write_header(const struct source *s, struct str *out)
{
    const char *upper = str_text(&s->upper);

    head(s, out);
    str_printf(out, "#ifndef %s_H\n#define %s_H\n\n#include <stdint.h>\n\n", upper, upper);
    str_add(out, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    interface(s, out);
    str_add(out, "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}

static bool verify(const struct source *s, const struct str *text, struct str *report,
                   struct err *err)
{
    struct infer_proof proof = { 0 };
    struct nn_graph *g = NULL;
    struct nn_params *p = NULL;
    bool ok = infer_export_graph(s->m, s->o, &g, &p, err) &&
              infer_proof_init(&proof, s->m, g, p, err) &&
              infer_c_verify(&proof, s->o->logits, str_text(&s->name), text, report, err);

    infer_proof_release(&proof);
    nn_params_free(p);
    nn_graph_free(g);
    return ok;
}

/* "cats.c" -> "cats.h" */
static void header_path(const char *path, struct str *out)
{
    size_t n = strlen(path);

    str_add(out, path);
    if (n > 2 && !strcmp(path + n - 2, ".c"))
        str_cut(out, n - 2);
    str_add(out, ".h");
}

/* The header, then the file; a header that is new does not stay without its file. */
static bool put_both(const struct source *s, const char *path, const struct str *file,
                     struct str *report, struct err *err)
{
    struct str name = { 0 }, text = { 0 };
    bool ok, new;

    header_path(path, &name);
    write_header(s, &text);
    new = file_kind(str_text(&name)) == FILE_NONE;
    ok = (!name.failed && !text.failed) || err_set(err, ERR_MEMORY, "no memory for the header");
    if (ok && file_replace(str_text(&name), str_text(&text), text.len, err)) {
        ok = file_replace(path, str_text(file), file->len, err);
        if (!ok && new)
            unlink(str_text(&name));
    } else {
        ok = false;
    }
    if (ok)
        str_printf(report, "; %s", str_text(&name));
    str_release(&name);
    str_release(&text);
    return ok;
}

static bool write_c(const struct infer_model *m, const struct infer_export_options *o,
                    const char *path, struct str *report, struct err *err)
{
    struct source s = { .m = m, .o = o };
    struct str text = { 0 };
    bool ok = prepare(&s, path, err) && compose(&s, &text, err);

    if (ok) {
        str_printf(report, "%s_run, constants %zu bytes, arena %zu bytes", str_text(&s.name),
                   s.c.constants * sizeof(float), arena(&s) * sizeof(float));
        ok = !o->verify || verify(&s, &text, report, err) || err_in(err, "%s", path);
    }
    if (ok && o->header)
        ok = put_both(&s, path, &text, report, err);
    else
        ok = ok && file_replace(path, str_text(&text), text.len, err);
    str_release(&text);
    release(&s);
    return ok;
}

static void beside(const struct infer_export_options *o, const char *path, struct str *out)
{
    if (o->header)
        header_path(path, out);
}

const struct infer_exporter infer_export_c = {
    .name = "c", .suffix = ".c",
    .takes = { "logits", "verify", "raw", "header", NULL },
    .beside = beside, .write = write_c,
};
