/*
 * few -- see few.h
 */
#include "train/few.h"

#include "infer/embed/few.h"
#include "nn/base/rng.h"
#include "train/probe.h"

#include <stdlib.h>

/* ---- which pictures -------------------------------------------------------------------------- */

static bool has(const struct data_sample *s, int label)
{
    return s->mark ? s->mark[label] == 1 : s->label == label;
}

/* Whether one of its labels wants more. */
static bool wanted(const struct data_index *x, const struct data_sample *s, int few,
                   const int *count)
{
    for (int l = 0; l < x->n_labels; l++)
        if (has(s, l) && count[l] < few)
            return true;
    return false;
}

bool train_few_draw(struct data_index *x, int few, uint64_t seed, train_few_reads *reads,
                    const void *ctx, struct train_few_drawn *drawn, struct err *err)
{
    uint32_t *order = malloc(((size_t)x->n + 1) * sizeof *order);
    int *count = calloc((size_t)x->n_labels + 1, sizeof *count);
    bool ok = (order && count) || err_set(err, ERR_MEMORY, "no memory for %d pictures", x->n);

    *drawn = (struct train_few_drawn){ 0 };
    if (ok)
        rng_shuffle(seed, rng_stream(RNG_SPLIT, 1), (uint32_t)x->n, order);
    for (int i = 0; ok && i < x->n; i++) {
        struct data_sample *s = &x->sample[order[i]];

        if (s->split != DATA_UNSPLIT && s->split != DATA_TRAIN)
            continue;
        s->split = wanted(x, s, few, count) ? DATA_TRAIN : DATA_VAL;
        drawn->val += s->split == DATA_VAL;
        if (s->split == DATA_VAL)
            continue;
        if (!reads(s, ctx)) { /* told with the part that is learnt from */
            drawn->unread++;
            continue;
        }
        drawn->train++;
        for (int l = 0; l < x->n_labels; l++)
            count[l] += has(s, l);
    }
    for (int l = 0; ok && l < x->n_labels; l++)
        drawn->fewer += count[l] < few;
    free(order);
    free(count);
    return ok;
}

/* ---- the head -------------------------------------------------------------------------------- */

static bool put(struct train_session *t, const struct infer_few *head, struct err *err)
{
    struct nn_graph *g;
    struct nn_params *start, *p;
    struct infer_model *m = NULL;

    if (!infer_few_graph(head, t->model->graph, t->start, &g, &start, err))
        return false;
    p = nn_params_new(g, false, err);
    if (p)
        m = infer_model_new(g, p, &t->prep, t->index->task, t->index->n_labels, t->index->label,
                            t->arch, err);
    if (!m) {
        nn_params_free(p);
        nn_params_free(start);
        nn_graph_free(g);
        return false;
    }
    infer_model_free(t->model);
    nn_params_free(t->start);
    t->model = m;
    t->start = start;
    return true;
}

static void tell(struct train_session *t, const struct infer_few *f)
{
    struct str text = { 0 };

    str_printf(&text, "few: probe of %d pictures, by the %d numbers that the network makes of "
               "each%s%s", f->n, f->width, f->norm ? ", made even" : "",
               f->together ? ", on one scale: of so few pictures each number's own is chance" : "");
    for (int i = 0; f->folds && i < f->n_tried; i++)
        str_printf(&text, "%s%s %.0f %%", i ? ", " : "; of those held out of it are right: ",
                   f->tried[i].norm ? "made even" : "as they are", f->tried[i].right);
    if (!f->folds && t->index->task == DATA_SINGLE)
        str_add(&text, "; nothing else was tried, as that takes two labels, and two pictures of "
                       "each");
    train_session_say(t, str_text(&text));
    str_release(&text);
}

bool train_few(struct train_session *t, struct err *err)
{
    struct train_probe_data d = { .target = NULL };
    struct infer_few head = { 0 };
    bool ok = train_probe_data(t, &d, err) && infer_few_fit(&d.learn, &d.how, &head, err) &&
              put(t, &head, err);

    if (ok)
        tell(t, &head);
    train_probe_data_release(&d);
    infer_few_release(&head);
    return ok;
}
