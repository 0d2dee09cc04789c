/* fuzz: any bytes as a model file and a checkpoint; a model that is read is whole */
#include "infer/model.h"
#include "infer/predict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void expect_words(bool ok, const struct err *err)
{
    if (!ok && (err->kind == ERR_NONE || !err->msg[0]))
        abort();
}

/* What was taken is in range, can be applied and written again. */
static void expect_calibration(const struct infer_model *m)
{
    const struct infer_calibration *c = m->calibration;
    struct nn_graph *g = NULL;
    struct nn_params *p = NULL;
    struct err err = { 0 };
    char *text = infer_calibration_text(c, m->n_labels);
    struct arena *mem = arena_new();

    if (!(c->temperature > 0) || !c->scale != !c->shift)
        abort();
    for (int l = 0; l < m->n_labels; l++) {
        double t = infer_calibration_threshold(c, m->task, l);

        if (!(t >= 0 && t <= 1) || (c->scale && !(c->scale[l] > 0 && isfinite(c->shift[l]))))
            abort();
    }
    if (text && mem && !infer_calibration_parse(text, m->n_labels, mem, &err))
        abort();
    expect_words(infer_answer_graph(m->graph, m->params, m->task, c, &g, &p, &err), &err);
    nn_graph_free(g);
    nn_params_free(p);
    arena_free(mem);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = { "training.moment1", "training.moment2", "fc.weight" };
    struct err err = { 0 }, none = { 0 };
    struct infer_file *f = infer_file_parse(data, size, &err);
    struct infer_model *m = f ? infer_file_model(f, &err) : NULL;
    const char *text = f ? infer_file_training(f) : NULL;

    expect_words(m, &err);
    if (m && (!nn_graph_check(m->graph, &err) || m->n_labels < 1 || !m->arch || !m->provenance))
        abort();
    if (m && m->calibration)
        expect_calibration(m);
    if (text && strlen(text) > size)
        abort();
    for (size_t i = 0; f && i < sizeof names / sizeof *names; i++)
        for (int64_t count = 0; count < 9; count++) {
            float *out = malloc((size_t)count * sizeof *out + 1);

            err = none;
            expect_words(infer_file_array(f, names[i], count, out, &err), &err);
            free(out);
        }
    infer_model_free(m);
    infer_file_close(f);
    return 0;
}
