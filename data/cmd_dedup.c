/*
 * cmd_dedup -- discern data dedup: pictures that are there more than once
 *
 * Changes nothing: it tells, and with --out writes down the set without them.
 */
#include "data/cmd.h"
#include "data/kept.h"
#include "data/phash.h"
#include "data/sandbox.h"
#include "nn/base/json.h"
#include "nn/base/pool.h"

#include <stdlib.h>
#include <string.h>

enum { TOLD_CLUSTERS = 20, TOLD_MEMBERS = 8 };

struct options {
    struct data_source_options source;
    const char *out;
    bool force, no_near, strict, all, sandbox, json;
    int threads;
};

static const struct field options[] = {
    { .name = "out", .kind = FIELD_KIND_STRING, .count = 1, .offset = offsetof(struct options, out),
      .hint = "FILE", .letter = 'o',
      .doc = "write the pictures without their duplicates: a table where it is called .csv, else a "
             "list of paths" },
    FIELD_BOOL(struct options, force, "replace FILE where it is there"),
    FIELD_BOOL(struct options, no_near, "the same bytes alone: nothing is decoded"),
    FIELD_BOOL(struct options, all, "tell every cluster, not the first ones"),
    FIELD_BOOL(struct options, strict, "exit with status 1 when there are any"),
    FIELD_INT(struct options, threads, NULL, 0, 0, 1024, "0 = one a processor; changes no result"),
    DATA_SANDBOX_FIELD(struct options),
    FIELD_BOOL(struct options, json, "one JSON object with every cluster instead of a list"),
    DATA_SOURCE_FIELDS(struct options, source),
    FIELDS_END
};

/* Of one cluster, by its smallest sample. */
struct cluster {
    int n;
    int keep;                   /* the member that stays */
    bool same;                  /* all have the same bytes */
    bool leak;                  /* in more than one part */
    bool conflict;              /* their labels contradict each other */
};

struct report {
    const char *data;
    const struct options *o;
    const struct data_index *x;
    struct data_phash *phash;   /* [x->n]; NULL: not looked at */
    bool *readable;             /* [x->n] */
    int *cluster;               /* [x->n] */
    int *member, *first;        /* samples by cluster; where in that a cluster's begin */
    struct cluster *of;         /* [x->n] */
    int clusters, clustered, same, leaks, conflicts, unreadable, kept;
};

/* ---- what there is --------------------------------------------------------------------------- */

/* Whether one says yes and the other no. */
static bool contradict(const struct data_index *x, const struct data_sample *a,
                       const struct data_sample *b)
{
    if (!a->mark || !b->mark)
        return a->label >= 0 && b->label >= 0 && a->label != b->label;
    for (int l = 0; l < x->n_labels; l++)
        if (a->mark[l] >= 0 && b->mark[l] >= 0 && a->mark[l] != b->mark[l])
            return true;
    return false;
}

static bool allocate(struct report *r, struct arena *mem, struct err *err)
{
    size_t n = (size_t)r->x->n + 1;

    r->cluster = arena_array(mem, n, sizeof *r->cluster);
    r->member = arena_array(mem, n, sizeof *r->member);
    r->first = arena_array(mem, n, sizeof *r->first);
    r->of = arena_array(mem, n, sizeof *r->of);
    r->readable = arena_array(mem, n, sizeof *r->readable);
    r->phash = r->o->no_near ? NULL : arena_array(mem, n, sizeof *r->phash);
    return (r->cluster && r->member && r->first && r->of && r->readable &&
            (r->phash || r->o->no_near)) ||
           err_set(err, ERR_MEMORY, "%s: cannot compare %d pictures", r->data, r->x->n);
}

/* Lists members cluster by cluster; counts. */
static void gather(struct report *r)
{
    const struct data_index *x = r->x;
    int at = 0;

    for (int i = 0; i < x->n; i++)
        r->of[r->cluster[i]].n++;
    for (int c = 0; c < x->n; c++) {
        r->first[c] = at;
        at += r->of[c].n;
        r->of[c].n = 0;
    }
    for (int i = 0; i < x->n; i++) {
        struct cluster *c = &r->of[r->cluster[i]];
        const struct data_sample *s = &x->sample[i], *first;

        r->member[r->first[r->cluster[i]] + c->n++] = i;
        if (c->n == 1)
            *c = (struct cluster){ .n = 1, .keep = i, .same = true };
        first = &x->sample[r->cluster[i]];
        c->same &= s->hash == first->hash;
        c->leak |= s->split != first->split;
        /* What is tested with stays as it is; what was to be learnt goes. */
        if (s->split > x->sample[c->keep].split)
            c->keep = i;
        r->unreadable += r->phash ? !r->readable[i] : !s->hash;
    }
    for (int c = 0; c < x->n; c++) {
        struct cluster *k = &r->of[c];

        for (int m = 1; m < k->n; m++)
            k->conflict |= contradict(x, &x->sample[c], &x->sample[r->member[r->first[c] + m]]);
        r->kept += k->n > 0;
        r->clusters += k->n > 1;
        r->clustered += k->n > 1 ? k->n : 0;
        r->same += k->n > 1 && k->same;
        r->leaks += k->n > 1 && k->leak;
        r->conflicts += k->conflict;
    }
}

