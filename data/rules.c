/*
 * build -- an index in the making: the rules that turn facts into an index
 *
 * In this order: facts of each sample (contradictions), the task, labels and their order, what is
 * left out, marks, groups, the order of samples, parts, counts.
 */
#include "data/facts.h"

#include "data/split.h"

#include <limits.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- facts of a sample ----------------------------------------------------------------------- */

enum { UNSAID = 2 };

/* All that is known of one sample, in row[n_labels]: -1, 0, 1, or UNSAID. */
struct rules {
    struct data_build *b;
    int8_t *row;
    int *touched, n_touched;    /* labels that are not UNSAID */
    int *yes;                   /* [n_labels]: samples with it */
    int *unknown;               /* [n_labels]: samples of which it is not known, - n_rest */
    bool single;                /* every sample has one yes and nothing unknown */
    int odd;                    /* the first sample that has not; -1 */
    int n_rest;                 /* samples whose unsaid labels are unknown */
};

static bool say(struct rules *r, const struct data_sample *s, int label, int value,
                struct err *err)
{
    int8_t *at = &r->row[label];

    if (*at == UNSAID)
        r->touched[r->n_touched++] = label;
    if (*at == UNSAID || *at == -1)
        *at = (int8_t)value;
    return value == -1 || *at == value ||
           err_set(err, ERR_INPUT, "'%.200s' is said to show '%.80s' and not to", s->name,
                   r->b->label[label].name);
}

/* Fills the row. */
static bool gather(struct rules *r, const struct data_sample *s, struct err *err)
{
    const struct data_build *b = r->b;

    for (int i = 0; i < r->n_touched; i++)
        r->row[r->touched[i]] = UNSAID;
    r->n_touched = 0;
    if (s->label >= 0 && !say(r, s, s->label, 1, err))
        return false;
    for (uint32_t at = data_build_run_of(s); at; at = b->run[at - 1].prev) {
        const struct data_build_run *run = &b->run[at - 1];

        for (uint32_t i = 0; i < run->n; i++) {
            uint32_t m = b->mark[run->first + i];

            if (!say(r, s, (int)(m >> 2), (int)(m & 3) - 1, err))
                return false;
        }
    }
    return true;
}

/* Yeses and unknowns of the row; *label: the last that is yes, or -1. */
static int count_yes(const struct rules *r, const struct data_sample *s, int *label, int *unknown)
{
    int yes = 0, known = 0;

    *label = -1;
    *unknown = 0;
    for (int i = 0; i < r->n_touched; i++) {
        int8_t v = r->row[r->touched[i]];

        known += v >= 0;
        *unknown += v < 0;
        if (v == 1) {
            *label = r->touched[i];
            yes++;
        }
    }
    if (s->hash & DATA_BUILD_REST)
        *unknown = r->b->n_labels - known;
    return yes;
}

static bool read_facts(struct rules *r, struct err *err)
{
    struct data_build *b = r->b;

    r->single = true;
    r->odd = -1;
    for (int i = 0; i < b->x->n; i++) {
        const struct data_sample *s = &b->x->sample[i];
        int label, unknown;

        if (!gather(r, s, err))
            return false;
        if (count_yes(r, s, &label, &unknown) != 1 || unknown) {
            r->single = false;
            if (r->odd < 0)
                r->odd = i;
        }
        r->n_rest += (s->hash & DATA_BUILD_REST) != 0;
        for (int k = 0; k < r->n_touched; k++) {
            int j = r->touched[k];

            r->yes[j] += r->row[j] == 1;
            r->unknown[j] += (r->row[j] == -1) - ((s->hash & DATA_BUILD_REST) != 0);
        }
    }
    return true;
}

/* ---- the task -------------------------------------------------------------------------------- */

/* Labels that count. */
static int count_labels(const struct data_build *b)
{
    int n = 0;

    for (int i = 0; i < b->n_labels; i++)
        n += !b->label[i].left_out;
    return n;
}

