/*
 * supervised -- the method that learns labels: one network, one loss
 *
 * And what a teacher says of the same pictures, where there is one: that changes the loss alone.
 * With thin matrices (train/lora.h) the network is another one, and the values that answer are made
 * of its own.
 */
#include "train/method.h"

#include "train/lora.h"
#include "train/net.h"
#include "train/optim/optim.h"
#include "train/preflight.h"

#include <stdlib.h>

struct supervised {
    struct train_net *net;
    struct train_lora *lora;       /* NULL: the model itself is trained */
    struct train_teacher *teacher; /* lent; NULL: none */
    float *taught;                 /* [batch,labels] that it says */
};

static void release(void *self)
{
    struct supervised *s = self;

    if (!s)
        return;
    train_net_free(s->net);
    train_lora_free(s->lora);
    free(s->taught);
    free(s);
}

/* weight: of the labels, or NULL.  An unknown optimiser is an error, and NULL. */
static struct train_net_options options_of(const struct train_method_options *opt,
                                           const float *weight, struct err *err)
{
    const struct train_cfg *cfg = opt->cfg;

    return (struct train_net_options){
        .loss = { .task = opt->data->task, .kind = cfg->loss, .smooth = cfg->smooth,
                  .focus = cfg->focus, .weight = cfg->class_weights ? weight : NULL,
                  .taught = opt->teacher ? cfg->teacher_share : 0,
                  .temperature = cfg->temperature },
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

/* What is trained, and how. */
struct subject {
    const struct nn_graph *graph; /* the model's, or lora's */
    struct train_lora *lora;      /* NULL: none */
    struct str freeze;            /* what `how` is lent */
    struct train_net_options how;
};

static void subject_close(struct subject *s)
{
    train_lora_free(s->lora);
    str_release(&s->freeze);
}

/* Close it whatever the result.  weight: of the labels, or NULL. */
static bool subject_open(struct subject *s, const struct train_method_options *opt,
                         const float *weight, struct err *err)
{
    const struct train_cfg *cfg = opt->cfg;
    struct train_lora_options lora = { .rank = cfg->lora,
                                       .alpha = cfg->lora_alpha > 0 ? cfg->lora_alpha : cfg->lora,
                                       .layers = cfg->lora_layers };

    *s = (struct subject){ .graph = opt->graph, .how = options_of(opt, weight, err) };
    if (!s->how.optim || !cfg->lora)
        return s->how.optim;
    s->lora = train_lora_new(opt->graph, &lora, err);
    if (!s->lora)
        return false;
    s->graph = train_lora_graph(s->lora);
    str_printf(&s->freeze, "%s%s%s", train_lora_freeze(s->lora), *cfg->freeze ? "," : "",
               cfg->freeze);
    s->how.freeze = str_text(&s->freeze);
    return (!s->freeze.failed || err_set(err, ERR_MEMORY, "no memory for names")) &&
           train_lora_check(s->lora, s->how.freeze, cfg->freeze, err);
}

static bool bytes(const struct train_method_options *opt, struct train_net_bytes *out,
                  struct err *err)
{
    struct subject s;
    bool ok = subject_open(&s, opt, NULL, err) &&
              train_net_bytes(s.graph, &s.how, opt->cfg->batch, opt->cfg->threads, out, err);

    subject_close(&s);
    if (ok && opt->teacher)
        out->state += train_teacher_bytes(opt->teacher);
    return ok;
}

static bool slices(const struct train_method_options *opt, bool *out, struct err *err)
{
    struct subject s;
    bool ok = subject_open(&s, opt, NULL, err) && train_net_slices(s.graph, &s.how, out, err);

    subject_close(&s);
    if (!ok)
        return false;
    /* The mean of the labels' part is over pictures that have a label. */
    *out &= !opt->cfg->class_weights && !opt->cfg->unlabelled;
    return true;
}

static bool tune(const struct train_method_options *opt, const struct nn_tune_options *how,
                 struct str *table, struct err *err)
{
    struct subject s;
    bool ok = subject_open(&s, opt, NULL, err) &&
              train_net_tune(s.graph, &s.how, opt->cfg->batch, how, table, err);

    subject_close(&s);
    return ok;
}

/* What is left for activations beside a copy of values and gradients. */
static int64_t beside_copy(int64_t limit, const struct nn_params *p)
{
    int64_t copy = 2 * p->total * (int64_t)sizeof(real);

    return limit > copy ? limit - copy : limit > 0;
}

/* The network at its first values, with no memory to run it.  *lora: what it was made by, the
 * caller's, or NULL. */
static struct train_net *new_net(const struct train_method_options *opt, struct train_lora **lora,
                                 struct err *err)
{
    float *weight = calloc((size_t)opt->data->n_labels + 1, sizeof *weight);
    struct train_net *net = NULL;
    struct subject s;

    *lora = NULL;
    if (!weight) {
        err_set(err, ERR_MEMORY, "no memory for the weights of %d labels", opt->data->n_labels);
        return NULL;
    }
    train_balanced_weights(opt->data, weight);
    if (subject_open(&s, opt, weight, err))
        net = train_net_new(s.graph, &s.how, err);
    free(weight);
    if (net && opt->start)
        train_net_begin(net, opt->graph, opt->start);
    if (net) {
        *lora = s.lora;
        s.lora = NULL;
    }
    subject_close(&s);
    return net;
}

static bool tell_lora(const struct train_method_options *opt, train_say_fn *say, void *ctx,
                      struct err *err)
{
    struct str text = { 0 };
    struct subject s;
    bool ok = subject_open(&s, opt, NULL, err);

    if (ok && s.lora) {
        train_lora_tell(s.lora, s.how.freeze, &text);
        say(ctx, str_text(&text));
    }
    str_release(&text);
    subject_close(&s);
    return ok;
}

/* Of the labels' part of the loss: what is wrong with values shows there. */
static bool check(const struct train_method_options *opt, const struct data_batch *b,
                  train_say_fn *say, void *ctx, struct err *err)
{
    struct train_method_options labels = *opt;
    struct train_net *net;
    struct train_lora *lora;
    bool ok;

    if (!tell_lora(opt, say, ctx, err))
        return false;
    labels.teacher = NULL;
    net = new_net(&labels, &lora, err);
    ok = net;
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
    train_lora_free(lora);
    return ok;
}

/* Dimension d of the graph's pictures. */
static int image_side(const struct nn_graph *g, int d)
{
    return g->node[nn_graph_find_input(g, "image")].type.dim[d].n;
}

static bool see(const struct supervised *s, int height, int width, struct err *err)
{
    return !s->teacher || train_teacher_see(s->teacher, height, width, err);
}

static void *open(const struct train_method_options *opt, struct err *err)
{
    struct supervised *s = calloc(1, sizeof *s);
    const struct train_cfg *cfg = opt->cfg;
    bool ok = s || err_set(err, ERR_MEMORY, "no memory to learn with");

    if (ok && opt->teacher) {
        s->teacher = opt->teacher;
        s->taught = malloc((size_t)cfg->batch * (size_t)opt->data->n_labels * sizeof *s->taught);
        ok = s->taught || err_set(err, ERR_MEMORY, "no memory for what the teacher says");
        ok = ok && see(s, image_side(opt->graph, 1), image_side(opt->graph, 2), err);
    }
    if (ok)
        s->net = new_net(opt, &s->lora, err);
    if (ok && s->net && train_net_prepare(s->net, cfg->batch, err))
        return s;
    release(s);
    return NULL;
}

static bool resize(void *self, int height, int width, struct err *err)
{
    struct supervised *s = self;

    return see(s, height, width, err) && train_net_resize(s->net, height, width, err);
}

static bool learn(void *self, const struct data_batch *b, uint64_t step, struct err *err)
{
    struct supervised *s = self;

    if (s->teacher)
        train_teacher_say(s->teacher, b->n, b->image, s->taught);
    return train_net_learn(s->net, b->n, b->image, b->target, s->taught, step, err);
}

static struct train_net *net_of(const void *self)
{
    return ((const struct supervised *)self)->net;
}

static bool update(void *self, double rate, struct train_outcome *out, struct err *err)
{
    return train_net_update(net_of(self), rate, out, err);
}

static void values(const void *self, struct nn_params *p)
{
    const struct supervised *s = self;

    if (s->lora)
        train_lora_values(s->lora, s->net, p);
    else
        train_net_values(s->net, p);
}

static int blocks(void *self, struct train_block *block, int most)
{
    return train_net_blocks(net_of(self), block, most);
}

static void *state(void *self)
{
    return train_net_state(net_of(self));
}

static int64_t trained(const void *self)
{
    return train_net_trained(net_of(self));
}

static int64_t flops(const void *self)
{
    return train_net_flops(net_of(self));
}

static const struct nn_plan *plan(const void *self)
{
    return train_net_plan(net_of(self));
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
