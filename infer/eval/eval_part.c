/*
 * eval_part -- see eval.h: which pictures are measured, and whether they were learnt from
 */
#include "infer/eval/eval.h"

#include "data/split.h"
#include "infer/learnt.h"
#include "nn/base/file.h"

#include <jansson.h>
#include <string.h>

const char *const infer_eval_parts[] = { "auto", "test", "val", "train", "all", NULL };

/* What training held out, as the model tells: a share, and how many pictures that made. */
struct held_out {
    double share;
    bool no_near;               /* copies were not looked for */
    int train, val;
};

static struct held_out held_out_of(const struct infer_model *m)
{
    json_t *all = json_loads(m->provenance, 0, NULL), *data = json_object_get(all, "data");
    struct held_out h = {
        .share = json_number_value(json_object_get(json_object_get(all, "settings"), "val")),
        .train = (int)json_integer_value(json_object_get(data, "train")),
        .val = (int)json_integer_value(json_object_get(data, "val")),
        /* A model from before there was this setting was made without. */
        .no_near = !json_is_false(json_object_get(json_object_get(all, "settings"), "no_near")),
    };

    json_decref(all);
    if (!(h.share > 0 && h.share < 1))
        h.share = 0;
    return h;
}

static int count_part(const struct data_index *x, enum data_split split)
{
    int n = 0;

    for (int i = 0; i < x->n; i++)
        n += x->sample[i].split == split;
    return n;
}

/* Whether x is what the model is from: its val part is what training watched. */
static bool chose(const struct data_index *x, const struct held_out *h)
{
    return h->val > 0 && count_part(x, DATA_VAL) == h->val &&
           count_part(x, DATA_TRAIN) == h->train;
}

/*
 * Which part to take, for --split and what there is.  Data without a val part are split as
 * training splits them, by content, so that val is what this model has not learnt from.  Where that
 * leaves just the numbers that the model tells, it has learnt from these data, and auto means val:
 * pictures that were learnt prove nothing.
 */
static bool decide(struct data_index *x, struct infer_eval *e, enum infer_eval_part *part,
                   int threads, const struct data_decode *decode, struct err *err)
{
    struct held_out h = held_out_of(e->side[0].model[0]);
    bool test = count_part(x, DATA_TEST) > 0, val = count_part(x, DATA_VAL) > 0;
    bool more = e->grow && h.share > 0 && count_part(x, DATA_UNSPLIT) > 0;

    if (*part == INFER_PART_AUTO && !test && val && chose(x, &h))
        str_printf(&e->note, "%s: the best epoch of the model was chosen by these %d pictures, so "
                   "figures flatter a little; pictures in a part test would not", e->data, h.val);
    if (*part == INFER_PART_AUTO && (test || val))
        *part = test ? INFER_PART_TEST : INFER_PART_VAL;
    e->declared = (*part == INFER_PART_TEST && test) || (val && !more);
    if (*part == INFER_PART_TEST || *part == INFER_PART_ALL || (val && !more))
        return true;
    if (h.share > 0 &&
        !data_split(x,
                    &(struct data_split_options){
                        .val = h.share, .no_near = h.no_near, .threads = threads,
                        .decode = decode, .grow = e->grow },
                    NULL, err))
        return false;
    if (*part != INFER_PART_AUTO)
        return true;
    *part = INFER_PART_ALL;
    if (!chose(x, &h))
        return true;
    *part = INFER_PART_VAL;
    str_printf(&e->note, "%s: the model has learnt from %d of these %d pictures; it is measured on "
                         "the %d that were held out (--split all: on every one)", e->data, h.train,
               x->n, h.val);
    return true;
}

/* What helps where the model at `path` has learnt from some of the pictures. */
static void add_advice(struct infer_eval *e, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct str file = { 0 };

    str_printf(&file, "%.*ssplit.csv", slash ? (int)(slash - path) + 1 : 0, path);
    if (e->declared)
        str_add(&e->note, "it was trained with other parts than these, or copies stand in several "
                          "(\"discern data dedup\" names them)");
    else
        str_printf(&e->note, "--split-file %s measures on what was held out",
                   file_kind(str_text(&file)) == FILE_REGULAR ? str_text(&file) :
                   "with the split.csv that training wrote");
    str_release(&file);
}

bool infer_eval_note_learnt(struct infer_eval *e, struct infer_eval_side *side,
                            struct data_index *part, enum infer_eval_part asked, int threads,
                            struct err *err)
{
    bool hashed = false;
    int worst = -1;

    side->learnt = -1;
    for (int i = 0; i < part->n; i++)
        hashed |= part->sample[i].hash != 0;
    for (int i = 0; i < side->n; i++) {
        int learnt;

        if (!infer_learnt_known(side->model[i]))
            continue;
        if (!hashed && !data_index_hash(part, threads, err))
            return false;
        hashed = true;
        learnt = infer_learnt_count(side->model[i], part);
        worst = learnt > side->learnt ? i : worst;
        side->learnt = learnt > side->learnt ? learnt : side->learnt;
    }
    if (side->learnt <= 0 || asked == INFER_PART_TRAIN || asked == INFER_PART_ALL)
        return true;
    str_printf(&e->note, "%s: the model ", e->data);
    if (e->sides > 1 || side->n > 1)
        str_printf(&e->note, "%s ", side->path[worst]);
    str_printf(&e->note, "has learnt from about %d of these %d pictures, so the figures flatter: ",
               side->learnt, part->n);
    add_advice(e, side->path[worst]);
    return true;
}

void infer_eval_add_learnt(struct str *out, const struct infer_eval *e, int side)
{
    str_printf(out, "the %smodel has learnt from about %d of them",
               e->sides == 1 ? "" : side ? "second " : "first ", e->side[side].learnt);
}

struct data_index *infer_eval_choose(struct infer_eval *e, struct data_index *x,
                                     enum infer_eval_part part, int threads,
                                     const struct data_decode *decode, struct err *err)
{
    static const enum data_split split_of[] = { [INFER_PART_TEST] = DATA_TEST,
                                                [INFER_PART_VAL] = DATA_VAL,
                                                [INFER_PART_TRAIN] = DATA_TRAIN };

    if (!decide(x, e, &part, threads, decode, err))
        return NULL;
    e->part = infer_eval_parts[part];
    if (part == INFER_PART_ALL)
        return x;
    if (count_part(x, split_of[part]) > 0)
        return data_index_part(x, split_of[part], err);
    err_set(err, ERR_INPUT, "%s: has no %s part; --split all takes every picture", e->data,
            e->part);
    return NULL;
}
