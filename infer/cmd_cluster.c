/*
 * cmd_cluster -- discern data cluster: pictures that look alike to a network, in heaps
 */
#include "data/csv.h"
#include "infer/cmd_set.h"
#include "infer/embed/cluster_page.h"
#include "nn/base/file.h"
#include "nn/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LABELS = 4,                 /* of a cluster that are told */
    COUNTED = 4,                /* pictures of which it is asked how many clusters there are */
};

struct options {
    int clusters, least, seed, how, precision, batch, threads;
    bool density, json, force, sandbox;
    const char *model, *csv, *html, *sort_into, *undo;
    struct data_source_options source;
};

static const char *const hows[] = { "copy", "link", "move", NULL };

static const struct field options[] = {
    FIELD_INT(struct options, clusters, NULL, 0, 0, 10000,
              "how many; 0 = as many as are clearest, 2 to 64"),
    FIELD_BOOL(struct options, density,
               "as many as there are where pictures lie densely; what lies thinly is in none"),
    FIELD_INT(struct options, least, NULL, 0, 0, 1000000,
              "of --density: pictures that make a cluster, 2 or more; 0 = a hundredth of all, 5 "
              "at least"),
    FIELD_STRING(struct options, csv, "FILE", NULL,
                 "write a table: each picture's cluster, how far it is from the middle, labels"),
    FIELD_STRING(struct options, html, "FILE", NULL,
                 "write a page with a contact sheet of each cluster"),
    FIELD_STRING(struct options, sort_into, "DIR", NULL,
                 "put pictures into a folder for each cluster, in DIR"),
    FIELD_ENUM(struct options, how, hows, INFER_COPY, "what --sort-into does with a picture"),
    FIELD_STRING(struct options, undo, "DIR", NULL, "put back what --sort-into put into DIR"),
    FIELD_BOOL(struct options, json, "one JSON object instead of a report"),
    FIELD_BOOL(struct options, force, "write over files that are there"),
    FIELD_INT(struct options, seed, NULL, 0, 0, 2147483647, "of where clusters begin"),
    INFER_CMD_SET_FIELDS(struct options),
    FIELDS_END
};

struct job {
    const struct options *o;
    struct infer_set s;
    struct infer_clusters c;
    double silhouette;          /* NAN: not asked for */
    int least;                  /* of --density */
    int *member;                /* [rows] as struct infer_sheet has it */
    struct infer_agreement agreement;
    struct str how;
    struct infer_sheet sheet;
};

/* ---- clusters -------------------------------------------------------------------------------- */

struct place {
    int cluster, row;
    float distance;
};

