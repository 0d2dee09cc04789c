/*
 * cmd_similar -- discern data similar: the pictures of a set that look most like some others
 */
#include "data/page.h"
#include "data/thumbs.h"
#include "infer/cmd_set.h"
#include "nn/base/file.h"
#include "nn/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SIDE = 128 };            /* of a thumbnail */

struct options {
    int top, precision, batch, threads;
    bool json, force, sandbox;
    const char *in, *html, *model;
    struct data_source_options source;
};

static const struct field options[] = {
    FIELD_STRING(struct options, in, "DATA", NULL, "the set that is searched"),
    FIELD_INT(struct options, top, NULL, 10, 1, 10000, "how many to tell of each picture"),
    FIELD_STRING(struct options, html, "FILE", NULL, "write a page with the pictures, too"),
    FIELD_BOOL(struct options, json, "one JSON object instead of lines"),
    FIELD_BOOL(struct options, force, "write over a file that is there"),
    INFER_CMD_SET_FIELDS(struct options),
    FIELDS_END
};

struct near {
    double cosine;
    int sample;
};

struct job {
    const struct options *o;
    struct infer_set s;
    struct data_index asked;    /* the pictures of the command line */
    struct infer_features of;   /* of them */
    int top;
    struct near *near;          /* [asked.n,top] the nearest first; sample -1: no more */
};

/* ---- nearest --------------------------------------------------------------------------------- */

static int nearest_first(const void *pa, const void *pb)
{
    const struct near *a = pa, *b = pb;

    if (a->cosine != b->cosine)
        return a->cosine > b->cosine ? -1 : 1;
    return (a->sample > b->sample) - (a->sample < b->sample);
}

