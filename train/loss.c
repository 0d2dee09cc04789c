/*
 * loss -- see loss.h
 */
#include "train/loss.h"

#include "nn/op/bce.h"
#include "nn/op/input.h"
#include "nn/op/math.h"
#include "nn/op/xent.h"

#include <math.h>
#include <string.h>

#define MOST_WEIGHT 10
#define WEIGHT_NODE "loss.weight"

/* What the papers found best: arXiv:1708.02002, 2009.14119 (there 0 for labels that are there). */
#define FOCAL_GAMMA 2
#define ASYMMETRIC_GAMMA 4
#define ASYMMETRIC_MARGIN 0.05

const char *const train_loss_names[] = { "auto", "ce", "bce", "focal", "asymmetric", NULL };
const char *const train_class_weights_names[] = { "none", "balanced", NULL };

/* The node `name` over logits, targets and perhaps weights. */
static int add_node(struct nn_graph *g, const char *name, const struct train_loss *how,
                    const int *in, struct err *err)
{
    bool focal = how->kind == TRAIN_LOSS_FOCAL, asymmetric = how->kind == TRAIN_LOSS_ASYMMETRIC;
    double own = focal ? FOCAL_GAMMA : asymmetric ? ASYMMETRIC_GAMMA : 0;
    double gamma = (focal || asymmetric) && how->focus >= 0 ? how->focus : own;
    struct nn_xent softmax = { .smooth = how->smooth, .gamma = gamma };
    struct nn_bce sigmoid = { .gamma_pos = focal ? gamma : 0, .gamma_neg = gamma,
                              .margin = asymmetric ? ASYMMETRIC_MARGIN : 0 };
    bool single = how->task == DATA_SINGLE && how->kind != TRAIN_LOSS_BCE && !asymmetric;

    return nn_graph_add(g, single ? &nn_op_xent : &nn_op_bce, name,
                        single ? (const void *)&softmax : &sigmoid, how->weight ? 3 : 2, in, err);
}

/* An input of n numbers a picture. */
static int add_input(struct nn_graph *g, const char *name, int n, struct err *err)
{
    return nn_graph_add(g, &nn_op_input, name, &(struct nn_input){ .shape = { n } }, 0, NULL, err);
}

/* x times factor; -1: there is no x. */
static int times(struct nn_graph *g, int x, double factor, struct err *err)
{
    struct nn_math attr = { .kind = NN_MATH_affine, .a = factor };

    return x < 0 ? -1 : nn_graph_add(g, &nn_op_math, NULL, &attr, 1, &x, err);
}

/* The node "loss" of what the labels say, which is `loss`, and what the teacher says. */
static int add_taught(struct nn_graph *g, const struct train_loss *how, int logits, int labels,
                      int loss, struct err *err)
{
    struct train_loss plain = { .task = how->task };
    double t = how->temperature;
    int in[2] = { times(g, logits, 1 / t, err), -1 }, both[2];

    in[1] = add_input(g, "taught", labels, err);
    if (in[0] < 0 || in[1] < 0)
        return -1;
    both[0] = times(g, loss, 1 - how->taught, err);
    both[1] = times(g, add_node(g, "loss.taught", &plain, in, err), how->taught * t * t, err);
    return both[0] < 0 || both[1] < 0 ? -1
                                      : nn_graph_add(g, &nn_op_add, "loss", NULL, 2, both, err);
}

bool train_loss_add(struct nn_graph *g, const struct train_loss *how, struct err *err)
{
    int logits = nn_graph_find_output(g, "logits"), in[3] = { logits }, loss, n;

    if (how->kind == TRAIN_LOSS_CE && how->task == DATA_MULTI)
        return err_set(err, ERR_USAGE, "loss ce is for one label a picture: several want bce");
    if (logits < 0)
        return err_set(err, ERR_INPUT, "the graph has no output \"logits\"");
    n = g->node[logits].type.dim[1].n;
    in[1] = add_input(g, "target", n, err);
    if (in[1] < 0)
        return false;
    if (how->weight) {
        in[2] = nn_graph_add(g, &nn_op_const, WEIGHT_NODE, &(struct nn_param){ .shape = { n } }, 0,
                             NULL, err);
        if (in[2] < 0)
            return false;
    }
    loss = add_node(g, how->taught > 0 ? "loss.labels" : "loss", how, in, err);
    if (loss >= 0 && how->taught > 0)
        loss = add_taught(g, how, logits, n, loss, err);
    return loss >= 0 && nn_graph_output(g, "loss", loss, err) && nn_graph_check(g, err);
}

void train_loss_fill(const struct nn_graph *g, struct nn_params *p, const struct train_loss *how)
{
    int e = how->weight ? p->entry[nn_graph_find(g, WEIGHT_NODE)] : -1;

    for (int64_t i = 0; e >= 0 && i < p->count[e]; i++)
        p->value[p->offset[e] + i] = (real)how->weight[i];
}

static float limited(double weight)
{
    return (float)fmax(1.0 / MOST_WEIGHT, fmin(MOST_WEIGHT, weight));
}

static void balance_single(const struct data_index *x, float *weight)
{
    int64_t n = 0, labels = 0;

    memset(weight, 0, (size_t)x->n_labels * sizeof *weight); /* counts first: exact to 2^24 */
    for (int i = 0; i < x->n; i++)
        if (x->sample[i].label >= 0) {
            labels += !weight[x->sample[i].label]++;
            n++;
        }
    for (int k = 0; k < x->n_labels; k++)
        weight[k] = weight[k] > 0 ? limited((double)n / ((double)labels * (double)weight[k])) : 1;
}

static void balance_multi(const struct data_index *x, float *weight)
{
    for (int k = 0; k < x->n_labels; k++) {
        int yes = 0, no = 0;

        for (int i = 0; i < x->n; i++) {
            yes += x->sample[i].mark && x->sample[i].mark[k] > 0;
            no += x->sample[i].mark && !x->sample[i].mark[k];
        }
        weight[k] = yes && no ? limited((double)no / yes) : 1;
    }
}

void train_balanced_weights(const struct data_index *x, float *weight)
{
    if (x->task == DATA_MULTI)
        balance_multi(x, weight);
    else
        balance_single(x, weight);
}
