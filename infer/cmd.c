/*
 * cmd -- see cmd.h
 */
#include "infer/cmd.h"

#include "infer/foreign/kind.h"
#include "nn/base/file.h"
#include "nn/base/tell.h"

#include <string.h>

static bool is_model_name(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot && !strcmp(dot, ".safetensors");
}

bool infer_cmd_named(char *const *arg, int n, struct err *err)
{
    if (n > 1 && is_model_name(arg[1]) && !is_model_name(arg[0]))
        return err_set(err, ERR_USAGE, "MODEL comes first, then DATA: did you mean %s %s?", arg[1],
                       arg[0]);
    if (file_kind(arg[0]) != FILE_FOLDER)
        return true;
    err_set(err, ERR_INPUT, "%s: is a folder, not a model file; MODEL comes first", arg[0]);
    return infer_kind_tell(arg[0], err);
}

struct infer_model *infer_cmd_model(char **arg, int n, struct err *err)
{
    return infer_cmd_named(arg, n, err) ? infer_model_open(arg[0], err) : NULL;
}

struct infer_network *infer_cmd_network(char **arg, int n, bool raw, enum nn_precision precision,
                                        struct pool *pool, struct infer_model **m,
                                        struct err *err)
{
    const struct infer_network_options how = { .precision = precision, .pool = pool };
    struct infer_file *f = infer_cmd_named(arg, n, err) ? infer_file_open(arg[0], err) : NULL;
    struct infer_network *network = f ? infer_network_open(f, raw, &how, m, err) : NULL;

    infer_file_close(f);
    return network;
}

int infer_cmd_models(const char *name, char *path[INFER_COMMITTEE_MOST], char **mem,
                     struct err *err)
{
    bool one = file_kind(name) != FILE_NONE;
    char *next = *mem = strdup(name);
    int n = 0;

    if (!next) {
        err_set(err, ERR_MEMORY, "no memory for a name");
        return 0;
    }
    while (next) {
        char *comma = one ? NULL : strchr(next, ',');

        if (n == INFER_COMMITTEE_MOST) {
            err_set(err, ERR_USAGE, "%.100s: %d models at most answer together", name,
                    INFER_COMMITTEE_MOST);
            return 0;
        }
        path[n++] = next;
        if (comma)
            *comma++ = 0;
        next = comma;
    }
    return n;
}

struct infer_predictor *infer_cmd_predictor(const struct infer_model *m, int batch, int threads,
                                            struct err *err)
{
    return infer_predictor_new(m->graph, m->params, m->task, m->calibration, batch,
                               threads ? threads : pool_cpus(), NULL, err);
}

void infer_cmd_tell_skipped(const struct data_index *x)
{
    struct str text = { 0 };

    data_index_tell_skipped(x, &text);
    if (text.len)
        cli_say("%s", str_text(&text));
    str_release(&text);
}

struct data_index *infer_cmd_data(const struct infer_model *m, const char *path, const char *data,
                                  const struct data_source_options *how, struct err *err)
{
    struct data_source_options source = *how;
    struct data_index *x;

    source.task = m->task == DATA_SINGLE ? DATA_TASK_SINGLE : DATA_TASK_MULTI;
    source.n_labels = m->n_labels;
    source.labels = (const char *const *)m->label;
    if (how->task != DATA_TASK_AUTO && how->task != source.task) {
        err_set(err, ERR_USAGE, "--task %s: %s was trained for the task %s",
                data_task_choice_names[how->task], path, data_task_choice_names[source.task]);
        return NULL;
    }
    x = data_index_open(data, &source, err);
    if (!x)
        return NULL;
    infer_cmd_tell_skipped(x);
    return x;
}

void infer_cmd_stays(void *ctx, const struct err *why)
{
    (void)ctx;
    tell_line(stderr, TELL_ERROR, why->msg);
}

void infer_cmd_sorted(const struct infer_sort_counts *n, const char *folder)
{
    cli_say("sorted %d picture%s into %s%s", n->sorted, str_plural(n->sorted), folder,
            n->sorted ? " (--undo undoes it)" : "");
    if (n->before)
        cli_say("%d had been sorted before", n->before);
}

int infer_cmd_undo(const char *folder, bool json)
{
    struct infer_sort_counts n;
    struct err err = { 0 };

    if (!infer_sort_undo(folder, infer_cmd_stays, NULL, &n, &err))
        return cli_fail(&err, json);
    cli_say("%s: put back %d of %d", folder, n.sorted, n.sorted + n.left);
    if (!n.left)
        return 0;
    err.kind = ERR_INPUT;
    return cli_status(&err);
}
