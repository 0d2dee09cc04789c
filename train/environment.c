/*
 * environment -- see environment.h
 */
#include "train/environment.h"

#include "data/image.h"
#include "nn/base/about.h"
#include "nn/base/cpu.h"
#include "nn/kernel/cpu.h"

#include <string.h>
#include <unistd.h>

/* "ref avx2 avx512": what the processor can. */
static void add_instructions(struct str *out)
{
    for (int i = 0; cpu_names[i]; i++)
        if (cpu_can() & 1U << i)
            str_printf(out, "%s%s", out->len ? " " : "", cpu_names[i]);
}

/* Takes the text over; a text that is empty is null. */
static bool set(json_t *o, const char *key, struct str *text)
{
    json_t *value = text->len ? json_string(str_text(text)) : json_null();
    bool ok = !text->failed && !json_object_set_new(o, key, value);

    str_release(text);
    return ok;
}

static bool set_text(json_t *o, const char *key, const char *text)
{
    struct str s = { 0 };

    str_utf8(&s, text);
    return set(o, key, &s);
}

json_t *train_environment(int threads)
{
    json_t *o = json_object();
    struct str instructions = { 0 };
    char host[256] = "", processor[CPU_NAME];
    bool ok;

    add_instructions(&instructions);
    gethostname(host, sizeof host - 1);
    ok = o && set_text(o, "version", about_version) && set_text(o, "git", about_git) &&
         set_text(o, "compiler", about_compiler) && set_text(o, "flags", about_flags) &&
         set_text(o, "blas", nn_blas_about()) && set_text(o, "decoders", data_decoders);
    ok &= set(o, "instructions", &instructions);
    ok = ok && set_text(o, "cpu", cpu_model(processor)) &&
         !json_object_set_new(o, "threads", json_integer(threads)) && set_text(o, "host", host);
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

void train_environment_compare(const json_t *then, struct str *out)
{
    static const char *const matter[] = { "version", "git",      "compiler",    "flags",
                                          "blas",    "decoders", "instructions" };
    json_t *here = train_environment(1);

    for (size_t i = 0; here && i < sizeof matter / sizeof *matter; i++) {
        const char *a = json_string_value(json_object_get(then, matter[i])),
                   *b = json_string_value(json_object_get(here, matter[i]));

        if (a && b && strcmp(a, b))
            str_printf(out, "%s%s was \"%s\" and is \"%s\"", out->len ? ", " : "", matter[i], a,
                       b);
    }
    json_decref(here);
}
