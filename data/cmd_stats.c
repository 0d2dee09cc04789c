/*
 * cmd_stats -- discern data stats: what a set holds, from names, labels and headers alone
 */
#include "data/census.h"
#include "data/cmd.h"
#include "nn/base/json.h"
#include "nn/base/pool.h"

#include <string.h>

struct options {
    struct data_source_options source;
    bool json, all;
    int threads;
};

static const struct field options[] = {
    FIELD_BOOL(struct options, json, "one JSON object instead of a report"),
    FIELD_BOOL(struct options, all, "tell every label, not the first ones"),
    FIELD_INT(struct options, threads, NULL, 0, 0, 1024, "threads; 0 = all processors"),
    DATA_SOURCE_FIELDS(struct options, source),
    FIELDS_END
};

enum { LABELS = 40, NAME_WIDTH = 24, BAR = 24 };

/* A row a label: name, pictures in each part, all of them, and a bar that the commonest fills. */
static void add_labels(const struct data_census *c, const struct data_index *x, bool all,
                       struct str *out)
{
    int shown = all || c->n_labels <= LABELS ? c->n_labels : LABELS, width = 5, most = 1, parts = 0;

    for (int p = 0; p < DATA_PARTS; p++)
        parts += c->part[p] > 0;
    for (int l = 0; l < c->n_labels; l++) {
        int w = cli_width(x->label[l]);

        most = c->total[l] > most ? c->total[l] : most;
        width = l < shown && w > width ? w : width;
    }
    width = width < NAME_WIDTH ? width : NAME_WIDTH;
    str_add(out, "\n  ");
    cli_column(out, "label", width, false);
    for (int p = 0; parts > 1 && p < DATA_PARTS; p++)
        if (c->part[p])
            str_printf(out, " %7s", p == DATA_UNSPLIT ? "no part" : data_split_names[p]);
    str_add(out, "      all  share\n");
    for (int l = 0; l < shown; l++) {
        str_add(out, "  ");
        cli_column(out, x->label[l], width, false);
        for (int p = 0; parts > 1 && p < DATA_PARTS; p++)
            if (c->part[p])
                str_printf(out, " %7d", c->label[l][p]);
        str_printf(out, " %8d %5.1f%%  ", c->total[l],
                   c->readable ? 100.0 * c->total[l] / c->readable : 0);
        for (int k = 0; k < (int)((int64_t)BAR * c->total[l] / most); k++)
            str_addc(out, '#');
        str_addc(out, '\n');
    }
    if (shown < c->n_labels)
        str_printf(out, "  ... and %d more (--all)\n", c->n_labels - shown);
}

static void add_spread(const char *name, struct data_spread s, struct str *out)
{
    str_printf(out, "  %-16s %6d %7d %7d\n", name, s.min, s.median, s.max);
}

static void add_multi(const struct data_census *c, const struct data_index *x, struct str *out)
{
    str_printf(out, "\n  labels a picture: none %d, one %d, two %d, more %d\n", c->carrying[0],
               c->carrying[1], c->carrying[2], c->carrying[3]);
    if (c->n_pairs)
        str_add(out, "\n  most often together\n");
    for (int i = 0; i < c->n_pairs; i++) {
        str_printf(out, "  %7d  ", c->pair[i].both);
        cli_clean(out, x->label[c->pair[i].a]);
        str_add(out, " + ");
        cli_clean(out, x->label[c->pair[i].b]);
        str_addc(out, '\n');
    }
}

static void write_text(const char *name, const struct data_census *c, const struct data_index *x,
                       bool all, struct str *out)
{
    data_census_text(c, x, name, out);
    add_labels(c, x, all, out);
    str_printf(out, "\n  evenness %.3f (1: every label as common as the others)\n", c->evenness);
    if (x->task == DATA_MULTI)
        add_multi(c, x, out);
    str_printf(out, "\n  %-16s %6s %7s %7s\n", "pixels", "least", "median", "most");
    add_spread("width", c->width, out);
    add_spread("height", c->height, out);
    add_spread("shorter side", c->side, out);
    if (c->readable < c->pictures || x->n_skipped)
        str_printf(out, "\n  %d picture%s cannot be read, %d name%s skipped: `discern data check` "
                   "says why\n", c->pictures - c->readable, str_plural(c->pictures - c->readable),
                   x->n_skipped, x->n_skipped == 1 ? " was" : "s were");
}

static void write_json(const char *name, const struct data_census *c, const struct data_index *x,
                       struct str *out)
{
    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.data.stats/1");
    json_text(out, "data", name);
    data_census_json(c, x, out);
    json_number(out, "skipped", x->n_skipped);
    json_end(out, '}');
}

static bool stats(const struct options *o, const char *name, struct err *err)
{
    struct progress progress;
    struct data_audit_options opt = { .threads = o->threads ? o->threads : pool_cpus(),
                                      .headers = true, .progress = &progress };
    struct data_index *x = data_index_open(name, &o->source, err);
    struct data_audit *a;
    struct data_census *c;
    struct str out = { 0 };
    bool ok;

    if (!x)
        return false;
    cli_progress(&progress, "read", "pictures", x->n);
    a = data_audit_new(x, &opt, err);
    progress_end(&progress);
    c = a ? data_census_new(a, err) : NULL;

    if (c && o->json)
        write_json(name, c, x, &out);
    else if (c)
        write_text(name, c, x, o->all, &out);
    ok = c && cli_print(&out, err);
    str_release(&out);
    data_census_free(c);
    data_audit_free(a);
    data_index_free(x);
    return ok;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct cli_args args;
    struct err err = { 0 };
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);

    if (parsed == CLI_DONE)
        return 0;
    o.source.whatever = true;
    if (parsed == CLI_FAILED || !stats(&o, args.arg[0], &err))
        return cli_fail(&err, o.json);
    return 0;
}

const struct cli_command data_cmd_stats = {
    .name = "data stats",
    .summary = "count what a set holds: labels, parts, sizes, formats",
    .synopsis = "DATA",
    .about = "Tells the layout that was recognised, the labels with their pictures by part, sizes, "
             "formats and, where pictures have several labels, how many and which together.  "
             "Reads the beginnings of the files only and decodes nothing.",
    .examples = "discern data stats photos/\n"
                "discern data stats labels.csv --json\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
