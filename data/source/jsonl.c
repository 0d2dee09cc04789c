/*
 * jsonl -- an object for each picture: JSON lines, or a list of objects
 *
 *     {"file_name": "a.jpg", "labels": ["cat", "indoors"], "split": "train"}
 *     {"file_name": "b.jpg", "labels": {"cat": 1, "dog": 0, "indoors": null}}
 *
 * Keys are known by the words of table.c.  A label is a text or a whole number; labels are a list,
 * or an object of labels and 1, 0 or null (unknown); without such a key, keys that mostly hold 1,
 * 0, true, false or null are labels.  So are read: metadata.jsonl of Hugging Face image folders,
 * the JSON of Label Studio (choices), Viam's and Vertex AI's lines (viam.c).
 */
#include "data/json.h"
#include "data/table.h"

#include "nn/base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_MOST = 1 << 30, SKETCH_ROWS = 1000 };

struct reader {
    struct data_rows rows;
    bool keyed;                 /* some row has a key for its labels */
    json_t *marks;              /* else: the keys that are labels, each a list [filled, marks] */
    json_t *keys;               /* of all sketched rows: the role in words; or true for texts, null
                                   for what is no text in every row */
    const char *only;           /* or the one key that holds a text */
    int line;
};

/* ---- keys ------------------------------------------------------------------------------------ */

/* The member whose key stands first among the words for the role, or NULL; *its_key too, where it
 * is asked for. */
static const json_t *find_key(const json_t *row, enum data_table_role role, const char **its_key)
{
    const json_t *best = NULL;
    const char *key;
    json_t *value;
    int best_rank = 0;

    json_object_foreach((json_t *)(uintptr_t)row, key, value) {
        int here = data_table_rank(key, role);

        if (here >= 0 && (!best || here < best_rank) &&
            (role != DATA_TABLE_NAME || json_is_string(value))) {
            best = value;
            best_rank = here;
            if (its_key)
                *its_key = key;
        }
    }
    return best;
}

static const json_t *find_role(const json_t *row, enum data_table_role role)
{
    return find_key(row, role, NULL);
}

static const json_t *find_labels(const struct reader *r, const json_t *row)
{
    return r->rows.opt->label ? json_object_get(row, r->rows.opt->label)
                              : find_role(row, DATA_TABLE_LABEL);
}

/* Label Studio has the picture's name one level down. */
static const char *find_name(const json_t *row)
{
    const json_t *name = find_role(row, DATA_TABLE_NAME), *data = json_object_get(row, "data");

    if (!name && json_is_object(data)) {
        name = find_role(data, DATA_TABLE_NAME);
        if (!name)
            name = json_object_iter_value(json_object_iter((json_t *)(uintptr_t)data));
    }
    return json_string_value(name);
}

static bool is_role(const char *key)
{
    return data_table_rank(key, DATA_TABLE_NAME) >= 0 || data_table_is_role(key);
}

static bool mark_value(const json_t *value, int *mark)
{
    json_int_t n = json_integer_value(value);

    if (json_is_null(value))
        *mark = -1;
    else if (json_is_boolean(value))
        *mark = json_is_true(value);
    else if (json_is_integer(value) && n >= -1 && n <= 1)
        *mark = (int)n;
    else
        return false;
    return true;
}

/* ---- the sketch: which keys are labels, where no key says so --------------------------------- */

/* counts[key] = { rows with marks, rows with something else, rows with a text or list }. */
static bool count_keys(json_t *counts, const json_t *row)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)row, key, value) {
        json_t *c = json_object_get(counts, key);
        int mark, what;

        if (is_role(key))
            continue;
        if (!c && json_object_set_new(counts, key, c = json_pack("[iii]", 0, 0, 0)))
            return false;
        what = json_is_string(value) || json_is_array(value) ? 2 : !mark_value(value, &mark);
        if (!json_is_null(value) &&
            json_integer_set(json_array_get(c, (size_t)what),
                             json_integer_value(json_array_get(c, (size_t)what)) + 1))
            return false;
    }
    return true;
}

static void choose_keys(struct reader *r, json_t *counts)
{
    const char *key;
    json_t *c;
    void *next;
    int texts = 0;

    json_object_foreach_safe(counts, next, key, c) {
        json_int_t marks = json_integer_value(json_array_get(c, 0));
        json_int_t others = json_integer_value(json_array_get(c, 1));
        json_int_t text = json_integer_value(json_array_get(c, 2));

        if (text > 0 && !marks && !others) {
            texts++;
            if (json_is_null(json_object_get(r->keys, key)))
                json_object_set_new(r->keys, key, json_true());
            r->only = arena_str(data_build_arena(r->rows.b), key);
        }
        if (!marks || marks < others + text)
            json_object_del(counts, key);
    }
    if (texts != 1 || json_object_size(counts))
        r->only = NULL;
}

