/*
 * merge -- see merge.h
 */
#include "infer/merge.h"

#include "infer/committee.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- whether they can be --------------------------------------------------------------------- */

static bool match_graph(const struct infer_model *m, const char *path,
                        const struct infer_model *first, const char *first_path, struct err *err)
{
    const struct nn_graph *g = m->graph, *h = first->graph;
    int i = 0, n = g->n < h->n ? g->n : h->n;

    if (strcmp(m->arch, first->arch))
        return err_set(err, ERR_INPUT, "%s is a %.100s, %s a %.100s: models are averaged only when "
                       "they are of one network", path, m->arch, first_path, first->arch);
    while (i < n && nn_node_equal(&g->node[i], &h->node[i], true))
        i++;
    if (i == g->n && i == h->n)
        return true;
    return err_set(err, ERR_INPUT, "%s: its network differs from that of %s at \"%.100s\": models "
                   "are averaged only when they are of one network", path, first_path,
                   i < g->n ? g->node[i].name : h->node[i].name);
}

static bool match_prep(const struct infer_model *m, const char *path,
                       const struct infer_model *first, const char *first_path, struct err *err)
{
    for (const struct field *f = data_prep_fields; f->name; f++) {
        struct str a = { 0 }, b = { 0 };

        field_text(f, &m->prep, &a);
        field_text(f, &first->prep, &b);
        if (strcmp(str_text(&a), str_text(&b)))
            err_set(err, ERR_INPUT, "%s prepares pictures otherwise than %s: %s %s against %s: "
                    "models are averaged only when they see the same", path, first_path, f->name,
                    str_text(&a), str_text(&b));
        else if (a.failed || b.failed)
            err_set(err, ERR_MEMORY, "no memory to compare preparations");
        str_release(&a);
        str_release(&b);
        if (err->kind)
            return false;
    }
    return true;
}

bool infer_merge_match(const struct infer_model *m, const char *path,
                       const struct infer_model *first, const char *first_path, struct err *err)
{
    int *to = malloc((size_t)first->n_labels * sizeof *to);
    bool ok = to ? infer_committee_match(m, path, first, first_path, "models are averaged only", to,
                                         err)
                 : err_set(err, ERR_MEMORY, "no memory for %d labels", first->n_labels);

    for (int l = 0; ok && l < first->n_labels; l++)
        if (to[l] != l)
            ok = err_set(err, ERR_INPUT, "%s has its labels in another order than %s: models are "
                         "averaged only when it is the same", path, first_path);
    free(to);
    return ok && match_graph(m, path, first, first_path, err) &&
           match_prep(m, path, first, first_path, err);
}

/* ---- the average ----------------------------------------------------------------------------- */

bool infer_mix_init(struct infer_mix *x, int64_t total, struct err *err)
{
    *x = (struct infer_mix){ .sum = calloc((size_t)total + 1, sizeof *x->sum), .total = total };
    return x->sum || err_set(err, ERR_MEMORY, "no memory to average %lld weights",
                             (long long)total);
}

void infer_mix_release(struct infer_mix *x)
{
    free(x->sum);
    *x = (struct infer_mix){ 0 };
}

bool infer_mix_add(struct infer_mix *x, const struct nn_params *p, double weight, struct err *err)
{
    for (int e = 0; e < p->n; e++) {
        const real *value = p->value + p->offset[e];
        double *sum = x->sum + p->offset[e];

        for (int64_t i = 0; i < p->count[e]; i++) {
            if (!isfinite(value[i]))
                return err_set(err, ERR_INPUT, "a weight is no finite number");
            sum[i] += weight * (double)value[i];
        }
    }
    x->weight += weight;
    return true;
}

void infer_mix_into(const struct infer_mix *x, double weight, struct nn_params *p)
{
    double all = x->weight + weight;

    for (int e = 0; e < p->n; e++) {
        real *value = p->value + p->offset[e];
        const double *sum = x->sum + p->offset[e];

        for (int64_t i = 0; i < p->count[e]; i++)
            value[i] = (real)((sum[i] + weight * (double)value[i]) / all);
    }
}
