/*
 * conv -- convolutions of networks, ours beside oneDNN and im2col + OpenBLAS, on one thread
 *
 * A row is a layer at a batch; all contenders run in turn, a figure is a median over rounds, a
 * ratio the median of the rounds' ratios, above 1 where ours is faster.  GF/s count the products
 * with padding, as everybody does, so that skipped padding can pass the peak.  Not counted:
 * oneDNN's reorders, and our packing of weights for forward.  Counted: our packing in backward.  We
 * add to dw (and to dx, where the operator does not write it), oneDNN writes.
 *
 * Words: LAYERS=short|all|TEXT (of the row), BATCH=N, PASS=forward|data|weights,
 * PRECISION=fp32|bf16, ISA=LEVEL (avx2 holds oneDNN to it, too).
 */
#include "tests/bench/conv.h"
#include "tests/bench/bench.h"

#include "nn/kernel/cpu.h"
#include "nn/kernel/peak.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct conv_layer layers[] = {
#define NET(name, batch, batches)
#define LAYER(net, ...) { #net, __VA_ARGS__, 0 },
#include "tests/bench/layers.def"
#undef NET
#undef LAYER
};

enum { N_LAYERS = sizeof layers / sizeof *layers };

static const struct net {
    const char *name;
    int batch;
    const char *batches;
} nets[] = {
#define NET(name, batch, batches) { #name, batch, batches },
#define LAYER(...)
#include "tests/bench/layers.def"
#undef NET
#undef LAYER
};

enum { N_NETS = sizeof nets / sizeof *nets, MAX_ROWS = 400 };

static const char *const passes[] = { "forward", "data", "weights" };

void conv_fill(void *data, size_t bytes, bool half)
{
    unsigned char *out = data;
    uint32_t x = 1;

    for (size_t i = 0; i + (half ? 2 : 4) <= bytes; i += half ? 2 : 4) {
        float f;

        x = x * 1664525 + 1013904223;
        f = (float)(int32_t)x * 0x1p-31f;
        memcpy(out + i, (const char *)&f + (half ? 2 : 0), half ? 2 : 4);
    }
}

/* ---- what is asked for ----------------------------------------------------------------------- */

struct wish {
    const char *which, *isa;
    int batch;                  /* 0: the net's own */
    struct conv_layer row[MAX_ROWS];
    int n;
};

static void name_of(const struct conv_layer *l, char name[80])
{
    char groups[16] = "";

    if (l->groups > 1)
        snprintf(groups, sizeof groups, " g%d", l->groups);
    snprintf(name, 80, "%s %dx%d%s %d-%d%s @%dx%d n%d", l->net, l->size, l->size,
             l->stride == 2 ? "s2" : l->stride > 2 ? "s" : "", l->c, l->k, groups, l->h, l->w,
             l->batch);
}

static void add_row(struct wish *w, struct conv_layer l, int batch)
{
    char name[80];

    l.batch = batch;
    name_of(&l, name);
    if ((strcmp(w->which, "short") && strcmp(w->which, "all") && !strstr(name, w->which)) ||
        w->n == MAX_ROWS)
        return;
    w->row[w->n++] = l;
}

static void choose(struct wish *w)
{
    for (int i = 0; i < N_LAYERS; i++)
        for (int k = 0; k < N_NETS; k++) {
            const char *text = nets[k].batches;
            char *end;

            if (strcmp(nets[k].name, layers[i].net))
                continue;
            if (!strcmp(w->which, "short")) {
                if (layers[i].brief)
                    add_row(w, layers[i], w->batch ? w->batch : nets[k].batch);
            } else if (w->batch) {
                add_row(w, layers[i], w->batch);
            } else {
                for (long n; (n = strtol(text, &end, 10)) > 0; text = end)
                    add_row(w, layers[i], (int)n);
            }
        }
}

/* ---- a row ----------------------------------------------------------------------------------- */

enum { OURS, DIRECT, WINOGRAD, BLAS, PEAK, SIDES };

struct outcome {
    double seconds[SIDES], ratio[SIDES];        /* 0: did not run */
};

static double flops_of(const struct conv_layer *l)
{
    return 2.0 * l->batch * (double)(conv_out(l, l->h) * conv_out(l, l->w)) * l->k * l->size *
           l->size * l->c / l->groups;
}

