/*
 * pictures -- see pictures.h
 */
#include "train/pictures.h"

#include "data/split.h"
#include "data/unlabelled.h"
#include "nn/base/file.h"
#include "train/choose.h"
#include "train/few.h"
#include "train/taught.h"

enum { MANY = 20000 }; /* pictures: looking at all of them takes a while */

static void note_skipped(const struct train_run *run, const struct data_index *x)
{
    struct str text = { 0 };

    data_index_tell_skipped(x, &text);
    train_note(run, "%s", str_text(&text));
    str_release(&text);
}

/* What the split did. */
static void note_split(const struct train_run *run, const struct train_cfg *cfg,
                       const struct data_split_result *r, int held, int n)
{
    if (!held && cfg->val > 0)
        train_note(run, "val %g: the data have no val part, so that share of %d pictures is held "
                   "out, by their content", cfg->val, n);
    if (r->clusters)
        train_note(run, "%d pictures belong together in %d clusters (copies%s, declared groups): "
                   "each stays on one side", r->clustered, r->clusters,
                   cfg->no_near ? "" : ", pictures that look the same");
    if (r->straddling)
        train_note(run, "%d cluster%s torn apart by the parts that the data name, so figures "
                   "flatter: \"discern data dedup\" names them", r->straddling,
                   r->straddling == 1 ? " is" : "s are");
}

/* Where nobody named a recipe, or settings, the one for such pictures; tells so. */
static bool choose_recipe(struct train_asked *a, const struct train_run *run,
                          const struct data_index *x, int threads, struct err *err)
{
    const char *recipe = NULL;
    bool applied = false;

    if (a->o.recipe || a->file.json)
        return true;
    if (!train_choose_recipe(x, threads, run->decode, &a->o.cfg, &recipe, err) ||
        (recipe && !train_recipe_beneath(recipe, a->said, &a->o.cfg, a->mem, &applied, err)))
        return false;
    if (applied)
        train_note(run, "recipe %s: %d small pictures, one label each; whoever says --arch or "
                   "another setting of the network chooses for himself", recipe, x->n);
    return true;
}

/* Pictures for the teacher alone, where a folder of them was named: x is split and hashed. */
static bool add_unlabelled(const struct train_asked *a, const struct train_run *run,
                           struct data_index *x, int threads, struct err *err)
{
    const char *folder = a->o.cfg.unlabelled;
    int added, copies;

    if (!folder || x->taught)
        return true;
    if (!data_unlabelled_add(x, folder, threads, &added, &copies, err))
        return err_in(err, "unlabelled");
    if (copies)
        train_note(run, "unlabelled %s: %d pictures; %d more are left out, as they are among those "
                   "with labels", folder, added, copies);
    else
        train_note(run, "unlabelled %s: %d pictures", folder, added);
    return true;
}

static bool can_read(const struct data_sample *s, const void *ctx)
{
    struct data_image image;
    struct err ignored;

    if (!data_sample_image(s, ctx, &image, &ignored))
        return false;
    data_image_release(&image);
    return true;
}

/* --few: which pictures are learnt from, and what is told of it. */
static bool draw_few(const struct train_asked *a, const struct train_run *run,
                     struct data_index *x, struct err *err)
{
    struct train_few_drawn drawn;
    int few = a->o.cfg.few;

    if (!few)
        return true;
    if (!train_few_draw(x, few, (uint64_t)a->o.cfg.seed, can_read, run->decode, &drawn, err))
        return false;
    train_note(run, "few %d: %d picture%s to learn from, drawn by seed %d; %d others of the "
               "training part check %s", few, drawn.train, str_plural(drawn.train), a->o.cfg.seed,
               drawn.val, drawn.train == 1 ? "it" : "them");
    if (drawn.unread)
        train_note(run, "few %d: %d that cannot be read %s drawn beside them, and others for them",
                   few, drawn.unread, drawn.unread == 1 ? "was" : "were");
    if (drawn.fewer)
        train_note(run, "few %d: %d of %d labels have fewer pictures", few, drawn.fewer,
                   x->n_labels);
    return true;
}

/* Whose labels are the teacher's to say, where pictures have none. */
static bool ask_teacher(const struct train_asked *a, const struct train_run *run,
                        struct data_index *x, struct err *err)
{
    struct str told = { 0 };
    bool ok = !x->taught || train_taught_ask(x, &a->o.cfg, run->decode, &told, err);

    if (ok && x->taught)
        train_note(run, "unlabelled %s: labels are what the teacher says: %s",
                   a->o.cfg.unlabelled, str_text(&told));
    str_release(&told);
    return ok;
}