static bool look(struct report *r, struct data_index *x, struct arena *mem, struct err *err)
{
    int threads = r->o->threads ? r->o->threads : pool_cpus();
    struct progress progress;
    struct data_decode how;
    bool ok;

    r->x = x;
    for (int i = 0; i < x->n; i++)
        x->sample[i].group = NULL;      /* a group belongs together, and is no copy */
    if (!allocate(r, mem, err))
        return false;
    if (!data_sandbox_choose(r->o->sandbox, threads, &how, err))
        return false;
    cli_progress(&progress, "looked at", "pictures", x->n);
    ok = r->phash ? data_phash_index(x, threads, &how, &progress, r->phash, r->readable, err)
                  : data_index_hash(x, threads, err);
    progress_end(&progress);
    data_sandbox_free(how.sandbox);
    if (!ok || !data_phash_clusters(x, r->phash, r->cluster, err))
        return false;
    gather(r);
    return true;
}

/* How far a member is from the one that is kept. */
static double distance(const struct report *r, const struct cluster *c, int i)
{
    if (!r->phash || r->x->sample[i].hash == r->x->sample[c->keep].hash)
        return 0;
    return data_phash_distance(&r->phash[c->keep], &r->phash[i]);
}

/* ---- the report ------------------------------------------------------------------------------ */

static void put_member(const struct report *r, const struct cluster *c, int i, struct str *out)
{
    const struct data_sample *s = &r->x->sample[i];
    struct str labels = { 0 };

    if (i == c->keep)
        str_add(out, "    keep    ");
    else
        str_printf(out, "    %.4f  ", distance(r, c, i));
    cli_column(out, data_split_names[s->split], 9, false);
    cli_clean(out, s->name);
    str_add(out, "  (");
    data_sample_labels(r->x, s, ", ", &labels);
    cli_clean(out, str_text(&labels));
    str_add(out, ")\n");
    out->failed |= labels.failed;
    str_release(&labels);
}

static void put_cluster(const struct report *r, int at, struct str *out)
{
    const struct cluster *c = &r->of[at];
    int told = r->o->all || c->n <= TOLD_MEMBERS + 1 ? c->n : TOLD_MEMBERS;

    str_printf(out, "%d %s%s%s\n", c->n, c->same ? "of the same file" : "that look the same",
               c->leak ? ", in more than one part" : "",
               c->conflict ? ", with labels that contradict each other" : "");
    for (int m = 0; m < told; m++)
        put_member(r, c, r->member[r->first[at] + m], out);
    if (told < c->n)
        str_printf(out, "    ... and %d more\n", c->n - told);
}

/* Contradictions, then leaks, then what does little harm. */
static int gravity(const struct cluster *c)
{
    return c->conflict ? 2 : c->leak ? 1 : 0;
}

static void put_clusters(const struct report *r, struct str *out)
{
    int told = 0, most = r->o->all ? r->clusters : TOLD_CLUSTERS;

    for (int g = 2; g >= 0; g--) {
        for (int c = 0; c < r->x->n && told < most; c++) {
            if (r->of[c].n < 2 || gravity(&r->of[c]) != g)
                continue;
            put_cluster(r, c, out);
            told++;
        }
    }
    if (told < r->clusters)
        str_printf(out, "... and %d more cluster%s (--all)\n", r->clusters - told,
                   str_plural(r->clusters - told));
    if (r->clusters)
        str_addc(out, '\n');
}

static void put_text(const struct report *r, struct str *out)
{
    put_clusters(r, out);
    str_printf(out, "pictures      %d, %d without their duplicates\n", r->x->n, r->kept);
    str_printf(out, "clusters      %d of %d pictures: %d of the same file%s\n", r->clusters,
               r->clustered, r->same,
               r->phash ? ", the others look the same" : " (looks were not compared)");
    if (r->leaks)
        str_printf(out, "leaks         %d: copies of one picture are in different parts\n",
                   r->leaks);
    if (r->conflicts)
        str_printf(out, "conflicts     %d: copies of one picture have different labels\n",
                   r->conflicts);
    if (r->unreadable)
        str_printf(out, "unreadable    %d: only the same bytes are found\n", r->unreadable);
    if (r->o->out) {
        str_add(out, "written       ");
        cli_clean(out, r->o->out);
        str_addc(out, '\n');
    }
}

