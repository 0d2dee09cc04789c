/*
 * cmd_bench -- discern bench: how fast this program is on this machine
 */
#include "nn/base/cpu.h"
#include "nn/base/json.h"
#include "nn/kernel/cpu.h"
#include "train/arch.h"
#include "train/bench.h"
#include "train/cmd.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { BATCHES = 8 };

enum only { BOTH, TRAIN, PREDICT };
static const char *const only_names[] = { "both", "train", "predict", NULL };

struct options {
    bool peak, kernels, steps, autotune, overhead, json;
    const char *arch, *isa;
    int batch[BATCHES], size, labels, only, precision, memory, threads, rounds;
};

static const struct field options[] = {
    FIELD_BOOL(struct options, peak, "what the machine gives at most: arithmetic and memory"),
    FIELD_BOOL(struct options, kernels, "operators one by one, on common shapes"),
    FIELD_BOOL(struct options, steps, "where the time of the networks' training steps goes"),
    FIELD_BOOL(struct options, autotune,
               "ways to compute the layers in training, measured, and what steps gain by the best"),
    FIELD_BOOL(struct options, overhead,
               "what an answer takes beside its arithmetic, and threads to wake"),
    FIELD_STRING(struct options, arch, "NAME|FILE", NULL,
                 "this network alone: an architecture, or a graph's text"),
    FIELD_LIST(struct options, batch, BATCHES, 1, 65536,
               "pictures at a time; chosen from the network's size"),
    FIELD_INT(struct options, size, NULL, 0, 1, 65536,
              "side of the pictures, in pixels; what the network was made for"),
    FIELD_INT(struct options, labels, NULL, 10, 2, 1 << 20, "labels of the network"),
    FIELD_ENUM(struct options, only, only_names, BOTH, "of networks, steps of training or answers"),
    FIELD_ENUM(struct options, precision, nn_precision_names, NN_PRECISION_AUTO,
               "of pictures within networks and operators, as of train"),
    FIELD_INT(struct options, memory, NULL, 0, 0, 1 << 30,
              "MB that a network in training should take: what is not kept is made again, as of "
              "train; 0 = any"),
    FIELD_STRING(struct options, isa, "NAME", "auto",
                 "the highest level of instructions, as of train"),
    FIELD_INT(struct options, threads, NULL, 0, 0, 1024, "0 = one a processor"),
    FIELD_INT(struct options, rounds, NULL, 5, 1, TRAIN_BENCH_ROUNDS,
              "times that each figure is taken; the median counts"),
    FIELD_BOOL(struct options, json, "one JSON object instead of text"),
    FIELDS_END
};

/* What is under way: text goes out part by part, since parts take long; JSON at the end. */
struct bench {
    const struct options *o;
    struct pool *pool;
    struct train_bench_peak peak;
    struct str out;
    struct err *err;
};

static bool told(struct bench *b)
{
    bool ok = b->o->json || cli_print(&b->out, b->err);

    if (!b->o->json)
        str_clear(&b->out);
    return ok;
}

