/*
 * cmd_doctor -- discern doctor: what this machine gives us, and what would help
 *
 * A check is a function and a line of the table at the end.  It says what it found, and what to do
 * where that is worse than it need be.  All of them together take well below a second.
 */
#include "data/sandbox.h"
#include "infer/cmd.h"
#include "nn/base/about.h"
#include "nn/base/clock.h"
#include "nn/base/cpu.h"
#include "nn/base/file.h"
#include "nn/base/json.h"
#include "nn/kernel/cpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct options {
    bool json;
};

static const struct field options[] = {
    FIELD_BOOL(struct options, json, "one JSON object instead of a line a check"),
    FIELDS_END
};

/* What a check has to say. */
struct said {
    struct str text, advice;    /* advice empty: all is well */
};

enum { TEXT_BYTES = 1 << 16, FILES_WANTED = 256 };

#define GB 1e9
#define DISK_WANTED (1 * GB)
#define MEMORY_WANTED (1 * GB)
#define RATE_WANTED 5e9         /* flop a second of one thread: below it something is wrong */

/* ---- what the system tells ------------------------------------------------------------------- */

/* The file's text, "" where it cannot be read; free() it.  NULL: memory is out. */
static char *text_of(const char *path)
{
    FILE *f = fopen(path, "r");         /* /proc: has no length, so file_read would find nothing */
    char *text = calloc(1, TEXT_BYTES);

    if (f && text)
        text[fread(text, 1, TEXT_BYTES - 1, f)] = 0;
    if (f)
        fclose(f);
    return text;
}

/* Appends what stands behind "KEY...: " in the first line that begins with key. */
static void add_value(const char *text, const char *key, struct str *out)
{
    for (const char *p = text; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
        const char *value = strchr(p, ':');

        if (strncmp(p, key, strlen(key)) != 0 || !value)
            continue;
        value += 1 + strspn(value + 1, " \t");
        str_addn(out, value, strcspn(value, "\n"));
        return;
    }
}

/* A number of kB in /proc/meminfo, in bytes; 0: not told. */
static double meminfo(const char *text, const char *key)
{
    struct str value = { 0 };
    double kb = 0;

    add_value(text, key, &value);
    str_cut(&value, strcspn(str_text(&value), " "));
    if (!str_to_double(str_text(&value), &kb))
        kb = 0;
    str_release(&value);
    return 1024 * kb;
}

static void add_gb(struct str *out, double bytes)
{
    str_printf(out, bytes < 10 * GB ? "%.1f GB" : "%.0f GB", bytes / GB);
}