static void json_member(const struct report *r, const struct cluster *c, int i, struct str *out)
{
    const struct data_index *x = r->x;
    const struct data_sample *s = &x->sample[i];

    json_begin(out, NULL, '{');
    json_text(out, "name", s->name);
    json_text(out, "split", data_split_names[s->split]);
    json_begin(out, "labels", '[');
    for (int l = 0; l < x->n_labels; l++)
        if (data_sample_has(s, l))
            json_text(out, NULL, x->label[l]);
    json_end(out, ']');
    json_number(out, "distance", distance(r, c, i));
    json_raw(out, "keep", i == c->keep ? "true" : "false");
    json_end(out, '}');
}

static void put_json(const struct report *r, struct str *out)
{
    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.data.dedup/1");
    json_text(out, "data", r->data);
    json_text(out, "out", r->o->out);
    json_number(out, "pictures", r->x->n);
    json_number(out, "kept", r->kept);
    json_number(out, "clustered", r->clustered);
    json_number(out, "same", r->same);
    json_number(out, "leaks", r->leaks);
    json_number(out, "conflicts", r->conflicts);
    json_number(out, "unreadable", r->unreadable);
    json_begin(out, "clusters", '[');
    for (int k = 0; k < r->x->n; k++) {
        const struct cluster *c = &r->of[k];

        if (c->n < 2)
            continue;
        json_begin(out, NULL, '{');
        json_raw(out, "same", c->same ? "true" : "false");
        json_raw(out, "leak", c->leak ? "true" : "false");
        json_raw(out, "conflict", c->conflict ? "true" : "false");
        json_begin(out, "pictures", '[');
        for (int m = 0; m < c->n; m++)
            json_member(r, c, r->member[r->first[k] + m], out);
        json_end(out, ']');
        json_end(out, '}');
    }
    json_end(out, ']');
    json_end(out, '}');
}

/* ---- the set without them -------------------------------------------------------------------- */

/* Writes the samples that are kept.  What is not compared is kept. */
static bool write_kept(const struct report *r, struct err *err)
{
    bool *keep = malloc(((size_t)r->x->n + 1) * sizeof *keep);
    bool ok;

    if (!keep)
        return err_set(err, ERR_MEMORY, "%s: cannot hold %d pictures", r->o->out, r->x->n);
    for (int i = 0; i < r->x->n; i++)
        keep[i] = r->of[r->cluster[i]].keep == i;
    ok = data_kept_write(r->x, keep, r->o->out, err);
    free(keep);
    return ok;
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool dedup(struct report *r, struct data_index *x, struct arena *mem, struct err *err)
{
    const struct options *o = r->o;

    return (!o->out || cli_may_write(o->out, r->data, o->force, err)) && look(r, x, mem, err) &&
           (!o->out || write_kept(r, err));
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct cli_args args;
    struct err err = { 0 };
    struct str out = { 0 };
    struct data_index *x;
    struct arena *mem;
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);
    struct report r = { .o = &o };
    bool ok;

    if (parsed == CLI_DONE)
        return 0;
    if (parsed == CLI_FAILED)
        return cli_fail(&err, o.json);
    r.data = args.arg[0];
    x = data_index_open(r.data, &o.source, &err);
    mem = x ? arena_new() : NULL;
    ok = x && (mem || err_set(&err, ERR_MEMORY, "%s: memory is out", r.data)) &&
         data_index_spares(x, o.out, &err) && dedup(&r, x, mem, &err);
    if (ok && o.json)
        put_json(&r, &out);
    else if (ok)
        put_text(&r, &out);
    ok = ok && cli_print(&out, &err);
    str_release(&out);
    arena_free(mem);
    data_index_free(x);
    if (!ok)
        return cli_fail(&err, o.json);
    if (o.strict && r.clusters)
        cli_say("%s: %d picture%s there more than once", r.data, r.clusters,
                r.clusters == 1 ? " is" : "s are");
    return o.strict && r.clusters ? 1 : 0;
}

const struct cli_command data_cmd_dedup = {
    .name = "data dedup",
    .summary = "find pictures that are there more than once",
    .synopsis = "DATA",
    .about = "Names pictures of the same bytes and pictures that look the same (compressed again, "
             "resized, brightened), with how far each is from the one that would be kept (0 is "
             "identical, 0.15 is where other pictures begin), and says where copies have different "
             "labels or lie in different parts: these come first. Mirrored pictures are no "
             "duplicates. "
             "Of copies in different parts the one that is tested with is kept.\n"
             "The data are never changed. With --out the set without its duplicates is written "
             "down. For training there is no need to: a split keeps copies on one side.",
    .examples = "discern data dedup photos/\n"
                "discern data dedup photos/ -o kept.csv\n"
                "discern data dedup photos/ --strict --json\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