static bool not_single(struct rules *r, struct err *err)
{
    const struct data_build *b = r->b;
    int first = -1, other = -1;

    for (int i = 0; i < r->n_touched; i++) {
        if (r->row[r->touched[i]] == 1 && first < 0)
            first = r->touched[i];
        else if (r->row[r->touched[i]] == 1)
            other = r->touched[i];
    }
    if (first < 0)
        return err_set(err, ERR_INPUT, "'%.200s' has no label, and one is needed "
                       "(--task multi: any number)", b->x->sample[r->odd].name);
    return err_set(err, ERR_INPUT, "'%.200s' has more than one label, '%.60s' and '%.60s', "
                   "and one is needed (--task multi: any number)", b->x->sample[r->odd].name,
                   b->label[first].name, b->label[other].name);
}

static bool choose_task(struct rules *r, struct err *err)
{
    struct data_build *b = r->b;
    int label, unknown;

    b->x->task = DATA_MULTI;
    if (b->opt.task == DATA_TASK_MULTI)
        return true;
    if (b->opt.task == DATA_TASK_AUTO) {
        if (r->single)
            b->x->task = DATA_SINGLE;
        return true;
    }
    b->x->task = DATA_SINGLE;
    for (int i = r->odd < 0 ? b->x->n : r->odd; i < b->x->n; i++) {
        /* The others of a sample with one yes are no, whatever is said of them. */
        if (!gather(r, &b->x->sample[i], err))
            return false;
        r->odd = i;
        if (count_yes(r, &b->x->sample[i], &label, &unknown) != 1)
            return not_single(r, err);
    }
    return true;
}

/* ---- labels ---------------------------------------------------------------------------------- */

static int compare_labels(const void *a, const void *b)
{
    return data_index_compare_names((*(struct data_build_label *const *)a)->name,
                                    (*(struct data_build_label *const *)b)->name);
}

static bool order_labels(struct data_build *b, struct err *err)
{
    struct data_index *x = b->x;
    struct data_build_label **order = calloc((size_t)b->n_labels + 1, sizeof *order);
    int n = 0;

    for (int i = 0; order && i < b->n_labels; i++) {
        if (b->opt.labels ? b->label[i].at >= 0 : !b->label[i].left_out)
            order[n++] = &b->label[i];
    }
    x->label = order ? arena_array(x->mem, (size_t)n, sizeof *x->label) : NULL;
    if (!x->label) {
        free(order);
        return err_set(err, ERR_MEMORY, "cannot hold %d labels", b->n_labels);
    }
    if (!b->opt.labels && !b->opt.classes)
        qsort(order, (size_t)n, sizeof *order, compare_labels);
    for (int i = 0; i < n; i++) {
        if (!b->opt.labels)
            order[i]->at = i;
        x->label[order[i]->at] = order[i]->name;
    }
    x->n_labels = n;
    free(order);
    return true;
}

/* Samples with nothing but labels that are left out are left out (SINGLE). */
static bool leave_out(struct rules *r, struct err *err)
{
    struct data_index *x = r->b->x;
    int kept = 0, before = x->n;
    const char *first = NULL;

    for (int i = 0; i < x->n; i++) {
        int label = x->sample[i].label;

        if (label < 0 || !r->b->label[label].left_out)
            x->sample[kept++] = x->sample[i];
        else if (!first)
            first = x->sample[i].path;
    }
    x->n = kept;
    if (!first)
        return true;

    char *why = arena_printf(x->mem, "its class is not among those asked for (%d pictures)",
                             before - kept);

    return why ? data_index_skip(x, first, why, err) : err_set(err, ERR_MEMORY, "memory is out");
}

/* ---- counts ---------------------------------------------------------------------------------- */

static bool too_few(const struct data_build_label *l, int n, struct err *err)
{
    if (l->n_others)
        return err_set(err, ERR_INPUT, "class '%.80s' has %d picture%s and %d file%s none "
                       "(%.160s); at least 2 pictures are needed: add some, or leave the "
                       "class out", l->name, n, str_plural(n), l->n_others,
                       l->n_others == 1 ? " that is" : "s that are", l->other);
    return err_set(err, ERR_INPUT, "class '%.80s' has %d picture%s; at least 2 are needed: add "
                   "some, or leave the class out", l->name, n, str_plural(n));
}