/* Notes the keys of a row, and what those of a role are for. */
static bool note_keys(struct reader *r, const json_t *row)
{
    static const char *const roles[] = {
        [DATA_TABLE_NAME] = "file names", [DATA_TABLE_LABEL] = "labels",
        [DATA_TABLE_SPLIT] = "parts", [DATA_TABLE_HELD] = "what is held out",
    };
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)row, key, value) {
        if (!json_object_get(r->keys, key) && json_object_set_new(r->keys, key, json_null()))
            return false;
    }
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        const char *label = r->rows.opt->label;

        key = NULL;
        if (roles[i] && (i != DATA_TABLE_LABEL || !label))
            find_key(row, (enum data_table_role)i, &key);
        if (i == DATA_TABLE_LABEL && !key)
            key = label ? label : "annotations";
        if (i == DATA_TABLE_NAME && !key)
            key = "data";
        if (key && !json_object_get(row, key))
            key = NULL;
        if (key && json_object_set_new(r->keys, key, json_string(roles[i])))
            return false;
    }
    return true;
}

static bool sketch(struct reader *r, const char *text, size_t bytes, struct err *err)
{
    struct data_json j;
    json_t *row = NULL;
    int got = 1, line;

    r->marks = json_object();
    r->keys = json_object();
    if (!r->marks || !r->keys)
        return err_set(err, ERR_MEMORY, "memory is out");
    data_json_open(&j, text, bytes);
    for (int i = 0; i < SKETCH_ROWS && (got = data_json_next(&j, &row, &line, err)) > 0; i++) {
        bool ok = !json_is_object(row) || (count_keys(r->marks, row) && note_keys(r, row));

        r->keyed |= find_labels(r, row) ||
                    (!r->rows.opt->label && json_object_get(row, "annotations"));
        json_decref(row);
        if (!ok)
            return err_set(err, ERR_MEMORY, "memory is out");
    }
    choose_keys(r, r->marks);
    return got >= 0;
}

/* ---- labels ---------------------------------------------------------------------------------- */

static bool add_text(struct reader *r, const char *text, int mark, struct err *err)
{
    int label;

    if (mark == 1 && r->rows.opt->delimiter)
        return data_rows_labels(&r->rows, text, r->rows.opt->delimiter, err);
    label = data_build_label(r->rows.b, text, err);
    return (label >= 0 || err_in(err, "line %d", r->line)) &&
           data_rows_mark(&r->rows, label, mark, err);
}

static bool add_marks(struct reader *r, const json_t *marks, struct err *err)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)marks, key, value) {
        int mark;

        if (!mark_value(value, &mark))
            return err_set(err, ERR_INPUT, "line %d: the label '%.60s' is neither 1 nor 0 nor null",
                           r->line, key);
        if (!add_text(r, key, mark, err))
            return false;
    }
    return true;
}

/* The name in an annotation of Viam's or Vertex AI's. */
static const char *annotation_name(const json_t *value)
{
    const char *name = json_string_value(json_object_get(value, "annotation_label"));

    return name ? name : json_string_value(json_object_get(value, "displayName"));
}

static bool add_labels(struct reader *r, const json_t *value, int depth, struct err *err)
{
    const json_t *choices = json_object_get(value, "choices");
    const char *name = annotation_name(value);
    char number[24];
    json_t *one;
    size_t i;

    switch (json_typeof(value)) {
    case JSON_STRING:
        return !*json_string_value(value) || add_text(r, json_string_value(value), 1, err);
    case JSON_INTEGER:
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return add_text(r, number, 1, err);
    case JSON_NULL:
        return true;
    case JSON_OBJECT:
        if (name)
            return add_text(r, name, 1, err);
        if (choices && depth < 2)
            return add_labels(r, choices, depth + 1, err);
        if (depth == 0)
            return add_marks(r, value, err);
        break;
    case JSON_ARRAY:
        if (depth >= 2)
            break;
        json_array_foreach(value, i, one) {
            if (!add_labels(r, one, depth + 1, err))
                return false;
        }
        return true;
    default:
        break;
    }
    return err_set(err, ERR_INPUT, "line %d: labels are a text, a list of texts, or an object of "
                   "1, 0 and null", r->line);
}

/* Label Studio's whole export: annotations[].result[].value.choices. */
static bool add_results(struct reader *r, const json_t *annotations, struct err *err)
{
    json_t *one, *result;
    size_t i, k;

    json_array_foreach(annotations, i, one) {
        json_array_foreach(json_object_get(one, "result"), k, result) {
            const json_t *value = json_object_get(json_object_get(result, "value"), "choices");

            if (value && !add_labels(r, value, 1, err))
                return false;
        }
    }
    return true;
}

