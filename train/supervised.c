/*
 * supervised -- the method that learns labels: one network, one loss
 */
#include "train/method.h"

#include "train/net.h"
#include "train/optim/optim.h"
#include "train/preflight.h"

#include <stdlib.h>

static void release(void *self)
{
    train_net_free(self);
}

/* weight: of the labels, or NULL.  An unknown optimiser is an error, and NULL. */
static struct train_net_options options_of(const struct train_method_options *opt,
                                           const float *weight, struct err *err)
{
    const struct train_cfg *cfg = opt->cfg;

    return (struct train_net_options){
        .loss = { .task = opt->data->task, .kind = cfg->loss, .smooth = cfg->smooth,
                  .focus = cfg->focus, .weight = cfg->class_weights ? weight : NULL },
        .momentum = cfg->momentum,
        .beta2 = cfg->beta2,
        .decay = cfg->decay,
        .bias_lr = cfg->bias_lr,
        .bias_decay = cfg->bias_decay,
        .layer_lr = cfg->layer_lr,
        .clip = cfg->clip,
        .ema = cfg->ema,
        .lookahead = cfg->lookahead,
        .freeze = cfg->freeze,
        .keep_norms = cfg->norms == TRAIN_NORMS_KEEP,
        .optim = train_optim_find(cfg->optim, err),
        .kernels = opt->kernels,
        .precision = (enum nn_precision)cfg->precision,
        .variants = opt->variants,
        .limit = opt->limit,
        .slice = cfg->slice,
        .pool = opt->pool,
        .seed = (uint64_t)cfg->seed,
    };
}

static bool bytes(const struct train_method_options *opt, struct train_net_bytes *out,
                  struct err *err)
{
    struct train_net_options how = options_of(opt, NULL, err);

    return how.optim &&
           train_net_bytes(opt->graph, &how, opt->cfg->batch, opt->cfg->threads, out, err);
}

static bool slices(const struct train_method_options *opt, bool *out, struct err *err)
{
    struct train_net_options how = options_of(opt, NULL, err);

    if (!how.optim || !train_net_slices(opt->graph, &how, out, err))
        return false;
    *out &= !opt->cfg->class_weights;
    return true;
}

static bool tune(const struct train_method_options *opt, const struct nn_tune_options *how,
                 struct str *table, struct err *err)
{
    struct train_net_options net = options_of(opt, NULL, err);

    return net.optim && train_net_tune(opt->graph, &net, opt->cfg->batch, how, table, err);
}

/* What is left for activations beside a copy of values and gradients. */
static int64_t beside_copy(int64_t limit, const struct nn_params *p)
{
    int64_t copy = 2 * p->total * (int64_t)sizeof(real);

    return limit > copy ? limit - copy : limit > 0;
}

/* The network at its first values, with no memory to run it. */
static struct train_net *new_net(const struct train_method_options *opt, struct err *err)
{
    float *weight = calloc((size_t)opt->data->n_labels + 1, sizeof *weight);
    struct train_net_options how = options_of(opt, weight, err);
    struct train_net *net = NULL;

    if (!weight)
        err_set(err, ERR_MEMORY, "no memory for the weights of %d labels", opt->data->n_labels);
    if (weight && how.optim) {
        train_balanced_weights(opt->data, weight);
        net = train_net_new(opt->graph, &how, err);
    }
    free(weight);
    if (net && opt->start)
        train_net_begin(net, opt->start);
    return net;
}

static bool check(const struct train_method_options *opt, const struct data_batch *b,
                  train_say_fn *say, void *ctx, struct err *err)
{
    struct train_net *net = new_net(opt, err);
    bool ok = net;

    if (ok) {
        struct train_preflight_options how = {
            .graph = train_net_graph(net),
            .values = train_net_params(net),
            .kernels = opt->kernels,
            .pool = opt->pool,
            .limit = beside_copy(opt->limit, train_net_params(net)),
            .seed = (uint64_t)opt->cfg->seed,
        };

        ok = train_preflight(&how, b->n, b->image, b->target, say, ctx, err);
    }
    train_net_free(net);
    return ok;
}

static void *open(const struct train_method_options *opt, struct err *err)
{
    struct train_net *net = new_net(opt, err);

    if (net && train_net_prepare(net, opt->cfg->batch, err))
        return net;
    train_net_free(net);
    return NULL;
}

static bool resize(void *self, int height, int width, struct err *err)
{
    return train_net_resize(self, height, width, err);
}

static bool learn(void *self, const struct data_batch *b, uint64_t step, struct err *err)
{
    return train_net_learn(self, b->n, b->image, b->target, step, err);
}

static bool update(void *self, double rate, struct train_outcome *out, struct err *err)
{
    return train_net_update(self, rate, out, err);
}

static void values(const void *self, struct nn_params *p)
{
    train_net_values(self, p);
}

static int blocks(void *self, struct train_block *block, int most)
{
    return train_net_blocks(self, block, most);
}

static void *state(void *self)
{
    return train_net_state(self);
}

static int64_t trained(const void *self)
{
    return train_net_trained(self);
}

static int64_t flops(const void *self)
{
    return train_net_flops(self);
}

static const struct nn_plan *plan(const void *self)
{
    return train_net_plan(self);
}

const struct train_method train_method_supervised = {
    .name = "supervised",
    .views = 1,
    .bytes = bytes,
    .slices = slices,
    .tune = tune,
    .check = check,
    .open = open,
    .close = release,
    .resize = resize,
    .learn = learn,
    .update = update,
    .values = values,
    .blocks = blocks,
    .state_fields = train_net_fields,
    .state = state,
    .trained = trained,
    .flops = flops,
    .plan = plan,
};