static bool check_single(const struct rules *r, struct err *err)
{
    const struct data_build *b = r->b;
    int n = count_labels(b);

    if (n < 2) {
        const char *only = NULL;

        for (int i = 0; i < b->n_labels; i++)
            only = b->label[i].left_out ? only : b->label[i].name;
        return err_set(err, ERR_INPUT, only ? "only one class, '%.80s': at least 2 are needed, "
                       "with 2 pictures each" : "no classes%s: at least 2 are needed, with 2 "
                       "pictures each", only ? only : "");
    }
    for (int i = 0; i < b->n_labels; i++) {
        if (!b->label[i].left_out && r->yes[i] < 2)
            return too_few(&b->label[i], r->yes[i], err);
    }
    return true;
}

static bool check_multi(const struct rules *r, struct err *err)
{
    const struct data_build *b = r->b;
    int n = 0, known = 0;

    for (int i = 0; i < b->n_labels; i++) {
        if (b->label[i].left_out)
            continue;
        if (r->yes[i] && r->yes[i] + r->n_rest + r->unknown[i] < b->x->n)
            return true;
        known = i;
        n++;
    }
    if (n == 0)
        return err_set(err, ERR_INPUT, "no labels: at least one is needed");
    if (n == 1)
        return err_set(err, ERR_INPUT, "%s of the %d pictures has '%.80s', the only label: "
                       "pictures with it and pictures without it are needed, 2 at least",
                       r->yes[known] ? "every one" : "none", b->x->n, b->label[known].name);
    return err_set(err, ERR_INPUT, "every one of the %d labels is on all pictures or on none: "
                   "pictures with and without are needed", n);
}

