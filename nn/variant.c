/*
 * variant -- see variant.h
 */
#include "nn/variant.h"

#include <stdlib.h>
#include <string.h>

#define KERNELS "kernels "

enum { MOST = 4096 };           /* entries: more than any network has different calls */

struct entry {
    const char *call;
    char *const *word;          /* "forward", "deep", ...: names and variants, by turns */
    int n;                      /* of both together */
};

struct nn_variants {
    struct arena *mem;
    const char *kernels;
    struct entry *entry;
    int n;
};

/* ---- reading --------------------------------------------------------------------------------- */

/* The text without blanks around it, in place. */
static char *trimmed(char *text)
{
    size_t n;

    text += strspn(text, " ");
    for (n = strlen(text); n && text[n - 1] == ' '; n--)
        text[n - 1] = '\0';
    return text;
}

/* "forward=deep weight=few" into words, in place. */
static bool read_choices(struct nn_variants *t, struct entry *e, char *text)
{
    char *save = NULL, **word = arena_array(t->mem, 2 * NN_CHOICES, sizeof *word);

    for (char *w = strtok_r(text, " ", &save); w && word; w = strtok_r(NULL, " ", &save)) {
        char *equal = strchr(w, '=');

        if (!equal || equal == w || !equal[1] || strchr(equal + 1, '=') || e->n == 2 * NN_CHOICES)
            return false;
        *equal = '\0';
        word[e->n++] = w;
        word[e->n++] = equal + 1;
    }
    e->word = word;
    return word && e->n;
}

static bool read_entry(struct nn_variants *t, char *text, struct err *err)
{
    struct entry *e = &t->entry[t->n];
    char *colon = strrchr(text, ':'), *whole = arena_str(t->mem, text);

    if (!whole)
        return err_set(err, ERR_MEMORY, "no memory for a table of variants");
    if (colon)
        *colon = '\0';
    e->call = trimmed(text);
    if (!colon || !*e->call || !read_choices(t, e, colon + 1))
        return err_set(err, ERR_INPUT, "table of variants: expected \"CALL: CHOICE=VARIANT\", not "
                       "\"%.100s\"", whole);
    for (int i = 0; i < t->n; i++)
        if (!strcmp(t->entry[i].call, e->call))
            return err_set(err, ERR_INPUT, "table of variants: \"%.100s\" is there twice", e->call);
    t->n++;
    return true;
}

static bool read_all(struct nn_variants *t, char *text, struct err *err)
{
    size_t most = 0;
    char *save = NULL, *first;

    for (const char *p = text; *p; p++)
        most += *p == ';';
    t->entry = arena_array(t->mem, most + 1, sizeof *t->entry);
    if (!t->entry)
        return err_set(err, ERR_MEMORY, "no memory for a table of variants");
    if (most > MOST)
        return err_set(err, ERR_INPUT, "table of variants: has more than %d entries", MOST);
    first = strtok_r(text, ";", &save);
    if (!first || strncmp(trimmed(first), KERNELS, strlen(KERNELS)))
        return err_set(err, ERR_INPUT, "table of variants: expected \"" KERNELS "NAMES; ...\"");
    t->kernels = trimmed(first);
    for (char *e = strtok_r(NULL, ";", &save); e; e = strtok_r(NULL, ";", &save))
        if (!read_entry(t, trimmed(e), err))
            return false;
    return true;
}

struct nn_variants *nn_variants_read(const char *text, struct err *err)
{
    struct arena *mem = arena_new();
    struct nn_variants *t = mem ? arena_alloc(mem, sizeof *t) : NULL;
    char *copy = t ? arena_str(mem, text) : NULL;

    if (!copy) {
        err_set(err, ERR_MEMORY, "no memory for a table of variants");
        arena_free(mem);
        return NULL;
    }
    t->mem = mem;
    t->kernels = "";
    if (!*trimmed(copy) || read_all(t, copy, err))
        return t;
    arena_free(mem);
    return NULL;
}

void nn_variants_free(struct nn_variants *t)
{
    if (t)
        arena_free(t->mem);
}

const char *nn_variants_kernels(const struct nn_variants *t)
{
    return t->kernels;
}

int nn_variants_count(const struct nn_variants *t)
{
    return t->n;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* The names, each where it is met first. */
void nn_variants_add_kernels(const struct nn_kernels *k, struct str *out)
{
#define SLOT(s) k->name.s,
    const char *const name[] = { NN_SLOTS(SLOT) };
#undef SLOT

    str_add(out, KERNELS);
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        size_t before = 0;

        while (strcmp(name[before], name[i]) != 0)
            before++;
        if (before == i)
            str_printf(out, "%s%s", i ? " " : "", name[i]);
    }
}

void nn_variants_add_call(const struct nn_op *op, const struct nn_call *c, struct str *out)
{
    str_add(out, op->name);
    for (const struct field *f = op->attrs; f && f->name; f++)
        if (!field_is_default(f, c->attr)) {
            str_printf(out, " %s=", f->name);
            field_text(f, c->attr, out);
        }
    str_add(out, " of ");
    for (int i = 0; i < c->x[0].shape.rank; i++)
        str_printf(out, "%s%lld", i ? "x" : "", (long long)c->x[0].shape.dim[i]);
    str_printf(out, " %s %s", dtype_name(c->x[0].dtype), dtype_name(c->y.dtype));
}

/* ---- choosing -------------------------------------------------------------------------------- */

static const struct entry *entry_of(const struct nn_variants *t, const char *call)
{
    for (int i = 0; i < t->n; i++)
        if (!strcmp(t->entry[i].call, call))
            return &t->entry[i];
    return NULL;
}

/* What the entry says of that choice, where the call can take it; else the rule's. */
static int chosen(const struct entry *e, const struct nn_choice *choice, const struct nn_call *c)
{
    for (int i = 0; e && i < e->n; i += 2) {
        if (strcmp(e->word[i], choice->name) != 0)
            continue;
        for (int v = 0; choice->variant[v]; v++)
            if (!strcmp(choice->variant[v], e->word[i + 1]) && choice->can(c, v))
                return v;
    }
    return choice->rule(c);
}

bool nn_variants_choose(const struct nn_variants *t, const struct nn_op *op, struct nn_call *c,
                        struct err *err)
{
    const struct entry *e = NULL;
    struct str call = { 0 };
    bool ok = true;

    if (t && op->choices) {
        nn_variants_add_call(op, c, &call);
        ok = !call.failed || err_set(err, ERR_MEMORY, "no memory for the name of a call");
        e = ok ? entry_of(t, str_text(&call)) : NULL;
        str_release(&call);
    }
    for (int k = 0; op->choices && op->choices[k].name; k++)
        c->variant[k] = (unsigned char)chosen(e, &op->choices[k], c);
    return ok;
}

int nn_variants_of(const struct nn_choice *choice, const struct nn_call *c)
{
    int n = 0;

    for (int v = 0; choice->variant[v]; v++)
        n += choice->can(c, v);
    return n;
}
