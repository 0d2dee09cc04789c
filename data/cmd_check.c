/*
 * cmd_check -- discern data check: what is wrong with a set, and what would help
 */
#include "data/cmd.h"
#include "data/finding.h"
#include "data/html.h"
#include "data/sandbox.h"
#include "nn/base/file.h"
#include "nn/base/json.h"
#include "nn/base/pool.h"

#include <string.h>

struct options {
    struct data_source_options source;
    bool json, strict, all, sandbox, force;
    const char *html;
    int threads;
};

static const struct field options[] = {
    FIELD_BOOL(struct options, strict, "exit with status 1 when there are errors or warnings"),
    FIELD_BOOL(struct options, all, "tell every case, not the first ones of each finding"),
    FIELD_BOOL(struct options, json, "one JSON object with every case instead of a report"),
    FIELD_STRING(struct options, html, "FILE", NULL,
                 "also write a page with thumbnails of what was found"),
    FIELD_BOOL(struct options, force, "write the page even where a file is in its place"),
    DATA_SANDBOX_FIELD(struct options),
    FIELD_INT(struct options, threads, NULL, 0, 0, 1024, "threads; 0 = all processors"),
    DATA_SOURCE_FIELDS(struct options, source),
    FIELDS_END
};

/* ---- as text --------------------------------------------------------------------------------- */

/* "    cat/1.jpg, cat/2.jpg and 3 more: note"; where they are several, a note that
 * does not fit gets a line of its own. */
static void add_case(const struct data_index *x, const struct data_findings *f,
                     const struct data_case *c, bool all, struct str *out)
{
    int n = c->what ? 0 : all || c->n < 4 ? c->n : 3;
    size_t start = out->len;

    str_add(out, "    ");
    cli_clean(out, c->what ? c->what : "");
    for (int i = 0; i < n; i++) {
        str_add(out, i ? ", " : "");
        cli_clean(out, x->sample[f->sample[c->first + (size_t)i]].name);
    }
    if (n && n < c->n)
        str_printf(out, " and %d more", c->n - n);
    if (c->note) {
        str_add(out, n > 1 && out->len - start + strlen(c->note) > 78 ? ":\n        " : ": ");
        cli_clean(out, c->note);
    }
    str_addc(out, '\n');
}

static void add_finding(const struct data_index *x, const struct data_findings *f,
                        const struct data_finding *g, bool all, struct str *out)
{
    int n = all || g->n < 7 ? g->n : 5;
    size_t start = out->len;

    str_printf(out, "\n%s %s, %d: ", data_severity_names[g->severity], g->name, g->n);
    cli_wrap(out, g->title, 2, (int)(out->len - start) - 1);
    for (int i = 0; i < n; i++)
        add_case(x, f, &g->of[i], all, out);
    if (n < g->n)
        str_printf(out, "    ... and %d more (--all)\n", g->n - n);
    str_add(out, "    -> ");
    cli_wrap(out, g->advice, 7, 7);
}

static void write_text(const char *name, const struct data_index *x, const struct data_census *c,
                       const struct data_findings *f, bool all, struct str *out)
{
    data_census_text(c, x, name, out);
    str_printf(out, "\n%d error%s, %d warning%s, %d note%s%s\n", f->count[DATA_ERROR],
               str_plural(f->count[DATA_ERROR]), f->count[DATA_WARNING],
               str_plural(f->count[DATA_WARNING]), f->count[DATA_NOTE],
               str_plural(f->count[DATA_NOTE]), f->n ? "" : ": nothing to complain about");
    for (int i = 0; i < f->n; i++)
        add_finding(x, f, &f->finding[i], all, out);
}

/* ---- as JSON --------------------------------------------------------------------------------- */

static void json_case(const struct data_index *x, const struct data_findings *f,
                      const struct data_case *c, struct str *out)
{
    json_begin(out, NULL, '{');
    if (c->what)
        json_text(out, "what", c->what);
    if (c->note)
        json_text(out, "note", c->note);
    json_begin(out, "pictures", '[');
    for (int i = 0; i < c->n; i++)
        json_text(out, NULL, x->sample[f->sample[c->first + (size_t)i]].name);
    json_end(out, ']');
    json_end(out, '}');
}

