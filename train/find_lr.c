/*
 * find_lr -- see find_lr.h
 */
#include "train/find_lr.h"

#include "data/page.h"
#include "infer/eval/plot.h"
#include "nn/base/file.h"
#include "nn/base/json.h"

#include <math.h>
#include <stdio.h>

#define MEMORY 0.9  /* of the running mean that ends the test */
#define EXPLODED 4  /* times the least mean */
#define FALLS 0.02  /* the least that the loss must fall, as a share, to mean anything */

enum {
    AROUND = 5, /* steps on each side that a smoothed loss is the mean of */
    WARM = 10,  /* steps before the running mean is believed */
};

double train_find_lr_rate(int i)
{
    return TRAIN_FIND_LR_LEAST * pow(TRAIN_FIND_LR_MOST / TRAIN_FIND_LR_LEAST,
                                     (double)i / (TRAIN_FIND_LR_STEPS - 1));
}

bool train_find_lr_add(struct train_find_lr *f, double loss)
{
    double mean;

    if (!isfinite(loss)) {
        f->exploded = true;
        return false;
    }
    f->rate[f->n] = train_find_lr_rate(f->n);
    f->loss[f->n++] = loss;
    f->mean = MEMORY * f->mean + (1 - MEMORY) * loss;
    mean = f->mean / (1 - pow(MEMORY, f->n));
    if (f->n == 1 || mean < f->best)
        f->best = mean;
    f->exploded = f->n > WARM && mean > EXPLODED * f->best;
    return !f->exploded && f->n < TRAIN_FIND_LR_STEPS;
}

/* Means over as many steps on each side: none is ahead of its rate or behind it. */
static void smooth(struct train_find_lr *f)
{
    for (int i = 0; i < f->n; i++) {
        int around = AROUND;
        double sum = 0;

        around = i < around ? i : around;
        around = f->n - 1 - i < around ? f->n - 1 - i : around;
        for (int k = i - around; k <= i + around; k++)
            sum += f->loss[k];
        f->smooth[i] = sum / (2 * around + 1);
    }
}

/* Two digits are more than a rate needs. */
static double two_digits(double x)
{
    double power = floor(log10(x)) - 1;

    return power < 0 ? round(x * pow(10, -power)) / pow(10, -power)
                     : round(x / pow(10, power)) * pow(10, power);
}

void train_find_lr_judge(struct train_find_lr *f)
{
    int least = 0;

    smooth(f);
    for (int i = 1; i < f->n; i++)
        if (f->smooth[i] < f->smooth[least])
            least = i;
    f->lr = 0;
    if (!f->n || f->smooth[least] > (1 - FALLS) * f->smooth[0]) {
        snprintf(f->reason, sizeof f->reason,
                 "no rate made the loss fall within %d steps: the pictures are too few or too hard "
                 "to tell by this test", f->n);
        return;
    }
    f->lr = two_digits(f->rate[least]);
    snprintf(f->reason, sizeof f->reason,
             "the loss fell from %.4g to %.4g until rate %g, and %s: that is the highest rate to "
             "take, at the end of the warm-up", f->smooth[0], f->smooth[least], f->lr,
             f->exploded ? "exploded behind it" : "rose again behind it");
}

bool train_find_lr_run(struct train_find_lr *f, const struct train_method *m, void *self,
                       struct data_loader *l, const atomic_bool *stop, struct err *err)
{
    int epoch = 0, empty = 0;
    bool more = true;

    *f = (struct train_find_lr){ 0 };
    data_loader_start(l, 0, 0);
    while (more) {
        const struct data_batch *b = data_loader_next(l);
        struct train_outcome out;

        if (stop && atomic_load(stop))
            return err_set(err, ERR_CANCELLED, "stopped; no learning rate was found");
        if (!b) {
            data_loader_start(l, (uint64_t)++epoch, 0);
            continue;
        }
        empty = b->n < 2 ? empty + 1 : 0;
        if (empty > data_loader_batches(l))
            return err_set(err, ERR_INPUT,
                           "no batch has two pictures that can be read, and batch-norm needs them");
        if (b->n < 2)
            continue;
        if (m->learn(self, b, (uint64_t)f->n, err) &&
            m->update(self, train_find_lr_rate(f->n), &out, err)) {
            more = train_find_lr_add(f, out.loss);
        } else if (err->kind == ERR_DIVERGED) {
            *err = (struct err){ 0 };
            more = train_find_lr_add(f, NAN);
        } else {
            return false;
        }
    }
    train_find_lr_judge(f);
    return true;
}

void train_find_lr_json(const struct train_find_lr *f, struct str *out)
{
    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.find_lr/1");
    json_number(out, "lr", f->lr > 0 ? f->lr : NAN);
    json_text(out, "reason", f->reason);
    json_begin(out, "rates", '[');
    for (int i = 0; i < f->n; i++)
        json_number(out, NULL, f->rate[i]);
    json_end(out, ']');
    json_begin(out, "losses", '[');
    for (int i = 0; i < f->n; i++)
        json_number(out, NULL, f->loss[i]);
    json_end(out, ']');
    json_end(out, '}');
}

bool train_find_lr_write(const struct train_find_lr *f, const char *path, struct err *err)
{
    const struct infer_plot_line line[] = {
        { .name = "each step", .n = f->n, .x = f->rate, .y = f->loss, .colour = 2 },
        { .name = "mean around it", .n = f->n, .x = f->rate, .y = f->smooth },
    };
    double first = f->n ? f->smooth[0] : 1;
    struct infer_plot plot = {
        .title = "Loss while the rate rises",
        .x_title = "learning rate",
        .y_title = "loss",
        .x = { NAN, NAN },
        .y = { 0, 2 * first }, /* what explodes need not be seen to its end */
        .x_log = true,
        .mark = f->lr > 0 ? f->lr : NAN,
        .mark_name = "suggested",
        .height = 200,
        .n = 2,
        .line = line,
    };
    struct str s = { 0 }, style = { 0 };
    bool ok;

    str_printf(&style, "%s.plot{max-width:640px}", infer_plot_style);
    data_page_begin(&s, "Which learning rate", "discern train --find-lr", str_text(&style));
    str_release(&style);
    infer_plot_add(&s, &plot);
    str_add(&s, "<p>");
    if (f->lr > 0)
        str_printf(&s, "<b>--lr %g</b>: ", f->lr);
    data_page_text(&s, f->reason);
    str_add(&s, "</p>");
    data_page_end(&s);
    ok = s.failed ? err_set(err, ERR_MEMORY, "%s: no memory for the page", path)
                  : file_replace(path, str_text(&s), s.len, err);
    str_release(&s);
    return ok;
}