/* That must move: both pictures, once. */
static double bytes_of(const struct conv_layer *l, bool half)
{
    return (half ? 2.0 : 4.0) * l->batch *
           ((double)l->h * l->w * l->c + (double)(conv_out(l, l->h) * conv_out(l, l->w)) * l->k);
}

/* What the shares are of: arithmetic, which takes its turn beside the contenders, since clocks
 * drift and neighbours come and go; and memory, measured before, since it would empty the
 * caches. */
struct peak {
    const struct nn_peak *p;
    double bytes;               /* a second */
    _Alignas(64) unsigned char in[NN_PEAK_BYTES], sum[NN_PEAK_BYTES];
};

enum { PEAK_TURNS = 1 << 18 };

static void run_peak(void *ctx)
{
    struct peak *peak = ctx;

    peak->p->run(PEAK_TURNS, peak->in, peak->sum);
}

static void print_row(const struct conv_layer *l, bool half, const struct bench_result r[SIDES],
                      const struct conv_side *onednn, const struct peak *peak)
{
    bool alone = l->groups == l->c;             /* depthwise: bound by memory */
    double share = alone ? bytes_of(l, half) / r[OURS].seconds / peak->bytes :
        flops_of(l) / ((double)peak->p->operations * PEAK_TURNS) * r[PEAK].ratio;
    char name[80];

    name_of(l, name);
    printf("| %s |", name);
    for (int i = 0; i < PEAK; i++)
        if (r[i].seconds > 0)
            printf(" %.0f |", 1e-9 * flops_of(l) / r[i].seconds);
        else
            printf(" - |");
    if (r[OURS].seconds > 0)
        printf(" %.0f %%%s |", 100 * share, alone ? " mem" : "");
    else
        printf(" - |");
    for (int i = DIRECT; i < PEAK; i++)
        if (r[i].ratio > 0 && i == DIRECT)
            printf(" **%.2f** (%.2f-%.2f) |", r[i].ratio, r[i].low, r[i].high);
        else if (r[i].ratio > 0)
            printf(" %.2f |", r[i].ratio);
        else
            printf(" - |");
    printf(" %s |\n", onednn ? conv_onednn_name(onednn) : "");
    fflush(stdout);
}

static struct outcome measure(const struct wish *w, const struct conv_layer *l,
                              enum conv_pass pass, bool half, struct peak *peak)
{
    bool avx2 = !strcmp(w->isa, "avx2"), one = l->groups == 1 && !half;
    struct conv_side *ours = conv_ours_new(l, pass, half, w->isa);
    struct conv_side *direct = conv_onednn_new(l, pass, half, CONV_DIRECT, avx2);
    struct conv_side *winograd = conv_onednn_new(l, pass, half, CONV_WINOGRAD, avx2);
    struct conv_side *blas = one ? conv_blas_new(l, pass) : NULL;
    const struct bench_side side[SIDES] = {
        [OURS] = { "ours", ours ? conv_ours_run : NULL, ours },
        [DIRECT] = { "oneDNN", direct ? conv_onednn_run : NULL, direct },
        [WINOGRAD] = { "Winograd", winograd ? conv_onednn_run : NULL, winograd },
        [BLAS] = { "OpenBLAS", blas ? conv_blas_run : NULL, blas },
        [PEAK] = { "peak", run_peak, peak },
    };
    struct bench_result r[SIDES];
    struct outcome o;

