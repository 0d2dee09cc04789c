/*
 * probe -- see probe.h
 */
#include "train/probe.h"

#include "infer/embed/cut.h"

#include <stdlib.h>

/* Labels that nothing teaches, as none of their pictures can be read. */
static void tell_missing(struct train_session *t, const bool *read)
{
    struct str text = { 0 };

    train_parts_missing(&t->parts, read, &text);
    if (text.len)
        train_session_say(t, str_text(&text));
    str_release(&text);
}

/* What the network of t's first values sees of the pictures to learn from. */
static bool see(struct train_session *t, struct infer_features *f, struct err *err)
{
    struct infer_network_options how = { .task = t->index->task, .isa = t->cfg->isa,
                                         .precision = NN_PRECISION_FP32, .pool = t->pool,
                                         .features = true };
    struct infer_evaluate_options looks = { .threads = t->cfg->threads,
                                            .decode = t->run->decode,
                                            .model = t->cfg->init,
                                            .bad = train_session_bad_file,
                                            .bad_ctx = t };
    struct infer_network *n = infer_network_of(t->model->graph, t->start, &how, err);
    struct infer_predictor *q =
        n ? infer_predictor_of(n, TRAIN_VAL_BATCH, t->cfg->threads, err) : NULL;
    bool ok = q && infer_features_of(q, t->parts.train, &t->prep, &looks, f, err);

    infer_predictor_free(q);
    infer_network_free(n);
    return ok;
}

bool train_probe_data(struct train_session *t, struct train_probe_data *p, struct err *err)
{
    const struct data_index *x = t->parts.train;

    *p = (struct train_probe_data){ .target = NULL };
    p->target = calloc((size_t)x->n * (size_t)x->n_labels + 1, sizeof *p->target);
    if (!p->target)
        return err_set(err, ERR_MEMORY, "no memory for the labels of %d pictures", x->n);
    infer_probe_targets(x, p->target);
    if (!see(t, &p->seen, err)) {
        train_probe_data_release(p);
        return false;
    }
    tell_missing(t, p->seen.read);
    p->learn = (struct infer_probe_data){ .task = x->task, .n = p->seen.n, .width = p->seen.width,
                                          .n_labels = x->n_labels, .row = p->seen.row,
                                          .target = p->target, .use = p->seen.read };
    p->how = (struct infer_probe_options){ .seed = (uint64_t)t->cfg->seed, .pool = t->pool,
                                           .isa = t->cfg->isa };
    return true;
}

void train_probe_data_release(struct train_probe_data *p)
{
    infer_features_release(&p->seen);
    free(p->target);
    p->target = NULL;
}

static void tell(struct train_session *t, const struct infer_probe *p)
{
    struct str text = { 0 };

    str_printf(&text, "probe: the last layer begins as the linear classifier of %d pictures by the "
               "%d numbers that the network makes of each", p->n, p->width);
    if (p->folds)
        str_printf(&text, "; of those held out of it, %d parts in turn, %.1f %% %s", p->folds,
                   p->tried[p->best].right,
                   p->task == DATA_SINGLE ? "are right" : "of the labels are right");
    train_session_say(t, str_text(&text));
    str_release(&text);
}

bool train_probe(struct train_session *t, struct err *err)
{
    struct train_probe_data d = { .target = NULL };
    struct infer_probe p = { 0 };
    struct infer_cut cut;
    bool ok = infer_cut_find(t->model->graph, &cut, err);

    if (ok && !cut.alone)
        ok = err_set(err, ERR_UNSUPPORTED, "probe: the answer of %s is not what one linear layer "
                     "with a bias says; --probe no begins without", t->arch);
    ok = ok && train_probe_data(t, &d, err) && infer_probe_fit(&d.learn, &d.how, &p, err) &&
         infer_probe_put(&p, t->model->graph, t->start, err);
    if (ok)
        tell(t, &p);
    train_probe_data_release(&d);
    infer_probe_release(&p);
    return ok;
}