static int by_place(const void *pa, const void *pb)
{
    const struct place *a = pa, *b = pb;

    if (a->cluster != b->cluster)
        return a->cluster < b->cluster ? -1 : 1;
    if (a->distance != b->distance)
        return a->distance < b->distance ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

static bool order_members(struct job *j, struct err *err)
{
    size_t n = (size_t)j->c.n;
    struct place *place = malloc((n + 1) * sizeof *place);

    j->member = malloc((n + 1) * sizeof *j->member);
    for (size_t i = 0; place && i < n; i++)
        place[i] = (struct place){ j->c.of[i] < 0 ? j->c.k : j->c.of[i], (int)i,
                                   j->c.distance[i] };
    if (place)
        qsort(place, n, sizeof *place, by_place);
    for (size_t i = 0; place && j->member && i < n; i++)
        j->member[i] = place[i].row;
    free(place);
    return (place && j->member) || err_set(err, ERR_MEMORY, "no memory for %d pictures", j->c.n);
}

/* Where each picture has one label at most. */
static bool agree(struct job *j, struct err *err)
{
    int *label = malloc(((size_t)j->c.n + 1) * sizeof *label);
    bool ok = label || err_set(err, ERR_MEMORY, "no memory for %d pictures", j->c.n);

    for (int i = 0; ok && i < j->c.n; i++)
        label[i] = j->s.x->sample[j->s.sample[i]].label;
    ok = ok && infer_agree(j->c.n, j->c.of, j->c.k, label, j->s.x->n_labels, &j->agreement, err);
    free(label);
    return ok;
}

static bool find(struct job *j, struct pool *pool, struct err *err)
{
    const struct options *o = j->o;
    int n = j->s.rows.n, k = o->clusters;
    uint64_t seed = (uint64_t)o->seed;

    if (o->density) {
        j->least = o->least ? o->least : n / 100 > 5 ? n / 100 : 5;
        return infer_density(&j->s.rows, j->least, j->least < 5 ? j->least : 5, pool, &j->c, err);
    }
    if (k > n)
        return err_set(err, ERR_INPUT, "%d clusters of %d pictures that can be read: give fewer",
                       k, n);
    if (!k && n < COUNTED)
        k = 1;
    return (k || infer_cluster_count(&j->s.rows, INFER_COUNT_MOST, seed, pool, &k, &j->silhouette,
                                     err)) &&
           infer_kmeans(&j->s.rows, k, seed, pool, &j->c, err);
}

static void tell_how(struct job *j)
{
    const struct infer_set *s = &j->s;
    struct str *out = &j->how;
    int in = 0;

    for (int c = 0; c < j->c.k; c++)
        in += j->c.count[c];
    str_printf(out, "%d picture%s by what %s sees (%d numbers): %d cluster%s", s->rows.n,
               str_plural(s->rows.n), s->path, s->rows.width, j->c.k, str_plural(j->c.k));
    if (j->o->density)
        str_printf(out, " of %d or more by density, %d pictures in none", j->least, j->c.n - in);
    else if (!isnan(j->silhouette))
        str_printf(out, ", as many as are clearest (silhouette %.3f)", j->silhouette);
    else if (!j->o->clusters && s->rows.n >= COUNTED)
        str_add(out, ", for all look the same to it");
}

static bool cluster(struct job *j, struct err *err)
{
    struct pool *pool = pool_new(j->s.threads, err);
    bool ok = pool && find(j, pool, err);

    pool_free(pool);
    if (!ok)
        return err_in(err, "%s", j->s.data);
    if (!order_members(j, err) ||
        (j->s.x->n_labels && j->s.x->task == DATA_SINGLE && !agree(j, err)))
        return false;
    if (j->c.k < j->o->clusters)
        cli_say("%s: %d cluster%s, not %d: no more pictures look different to the model",
                j->s.data, j->c.k, str_plural(j->c.k), j->o->clusters);
    tell_how(j);
    j->sheet = (struct infer_sheet){ j->s.data, str_text(&j->how), j->s.x, j->s.sample, &j->c,
                                     j->member, j->agreement.n ? &j->agreement : NULL };
    return true;
}

/* ---- what is written ------------------------------------------------------------------------- */

static bool write_csv(const struct job *j, struct err *err)
{
    struct str out = { 0 }, labels = { 0 };
    bool ok;

    str_add(&out, "name,cluster,distance,labels\n");
    for (int i = 0; i < j->c.n; i++) {
        const struct data_sample *s = &j->s.x->sample[j->s.sample[i]];

        data_csv_put(&out, s->name);
        if (j->c.of[i] < 0)
            str_add(&out, ",,,");
        else
            str_printf(&out, ",%d,%.6g,", j->c.of[i] + 1, (double)j->c.distance[i]);
        str_clear(&labels);
        data_sample_labels(j->s.x, s, "|", &labels);
        data_csv_put(&out, str_text(&labels));
        str_addc(&out, '\n');
    }
    ok = out.failed || labels.failed
             ? err_set(err, ERR_MEMORY, "%s: cannot hold %d names", j->o->csv, j->c.n)
             : file_replace(j->o->csv, out.data, out.len, err);
    str_release(&out);
    str_release(&labels);
    if (ok)
        cli_say("wrote %s", j->o->csv);
    return ok;
}

/* The digits of the last cluster: names in order. */
static int digits(int n)
{
    return n < 10 ? 1 : 1 + digits(n / 10);
}

static bool sort(const struct job *j, int *left, struct err *err)
{
    struct infer_sort_counts n;
    struct infer_sort *sort = infer_sort_open(j->o->sort_into, (enum infer_how)j->o->how,
                                              infer_cmd_stays, NULL, err);
    struct str name = { 0 };
    bool ok = sort;

    for (int i = 0; ok && i < j->c.n; i++) {
        const struct data_sample *s = &j->s.x->sample[j->s.sample[j->member[i]]];
        int c = j->c.of[j->member[i]];

        str_clear(&name);
        str_printf(&name, c < 0 ? "none" : "cluster-%0*d", digits(j->c.k), c + 1);
        ok = name.failed ? err_set(err, ERR_MEMORY, "no memory for a name")
                         : infer_sort_put(sort, s->path, 1, (const char *[]){ name.data }, err);
    }
    str_release(&name);
    ok = ok && infer_sort_finish(sort, &n, err);
    infer_sort_free(sort);
    if (ok) {
        infer_cmd_sorted(&n, j->o->sort_into);
        *left = n.left;
    }
    return ok;
}

/* Where the path lies, or what of it is there: free() it.  NULL: memory is out. */
static char *place_of(const char *path)
{
    char *part = strdup(path), *found = NULL, *slash;

    while (part && *part && !(found = realpath(part, NULL))) {
        slash = strrchr(part, '/');
        if (!slash || slash == part)
            break;
        *slash = 0;
    }
    if (part && !found)
        found = realpath(*path == '/' ? "/" : ".", NULL);
    free(part);
    return found;
}

/* What is made of a set must not become a part of it: the next look would find everything twice.
 * What is moved is there once. */
static bool sorts_outside(const struct job *j, struct err *err)
{
    char *set = place_of(j->s.data), *to = place_of(j->o->sort_into);
    size_t n = set ? strlen(set) : 0;
    bool within = set && to && file_kind(set) == FILE_FOLDER && !strncmp(to, set, n) &&
                  (!to[n] || to[n] == '/' || set[n - 1] == '/');

    free(set);
    free(to);
    if (!within || j->o->how == INFER_MOVE)
        return true;
    return err_set(err, ERR_INPUT, "%s: lies in the set, which would then have every picture "
                   "twice: name a folder elsewhere, or --how move", j->o->sort_into);
}

/* What is sorted are files of their own. */
static bool may_sort(const struct job *j, struct err *err)
{
    if (j->o->sort_into && !sorts_outside(j, err))
        return false;
    for (int i = 0; j->o->sort_into && i < j->s.x->n; i++)
        if (j->s.x->sample[i].raw)
            return err_set(err, ERR_UNSUPPORTED, "%s: its pictures are no files of their own: they "
                           "cannot be sorted into folders", j->s.x->sample[i].path);
    return true;
}

/* ---- the report ------------------------------------------------------------------------------ */

static void put_text(const struct job *j, int *label, int *count, struct str *out)
{
    const struct data_index *x = j->s.x;

    cli_clean(out, j->s.data);
    str_add(out, ": ");
    cli_clean(out, str_text(&j->how));
    str_add(out, "\n\ncluster  pictures  ");
    str_add(out, x->n_labels ? "labels\n" : "nearest to the middle\n");
    for (int c = 0, first = 0; c < j->c.k; first += j->c.count[c++]) {
        int n = infer_sheet_labels(&j->sheet, c, label, count);

        str_printf(out, "%7d  %8d  ", c + 1, j->c.count[c]);
        for (int l = 0; l < n && l < LABELS; l++) {
            str_add(out, l ? ", " : "");
            cli_clean(out, x->label[label[l]]);
            str_printf(out, " %.0f%%", 100.0 * count[l] / j->c.count[c]);
        }
        if (n > LABELS)
            str_printf(out, ", %d more", n - LABELS);
        if (!x->n_labels)
            cli_clean(out, x->sample[j->s.sample[j->member[first]]].name);
        str_addc(out, '\n');
    }
    if (j->sheet.agreement) {
        str_addc(out, '\n');
        infer_sheet_agreement(&j->sheet, out);
        str_addc(out, '\n');
    }
}

static void put_cluster(const struct job *j, int c, int first, int *label, int *count,
                        struct str *out)
{
    int n = infer_sheet_labels(&j->sheet, c, label, count);

    json_begin(out, NULL, '{');
    json_number(out, "cluster", c + 1);
    json_number(out, "pictures", j->c.count[c]);
    json_text(out, "middle", j->s.x->sample[j->s.sample[j->member[first]]].name);
    json_begin(out, "labels", '[');
    for (int l = 0; l < n; l++) {
        json_begin(out, NULL, '{');
        json_text(out, "label", j->s.x->label[label[l]]);
        json_number(out, "pictures", count[l]);
        json_end(out, '}');
    }
    json_end(out, ']');
    json_end(out, '}');
}

static void put_json(const struct job *j, int *label, int *count, struct str *out)
{
    const struct infer_agreement *a = j->sheet.agreement;
    int first = 0;

    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.data.cluster/1");
    json_text(out, "data", j->s.data);
    json_text(out, "model", j->s.path);
    json_text(out, "method", j->o->density ? "density" : "k-means");
    json_number(out, "pictures", j->c.n);
    json_number(out, "failed", j->s.failed);
    json_number(out, "silhouette", j->silhouette);
    json_begin(out, "clusters", '[');
    for (int c = 0; c < j->c.k; first += j->c.count[c++])
        put_cluster(j, c, first, label, count, out);
    json_end(out, ']');
    json_number(out, "none", j->c.n - first);
    json_number(out, "purity", a ? a->purity : NAN);
    json_number(out, "information", a ? a->information : NAN);
    json_number(out, "rand", a ? a->rand : NAN);
    json_text(out, "csv", j->o->csv);
    json_text(out, "html", j->o->html);
    json_text(out, "sorted_into", j->o->sort_into);
    json_end(out, '}');
}

static bool report(const struct job *j, struct err *err)
{
    int *label = calloc((size_t)j->s.x->n_labels + 1, sizeof *label);
    int *count = calloc((size_t)j->s.x->n_labels + 1, sizeof *count);
    struct str out = { 0 };
    bool ok = (label && count) || err_set(err, ERR_MEMORY, "no memory for the report");

    if (ok && j->o->json)
        put_json(j, label, count, &out);
    else if (ok)
        put_text(j, label, count, &out);
    ok = ok && cli_print(&out, err);
    str_release(&out);
    free(label);
    free(count);
    return ok;
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool check(const struct options *o, const bool *given, int n, struct err *err)
{
    if (given[field_find(options, "how") - options] && !o->sort_into)
        return err_set(err, ERR_USAGE, "--how is for --sort-into DIR");
    if (o->undo && (n || o->sort_into))
        return err_set(err, ERR_USAGE, "--undo DIR stands alone: no DATA");
    if (!o->undo && !n)
        return err_set(err, ERR_USAGE, "data cluster needs DATA");
    if (o->density && o->clusters)
        return err_set(err, ERR_USAGE, "--density finds how many there are: leave out --clusters");
    if (o->least == 1)
        return err_set(err, ERR_USAGE, "--least 1: a cluster is 2 pictures at least");
    if (o->least && !o->density)
        return err_set(err, ERR_USAGE, "--least is for --density");
    return true;
}

static bool go(struct job *j, const char *data, int *left, struct err *err)
{
    const struct options *o = j->o;
    const struct infer_set_options how = {
        .model = o->model, .source = &o->source, .precision = o->precision, .batch = o->batch,
        .threads = o->threads, .sandbox = o->sandbox, .bare = true };
    const char *const file[] = { o->csv, o->html };

    if (!infer_set_open(&j->s, data, &how, err) ||
        !infer_set_may_write(&j->s, file, 2, o->force, err) || !may_sort(j, err) ||
        !infer_set_look(&j->s, true, err) || !cluster(j, err))
        return false;
    if ((o->csv && !write_csv(j, err)) ||
        (o->html && !infer_sheet_write(&j->sheet, &j->s.how, j->s.threads, o->html, err)))
        return false;
    if (o->html)
        cli_say("wrote %s", o->html);
    return (!o->sort_into || sort(j, left, err)) && report(j, err);
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    bool given[sizeof options / sizeof *options] = { false };
    struct cli_args args;
    struct err err = { 0 };
    struct job j = { .o = &o, .silhouette = NAN };
    enum cli_result parsed;
    int left = 0;
    bool ok;

    field_defaults(options, &o);
    parsed = cli_parse_over(self, argc, argv, &o, given, &args, &err);
    if (parsed == CLI_DONE)
        return 0;
    if (parsed == CLI_FAILED || !check(&o, given, args.n, &err))
        return cli_fail(&err, o.json);
    if (o.undo)
        return infer_cmd_undo(o.undo, o.json);
    ok = go(&j, args.arg[0], &left, &err);
    infer_clusters_release(&j.c);
    free(j.member);
    str_release(&j.how);
    infer_set_release(&j.s);
    if (!ok)
        return cli_fail(&err, o.json);
    err.kind = left ? ERR_INPUT : ERR_NONE;
    return cli_status(&err);
}

const struct cli_command infer_cmd_cluster = {
    .name = "data cluster",
    .summary = "put pictures that look alike to a model together",
    .synopsis = "DATA",
    .about = "Shows every picture to a model and takes what goes into its last layer; pictures "
             "whose numbers point the same way are put together, by k-means or, with --density, "
             "by HDBSCAN*.  Labels are not looked at, and DATA may have none; where there are "
             "some, it is told how clusters and labels agree.  Nothing is moved or copied but "
             "with --sort-into, which --undo puts back.  docs/cluster.md says more.",
    .examples = "discern data cluster photos/ --model cats.safetensors --html clusters.html\n"
                "discern data cluster photos/ --model m.safetensors --clusters 20 --csv of.csv\n"
                "discern data cluster heap/ --model m.safetensors --sort-into heaps --how link\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 0,
    .max_args = 1,
    .run = run,
};
