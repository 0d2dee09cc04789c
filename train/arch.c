/*
 * arch -- see arch.h
 */
#include "train/arch.h"

#include "nn/base/file.h"
#include "train/grow.h"
#include "train/remake.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 1 << 20 };

const struct nn_model *train_arch_named(const char *arch)
{
    for (int i = 0; i < nn_model_count(); i++)
        if (!strcmp(nn_model_at(i)->name, arch))
            return nn_model_at(i);
    return NULL;
}

bool train_arch_check(const char *arch, struct err *err)
{
    return train_arch_named(arch) || !strcmp(arch, TRAIN_ARCH_AUTO) || strpbrk(arch, "/.") ||
           file_kind(arch) == FILE_REGULAR || nn_model_find(arch, err);
}

/* The graph of a text file, whose input says how large pictures are. */
static struct nn_graph *graph_of_file(const char *path, int labels, struct data_prep *prep,
                                      struct err *err)
{
    struct nn_var vars[] = { { "classes", labels }, { "size", prep->size[0] } };
    size_t bytes;
    char *text = (char *)file_read(path, TEXT_BYTES, &bytes, err);
    struct nn_graph *g;
    int image;

    if (!text)
        return NULL;
    g = nn_graph_read(text, bytes, (int)(sizeof vars / sizeof *vars), vars, err);
    free(text);
    if (!g) {
        err_in(err, "%s", path);
        return NULL;
    }
    image = nn_graph_find_input(g, "image");
    if (image < 0 || g->node[image].type.rank != 4) {
        err_set(err, ERR_INPUT,
                "%s: needs a line \"image = input shape=HEIGHTxWIDTHx3\" (or x1 for grey)", path);
        nn_graph_free(g);
        return NULL;
    }
    prep->size[0] = g->node[image].type.dim[1].n;
    prep->size[1] = g->node[image].type.dim[2].n;
    if (g->node[image].type.dim[3].n != data_prep_channels(prep)) {
        err_set(err, ERR_INPUT, "%s: its pictures have %d channels; --channels rgb is 3, grey is 1",
                path, g->node[image].type.dim[3].n);
        nn_graph_free(g);
        return NULL;
    }
    return g;
}

const struct nn_model *train_arch_of(const struct infer_model *m)
{
    const struct nn_model *model = train_arch_named(m->arch);
    struct nn_model_args args = { .height = m->prep.size[0], .width = m->prep.size[1],
                                  .channels = data_prep_channels(&m->prep),
                                  .labels = m->n_labels };
    struct err ignored = { 0 };
    struct nn_graph *g = model ? nn_model_build(model, &args, &ignored) : NULL;
    bool is = g;

    for (int i = 0; is && i < g->n; i++)
        is = g->node[i].op != &nn_op_param || nn_params_find(m->graph, g, i) >= 0;
    nn_graph_free(g);
    return is ? model : NULL;
}

struct nn_graph *train_arch_like(const struct infer_model *m, int labels, struct data_prep *prep,
                                 struct err *err)
{
    const int *has = m->prep.size;
    struct nn_graph *head = NULL, *g;

    if (data_prep_channels(prep) != data_prep_channels(&m->prep)) {
        err_set(err, ERR_INPUT, "channels %s: the network of --init sees %s",
                data_color_names[prep->color], data_color_names[m->prep.color]);
        return NULL;
    }
    head = labels == m->n_labels ? nn_graph_copy(m->graph, err)
                                 : train_remake_head(m->graph, labels, err);
    if (head && has[0] != has[1])
        memcpy(prep->size, has, sizeof prep->size);
    if (!head || (has[0] == prep->size[0] && has[1] == prep->size[1]))
        return head;
    g = train_grow_graph(head, prep->size[0], prep->size[1], err);
    nn_graph_free(head);
    return g;
}

struct nn_graph *train_arch_graph(const char *arch, int labels, double dropout,
                                  double droppath, struct data_prep *prep, struct err *err)
{
    const struct nn_model *model = train_arch_named(arch);
    struct nn_model_args args = { .height = prep->size[0], .width = prep->size[1],
                                  .channels = data_prep_channels(prep), .labels = labels,
                                  .dropout = dropout, .droppath = droppath };

    return model ? nn_model_build(model, &args, err) : graph_of_file(arch, labels, prep, err);
}