static bool free_on_disk(const char *path, double *bytes)
{
    struct statvfs v;

    if (statvfs(path, &v) != 0)
        return false;
    *bytes = (double)v.f_bavail * (double)v.f_frsize;
    return true;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static void check_build(struct said *s)
{
    str_printf(&s->text, "discern %s (%s), %s", about_version, about_git, about_compiler);
}

static void check_processor(struct said *s)
{
    char model[CPU_NAME];
    unsigned can = cpu_can();

    cpu_model(model);
    cli_clean(&s->text, model[0] ? model : "a processor without a name");
    str_add(&s->text, ":");
    for (int i = 0; cpu_names[i]; i++)
        if (can & 1u << i && i)
            str_printf(&s->text, " %s", cpu_names[i]);
    if (!(can & CPU_avx2)) {
        str_add(&s->text, " no instructions that we know beyond the baseline");
        str_add(&s->advice, "without AVX2 pictures are resized several times more slowly: in a "
                            "virtual machine let it show the host's processor");
    }
}

static void check_cores(struct said *s)
{
    int may = pool_cpus();
    long there = sysconf(_SC_NPROCESSORS_ONLN);
    char *limit = text_of("/sys/fs/cgroup/cpu.max");
    double quota = 0, period = 0;

    str_printf(&s->text, "%d of %ld processors are ours", may, there);
    if (limit) {
        char *end = strchr(limit, ' ');

        if (end)
            *end++ = 0;
        if (end && strchr(end, '\n'))
            *strchr(end, '\n') = 0;
        if (end && str_to_double(limit, &quota) && str_to_double(end, &period) && period > 0 &&
            quota / period < may - 0.01) {
            str_printf(&s->text, ", for %.3g of their time", quota / period);
            str_printf(&s->advice, "the control group allows %.3g processors: --threads %d",
                       quota / period, (int)fmax(1, ceil(quota / period)));
        }
    }
    free(limit);
}

static void check_memory(struct said *s)
{
    char *info = text_of("/proc/meminfo"), *group = text_of("/sys/fs/cgroup/memory.max");
    double all = meminfo(info ? info : "", "MemTotal"), limit;
    double left = meminfo(info ? info : "", "MemAvailable");

    if (group && strchr(group, '\n'))
        *strchr(group, '\n') = 0;
    if (group && str_to_double(group, &limit) && limit < all) {
        left = fmin(left, limit);
        all = limit;
    }
    add_gb(&s->text, left);
    str_add(&s->text, " of ");
    add_gb(&s->text, all);
    str_add(&s->text, " are free");
    if (all > 0 && left < MEMORY_WANTED)
        str_add(&s->advice, "close something, or give small --batch and --size");
    free(info);
    free(group);
}

/* Flop a second of one thread on squares of this side. */
static double matrix_rate(const struct nn_kernels *k)
{
    enum { N = 384, TIMES = 4 };
    size_t count = (size_t)N * N;
    real *m = calloc(3 * count, sizeof *m);
    double best = 0;

    for (int i = 0; m && i < TIMES; i++) {
        double from = clock_now(), seconds;

        k->gemm_f32(false, false, N, N, N, m, N, m + count, N, false, m + 2 * count, N);
        seconds = clock_now() - from;
        if (seconds > 0)
            best = fmax(best, 2.0 * N * N * N / seconds);
    }
    free(m);
    return best;
}

static void check_kernels(struct said *s)
{
    struct err err = { 0 };
    const struct nn_kernels *k = nn_kernels_get(NULL, &err);
    double rate = k ? matrix_rate(k) : 0;
    bool plain = k && !strcmp(k->name.gemm_f32, "ref");
    const char *blas = k && !strcmp(k->name.gemm_f32, "blas") ? nn_blas_about() : "";

    if (!k) {
        str_add(&s->text, err.msg);
        str_add(&s->advice, "build discern for this processor");
        return;
    }
    str_printf(&s->text, "matrices by %s%s%s, %.0f Gflop/s a thread", k->name.gemm_f32,
               *blas ? ", " : "", blas, rate * 1e-9);
    if (plain)
        str_add(&s->advice, "built without vectors, and without OpenBLAS in their place");
    else if (rate > 0 && rate < RATE_WANTED)
        str_add(&s->advice,
                *blas ? "that is slow: is the machine busy, or libopenblas the generic one "
                        "(update-alternatives --display libblas.so.3-x86_64-linux-gnu)?"
                      : "that is slow: is the machine busy?");
}

static void check_decoders(struct said *s)
{
    str_printf(&s->text, "pictures by %s", data_decoders);
    if (!strstr(data_decoders, "webp"))
        str_add(&s->text, "; no WebP (make WITH_WEBP=1)");
}

/* A picture of one pixel, as BMP has it. */
static const uint8_t pixel[] = {
    'B', 'M', 58, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, /* bytes, and where the pixels are */
    40, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 24, 0, /* width, height, planes, bits */
    0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* as it is */
    10, 20, 30, 0,
};

static void check_sandbox(struct said *s)
{
    struct err err = { 0 };
    struct data_decode how;
    struct data_image image = { .width = 0 };

    if (data_sandbox_choose(true, 1, &how, &err) &&
        data_sandbox_decode(how.sandbox, pixel, sizeof pixel, &how, &image, &err)) {
        str_add(&s->text, "--sandbox decodes pictures where they can do nothing");
    } else {
        str_printf(&s->text, "--sandbox does not work here: %s", err.msg);
        str_add(&s->advice, "decode pictures from strangers elsewhere, or let this container use "
                            "seccomp");
    }
    data_image_release(&image);
    data_sandbox_free(how.sandbox);
}

/* Whether files may be written into the folder, or where it would be made. */
static bool may_write_into(const char *path)
{
    char *copy = strdup(path), *slash;
    bool ok = false;

    while (copy && file_kind(copy) == FILE_NONE && (slash = strrchr(copy, '/')) && slash > copy)
        *slash = 0;
    ok = copy && file_kind(copy) == FILE_FOLDER && access(copy, W_OK | X_OK) == 0;
    free(copy);
    return ok;
}

static void check_cache(struct said *s)
{
    char *path = cli_cache_folder();

    if (!path) {
        str_add(&s->text, "neither $XDG_CACHE_HOME nor $HOME names a folder");
        str_add(&s->advice, "decoded pictures are not kept: train --cache DIR");
    } else {
        str_add(&s->text, "decoded pictures are kept in ");
        cli_clean(&s->text, path);
        if (!may_write_into(path))
            str_add(&s->advice, "it cannot be written: train --cache DIR names another");
    }
    free(path);
}

static void check_disk(struct said *s)
{
    double left;

    if (!free_on_disk(".", &left)) {
        str_add(&s->text, "this folder is on no disk that can be asked");
        return;
    }
    add_gb(&s->text, left);
    str_add(&s->text, " are free here");
    if (left < DISK_WANTED)
        str_add(&s->advice, "make room: a training keeps its checkpoints, and a cache if it can");
    if (access(".", W_OK) != 0) {
        str_add(&s->text, ", but nothing can be written");
        str_printf(&s->advice, "%strain --out DIR names another folder", s->advice.len ? "; " : "");
    }
}

static void check_limits(struct said *s)
{
    struct rlimit files, memory;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || getrlimit(RLIMIT_AS, &memory) != 0)
        return;
    if (files.rlim_cur == RLIM_INFINITY)
        str_add(&s->text, "any number of open files");
    else
        str_printf(&s->text, "%llu open files", (unsigned long long)files.rlim_cur);
    if (memory.rlim_cur != RLIM_INFINITY) {
        str_add(&s->text, ", at most ");
        add_gb(&s->text, (double)memory.rlim_cur);
        str_add(&s->text, " of memory");
    }
    if (files.rlim_cur < FILES_WANTED)
        str_printf(&s->advice, "ulimit -n %d", FILES_WANTED);
}

