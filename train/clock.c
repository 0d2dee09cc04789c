/*
 * clock -- see clock.h
 */
#include "train/clock.h"

#include "nn/base/clock.h"

#include <time.h>

const char *train_date(double time, char text[TRAIN_DATE])
{
    time_t seconds = (time_t)time;
    struct tm tm;

    strftime(text, TRAIN_DATE, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &tm));
    return text;
}

void train_clock_start(struct train_clock *c, double before)
{
    *c = (struct train_clock){ .before = before };
    c->began = c->epoch_began = clock_now();
}

void train_clock_epoch(struct train_clock *c)
{
    c->epoch_began = clock_now();
    c->pictures = 0;
}

void train_clock_step(struct train_clock *c, double seconds, double waited, int pictures,
                      bool filling)
{
    c->in_steps += seconds;
    c->waited += waited;
    c->pictures += pictures;
    c->steps++;
    if (filling) {
        c->in_fill += waited;
        c->pace.fill = c->in_fill / (double)c->steps;
    }
    c->pace.step = (c->in_steps - c->in_fill) / (double)c->steps;
}

double train_clock_elapsed(const struct train_clock *c)
{
    return c->before + clock_now() - c->began;
}

double train_clock_rate(const struct train_clock *c)
{
    double seconds = clock_now() - c->epoch_began;

    return c->pictures && seconds > 0 ? (double)c->pictures / seconds : 0;
}

double train_clock_waited(const struct train_clock *c)
{
    return c->in_steps > 0 ? c->waited / c->in_steps : 0;
}
