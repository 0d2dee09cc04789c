/*
 * cmd_import -- discern data import: labelled pictures from one layout into another
 */
#include "data/cmd.h"
#include "data/source.h"
#include "nn/base/json.h"

#include <stdlib.h>
#include <string.h>

enum { TOLD_SKIPPED = 10 };

struct options {
    struct data_source_options source;
    const char *to, *out;
    bool force, formats, json;
};

static const struct field options[] = {
    FIELD_STRING(struct options, to, "FORMAT", "csv", "the layout to write"),
    { .name = "out", .letter = 'o', .kind = FIELD_KIND_STRING, .count = 1, .hint = "OUT",
      .offset = offsetof(struct options, out), .doc = "the file or folder to write" },
    FIELD_BOOL(struct options, force, "overwrite a file that is there"),
    FIELD_BOOL(struct options, formats, "list the layouts, and what each is"),
    FIELD_BOOL(struct options, json, "one JSON object that says what was done"),
    DATA_SOURCE_FIELDS(struct options, source),
    FIELDS_END
};

/* How many pictures have each label, [n_labels] of each part. */
struct counts {
    int pictures[DATA_TEST + 1];
    int *label[DATA_TEST + 1];
};

static bool list_formats(bool json, struct err *err)
{
    struct str out = { 0 };
    bool ok;

    if (json) {
        json_begin(&out, NULL, '{');
        json_text(&out, "schema", "discern.data.import/1");
        json_begin(&out, "formats", '[');
    }
    for (int i = 0; i < data_source_count(); i++) {
        const struct data_source *s = data_source_at(i);

        if (json) {
            json_begin(&out, NULL, '{');
            json_text(&out, "name", s->name);
            json_text(&out, "doc", s->doc);
            json_raw(&out, "write", s->write ? "true" : "false");
            json_end(&out, '}');
        } else {
            str_printf(&out, "%-10s%-7s%s\n", s->name, s->write ? "" : "read", s->doc);
        }
    }
    if (json) {
        json_end(&out, ']');
        json_end(&out, '}');
    }
    ok = cli_print(&out, err);
    str_release(&out);
    return ok;
}

static bool count(const struct data_index *x, struct counts *c, struct err *err)
{
    for (int p = 0; p <= DATA_TEST; p++) {
        c->label[p] = calloc((size_t)x->n_labels + 1, sizeof *c->label[p]);
        if (!c->label[p])
            return err_set(err, ERR_MEMORY, "cannot hold %d labels", x->n_labels);
    }
    for (int i = 0; i < x->n; i++) {
        const struct data_sample *s = &x->sample[i];

        c->pictures[s->split]++;
        for (int j = 0; j < x->n_labels; j++)
            c->label[s->split][j] += s->mark ? s->mark[j] == 1 : s->label == j;
    }
    return true;
}

static void put_counts(struct str *out, const struct counts *c, int label)
{
    for (int p = 0; p <= DATA_TEST; p++)
        json_number(out, data_split_names[p], label < 0 ? c->pictures[p] : c->label[p][label]);
}

static void write_json(struct str *out, const char *data, const struct options *o,
                       const struct data_index *x, const struct counts *c)
{
    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.data.import/1");
    json_text(out, "data", data);
    json_text(out, "format", x->source);
    if (x->columns)
        json_text(out, "columns", x->columns);
    json_text(out, "to", o->to);
    json_text(out, "out", o->out);
    json_text(out, "task", data_task_names[x->task]);
    json_number(out, "pictures", x->n);
    json_begin(out, "parts", '{');
    put_counts(out, c, -1);
    json_end(out, '}');
    json_begin(out, "labels", '[');
    for (int j = 0; j < x->n_labels; j++) {
        json_begin(out, NULL, '{');
        json_text(out, "name", x->label[j]);
        put_counts(out, c, j);
        json_end(out, '}');
    }
    json_end(out, ']');
    json_begin(out, "skipped", '[');
    for (int i = 0; i < x->n_skipped; i++) {
        json_begin(out, NULL, '{');
        json_text(out, "file", x->skipped[i].path);
        json_text(out, "why", x->skipped[i].why);
        json_end(out, '}');
    }
    json_end(out, ']');
    json_end(out, '}');
}