static bool no_pictures(const struct data_index *x, struct err *err)
{
    if (x->n_skipped)
        return err_set(err, ERR_INPUT, "no pictures; %d are left out: %.200s (%.120s)",
                       x->n_skipped, x->skipped[0].path, x->skipped[0].why);
    if (x->n_others)
        return err_set(err, ERR_INPUT, "no pictures; %d file%s none: %.200s", x->n_others,
                       x->n_others == 1 ? " is" : "s are", x->other);
    return err_set(err, ERR_INPUT, "no pictures");
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* Where the bracket expression that begins at p ends: its ']', or the end of the text. */
static const char *bracket_end(const char *p)
{
    p += 1 + (p[1] == '^');
    p += *p == ']';
    p += strcspn(p, "]");
    return *p ? p : p - 1;
}

/* regcomp writes out what {m,n} repeats: copies of copies of copies take all memory and time.  So
 * they are counted first, roughly: a character or a bracket is one. */
static bool check_repeats(const char *re, struct err *err)
{
    enum { BYTES = 256, COPIES = 1000 };
    uint64_t sum[BYTES + 1] = { 0 }, last = 0;      /* of each open parenthesis; of what is last */
    int depth = 0;

    if (strlen(re) > BYTES)
        return err_set(err, ERR_INPUT, "group '%.40s...' has more than %d bytes", re, BYTES);
    for (const char *p = re; *p && sum[depth] <= COPIES; p++) {
        unsigned long m = 0, n = 0;

        if (*p == '(') {
            sum[++depth] = last = 0;
        } else if (*p == ')' && depth) {
            last = sum[depth--] + 1;
            sum[depth] += last;
        } else if (*p == '{' && (sscanf(p, "{%9lu,%9lu", &m, &n) > 0 ||
                                 sscanf(p, "{,%9lu", &n) > 0)) {
            n = m > n ? m : n ? n : 1;
            sum[depth] += last * (n - 1);
            last *= n;
            p += strchr(p, '}') ? strcspn(p, "}") : 0;
        } else {
            if (*p == '[')
                p = bracket_end(p);
            else
                p += *p == '\\' && p[1];
            last = 1;
            sum[depth]++;
        }
    }
    return sum[depth] <= COPIES ||
           err_set(err, ERR_INPUT, "group '%.80s' repeats too much: {m,n} in all make more than %d "
                   "copies; use * or +", re, COPIES);
}

static bool find_groups(struct data_build *b, struct err *err)
{
    enum { NAME_MAX_BYTES = 4096 };
    struct data_index *x = b->x;
    regmatch_t at[2];
    regex_t re;
    int code, found = 0;
    bool ok = true;

    if (!check_repeats(b->opt.group, err))
        return false;
    code = regcomp(&re, b->opt.group, REG_EXTENDED);
    if (code) {
        char why[128];

        regerror(code, &re, why, sizeof why);
        return err_set(err, ERR_INPUT, "group '%.80s' is no column of a table, nor a regular "
                       "expression (%s)", b->opt.group, why);
    }
    for (int i = 0; ok && i < x->n; i++) {
        struct data_sample *s = &x->sample[i];
        char *group;
        int k;

        if (strnlen(s->name, NAME_MAX_BYTES + 1) > NAME_MAX_BYTES ||
            regexec(&re, s->name, 2, at, 0))
            continue;
        k = re.re_nsub > 0 && at[1].rm_so >= 0;
        if (at[k].rm_eo <= at[k].rm_so)
            continue;
        group = arena_alloc(x->mem, (size_t)(at[k].rm_eo - at[k].rm_so) + 1);
        ok = group || err_set(err, ERR_MEMORY, "memory is out for groups");
        if (!ok)
            break;
        memcpy(group, s->name + at[k].rm_so, (size_t)(at[k].rm_eo - at[k].rm_so));
        s->group = group;
        found++;
    }
    regfree(&re);
    if (ok && !found)
        return err_set(err, ERR_INPUT, "group '%.80s' is no column of a table, and as a regular "
                       "expression it matches none of the %d names (%.200s ...)", b->opt.group,
                       x->n, x->sample[0].name);
    return ok;
}

/* ---- marks and order ------------------------------------------------------------------------- */

/* SINGLE: the label that is yes; in the build's numbers. */
static bool settle_single(struct rules *r, struct err *err)
{
    struct data_index *x = r->b->x;
    int unknown;

    for (int i = 0; i < x->n; i++) {
        struct data_sample *s = &x->sample[i];

        if (s->label >= 0)
            continue;           /* the first yes that was told is the only one */
        if (!gather(r, s, err))
            return false;
        count_yes(r, s, &s->label, &unknown);
    }
    return true;
}

/* MULTI: a row of marks a sample, in the index's order of labels. */
static bool settle_multi(struct rules *r, struct err *err)
{
    const struct data_build *b = r->b;
    struct data_index *x = b->x;
    size_t n = (size_t)x->n_labels, bytes;
    int8_t *mark = NULL;

    if (size_mul((size_t)x->n, n, &bytes) && bytes <= DATA_BUILD_MARKS)
        mark = arena_alloc(x->mem, bytes);
    if (!mark)
        return err_set(err, ERR_MEMORY, "%d pictures with %d labels each are too many to hold: "
                       "leave rare labels out (--classes)", x->n, x->n_labels);
    for (int i = 0; i < x->n; i++, mark += n) {
        struct data_sample *s = &x->sample[i];

        if (!gather(r, s, err))
            return false;
        if (s->hash & DATA_BUILD_REST)
            memset(mark, -1, n);
        for (int k = 0; k < r->n_touched; k++) {
            const struct data_build_label *l = &b->label[r->touched[k]];

            if (l->at >= 0)
                mark[l->at] = l->left_out ? -1 : r->row[r->touched[k]];
        }
        s->mark = mark;
        s->label = -1;
    }
    return true;
}

static int compare_samples(const void *a, const void *b)
{
    return strcmp(((const struct data_sample *)a)->name, ((const struct data_sample *)b)->name);
}

static bool order_samples(struct data_index *x, const struct data_build *b, struct err *err)
{
    for (int i = 0; i < x->n; i++) {
        x->sample[i].hash = 0;
        if (x->task == DATA_SINGLE && x->sample[i].label >= 0)
            x->sample[i].label = b->label[x->sample[i].label].at;
    }
    qsort(x->sample, (size_t)x->n, sizeof *x->sample, compare_samples);
    for (int i = 1; i < x->n; i++) {
        if (!strcmp(x->sample[i - 1].name, x->sample[i].name))
            return err_set(err, ERR_INPUT, "two pictures are called '%.200s'", x->sample[i].name);
    }
    return true;
}

/* ---- parts ----------------------------------------------------------------------------------- */

/* What is held out must be seen in training. */
static bool check_held(const struct data_index *x, struct err *err)
{
    size_t n = (size_t)x->n_labels;
    int *held = calloc(2 * n + 1, sizeof *held), *taught = held + n, learn = 0;
    bool ok = held != NULL;

    for (int i = 0; ok && i < x->n; i++) {
        const struct data_sample *s = &x->sample[i];
        bool out = s->split == DATA_VAL || s->split == DATA_TEST;

        learn += !out;
        for (int j = s->mark ? 0 : s->label; j < (s->mark ? x->n_labels : s->label + 1); j++) {
            if (s->mark && s->mark[j] != 1)
                continue;
            taught[j] += !out;
            if (out && !held[j])
                held[j] = i + 1;
        }
    }
    if (!ok)
        err_set(err, ERR_MEMORY, "cannot hold %d labels", x->n_labels);
    else if (!learn)
        ok = err_set(err, ERR_INPUT, "all %d pictures are held out (val or test): there is "
                     "no train part to learn from", x->n);
    for (int i = 0; ok && i < x->n_labels; i++) {
        const struct data_sample *s = held[i] ? &x->sample[held[i] - 1] : NULL;

        if (s && !taught[i])
            ok = err_set(err, ERR_INPUT, "class '%.80s' is in %s (%.200s), but training never "
                         "sees it: add pictures of it to train, or leave it out (--classes)",
                         x->label[i], data_split_names[s->split], s->name);
    }
    free(held);
    return ok;
}

/* What a training needs; a model is measured on whatever there is, and so is a report made. */
static bool check_enough(const struct rules *r, struct err *err)
{
    const struct data_index *x = r->b->x;

    if (r->b->opt.labels || r->b->opt.whatever)
        return true;
    if (!check_held(x, err))
        return false;
    if (x->n < 2)
        return err_set(err, ERR_INPUT, "only one picture: at least 2 of each label are needed");
    return x->task == DATA_SINGLE ? check_single(r, err) : check_multi(r, err);
}

static bool apply(struct rules *r, struct err *err)
{
    struct data_build *b = r->b;

    if (!read_facts(r, err) || !choose_task(r, err) || !order_labels(b, err))
        return false;
    if (b->x->task == DATA_MULTI)
        return settle_multi(r, err);
    return settle_single(r, err) && leave_out(r, err);
}

static bool arrange(struct rules *r, struct err *err)
{
    struct data_build *b = r->b;

    if (b->x->n == 0)
        return no_pictures(b->x, err);
    if (b->opt.group && !b->grouped && !find_groups(b, err))
        return false;
    if (!order_samples(b->x, b, err))
        return false;
    if (b->opt.split_file && !data_split_read(b->x, b->opt.split_file, NULL, err))
        return false;
    return check_enough(r, err);
}

struct data_index *data_build_finish(struct data_build *b, struct err *err)
{
    size_t n = (size_t)b->n_labels;
    struct rules r = { .b = b, .row = malloc(n + 1), .touched = calloc(n + 1, sizeof(int)),
                       .yes = calloc(n + 1, sizeof(int)), .unknown = calloc(n + 1, sizeof(int)) };
    struct data_index *x = NULL;

    if (!r.row || !r.touched || !r.yes || !r.unknown) {
        err_set(err, ERR_MEMORY, "cannot hold %d labels", b->n_labels);
    } else {
        memset(r.row, UNSAID, n);
        if (apply(&r, err) && arrange(&r, err)) {
            x = b->x;
            b->x = NULL;
        }
    }
    free(r.row);
    free(r.touched);
    free(r.yes);
    free(r.unknown);
    if (!x)
        err_in(err, "%s", b->root);
    return x;
}
