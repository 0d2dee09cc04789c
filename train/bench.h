/*
 * bench -- how fast this program is on this machine: what `discern bench` measures
 *
 * A time is the median over rounds, with its quartiles; shares are of what the machine gives at
 * most (nn/kernel/peak.h).  One thread calls; networks use as many as they are told.
 */
#ifndef TRAIN_BENCH_H
#define TRAIN_BENCH_H

#include "data/index.h"
#include "nn/kernel/peak.h"
#include "nn/tune.h"

struct train_bench_time {
    double seconds, low, high;  /* of one run */
};

/* Runs fn(ctx) once to warm up, then `rounds` (at most TRAIN_BENCH_ROUNDS) times as often as takes
 * `least` seconds. */
enum { TRAIN_BENCH_ROUNDS = 99 };
typedef void train_bench_fn(void *ctx);
struct train_bench_time train_bench_run(train_bench_fn *fn, void *ctx, int rounds, double least);
/* The same of fn on n (at most TRAIN_BENCH_TURNS) ctx, in turns. */
enum { TRAIN_BENCH_TURNS = 2 };
void train_bench_turns(train_bench_fn *fn, void *const *ctx, int n, int rounds, double least,
                       struct train_bench_time *time);

/* What the machine gives at most, of the levels up to `isa` ("auto" or NULL: all), on one thread
 * and on those of the pool, a second.  The memory is asked only where that is wanted: it takes some
 * seconds. */
struct train_bench_peak {
    struct {
        const struct nn_peak *p;        /* NULL: no such instructions */
        double one, all;        /* operations */
    } flops[3];                 /* by enum nn_peak_type */
    struct {
        double one, all;        /* bytes */
    } memory[3];                /* by enum nn_peak_memory */
};
bool train_bench_peak(const char *isa, struct pool *pool, bool memory,
                      struct train_bench_peak *out, struct err *err);

/* ---- networks -------------------------------------------------------------------------------- */

struct train_bench_net {
    const char *arch;           /* as --arch of train */
    int size, batch, labels;    /* size 0: what the architecture was made for */
    enum nn_precision precision;
    bool train;                 /* a step with SGD (forward, backward, update); else an answer */
    const char *isa;
    int64_t memory;             /* training: bytes that it should take, as `bytes`; 0: any */
    struct pool *pool;          /* lent */
    int rounds;
};

struct train_bench_net_result {
    int size;
    enum nn_precision precision;        /* auto no more */
    struct train_bench_time time;       /* of a batch */
    double flops;               /* of a batch; a training step counts as three answers */
    int64_t bytes;              /* of all that was allocated to run it, weights included */
    int64_t kept, again;        /* training: of values that backward reads (train/net.h) */
};
bool train_bench_net(const struct train_bench_net *how, struct train_bench_net_result *out,
                     struct err *err);

/* Training: measures which variants of operators are the fastest (nn/tune.h), then steps by rule
 * and with those in turns: time[0] and time[1]. */
bool train_bench_tuned(const struct train_bench_net *how, nn_tuned_fn *tell, void *ctx,
                       struct train_bench_time time[2], struct err *err);

/* Where the time of a training step goes: of all steps of an operator together, one thread after
 * another as the plan has them; seconds are medians over rounds. */
struct train_bench_share {
    const struct nn_op *op;
    int steps;                  /* nodes of it */
    double seconds[2], flops;   /* forward, backward; flops of forward */
};
/* Writes share[nn_op_count()], falling by time, and returns how many ran; -1 on failure.  batch is
 * at least 2. */
int train_bench_shares(const struct train_bench_net *how, struct train_bench_share *share,
                       struct err *err);

/* ---- overhead -------------------------------------------------------------------------------- */

/* What an answer takes beside its arithmetic, of a network of ten labels at 32 pixels; seconds. */
struct train_bench_overhead {
    int steps;
    double flops;
    struct train_bench_time answer;     /* to one prepared picture */
    double kernels;             /* of it in kernels, on one thread */
    struct train_bench_time empty;      /* all steps over kernels that do nothing */
    struct train_bench_time job;        /* one that does nothing, a piece a thread */
    double awake, asleep;       /* until all threads are at one: behind another, after 2 ms */
};
bool train_bench_overhead(const char *isa, struct pool *pool, int rounds,
                          struct train_bench_overhead *out, struct err *err);

/* ---- operators ------------------------------------------------------------------------------- */

/* An operator by itself, in the calls that a plan makes of it: between an input and a loss. */
struct train_bench_op;

struct train_bench_op_options {
    const char *op;             /* as in a graph's text: "conv2d channels=64 size=3 pad=1" */
    const char *in;             /* shape of a picture: "56x56x64" */
    int inputs;                 /* so many of that shape; 0 is 1 */
    int batch;
    enum nn_mode mode;
    enum nn_precision precision;
    const char *isa;
    struct pool *pool;          /* lent; may be NULL */
};
struct train_bench_op *train_bench_op_new(const struct train_bench_op_options *how,
                                          struct err *err);
void train_bench_op_free(struct train_bench_op *b);     /* NULL is fine */
void train_bench_op_forward(void *b);   /* weights are packed already */
void train_bench_op_backward(void *b);  /* TRAIN, where the operator has one */
/* The calls; what is set to NULL in dx is not computed. */
struct nn_call *train_bench_op_call(struct train_bench_op *b, bool backward);
const struct nn_op *train_bench_op_what(const struct train_bench_op *b);

/* What `discern bench --kernels` runs; op NULL ends it. */
extern const struct train_bench_op_options train_bench_ops[];

struct train_bench_op_result {
    struct train_bench_time time[2];    /* forward, backward; 0: there is none */
    double flops[2];            /* of multiply-adds alone: 0 where the operator has none */
    double bytes[2];            /* that must move: values and gradients, each once */
};
bool train_bench_op(const struct train_bench_op_options *how, int rounds,
                    struct train_bench_op_result *out, struct err *err);

/* ---- data ------------------------------------------------------------------------------------ */

enum train_bench_data { TRAIN_BENCH_READ, TRAIN_BENCH_DECODE, TRAIN_BENCH_PREPARE,
                        TRAIN_BENCH_LOAD };
extern const char *const train_bench_data_names[];      /* NULL-terminated */
struct train_bench_data_result {
    int pictures;               /* that were looked at, spread over all */
    double rate[4];             /* pictures a second: reading, decoding (what was read) and
                                   preparing (what was decoded) on one thread, loading with
                                   augmentation on all */
};
bool train_bench_data(const struct data_index *x, int size, int threads,
                      struct train_bench_data_result *out, struct err *err);

#endif