/* What reading left out, and what writing does. */
static void tell(const char *data, const struct options *o, const struct data_index *x,
                 const struct counts *c)
{
    struct str parts = { 0 };
    bool groups = false;

    if (x->columns)
        cli_say("%s: %s", data, x->columns);
    if (x->passed)
        cli_say("--label COLUMN names the column of the labels, if they are in: %s", x->passed);
    for (int i = 0; i < x->n_skipped && i < TOLD_SKIPPED; i++)
        cli_say("%s: left out: %s", x->skipped[i].path, x->skipped[i].why);
    if (x->n_skipped > TOLD_SKIPPED)
        cli_say("%d more files are left out (--json names them)", x->n_skipped - TOLD_SKIPPED);
    for (int i = 0; i < x->n && !groups; i++)
        groups = x->sample[i].group != NULL;
    if (groups)
        cli_say("groups are not written: give --group again where the pictures are split");
    for (int p = DATA_TRAIN; p <= DATA_TEST; p++) {
        if (c->pictures[p])
            str_printf(&parts, ", %s %d", data_split_names[p], c->pictures[p]);
    }
    cli_say("%s (%s): %d pictures%s, %d labels; wrote %s (%s)", data, x->source, x->n,
            str_text(&parts), x->n_labels, o->out, o->to);
    str_release(&parts);
}

static bool report(const char *data, const struct options *o, const struct data_index *x,
                   struct err *err)
{
    struct counts c = { .pictures = { 0 } };
    struct str out = { 0 };
    bool ok = count(x, &c, err);

    if (ok)
        tell(data, o, x, &c);
    if (ok && o->json)
        write_json(&out, data, o, x, &c);
    else
        str_printf(&out, "%s\n", o->out);
    ok = ok && cli_print(&out, err);
    for (int p = 0; p <= DATA_TEST; p++)
        free(c.label[p]);
    str_release(&out);
    return ok;
}

/* Copies that lie in DATA would be read as more of it the next time. */
static bool check_apart(const char *out, const char *data, struct err *err)
{
    size_t n = strlen(out);
    char *above, *place, *root = realpath(data, NULL);
    bool inside;

    while (n > 1 && out[n - 1] == '/')
        n--;
    while (n && out[n - 1] != '/')
        n--;
    above = n ? strndup(out, n) : strdup(".");
    place = above ? realpath(above, NULL) : NULL;
    n = root ? strlen(root) : 0;
    inside = place && n && !strncmp(place, root, n) && (!place[n] || place[n] == '/');
    free(above);
    free(place);
    free(root);
    return !inside || err_set(err, ERR_INPUT, "%s: lies in %s, which would then have every picture "
                              "twice: write it beside", out, data);
}

static bool import(const char *data, const struct options *o, struct err *err)
{
    const struct data_source *to = data_source_find(o->to, err);
    struct data_index *x;
    bool ok;

    if (!to)
        return false;
    if (!to->write)
        return err_set(err, ERR_UNSUPPORTED, "%s is read, but not written (--formats lists both)",
                       to->name);
    if (!cli_may_write(o->out, data, o->force, err) ||
        (to->copies && !check_apart(o->out, data, err)))
        return false;
    x = data_index_open(data, &o->source, err);
    ok = x && data_index_spares(x, o->out, err) && to->write(x, o->out, err) &&
         report(data, o, x, err);
    data_index_free(x);
    return ok;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct cli_args args;
    struct err err = { 0 };
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);
    bool ok = parsed != CLI_FAILED;

    if (parsed == CLI_DONE)
        return 0;
    if (ok && !o.formats && (!args.n || !o.out))
        ok = err_set(&err, ERR_USAGE, args.n ? "data import: say with -o what to write"
                                             : "data import: which DATA? (layouts: --formats)");
    if (ok && o.formats)
        ok = list_formats(o.json, &err);
    else if (ok)
        ok = import(args.arg[0], &o, &err);
    return ok ? 0 : cli_fail(&err, o.json);
}

#define DATA_SOURCE(name) " " #name
static const char about[] =
    "Reads DATA in any layout and writes it in another; pictures stay where they are unless the "
    "layout is one of folders, and files of names lead to them from where they lie.\n"
    "Layouts:"
#include "data/source/sources.def"
    ". --formats says what each is, and which are only read; docs/data.md has examples and how a "
    "layout is recognised.\n"
    "What a layout cannot say (parts, unknown labels) is refused, not dropped.";
#undef DATA_SOURCE

const struct cli_command data_cmd_import = {
    .name = "data import",
    .summary = "write labelled pictures in another layout",
    .synopsis = "DATA",
    .about = about,
    .examples = "discern data import labels.csv --to jsonl -o labels.jsonl\n"
                "discern data import photos/ --to csv -o photos/labels.csv --force\n"
                "discern data import --formats\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 0,
    .max_args = 1,
    .run = run,
};
