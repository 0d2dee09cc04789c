/*
 * cmd -- see cmd.h
 */
#include "infer/cmd.h"

#include "nn/base/file.h"

#include <stdarg.h>
#include <sys/stat.h>

/* C0, DEL, and C1 as UTF-8 writes it (C2 80 to C2 9F): what a terminal may obey. */
void infer_cmd_clean(struct str *out, const char *text)
{
    struct str utf8 = { 0 };

    str_utf8(&utf8, text);
    for (const char *p = str_text(&utf8); *p; p++) {
        unsigned char c = (unsigned char)p[0], d = (unsigned char)p[1];

        if (c < 0x20 || c == 0x7F) {
            str_addc(out, '?');
        } else if (c == 0xC2 && d < 0xA0) {
            str_addc(out, '?');
            p++;
        } else {
            str_addc(out, *p);
        }
    }
    out->failed |= utf8.failed;
    str_release(&utf8);
}

int infer_cmd_width(const char *text)
{
    int n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

void infer_cmd_say(const char *fmt, ...)
{
    struct str raw = { 0 }, clean = { 0 };
    va_list ap;

    va_start(ap, fmt);
    str_vprintf(&raw, fmt, ap);
    va_end(ap);
    infer_cmd_clean(&clean, str_text(&raw));
    fprintf(stderr, "discern: %s\n", str_text(&clean));
    str_release(&raw);
    str_release(&clean);
}

bool infer_cmd_print(const struct str *out, struct err *err)
{
    if (out->failed)
        return err_set(err, ERR_MEMORY, "no memory for the answer");
    fwrite(str_text(out), 1, out->len, stdout);
    if (out->len == 0 || out->data[out->len - 1] != '\n')
        putchar('\n');
    return cli_flush(err);
}

struct infer_predictor *infer_cmd_predictor(const struct infer_model *m, int batch, int threads,
                                            struct err *err)
{
    return infer_predictor_new(m->graph, m->params, m->task, batch,
                               threads ? threads : pool_cpus(), NULL, err);
}

static bool same_file(const char *a, const char *b)
{
    struct stat s, t;

    return !stat(a, &s) && !stat(b, &t) && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}

bool infer_cmd_may_write(const char *out, const char *model, bool force, struct err *err)
{
    enum file_kind kind = file_kind(out);

    if (kind == FILE_NONE)
        return true;
    if (kind != FILE_REGULAR)
        return err_set(err, ERR_INPUT, "%s: is no file that can be overwritten", out);
    if (same_file(out, model))
        return err_set(err, ERR_INPUT, "%s: is the model itself", out);
    if (!force)
        return err_set(err, ERR_INPUT, "%s: exists; --force overwrites it", out);
    return true;
}