    bench_measure(side, SIDES, 0.003, r);
    print_row(l, half, r, direct, peak);
    for (int i = 0; i < SIDES; i++) {
        o.seconds[i] = r[i].seconds;
        o.ratio[i] = r[i].ratio;
    }
    conv_ours_free(ours);
    conv_onednn_free(direct);
    conv_onednn_free(winograd);
    conv_blas_free(blas);
    return o;
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* The geometric mean of the ratios, over rows of batches from `least` on. */
static void print_mean(const struct wish *w, const struct outcome *o, int least)
{
    double direct = 0, best = 0;
    int n = 0;

    for (int i = 0; i < w->n; i++)
        if (o[i].ratio[DIRECT] > 0 && w->row[i].batch >= least) {
            direct += log(o[i].ratio[DIRECT]);
            best += log(o[i].ratio[WINOGRAD] > 0 ?
                        fmin(o[i].ratio[DIRECT], o[i].ratio[WINOGRAD]) : o[i].ratio[DIRECT]);
            n++;
        }
    if (n)
        printf("geometric mean of %d rows%s: %.3f of oneDNN direct, %.3f of the better of direct "
               "and Winograd\n", n, least > 1 ? " of batch 16 and more" : "", exp(direct / n),
               exp(best / n));
}

/* Time of all of a net's layers, each as often as it is there. */
static void print_nets(const struct wish *w, const struct outcome *o)
{
    for (int k = 0; k < N_NETS; k++)
        for (int batch = 1; batch <= 128; batch++) {
            double ours = 0, direct = 0;
            int n = 0;

            for (int i = 0; i < w->n; i++)
                if (o[i].ratio[DIRECT] > 0 && w->row[i].batch == batch &&
                    !strcmp(w->row[i].net, nets[k].name)) {
                    n++;
                    ours += o[i].seconds[OURS] * w->row[i].count;
                    direct += o[i].seconds[DIRECT] * w->row[i].count;
                }
            if (n > 4 && strcmp(w->which, "short"))
                printf("all of %s, batch %d: ours %.1f ms, oneDNN direct %.1f ms: %.3f\n",
                       nets[k].name, batch, 1e3 * ours, 1e3 * direct, direct / ours);
        }
}

static void table(const struct wish *w, enum conv_pass pass, bool half, struct peak *peak)
{
    struct outcome o[MAX_ROWS];

    memset(o, 0, sizeof o);
    printf("\n%s, %s: GF/s, share of the peak of %s (depthwise: of %.1f GB/s), ours over "
           "theirs\n\n"
           "| layer | ours | oneDNN | Winograd | OpenBLAS | share | of oneDNN (quartiles) "
           "| of Winograd | of OpenBLAS | oneDNN's kernel |\n"
           "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|\n", passes[pass],
           half ? "bf16" : "fp32", peak->p->isa, 1e-9 * peak->bytes);
    for (int i = 0; i < w->n; i++)
        if (pass != CONV_DATA || w->row[i].c > 3)       /* nobody wants the gradient of pixels */
            o[i] = measure(w, &w->row[i], pass, half, peak);
    printf("\n");
    print_mean(w, o, 1);
    if (!w->batch)
        print_mean(w, o, 16);
    print_nets(w, o);
}

static bool asked(const char *word, const char *value)
{
    const char *said = bench_word(word, "");

    return !*said || !strcmp(said, value);
}

/* Bits of the levels up to that of the name. */
static unsigned levels(const char *isa)
{
    for (int i = 0; cpu_names[i]; i++)
        if (!strcmp(isa, cpu_names[i]))
            return cpu_can() & ((2u << i) - 1);
    return cpu_can();
}

bool bench_conv(struct err *err)
{
    static struct wish w;
    static struct peak peak;
    bool half = !strcmp(bench_word("PRECISION", "fp32"), "bf16");

    w.which = bench_word("LAYERS", "short");
    w.isa = bench_word("ISA", "auto");
    w.batch = (int)strtol(bench_word("BATCH", "0"), NULL, 10);
    choose(&w);
    if (!w.n)
        return err_set(err, ERR_USAGE, "no layer is called \"%s\": LAYERS=short, all, or a part of "
                       "a name as \"3x3 64-64\" or \"mobilenet\"", w.which);
    if (!nn_kernels_get(w.isa, err))
        return false;
    peak.p = nn_peak_best(half ? NN_PEAK_bf16 : NN_PEAK_f32, levels(w.isa));
    if (!peak.p)
        peak.p = nn_peak_best(NN_PEAK_f32, levels(w.isa));
    conv_fill(peak.in, sizeof peak.in, half);
    peak.bytes = nn_peak_memory(NN_PEAK_TRIAD, levels(w.isa), NULL, err);
    if (peak.bytes < 0)
        return false;
    for (int pass = 0; pass < 3; pass++)
        if (asked("PASS", passes[pass]))
            table(&w, (enum conv_pass)pass, half, &peak);
    return true;
}
