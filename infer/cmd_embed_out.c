/*
 * cmd_embed_out -- see cmd_embed_out.h
 */
#include "infer/cmd_embed_out.h"

#include "data/csv.h"
#include "infer/embed/npy.h"
#include "nn/base/cli.h"
#include "nn/base/file.h"
#include "nn/base/json.h"
#include "nn/io/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *const infer_rows_forms[] = { "auto", "npy", "csv", "jsonl", "safetensors", NULL };

struct infer_rows {
    enum infer_rows_form form;
    int width;
    const char *path, *model, *what;
    struct infer_npy *npy;
    struct file_out *file;      /* CSV, JSONL; NPY: of the names; NULL: standard output */
    struct str text;            /* of a row; SAFETENSORS: the names, JSON */
    float *row;                 /* SAFETENSORS: [n,width] */
    size_t n, room;
};

enum infer_rows_form infer_rows_form_of(const char *path)
{
    const char *dot = path ? strrchr(path, '.') : NULL;

    for (int f = INFER_ROWS_NPY; dot && infer_rows_forms[f]; f++)
        if (!strcasecmp(dot + 1, infer_rows_forms[f]))
            return (enum infer_rows_form)f;
    return dot && !strcasecmp(dot, ".ndjson") ? INFER_ROWS_JSONL : INFER_ROWS_CSV;
}

void infer_rows_names(const char *path, struct str *out)
{
    size_t n = strlen(path);

    if (n > 4 && !strcasecmp(path + n - 4, ".npy"))
        n -= 4;
    str_printf(out, "%.*s.names.csv", (int)n, path);
}

/* ---- texts ----------------------------------------------------------------------------------- */

static void add_csv(struct infer_rows *r, const char *name, const float *row)
{
    if (!r->n) {
        str_add(&r->text, "file");
        for (int k = 0; k < r->width; k++)
            str_printf(&r->text, ",f%d", k);
        str_addc(&r->text, '\n');
    }
    data_csv_put(&r->text, name);
    for (int k = 0; k < r->width; k++) {
        str_addc(&r->text, ',');
        str_float(&r->text, row[k]);
    }
    str_addc(&r->text, '\n');
}

static void add_json(struct infer_rows *r, const char *name, const float *row)
{
    json_begin(&r->text, NULL, '{');
    json_text(&r->text, "schema", "discern.embed.line/1");
    json_text(&r->text, "file", name);
    json_begin(&r->text, "features", '[');
    for (int k = 0; k < r->width; k++)
        json_float(&r->text, NULL, row[k]);
    json_end(&r->text, ']');
    json_end(&r->text, '}');
    str_addc(&r->text, '\n');
}

static void add_name(struct infer_rows *r, const char *name)
{
    if (!r->n)
        str_add(&r->text, "file\n");
    data_csv_put(&r->text, name);
    str_addc(&r->text, '\n');
}

/* Sends r->text where it belongs. */
static bool send(struct infer_rows *r, struct err *err)
{
    bool ok = !r->text.failed || err_set(err, ERR_MEMORY, "no memory for a row of numbers");

    if (ok && r->file)
        ok = file_write(r->file, str_text(&r->text), r->text.len, err);
    else if (ok)
        ok = (fwrite(str_text(&r->text), 1, r->text.len, stdout) == r->text.len ||
              err_set(err, ERR_IO, "standard output: cannot write")) &&
             cli_flush(err);
    str_clear(&r->text);
    return ok;
}

/* ---- safetensors ----------------------------------------------------------------------------- */

static bool keep(struct infer_rows *r, const char *name, const float *row, struct err *err)
{
    size_t width = (size_t)r->width;

    if (r->n == r->room) {
        size_t room = 2 * r->room + 1024;
        float *more = realloc(r->row, room * width * sizeof *more);

        if (!more)
            return err_set(err, ERR_MEMORY, "no memory for %zu rows: the forms npy, csv and jsonl "
                           "need none", room);
        r->row = more;
        r->room = room;
    }
    memcpy(r->row + r->n * width, row, width * sizeof *row);
    if (!r->n)
        json_begin(&r->text, NULL, '[');
    json_text(&r->text, NULL, name);
    return true;
}

static bool write_tensors(struct infer_rows *r, struct err *err)
{
    struct st_entry entry = { .name = "features",
                              .tensor = { .dtype = DTYPE_F32, .data = r->row,
                                          .shape = { .rank = 2, .dim = { (int64_t)r->n,
                                                                         r->width } } } };
    const struct st_meta meta[] = { { "discern.embed.files", str_text(&r->text) },
                                    { "discern.embed.model", r->model },
                                    { "discern.embed.what", r->what } };

    json_end(&r->text, ']');
    if (r->text.failed)
        return err_set(err, ERR_MEMORY, "no memory for the names of %zu pictures", r->n);
    return st_write(r->path, 1, &entry, sizeof meta / sizeof *meta, meta, err);
}

/* ---- all of them ----------------------------------------------------------------------------- */

struct infer_rows *infer_rows_begin(enum infer_rows_form form, const char *path, int width,
                                    const char *model, const char *what, struct err *err)
{
    struct infer_rows *r = calloc(1, sizeof *r);
    struct str names = { 0 };
    bool ok = true;

    if (!r) {
        err_set(err, ERR_MEMORY, "no memory for a row of numbers");
        return NULL;
    }
    *r = (struct infer_rows){ .form = form, .width = width, .path = path, .model = model,
                              .what = what };
    if (form == INFER_ROWS_NPY) {
        infer_rows_names(path, &names);
        file_sweep(str_text(&names));
        ok = (!names.failed || err_set(err, ERR_MEMORY, "no memory for a file name")) &&
             (r->npy = infer_npy_begin(path, 1, &width, err)) &&
             (r->file = file_create(str_text(&names), err));
        str_release(&names);
    } else if (path && form != INFER_ROWS_SAFETENSORS) {
        file_sweep(path);
        ok = (r->file = file_create(path, err));
    }
    if (ok)
        return r;
    infer_rows_abandon(r);
    return NULL;
}

bool infer_rows_add(struct infer_rows *r, const char *name, const float *row, struct err *err)
{
    bool ok = true;

    if (r->form == INFER_ROWS_SAFETENSORS)
        ok = keep(r, name, row, err);
    else if (r->form == INFER_ROWS_NPY)
        add_name(r, name);
    else if (r->form == INFER_ROWS_CSV)
        add_csv(r, name, row);
    else
        add_json(r, name, row);
    r->n++;
    return ok && (r->form == INFER_ROWS_SAFETENSORS || send(r, err)) &&
           (!r->npy || infer_npy_add(r->npy, row, err));
}

bool infer_rows_end(struct infer_rows *r, struct err *err)
{
    struct infer_npy *npy = r->npy;
    struct file_out *file = r->file;
    bool ok = true;

    r->npy = NULL;
    r->file = NULL;
    if (file)
        ok = file_commit(file, err);
    if (npy && ok)
        ok = infer_npy_end(npy, err);
    else
        infer_npy_abandon(npy);
    if (r->form == INFER_ROWS_SAFETENSORS)
        ok = write_tensors(r, err);
    infer_rows_abandon(r);
    return ok;
}

void infer_rows_abandon(struct infer_rows *r)
{
    if (!r)
        return;
    infer_npy_abandon(r->npy);
    file_abandon(r->file);
    str_release(&r->text);
    free(r->row);
    free(r);
}
