/*
 * bench [NAME...] -- runs the benches of benches.def, or those named
 *
 * Run it when nothing else runs.
 */
#include "tests/bench/bench.h"
#include "tests/bench/conv.h"

#include "nn/base/clock.h"
#include "nn/base/cpu.h"
#include "nn/base/file.h"
#include "nn/base/pool.h"
#include "nn/kernel/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct {
    const char *name, *doc;
    bench_fn *run;
} benches[] = {
#define BENCH(name, doc) { #name, doc, bench_##name },
#include "tests/bench/benches.def"
#undef BENCH
};

enum { N_BENCHES = sizeof benches / sizeof *benches };

double bench_now(void)
{
    return clock_now();
}

double bench_cpu(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

double bench_median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, by_value);
    return x[n / 2];
}

/* Seconds of one run, of `times` in a row. */
static double timed(const struct bench_side *side, int times)
{
    double start = bench_now();

    for (int i = 0; i < times; i++)
        side->run(side->ctx);
    return (bench_now() - start) / times;
}

void bench_measure(const struct bench_side *side, int n, double least,
                   struct bench_result *result)
{
    double seconds[8][BENCH_ROUNDS], ratio[BENCH_ROUNDS];
    int times[8];

    for (int i = 0; i < n; i++) {
        double once = side[i].run ? timed(&side[i], 1) : 0;

        times[i] = once > least ? 1 : (int)(least / (once + 1e-9)) + 1;
    }
    for (int r = 0; r < BENCH_ROUNDS; r++)
        for (int i = 0; i < n; i++)
            if (side[i].run)
                seconds[i][r] = timed(&side[i], times[i]);
    for (int i = n - 1; i >= 0; i--) {
        result[i] = (struct bench_result){ 0 };
        if (!side[i].run)
            continue;
        for (int r = 0; r < BENCH_ROUNDS && side[0].run; r++)
            ratio[r] = seconds[i][r] / seconds[0][r];
        if (side[0].run)
            result[i].ratio = bench_median(ratio, BENCH_ROUNDS);
        result[i].low = side[0].run ? ratio[BENCH_ROUNDS / 4] : 0;
        result[i].high = side[0].run ? ratio[BENCH_ROUNDS - 1 - BENCH_ROUNDS / 4] : 0;
        result[i].seconds = bench_median(seconds[i], BENCH_ROUNDS);
    }
}

void bench_sides(const char *what, double units, const char *unit, const struct bench_side *side,
                 int n)
{
    struct bench_result result[8];

    bench_measure(side, n, 0.01, result);
    printf("  %-34s", what);
    for (int i = 0; i < n; i++)
        printf("  %s %.0f", side[i].name, units / result[i].seconds);
    printf(" %s/s", unit);
    for (int i = 1; i < n; i++)
        printf("  %.2fx %s (%.2f-%.2f)", result[i].ratio, side[i].name, result[i].low,
               result[i].high);
    printf("\n");
    fflush(stdout);
}

const char *bench_word(const char *name, const char *otherwise)
{
    const char *word = getenv(name);

    return word && *word ? word : otherwise;
}

const char *bench_dataset(const char *name)
{
    static char path[300];
    const char *folder = getenv("DISCERN_DATASETS");
    char archive[600], command[1600];

    snprintf(path, sizeof path, "build/bench-data/%s", name);
    if (file_kind(path) == FILE_FOLDER)
        return path;
    snprintf(archive, sizeof archive, "%s/%s.tar.gz", folder ? folder : "../shared/datasets", name);
    if (file_kind(archive) != FILE_REGULAR) {
        printf("  skipped: %s is not there (set DISCERN_DATASETS)\n", archive);
        return NULL;
    }
    snprintf(command, sizeof command,
             "mkdir -p build/bench-data/new && tar -xzf '%s' -C build/bench-data/new && "
             "mv build/bench-data/new/'%s' '%s'", archive, name, path);
    if (system(command) || file_kind(path) != FILE_FOLDER) {
        printf("  skipped: %s does not unpack to a folder %s\n", archive, name);
        return NULL;
    }
    return path;
}

/* One thread a library, and OpenBLAS the kernels of wide vectors also where it does not know the
 * processor: they look when they are loaded, so the program starts itself again. */
static void set_libraries(char **argv)
{
    bool wide = cpu_can() & CPU_avx512 && strcmp(bench_word("ISA", ""), "avx2");

    if (getenv("BENCH_AGAIN"))
        return;
    setenv("BENCH_AGAIN", "1", 1);
    setenv("OMP_NUM_THREADS", "1", 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    setenv("OPENBLAS_CORETYPE", wide ? "SkylakeX" : "Haswell", 1);
    execv("/proc/self/exe", argv);
}

/* What the figures were measured on. */
static void print_machine(void)
{
    char name[CPU_NAME];
    unsigned can = cpu_can();

    printf("%s, %d cores,", cpu_model(name), pool_cpus());
    for (int i = 0; cpu_names[i]; i++)
        if (can & 1u << i)
            printf(" %s", cpu_names[i]);
    printf("; %s; %s\n", nn_blas_about(), conv_onednn_about());
}

static bool wanted(const char *name, char **names)
{
    bool all = !*names;

    for (; *names; names++)
        all = all || !strcmp(name, *names);
    return all;
}

static bool known(const char *name)
{
    for (int i = 0; i < N_BENCHES; i++)
        if (!strcmp(name, benches[i].name))
            return true;
    return false;
}

int main(int argc, char **argv)
{
    int status = 0;

    for (int i = 1; i < argc; i++)
        if (!known(argv[i])) {
            fprintf(stderr, "bench: no bench is named \"%s\"; there are", argv[i]);
            for (int k = 0; k < N_BENCHES; k++)
                fprintf(stderr, " %s", benches[k].name);
            fprintf(stderr, "\n");
            return 2;
        }
    set_libraries(argv);
    print_machine();
    for (int i = 0; i < N_BENCHES; i++) {
        struct err err = { 0 };

        if (!wanted(benches[i].name, argv + 1))
            continue;
        printf("%s: %s\n", benches[i].name, benches[i].doc);
        fflush(stdout);
        if (!benches[i].run(&err)) {
            fprintf(stderr, "bench: %s: %s\n", benches[i].name, err.msg);
            status = 1;
        }
    }
    return status;
}