static void write_json(const char *name, const struct data_index *x, const struct data_census *c,
                       const struct data_findings *f, struct str *out)
{
    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.data.check/1");
    json_text(out, "data", name);
    data_census_json(c, x, out);
    json_number(out, "errors", f->count[DATA_ERROR]);
    json_number(out, "warnings", f->count[DATA_WARNING]);
    json_number(out, "notes", f->count[DATA_NOTE]);
    json_begin(out, "findings", '[');
    for (int i = 0; i < f->n; i++) {
        const struct data_finding *g = &f->finding[i];

        json_begin(out, NULL, '{');
        json_text(out, "name", g->name);
        json_text(out, "severity", data_severity_names[g->severity]);
        json_text(out, "title", g->title);
        json_text(out, "advice", g->advice);
        json_number(out, "count", g->n);
        json_begin(out, "cases", '[');
        for (int k = 0; k < g->n; k++)
            json_case(x, f, &g->of[k], out);
        json_end(out, ']');
        json_end(out, '}');
    }
    json_end(out, ']');
    json_end(out, '}');
}

/* ---- the command ----------------------------------------------------------------------------- */

/* Reports; *bad: there are errors or warnings. */
static bool report(const struct data_audit *a, const struct options *o, const char *name,
                   const struct data_decode *how, int threads, bool *bad, struct err *err)
{
    struct data_census *c = data_census_new(a, err);
    struct data_findings *f = c ? data_findings_new(a, c, err) : NULL;
    struct str out = { 0 };
    bool ok = false;

    if (!f)
        goto done;
    if (o->json)
        write_json(name, a->x, c, f, &out);
    else
        write_text(name, a->x, c, f, o->all, &out);
    *bad = f->count[DATA_ERROR] + f->count[DATA_WARNING] > 0;
    /* The page first: one that cannot be written is an error, and JSON holds one object. */
    ok = !o->html || data_html_write(o->html, name, a, c, f, how, threads, err);
    if (ok && o->html)
        cli_say("wrote %s", o->html);
    ok = ok && cli_print(&out, err);
done:
    str_release(&out);
    data_findings_free(f);
    data_census_free(c);
    return ok;
}

static bool check(const struct options *o, const char *name, bool *bad, struct err *err)
{
    int threads = o->threads ? o->threads : pool_cpus();
    struct progress progress = { NULL };
    struct data_decode how;
    struct data_audit_options opt = { threads, false, &how, &progress };
    struct data_index *x = NULL;
    struct data_audit *a = NULL;
    bool ok;

    if (o->html && !cli_may_write(o->html, name, o->force, err))
        return false;
    if (!data_sandbox_choose(o->sandbox, threads, &how, err))
        return false;
    x = data_index_open(name, &o->source, err);
    if (x)
        cli_progress(&progress, "looked at", "pictures", x->n);
    a = x && data_index_spares(x, o->html, err) ? data_audit_new(x, &opt, err) : NULL;
    progress_end(&progress);
    ok = a && report(a, o, name, &how, threads, bad, err);
    data_audit_free(a);
    data_index_free(x);
    data_sandbox_free(how.sandbox);
    return ok;
}

static int run(const struct cli_command *self, int argc, char **argv)
{
    struct options o = { 0 };
    struct cli_args args;
    struct err err = { 0 };
    bool bad = false;
    enum cli_result parsed = cli_parse(self, argc, argv, &o, &args, &err);

    if (parsed == CLI_DONE)
        return 0;
    o.source.whatever = true;
    if (parsed == CLI_FAILED || !check(&o, args.arg[0], &bad, &err))
        return cli_fail(&err, o.json);
    if (bad && o.strict) {
        cli_say("%s: there are errors or warnings", args.arg[0]);
        return 1;
    }
    return 0;
}

const struct cli_command data_cmd_check = {
    .name = "data check",
    .summary = "find what is wrong with a set: broken files, copies, leaks, labels",
    .synopsis = "DATA",
    .about = "Reads and decodes every picture once and tells what is wrong with the set and what "
             "would help: files that cannot be read, copies, leaks between parts, contradicting "
             "labels, labels with too few pictures or that look alike, blank, dark, blurred and "
             "odd pictures.  Errors: figures measured on the set are not to be believed.  "
             "Warnings: it will do worse than it could.  Notes: worth knowing.  The set is never "
             "written to.  Ends with 0 whatever was found, unless --strict.",
    .examples = "discern data check photos/\n"
                "discern data check photos/ --html report.html\n"
                "discern data check labels.csv --strict --json\n",
    .options = options,
    .size = sizeof(struct options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