/* The pictures as they lie, with their labels or without. */
static struct data_index *open_index(struct train_asked *a, struct err *err)
{
    struct data_index *x;
    bool taught;

    if (!train_taught_meant(a, &taught, err))
        return NULL;
    if (taught)
        return train_taught_open(a, err);
    x = data_index_open(a->data, &a->o.source, err);
    if (!x && err->kind == ERR_INPUT && a->o.cfg.teacher && file_kind(a->data) == FILE_FOLDER) {
        struct err why = *err;

        err_set(err, why.kind, "%s; or, where nobody has labelled them, --unlabelled %s without "
                "DATA", why.msg, a->data);
    }
    return x;
}

/* The pictures, hashed, with a part to learn from and one to check with. */
static struct data_index *open_parts(struct train_asked *a, const struct train_run *run,
                                     struct err *err)
{
    struct train_options *o = &a->o;
    struct data_index *x = open_index(a, err);
    int threads = o->cfg.threads ? o->cfg.threads : pool_cpus(), held = 0, free_n = 0;
    struct data_split_result r = { 0 };
    struct progress progress;
    bool hashed = false, ok;

    if (!x)
        return NULL;
    note_skipped(run, x);
    if (!choose_recipe(a, run, x, threads, err) || !draw_few(a, run, x, err)) {
        data_index_free(x);
        return NULL;
    }
    for (int i = 0; i < x->n; i++) {
        held += x->sample[i].split == DATA_VAL;
        free_n += x->sample[i].split == DATA_UNSPLIT || x->sample[i].split == DATA_TRAIN;
    }
    if (o->cfg.val < 0)
        o->cfg.val = train_choose_val(free_n);
    if (!held && !o->cfg.no_near && o->cfg.val > 0 && x->n >= MANY)
        cli_say("looking at %d pictures for copies; --no-near skips that", x->n);
    cli_progress(&progress, "looked at", "pictures", x->n);
    /* Nothing is held out of few pictures: the others are there for that. */
    ok = (o->cfg.few && !held) ||
         data_split(x,
                    &(struct data_split_options){
                        .val = o->cfg.val, .no_near = o->cfg.no_near || o->cfg.val == 0,
                        .threads = threads, .decode = run->decode,
                        .grow = o->source.split_file != NULL, .progress = &progress },
                    &r, err);
    progress_end(&progress);
    for (int i = 0; i < x->n; i++)
        hashed |= x->sample[i].hash != 0;
    /* The split hashes only when it has to. */
    ok = ok && (hashed || data_index_hash(x, threads, err));
    if (ok)
        note_split(run, &o->cfg, &r, held || o->cfg.few, free_n);
    if (ok && add_unlabelled(a, run, x, threads, err) && ask_teacher(a, run, x, err))
        return x;
    data_index_free(x);
    return NULL;
}

static bool other_data(const struct train_asked *a, struct err *err)
{
    const char *or = a->o.cfg.unlabelled ? " or those of --unlabelled " : "";
    const char *folder = a->o.cfg.unlabelled ? a->o.cfg.unlabelled : "";

    if (!a->data)
        return err_set(err, ERR_INPUT, "%s: its pictures, or the teacher's labels, are not %s %s",
                       folder, a->o.resume ? "what began" : "those of",
                       a->o.resume ? a->o.resume : a->o.config);
    if (a->o.resume)
        return err_set(err, ERR_INPUT,
                       "%s: its pictures, their labels or parts%s%s are not what %s began with",
                       a->data, or, folder, a->o.resume);
    return err_set(err, ERR_INPUT,
                   "%s: its pictures, their labels or parts%s%s are no longer those of %s; name "
                   "DATA to train on them all the same",
                   a->data, or, folder, a->o.config);
}

/* Whether these are the pictures of the training that is repeated or goes on. */
static bool check_data(const struct train_asked *a, const struct train_run *run,
                       const struct data_index *x, struct err *err)
{
    if (!a->file.fingerprint || a->file.fingerprint == data_index_fingerprint(x))
        return true;
    if (a->o.resume || !a->data_given)
        return other_data(a, err);
    train_note(run, "the pictures are not those of %s, so this is no repeat of that training",
               a->o.config);
    return true;
}

struct data_index *train_pictures_open(struct train_asked *a, const struct train_run *run,
                                       struct err *err)
{
    struct data_index *x = open_parts(a, run, err);

    if (x && check_data(a, run, x, err))
        return x;
    data_index_free(x);
    return NULL;
}