/* Keys that are labels themselves; one that a row lacks is unknown in it. */
static bool add_keys(struct reader *r, const json_t *row, struct err *err)
{
    const char *key;
    json_t *count;

    json_object_foreach(r->marks, key, count) {
        const json_t *value = json_object_get(row, key);
        int mark = -1;

        if (value && !mark_value(value, &mark))
            return err_set(err, ERR_INPUT, "line %d: '%.60s' is neither 1 nor 0 nor null", r->line,
                           key);
        if (!add_text(r, key, mark, err))
            return false;
    }
    return true;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static bool find_split(const struct reader *r, const json_t *row, enum data_split *split,
                       struct err *err)
{
    static const char vertex_use[] = "aiplatform.googleapis.com/ml_use";
    const json_t *word = find_role(row, DATA_TABLE_SPLIT), *held = find_role(row, DATA_TABLE_HELD);
    int value = -1;

    if (!word)
        word = json_object_get(json_object_get(row, "dataItemResourceLabels"), vertex_use);
    *split = DATA_UNSPLIT;
    if (json_is_string(word) && !data_rows_split(json_string_value(word), split))
        return err_set(err, ERR_INPUT, "line %d: '%.60s' is no part: train, val, test or nothing",
                       r->line, json_string_value(word));
    if (!word && held && mark_value(held, &value) && value >= 0)
        *split = value ? DATA_VAL : DATA_TRAIN;
    return true;
}

/* options.group as a key; its text, or NULL.  buf: for numbers. */
static const char *find_group(const struct reader *r, const json_t *row, char *buf, size_t bytes)
{
    const json_t *value = r->rows.opt->group ? json_object_get(row, r->rows.opt->group) : NULL;

    if (!value)
        return NULL;
    data_build_grouped(r->rows.b);
    if (json_is_integer(value)) {
        snprintf(buf, bytes, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return buf;
    }
    return json_string_value(value);
}

static bool read_row(struct reader *r, const json_t *row, struct err *err)
{
    const char *name = json_is_object(row) ? find_name(row) : NULL;
    const json_t *labels = find_labels(r, row);
    enum data_split split;
    char number[24];
    bool ok;
    int got;

    if (!name)
        return err_set(err, ERR_INPUT, json_is_object(row) ? "line %d: no file_name, nor anything "
                       "like it" : "line %d: not an object in braces", r->line);
    if (!find_split(r, row, &split, err))
        return false;
    got = data_rows_begin(&r->rows, r->line, name, split,
                          find_group(r, row, number, sizeof number), err);
    if (got <= 0)
        return got == 0;
    if (r->keyed)
        ok = labels ? add_labels(r, labels, 0, err)
                    : r->rows.opt->label ||
                      add_results(r, json_object_get(row, "annotations"), err);
    else if (r->only)
        ok = !json_object_get(row, r->only) ||
             add_labels(r, json_object_get(row, r->only), 0, err);
    else
        ok = add_keys(r, row, err);
    return ok && data_rows_end(&r->rows, err);
}

/* ---- what was read, in words ----------------------------------------------------------------- */

enum { TOLD = 8 };              /* keys of one kind */

enum kind { ANY, LABEL, OTHER, TEXT };

/* Whether the key is of that kind: a role is told apart from what is passed over. */
static bool is_kind(const struct reader *r, const char *key, const json_t *role, enum kind kind)
{
    bool mark = !r->keyed && !r->only && json_object_get(r->marks, key);
    bool only = !r->keyed && r->only && !strcmp(r->only, key);

    if (kind == ANY || mark || only)
        return kind == ANY || kind == LABEL;
    return kind == TEXT ? json_is_true(role) : kind == OTHER && !json_is_string(role);
}

static int add_keys_of(const struct reader *r, enum kind kind, const char *quote, struct str *out)
{
    const char *key;
    json_t *role;
    int n = 0;

    json_object_foreach(r->keys, key, role) {
        if (!is_kind(r, key, role, kind))
            continue;
        if (n < TOLD)
            str_printf(out, "%s%s%.30s%s", n ? ", " : "", quote, key, quote);
        n++;
    }
    if (n > TOLD)
        str_printf(out, " and %d more", n - TOLD);
    return n;
}

static bool say_no_label(const struct reader *r, struct err *err)
{
    const char *label = r->rows.opt->label;
    struct str keys = { 0 };

    add_keys_of(r, ANY, "", &keys);
    if (label)
        err_set(err, ERR_INPUT, "no key of labels is called '%.60s'; the keys are: %s", label,
                str_text(&keys));
    else
        err_set(err, ERR_INPUT, "no key for the labels: none is called label or labels, or holds "
                "0 and 1; --label KEY says which it is; the keys are: %s", str_text(&keys));
    str_release(&keys);
    return false;
}

static bool tell(const struct reader *r, struct err *err)
{
    struct str told = { 0 }, rest = { 0 }, texts = { 0 };
    const char *key;
    json_t *role;
    bool ok;

    json_object_foreach(r->keys, key, role) {
        if (json_is_string(role))
            str_printf(&told, "%s%s in '%.60s'", told.len ? ", " : "", json_string_value(role),
                       key);
    }
    if (!r->keyed) {
        str_add(&told, told.len ? ", labels in " : "labels in ");
        add_keys_of(r, LABEL, "'", &told);
        add_keys_of(r, TEXT, "", &texts);
    }
    if (add_keys_of(r, OTHER, "", &rest))
        str_printf(&told, "; passed over: %s", str_text(&rest));
    ok = (!told.failed && !rest.failed && !texts.failed) ||
         err_set(err, ERR_MEMORY, "memory is out");
    ok = ok && data_build_columns(r->rows.b, str_text(&told), texts.len ? str_text(&texts) : NULL,
                                  err);
    str_release(&texts);
    str_release(&rest);
    str_release(&told);
    return ok;
}

static bool read_rows(struct reader *r, const char *text, size_t bytes, struct err *err)
{
    struct data_json j;
    json_t *row = NULL;
    int got;

    if (!sketch(r, text, bytes, err))
        return false;
    if (!r->keyed && (r->rows.opt->label || (!r->only && !json_object_size(r->marks))))
        return say_no_label(r, err);
    data_json_open(&j, text, bytes);
    while ((got = data_json_next(&j, &row, &r->line, err)) > 0) {
        bool ok = read_row(r, row, err);

        json_decref(row);
        if (!ok)
            return false;
    }
    return got == 0 && data_rows_finish(&r->rows, err) && tell(r, err);
}

static bool read(const char *path, const struct data_source_options *opt, struct data_build *b,
                 struct err *err)
{
    struct reader r = { .marks = NULL };
    size_t size;
    char *text = (char *)file_read(path, FILE_MOST, &size, err);
    bool ok;

    if (!text)
        return false;
    ok = data_rows_init(&r.rows, path, NULL, opt, b, err) && read_rows(&r, text, size, err);
    if (!ok)
        err_in(err, "%s", path);
    data_rows_release(&r.rows);
    json_decref(r.marks);
    json_decref(r.keys);
    free(text);
    return ok;
}

/* ---- telling it apart ------------------------------------------------------------------------ */

static bool probe(const struct data_probe *p)
{
    struct err ignored;
    struct data_json j;
    json_t *row = NULL;
    int line;
    bool is;

    if (p->kind != FILE_REGULAR || !p->head_bytes)
        return false;
    data_json_open(&j, (const char *)p->head, p->head_bytes);
    if (data_json_next(&j, &row, &line, &ignored) <= 0)
        return !strcmp(p->ending, "jsonl") || !strcmp(p->ending, "ndjson");
    is = json_is_object(row) && find_name(row);
    json_decref(row);
    return is;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* "labels":["cat"], or where that is not all that there is to say, "labels":{"cat":1,"dog":0}. */
static void put_labels(struct str *out, const struct data_index *x, const struct data_sample *s,
                       bool all)
{
    const char *between = "";

    str_add(out, all ? "\"labels\":{" : "\"labels\":[");
    for (int j = 0; j < x->n_labels; j++) {
        int mark = data_rows_mark_of(s, j);

        if (mark != 1 && !all)
            continue;
        str_add(out, between);
        str_json(out, x->label[j]);
        if (all)
            str_add(out, mark < 0 ? ":null" : mark ? ":1" : ":0");
        between = ",";
    }
    str_addc(out, all ? '}' : ']');
}

static void put(struct data_rows_out *o, const struct data_index *x, int i, const char *name)
{
    const struct data_sample *s = &x->sample[i];

    str_add(&o->text, "{\"file_name\":");
    str_json(&o->text, name);
    str_addc(&o->text, ',');
    if (x->task == DATA_SINGLE && !o->all) {
        str_add(&o->text, "\"label\":");
        str_json(&o->text, x->label[s->label]);
    } else {
        put_labels(&o->text, x, s, o->all);
    }
    if (s->split != DATA_UNSPLIT)
        str_printf(&o->text, ",\"split\":\"%s\"", data_rows_split_word(s->split));
    str_add(&o->text, "}\n");
}

static bool write(const struct data_index *x, const char *path, struct err *err)
{
    static const struct data_rows_form form = { .cannot = DATA_ROWS_UTF8, .put = put };

    return data_rows_write(x, path, &form, err);
}

const struct data_source data_source_jsonl = {
    .name = "jsonl", .doc = "JSON lines, or a list: an object with file_name and labels",
    .probe = probe, .read = read, .write = write,
};
