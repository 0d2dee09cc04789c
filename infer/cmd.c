/*
 * cmd -- see cmd.h
 */
#include "infer/cmd.h"

#include "nn/base/file.h"

#include <string.h>

static bool is_model_name(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot && !strcmp(dot, ".safetensors");
}

/* What training makes in its folder; NULL unless it is there. */
static const char *best_in(const char *folder, struct str *path)
{
    size_t len = strlen(folder);

    str_printf(path, "%s%sbest.safetensors", folder, len && folder[len - 1] == '/' ? "" : "/");
    return !path->failed && file_kind(str_text(path)) == FILE_REGULAR ? str_text(path) : NULL;
}

struct infer_model *infer_cmd_model(char **arg, int n, struct err *err)
{
    const char *best;
    struct str path = { 0 };

    if (n > 1 && is_model_name(arg[1]) && !is_model_name(arg[0])) {
        err_set(err, ERR_USAGE, "MODEL comes first, then DATA: did you mean %s %s?", arg[1],
                arg[0]);
        return NULL;
    }
    if (file_kind(arg[0]) != FILE_FOLDER)
        return infer_model_open(arg[0], err);
    best = best_in(arg[0], &path);
    if (best)
        err_set(err, ERR_INPUT, "%s: is a folder; did you mean %s?", arg[0], best);
    else
        err_set(err, ERR_INPUT, "%s: is a folder, not a model file; MODEL comes first", arg[0]);
    str_release(&path);
    return NULL;
}

struct infer_predictor *infer_cmd_predictor(const struct infer_model *m, int batch, int threads,
                                            struct err *err)
{
    return infer_predictor_new(m->graph, m->params, m->task, m->calibration, batch,
                               threads ? threads : pool_cpus(), NULL, err);
}