static double percent(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

/* ---- the machine ----------------------------------------------------------------------------- */

static void json_machine(struct str *out, int threads)
{
    char name[CPU_NAME];

    json_begin(out, "machine", '{');
    json_text(out, "processor", cpu_model(name));
    json_number(out, "processors", pool_cpus());
    json_number(out, "threads", threads);
    json_begin(out, "isa", '[');
    for (int i = 0; cpu_names[i]; i++)
        if (cpu_can() & 1u << i)
            json_text(out, NULL, cpu_names[i]);
    json_end(out, ']');
    json_begin(out, "cache_bytes", '[');
    for (int level = 1; level <= 3; level++)
        json_number(out, NULL, (double)cpu_cache(level));
    json_end(out, ']');
    json_text(out, "blas", nn_blas_about());
    json_end(out, '}');
}

static bool tell_machine(struct bench *b)
{
    int threads = pool_threads(b->pool);
    char name[CPU_NAME];

    if (b->o->json) {
        json_machine(&b->out, threads);
        return true;
    }
    cpu_model(name);
    str_clean(&b->out, *name ? name : "a processor without a name");
    str_printf(&b->out, ", %d of %d processors,", threads, pool_cpus());
    for (int i = 0; cpu_names[i]; i++)
        if (cpu_can() & 1u << i)
            str_printf(&b->out, " %s", cpu_names[i]);
    str_printf(&b->out, "\ncaches of %zu kB, %zu kB and %.1f MB\n", cpu_cache(1) >> 10,
               cpu_cache(2) >> 10, (double)cpu_cache(3) / 1048576);
    return told(b);
}

static void json_peak(const struct bench *b, struct str *out)
{
    json_begin(out, "peak", '{');
    json_begin(out, "operations", '[');
    for (int t = 0; nn_peak_types[t]; t++) {
        if (!b->peak.flops[t].p)
            continue;
        json_begin(out, NULL, '{');
        json_text(out, "type", nn_peak_types[t]);
        json_text(out, "isa", b->peak.flops[t].p->isa);
        json_number(out, "one", b->peak.flops[t].one);
        json_number(out, "all", b->peak.flops[t].all);
        json_end(out, '}');
    }
    json_end(out, ']');
    json_begin(out, "bytes", '[');
    for (int m = 0; nn_peak_memories[m] && b->peak.memory[m].one > 0; m++) {
        json_begin(out, NULL, '{');
        json_text(out, "kind", nn_peak_memories[m]);
        json_number(out, "one", b->peak.memory[m].one);
        json_number(out, "all", b->peak.memory[m].all);
        json_end(out, '}');
    }
    json_end(out, ']');
    json_end(out, '}');
}

static bool tell_peak(struct bench *b)
{
    if (b->o->json) {
        json_peak(b, &b->out);
        return true;
    }
    str_printf(&b->out, "\npeak                       one thread %10d threads\n",
               pool_threads(b->pool));
    for (int t = 0; nn_peak_types[t]; t++)
        if (b->peak.flops[t].p)
            str_printf(&b->out, "%-4s %-16s %8.0f GF/s %12.0f GF/s\n", nn_peak_types[t],
                       b->peak.flops[t].p->isa, 1e-9 * b->peak.flops[t].one,
                       1e-9 * b->peak.flops[t].all);
    for (int m = 0; nn_peak_memories[m] && b->peak.memory[m].one > 0; m++)
        str_printf(&b->out, "memory %-14s %8.1f GB/s %12.1f GB/s\n", nn_peak_memories[m],
                   1e-9 * b->peak.memory[m].one, 1e-9 * b->peak.memory[m].all);
    return told(b);
}

/* ---- networks -------------------------------------------------------------------------------- */

/* Operations a second of all threads that a precision could have. */
static double peak_of(const struct bench *b, enum nn_precision precision)
{
    double half = precision == NN_PRECISION_BF16 ? b->peak.flops[NN_PEAK_bf16].all : 0;

    return half > 0 ? half : b->peak.flops[NN_PEAK_f32].all;
}

static void tell_net(struct bench *b, const struct train_bench_net *how,
                     const struct train_bench_net_result *r)
{
    struct str *out = &b->out;
    double rate = r->flops / r->time.seconds, peak = peak_of(b, r->precision);
    const char *name = strrchr(how->arch, '/') ? strrchr(how->arch, '/') + 1 : how->arch;

    if (!b->o->json) {
        str_printf(out, "%-12s %4d %5d %-4s %-7s %8.2f %9.1f %7.1f %4.0f %% %6.0f MB\n", name,
                   r->size, how->batch, nn_precision_names[r->precision],
                   only_names[how->train ? TRAIN : PREDICT],
                   1e3 * r->time.seconds, how->batch / r->time.seconds, 1e-9 * rate,
                   percent(rate, peak), (double)r->bytes / 1048576);
        return;
    }
    json_begin(out, NULL, '{');
    json_text(out, "arch", how->arch);
    json_number(out, "size", r->size);
    json_number(out, "batch", how->batch);
    json_text(out, "precision", nn_precision_names[r->precision]);
    json_text(out, "what", only_names[how->train ? TRAIN : PREDICT]);
    json_number(out, "seconds", r->time.seconds);
    json_number(out, "low", r->time.low);
    json_number(out, "high", r->time.high);
    json_number(out, "pictures", how->batch / r->time.seconds);
    json_number(out, "flops", r->flops);
    json_number(out, "share", rate / peak);
    json_number(out, "bytes", (double)r->bytes);
    json_number(out, "kept", (double)r->kept);
    json_number(out, "again", (double)r->again);
}

static void tell_kept(struct bench *b, const struct train_bench_net_result *r)
{
    if (!b->o->json)
        str_printf(&b->out, "    %.0f MB are kept from forward to backward, %.0f MB made again\n",
                   (double)r->kept / 1048576, (double)r->again / 1048576);
}

static void tell_shares(struct bench *b, const struct train_bench_share *share, int n)
{
    struct str *out = &b->out;
    double all = 0;

    for (int i = 0; i < n; i++)
        all += share[i].seconds[0] + share[i].seconds[1];
    if (b->o->json)
        json_begin(out, "steps", '[');
    for (int i = 0; i < n; i++) {
        const struct train_bench_share *s = &share[i];

        if (b->o->json) {
            json_begin(out, NULL, '{');
            json_text(out, "operator", s->op->name);
            json_number(out, "nodes", s->steps);
            json_number(out, "forward", s->seconds[0]);
            json_number(out, "backward", s->seconds[1]);
            json_number(out, "flops", s->flops);
            json_end(out, '}');
        } else {
            str_printf(out, "    %-12s %4d %9.2f ms forward %9.2f ms backward %5.1f %%\n",
                       s->op->name, s->steps, 1e3 * s->seconds[0], 1e3 * s->seconds[1],
                       percent(s->seconds[0] + s->seconds[1], all));
        }
    }
    if (b->o->json)
        json_end(out, ']');
}

static void json_tuned(const struct nn_tuned *d, struct str *out)
{
    json_begin(out, NULL, '{');
    json_text(out, "call", d->call);
    json_number(out, "nodes", d->steps);
    json_text(out, "choice", d->choice->name);
    json_text(out, "rule", d->choice->variant[d->rule]);
    json_text(out, "taken", d->choice->variant[d->taken]);
    json_begin(out, "seconds", '{');
    for (int v = 0; d->choice->variant[v]; v++)
        if (d->seconds[v] > 0)
            json_number(out, d->choice->variant[v], d->seconds[v]);
    json_end(out, '}');
    json_end(out, '}');
}

/* "    conv2d size=1 of 32x7x7x64 f32 f32, 3 steps", "      forward by rule rows: rows 1 ms". */
static bool tell_tuned(void *ctx, const struct nn_tuned *d)
{
    struct bench *b = ctx;
    struct str text = { 0 };

    if (b->o->json) {
        json_tuned(d, &b->out);
        return true;
    }
    str_printf(&text, "%s, %d step%s", d->call, d->steps, str_plural(d->steps));
    cli_wrap(&b->out, str_text(&text), 4, 0);
    str_clear(&text);
    str_printf(&text, "%s by rule %s", d->choice->name, d->choice->variant[d->rule]);
    for (int v = 0; d->choice->variant[v]; v++)
        if (d->seconds[v] > 0)
            str_printf(&text, "%s %s%s %.3g ms", v ? "," : ":",
                       v == d->taken && v != d->rule ? "better " : "", d->choice->variant[v],
                       1e3 * d->seconds[v]);
    cli_wrap(&b->out, str_text(&text), 6, 0);
    str_release(&text);
    return true;
}

/* In tell_net's object: what autotune measures, and gives. */
static bool bench_tuned(struct bench *b, const struct train_bench_net *how)
{
    struct train_bench_time time[2];

    if (b->o->json)
        json_begin(&b->out, "variants", '[');
    if (!train_bench_tuned(how, tell_tuned, b, time, b->err))
        return false;
    if (b->o->json) {
        json_end(&b->out, ']');
        json_number(&b->out, "seconds_by_rule", time[0].seconds);
        json_number(&b->out, "seconds_tuned", time[1].seconds);
    } else {
        struct str text = { 0 };

        str_printf(&text, "steps in turns: by rule %.2f ms (%.2f to %.2f), with the better %.2f ms "
                   "(%.2f to %.2f): %.3f of it", 1e3 * time[0].seconds, 1e3 * time[0].low,
                   1e3 * time[0].high, 1e3 * time[1].seconds, 1e3 * time[1].low,
                   1e3 * time[1].high, time[1].seconds / time[0].seconds);
        cli_wrap(&b->out, str_text(&text), 4, 0);
        str_release(&text);
    }
    return true;
}

/* The end of tell_net's object. */
static bool end_net(struct bench *b, const struct train_bench_net *how,
                    const struct train_bench_net_result *r)
{
    bool ok = true;

    if (b->o->steps && how->train) {
        struct train_bench_share *share = calloc((size_t)nn_op_count(), sizeof *share);
        int n = share ? train_bench_shares(how, share, b->err) : -1;

        ok = share ? n >= 0 : err_set(b->err, ERR_MEMORY, "no memory for the steps");
        if (ok) {
            tell_kept(b, r);
            tell_shares(b, share, n);
        }
        free(share);
    }
    if (ok && b->o->autotune && how->train)
        ok = bench_tuned(b, how);
    if (b->o->json)
        json_end(&b->out, '}');
    return ok;
}

static bool bench_one(struct bench *b, const char *arch, bool train, int batch)
{
    struct train_bench_net how = { .arch = arch, .size = b->o->size, .batch = batch,
                                   .labels = b->o->labels, .train = train, .isa = b->o->isa,
                                   .precision = (enum nn_precision)b->o->precision,
                                   .memory = (int64_t)b->o->memory * 1000000,
                                   .pool = b->pool, .rounds = b->o->rounds };
    struct train_bench_net_result r;

    if (!train_bench_net(&how, &r, b->err))
        return err_in(b->err, "%s", arch);
    tell_net(b, &how, &r);
    return end_net(b, &how, &r) && told(b);
}

/* Where nobody says: batches that a network is trained with, and single pictures. */
static bool bench_arch(struct bench *b, const char *arch)
{
    const struct nn_model *model = train_arch_named(arch);
    int side = b->o->size ? b->o->size : model ? model->size : 224, large = side > 64 ? 16 : 128;
    const int chosen[BATCHES] = { 1, large }, *batch = b->o->batch[0] ? b->o->batch : chosen;

    for (int i = 0; i < BATCHES && batch[i]; i++) {
        if (b->o->only != PREDICT && batch[i] > 1 &&
            !bench_one(b, arch, true, batch[i]))
            return false;
        if (b->o->only != TRAIN && !bench_one(b, arch, false, batch[i]))
            return false;
    }
    return true;
}

static bool bench_nets(struct bench *b)
{
    bool ok = true;

    if (b->o->json)
        json_begin(&b->out, "networks", '[');
    else
        str_add(&b->out, "\nnetwork        px batch                    ms  a s"
                         "econd    GF/s   peak    memory\n");
    if (b->o->arch)
        ok = bench_arch(b, b->o->arch);
    else
        for (int i = 0; ok && i < nn_model_count(); i++)
            ok = !nn_model_at(i)->sample || bench_arch(b, nn_model_at(i)->name);
    if (b->o->json)
        json_end(&b->out, ']');
    return ok;
}

/* ---- overhead -------------------------------------------------------------------------------- */

static void tell_overhead(struct bench *b, const struct train_bench_overhead *r)
{
    struct str *out = &b->out;
    double beside = r->answer.seconds - r->kernels;

    if (b->o->json) {
        json_begin(out, "overhead", '{');
        json_number(out, "steps", r->steps);
        json_number(out, "flops", r->flops);
        json_number(out, "answer", r->answer.seconds);
        json_number(out, "kernels", r->kernels);
        json_number(out, "empty", r->empty.seconds);
        json_number(out, "job", r->job.seconds);
        json_number(out, "awake", r->awake);
        json_number(out, "asleep", r->asleep);
        json_end(out, '}');
        return;
    }
    str_printf(out, "\nan answer of %d steps, 32 px, %7.2f us\n", r->steps,
               1e6 * r->answer.seconds);
    str_printf(out, "    in its kernels            %7.2f us\n", 1e6 * r->kernels);
    str_printf(out, "    beside them               %7.2f us, %.2f us a step\n", 1e6 * beside,
               1e6 * beside / r->steps);
    str_printf(out, "steps that compute nothing    %7.2f us, %.2f us a step\n",
               1e6 * r->empty.seconds, 1e6 * r->empty.seconds / r->steps);
    if (pool_threads(b->pool) > 1)
        str_printf(out, "a job of nothing, %2d threads  %7.2f us; until all are at work %.2f us, "
                   "asleep %.1f us\n", pool_threads(b->pool), 1e6 * r->job.seconds,
                   1e6 * r->awake, 1e6 * r->asleep);
}

static bool bench_overhead(struct bench *b)
{
    struct train_bench_overhead r;

    if (!train_bench_overhead(b->o->isa, b->pool, b->o->rounds, &r, b->err))
        return false;
    tell_overhead(b, &r);
    return told(b);
}

/* ---- operators ------------------------------------------------------------------------------- */

static void tell_op(struct bench *b, const struct train_bench_op_options *how,
                    const struct train_bench_op_result *r)
{
    struct str *out = &b->out;

    if (b->o->json) {
        json_begin(out, NULL, '{');
        json_text(out, "operator", how->op);
        json_text(out, "in", how->in);
        json_number(out, "batch", how->batch);
    } else {
        str_printf(out, "%-51.51s %11s %4d\n", how->op, how->in, how->batch);
    }
    for (int k = 0; k < 2 && r->time[k].seconds > 0; k++) {
        double s = r->time[k].seconds, flops = r->flops[k] / s, bytes = r->bytes[k] / s;
        double share = flops > 0 ? flops / peak_of(b, (enum nn_precision)b->o->precision) :
            bytes / b->peak.memory[NN_PEAK_TRIAD].all;

        if (b->o->json) {
            json_begin(out, k ? "backward" : "forward", '{');
            json_number(out, "seconds", s);
            json_number(out, "flops", r->flops[k]);
            json_number(out, "bytes", r->bytes[k]);
            json_number(out, "share", share);
            json_end(out, '}');
        } else {
            str_printf(out, "    %-8s %10.3f ms %8.1f GB/s", k ? "backward" : "forward", 1e3 * s,
                       1e-9 * bytes);
            if (flops > 0)
                str_printf(out, " %8.1f GFLOP/s", 1e-9 * flops);
            str_printf(out, " %5.0f %% of %s\n", 100 * share,
                       flops > 0 ? "peak" : "memory's bandwidth");
        }
    }
    if (b->o->json)
        json_end(out, '}');
}

static bool bench_ops(struct bench *b)
{
    if (b->o->json)
        json_begin(&b->out, "operators", '[');
    else
        str_add(&b->out, "\n");
    for (const struct train_bench_op_options *o = train_bench_ops; o->op; o++) {
        struct train_bench_op_options how = *o;
        struct train_bench_op_result r;

        how.mode = NN_TRAIN;
        how.isa = b->o->isa;
        how.precision = (enum nn_precision)b->o->precision;
        how.pool = b->pool;
        if (!train_bench_op(&how, b->o->rounds, &r, b->err))
            return false;
        tell_op(b, &how, &r);
        if (!told(b))
            return false;
    }
    if (b->o->json)
        json_end(&b->out, ']');
    return true;
}

/* ---- data ------------------------------------------------------------------------------------ */

static bool bench_data(struct bench *b, const char *path)
{
    int size = b->o->size ? b->o->size : 224, threads = pool_threads(b->pool);
    struct data_index *x = data_index_open(path, NULL, b->err);
    struct train_bench_data_result r;
    bool ok = x && train_bench_data(x, size, threads, &r, b->err);

    data_index_free(x);
    if (!ok)
        return false;
    if (b->o->json) {
        json_begin(&b->out, "data", '{');
        json_number(&b->out, "pictures", r.pictures);
        json_number(&b->out, "size", size);
        for (int i = 0; train_bench_data_names[i]; i++)
            json_number(&b->out, train_bench_data_names[i], r.rate[i]);
        json_end(&b->out, '}');
        return true;
    }
    str_printf(&b->out, "\n%d pictures to %d px, pictures/s: read %.0f, decode %.0f, prepare %.0f "
               "on one thread; load with augmentation %.0f on %d\n", r.pictures, size, r.rate[0],
               r.rate[1], r.rate[2], r.rate[3], threads);
    return told(b);
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool bench_all(struct bench *b, const struct cli_args *args)
{
    const struct options *o = b->o;
    bool asked = o->peak || o->kernels || o->steps || o->autotune || o->overhead ||
                 o->arch || args->n;
    struct rusage used = { .ru_maxrss = 0 };

    if (o->json) {
        json_begin(&b->out, NULL, '{');
        json_text(&b->out, "schema", "discern.bench/1");
    }
    if (!tell_machine(b) ||
        !train_bench_peak(o->isa, b->pool, o->peak || o->kernels || !asked, &b->peak, b->err) ||
        ((o->peak || !asked || o->json) && !tell_peak(b)) ||
        (o->overhead && !bench_overhead(b)) ||
        (o->kernels && !bench_ops(b)) ||
        ((o->arch || o->steps || o->autotune || !asked) && !bench_nets(b)) ||
        (args->n && !bench_data(b, args->arg[0])))
        return false;
    getrusage(RUSAGE_SELF, &used);
    if (o->json) {
        json_number(&b->out, "process_bytes", 1024.0 * (double)used.ru_maxrss);
        json_end(&b->out, '}');
        return cli_print(&b->out, b->err);
    }
    str_printf(&b->out, "\n%.0f MB of memory at most\n", (double)used.ru_maxrss / 1024);
    return told(b);
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct cli_args args;
    struct err err = { 0 };
    struct bench b = { .o = &o, .err = &err };
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);

    if (parsed == CLI_DONE)
        return 0;
    if (parsed == CLI_RUN && (!o.arch || train_arch_check(o.arch, &err)) &&
        nn_kernels_get(o.isa, &err))
        b.pool = pool_new(o.threads ? o.threads : pool_cpus(), &err);
    if (b.pool)
        bench_all(&b, &args);
    str_release(&b.out);
    pool_free(b.pool);
    return err.kind ? cli_fail(&err, o.json) : 0;
}

const struct cli_command train_cmd_bench = {
    .name = "bench",
    .summary = "measure how fast this machine learns and answers",
    .synopsis = "[DATA]",
    .about = "Without options: what the machine gives at most, and every architecture. With DATA: "
             "how fast its pictures are read, decoded, prepared and loaded. Each figure is a "
             "median; run it when nothing else runs.\n"
             "A training step wants two pictures; it is forward, backward and an update with SGD, "
             "and counts as three answers in GFLOP/s; its share is of the peak in its precision. "
             "Memory is what is allocated to run the network, weights included; --steps tells how "
             "much of it is kept from forward to backward, and how much is made again there.",
    .examples = "discern bench\n"
                "discern bench --peak\n"
                "discern bench --kernels --isa avx2\n"
                "discern bench --steps --arch mobilenet_v2 --batch 32\n"
                "discern bench --arch resnet18 --batch 1,32 --only predict --json\n"
                "discern bench --size 160 photos/\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 0,
    .max_args = 1,
    .run = run,
};