/* What other programs add: nothing that we need. */
static void check_programs(struct said *s)
{
    static const char *const names[][2] = {
        { "cc", "compiles export --to c" },
        { "arm-none-eabi-gcc", "the same for microcontrollers" },
        { "aarch64-linux-gnu-gcc", "for 64-bit ARM" },
        { "qemu-aarch64", "runs that here" },
        { "dot", "draws info --graph dot" },
        { "ffmpeg", "takes films apart" },
    };
    int missing = 0;

    for (int there = 1; there >= 0; there--)
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            if (cli_has_program(names[i][0]) != (bool)there)
                continue;
            if (!there && !missing++)
                str_add(&s->text, s->text.len ? "; not here: " : "not here: ");
            else if (s->text.len)
                str_add(&s->text, ", ");
            str_printf(&s->text, "%s (%s)", names[i][0], names[i][1]);
        }
}

static const struct {
    const char *name;
    void (*look)(struct said *s);
} checks[] = {
    { "build", check_build },       { "processor", check_processor },
    { "cores", check_cores },       { "memory", check_memory },
    { "kernels", check_kernels },   { "decoders", check_decoders },
    { "sandbox", check_sandbox },   { "cache", check_cache },
    { "disk", check_disk },         { "limits", check_limits },
    { "programs", check_programs },
};
enum { CHECKS = sizeof checks / sizeof *checks };

/* ---- the command ----------------------------------------------------------------------------- */

static void write_json(const struct said *said, int warnings, struct str *out)
{
    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.doctor/1");
    json_number(out, "warnings", warnings);
    json_begin(out, "checks", '[');
    for (int i = 0; i < CHECKS; i++) {
        json_begin(out, NULL, '{');
        json_text(out, "name", checks[i].name);
        json_text(out, "state", said[i].advice.len ? "warn" : "ok");
        json_text(out, "text", str_text(&said[i].text));
        json_text(out, "advice", said[i].advice.len ? str_text(&said[i].advice) : NULL);
        json_end(out, '}');
    }
    json_end(out, ']');
    json_end(out, '}');
}

static void write_text(const struct said *said, bool color, struct str *out)
{
    enum { INDENT = 17 };

    for (int i = 0; i < CHECKS; i++) {
        bool ok = !said[i].advice.len;

        str_printf(out, "%s%-4s%s  %-11s", !color ? "" : ok ? "\033[32m" : "\033[33m",
                   ok ? "ok" : "warn", color ? "\033[0m" : "", checks[i].name);
        cli_wrap(out, str_text(&said[i].text), INDENT, INDENT);
        if (ok)
            continue;
        str_printf(out, "%*s-> ", INDENT, "");
        cli_wrap(out, str_text(&said[i].advice), INDENT + 3, INDENT + 3);
    }
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct cli_args args;
    struct err err = { 0 };
    struct said said[CHECKS] = { { { 0 }, { 0 } } };
    struct str out = { 0 };
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);
    int warnings = 0;

    if (parsed == CLI_DONE)
        return 0;
    if (parsed == CLI_FAILED)
        return cli_fail(&err, o.json);
    for (int i = 0; i < CHECKS; i++) {
        checks[i].look(&said[i]);
        warnings += said[i].advice.len > 0;
    }
    if (o.json)
        write_json(said, warnings, &out);
    else
        write_text(said, args.color, &out);
    for (int i = 0; i < CHECKS; i++) {
        str_release(&said[i].text);
        str_release(&said[i].advice);
    }
    cli_print(&out, &err);
    str_release(&out);
    if (err.kind)
        return cli_fail(&err, o.json);
    if (warnings)
        cli_say("%d warning%s", warnings, str_plural(warnings));
    return warnings > 0;
}

const struct cli_command infer_cmd_doctor = {
    .name = "doctor",
    .summary = "tell what discern finds on this machine, and what would help",
    .synopsis = "",
    .about = "Looks at the processor, memory, libraries, the sandbox, the cache and the disk: a "
             "line each, with what to do where something is worse than it need be. Ends with 0, or "
             "with 1 where there was something to do.",
    .examples = "discern doctor\n"
                "discern doctor --json\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 0,
    .max_args = 0,
    .run = run,
};