/* A picture is not told to be like itself. */
static bool is_same_file(const char *a, const struct data_sample *b)
{
    struct stat sa, sb;

    return !b->raw && !stat(a, &sa) && !stat(b->path, &sb) && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

/* all[rows.n] is room. */
static void search_one(struct job *j, int q, struct near *all)
{
    const float *row = j->of.row + (size_t)q * (size_t)j->of.width;
    int told = 0;

    for (int i = 0; i < j->s.rows.n; i++) {
        double d = infer_distance2(row, infer_point(&j->s.rows, i), j->of.width);

        all[i] = (struct near){ 1 - d / 2, j->s.sample[i] };    /* both are of length 1 */
    }
    qsort(all, (size_t)j->s.rows.n, sizeof *all, nearest_first);
    for (int i = 0; i < j->s.rows.n && told < j->top; i++)
        if (all[i].cosine < 0.9999 ||
            !is_same_file(j->asked.sample[q].path, &j->s.x->sample[all[i].sample]))
            j->near[(size_t)q * (size_t)j->top + (size_t)told++] = all[i];
    while (told < j->top)
        j->near[(size_t)q * (size_t)j->top + (size_t)told++].sample = -1;
}

static bool search(struct job *j, struct err *err)
{
    struct near *all = malloc(((size_t)j->s.rows.n + 1) * sizeof *all);

    j->top = j->o->top < j->s.rows.n ? j->o->top : j->s.rows.n;
    j->near = calloc((size_t)j->asked.n * (size_t)j->top + 1, sizeof *j->near);
    infer_features_normalize(j->of.n, j->of.width, j->of.row);
    for (int q = 0; all && j->near && q < j->asked.n; q++)
        if (j->of.read[q])
            search_one(j, q, all);
    free(all);
    return (all && j->near) || err_set(err, ERR_MEMORY, "no memory for %d pictures", j->s.rows.n);
}

static const struct near *near_of(const struct job *j, int q, int *n)
{
    const struct near *near = j->near + (size_t)q * (size_t)j->top;

    for (*n = 0; *n < j->top && near[*n].sample >= 0;)
        ++*n;
    return near;
}

/* ---- what is told ---------------------------------------------------------------------------- */

static void put_text(const struct job *j, struct str *out)
{
    for (int q = 0; q < j->asked.n; q++) {
        int n;
        const struct near *near = near_of(j, q, &n);

        if (!j->of.read[q])
            continue;
        cli_clean(out, j->asked.sample[q].name);
        str_addc(out, '\n');
        for (int i = 0; i < n; i++) {
            str_printf(out, "  %6.3f  ", near[i].cosine);
            infer_set_put_name(j->s.x, near[i].sample, out);
            str_addc(out, '\n');
        }
    }
}

static void put_near(const struct job *j, const struct near *near, struct str *out)
{
    const struct data_sample *s = &j->s.x->sample[near->sample];

    json_begin(out, NULL, '{');
    json_text(out, "name", s->name);
    json_text(out, "path", s->path);
    json_number(out, "cosine", near->cosine);
    json_begin(out, "labels", '[');
    for (int l = 0; l < j->s.x->n_labels; l++)
        if (data_sample_has(s, l))
            json_text(out, NULL, j->s.x->label[l]);
    json_end(out, ']');
    json_end(out, '}');
}

static void put_json(const struct job *j, struct str *out)
{
    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.data.similar/1");
    json_text(out, "data", j->s.data);
    json_text(out, "model", j->s.path);
    json_number(out, "pictures", j->s.rows.n);
    json_number(out, "failed", j->s.failed);
    json_begin(out, "asked", '[');
    for (int q = 0; q < j->asked.n; q++) {
        int n;
        const struct near *near = near_of(j, q, &n);

        json_begin(out, NULL, '{');
        json_text(out, "file", j->asked.sample[q].name);
        json_raw(out, "read", j->of.read[q] ? "true" : "false");
        json_begin(out, "similar", '[');
        for (int i = 0; j->of.read[q] && i < n; i++)
            put_near(j, &near[i], out);
        json_end(out, ']');
        json_end(out, '}');
    }
    json_end(out, ']');
    json_text(out, "html", j->o->html);
    json_end(out, '}');
}

/* ---- the page -------------------------------------------------------------------------------- */

static const char style[] =
    "section{margin:1.5rem 0}figure{max-width:8.2rem}img{max-width:128px;max-height:128px}"
    "figcaption{overflow-wrap:anywhere}.asked{border-left:.3rem solid var(--line);"
    "padding-left:1rem}";

static void add_near(const struct job *j, const struct data_thumbs *t, const struct near *near,
                     struct str *out)
{
    struct str name = { 0 };

    str_add(out, "<figure>");
    data_thumbs_add(t, near->sample, out);
    str_printf(out, "<figcaption><b>%.3f</b> ", near->cosine);
    infer_set_put_name(j->s.x, near->sample, &name);
    data_page_text(out, str_text(&name));
    str_add(out, "</figcaption></figure>");
    out->failed |= name.failed;
    str_release(&name);
}

static void add_page(const struct job *j, const struct data_thumbs *asked,
                     const struct data_thumbs *t, struct str *out)
{
    data_page_begin(out, j->s.data, "discern data similar", style);
    for (int q = 0; q < j->asked.n; q++) {
        int n;
        const struct near *near = near_of(j, q, &n);

        if (!j->of.read[q])
            continue;
        str_add(out, "<section><h2>");
        data_page_text(out, j->asked.sample[q].name);
        str_add(out, "</h2>\n<div class=asked>");
        data_thumbs_add(asked, q, out);
        str_add(out, "</div>\n<div class=row>");
        for (int i = 0; i < n; i++)
            add_near(j, t, &near[i], out);
        str_add(out, "</div></section>\n");
    }
    data_page_end(out);
}

static bool write_page(const struct job *j, struct err *err)
{
    struct data_thumbs *asked = data_thumbs_new(&j->asked, SIDE, j->asked.n, err);
    struct data_thumbs *t = asked ? data_thumbs_new(j->s.x, SIDE, 3000, err) : NULL;
    struct str out = { 0 };
    bool ok = t;

    for (int q = 0; ok && q < j->asked.n; q++) {
        int n;
        const struct near *near = near_of(j, q, &n);

        data_thumbs_want(asked, q);
        for (int i = 0; j->of.read[q] && i < n; i++)
            data_thumbs_want(t, near[i].sample);
    }
    ok = ok && data_thumbs_make(asked, &j->s.how, j->s.threads, err) &&
         data_thumbs_make(t, &j->s.how, j->s.threads, err);
    if (ok)
        add_page(j, asked, t, &out);
    if (ok && out.failed)
        ok = err_set(err, ERR_MEMORY, "no memory for the page");
    if (!ok)
        err_in(err, "%s", j->o->html);
    ok = ok && file_replace(j->o->html, out.data, out.len, err);
    str_release(&out);
    data_thumbs_free(asked);
    data_thumbs_free(t);
    if (ok)
        cli_say("wrote %s", j->o->html);
    return ok;
}

/* ---- the command ----------------------------------------------------------------------------- */

/* The pictures of the command line, which must all be there. */
static bool ask(struct job *j, int n, char **arg, struct err *err)
{
    j->asked.mem = arena_new();
    if (!j->asked.mem)
        return err_set(err, ERR_MEMORY, "no memory for %d pictures", n);
    for (int i = 0; i < n; i++) {
        if (file_kind(arg[i]) == FILE_FOLDER)
            return err_set(err, ERR_INPUT, "%s: is a folder: name pictures, and the set behind "
                           "--in", arg[i]);
        if (file_kind(arg[i]) == FILE_NONE)
            return err_set(err, ERR_INPUT, "%s: is not there", arg[i]);
        if (!data_index_add(&j->asked, (struct data_sample){ .path = arg[i], .name = arg[i],
                                                              .label = -1 }, err))
            return false;
    }
    return true;
}

/* One picture that cannot be read is an error; of several the others are answered. */
static bool look_at_asked(struct job *j, struct err *err)
{
    struct data_image image;
    bool ok;

    if (j->asked.n == 1) {
        if (!data_sample_image(&j->asked.sample[0], &j->s.how, &image, err))
            return false;
        data_image_release(&image);
    }
    ok = infer_set_look_at(&j->s, &j->asked, &j->of, err);
    j->s.failed = 0;            /* of the set none was looked at yet */
    return ok;
}

static bool go(struct job *j, int n, char **arg, struct err *err)
{
    const struct options *o = j->o;
    const struct infer_set_options how = {
        .model = o->model, .source = &o->source, .precision = o->precision, .batch = o->batch,
        .threads = o->threads, .sandbox = o->sandbox, .bare = true };
    struct str out = { 0 };
    bool ok;

    if (!o->in)
        return err_set(err, ERR_USAGE, "--in DATA is missing: the set that is searched");
    if (!o->model)
        return err_set(err, ERR_USAGE, INFER_SET_NO_MODEL);
    if (!ask(j, n, arg, err) || !infer_set_open(&j->s, o->in, &how, err) ||
        !infer_set_may_write(&j->s, &o->html, 1, o->force, err) ||
        !data_index_spares(&j->asked, o->html, err) || !look_at_asked(j, err) ||
        !infer_set_look(&j->s, true, err) || !search(j, err) ||
        (o->html && !write_page(j, err)))
        return false;
    if (o->json)
        put_json(j, &out);
    else
        put_text(j, &out);
    ok = cli_print(&out, err);
    str_release(&out);
    return ok;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct cli_args args;
    struct err err = { 0 };
    struct job j = { .o = &o };
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);
    bool ok;
    int left;

    if (parsed == CLI_DONE)
        return 0;
    ok = parsed == CLI_RUN && go(&j, args.n, args.arg, &err);
    left = ok ? j.of.n - j.of.n_read : 0;
    infer_features_release(&j.of);
    free(j.near);
    free(j.asked.sample);
    arena_free(j.asked.mem);
    infer_set_release(&j.s);
    if (!ok)
        return cli_fail(&err, o.json);
    err.kind = left ? ERR_INPUT : ERR_NONE;
    return cli_status(&err);
}

const struct cli_command infer_cmd_similar = {
    .name = "data similar",
    .summary = "find the pictures of a set that look most like others, to a model",
    .synopsis = "PICTURE...",
    .about = "Shows the pictures, and every picture of the set, to a model; tells of each those of "
             "the set for which what goes into the model's last layer points most nearly the same "
             "way, with the cosine of the angle: 1 is the same direction, 0 none in common.  A "
             "picture that lies in the set itself is left out of its own list.  Labels are told "
             "and not looked at; DATA may have none.",
    .examples = "discern data similar cat.jpg --in photos/ --model cats.safetensors\n"
                "discern data similar a.jpg --in photos/ --model m.safetensors --html near.html\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 1,
    .max_args = -1,
    .run = run,
};
