/*
 * coco -- COCO's JSON: images, annotations and categories
 *
 *     {"images": [{"id": 1, "file_name": "a.jpg"}], "categories": [{"id": 7, "name": "cat"}],
 *      "annotations": [{"id": 1, "image_id": 1, "category_id": 7, "bbox": [...]}]}
 *
 * A picture has the labels that its annotations name, whatever their boxes; without annotations it
 * is a negative.  Categories that nothing is annotated with are no labels.  "split" of an image is
 * ours: others pass over it.  Lin et al. 2014, arXiv:1405.0312; cocodataset.org, "Data format".
 */
#include "data/json.h"
#include "data/rows.h"
#include "data/source.h"

#include "nn/base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_MOST = 1 << 30 };

struct image {
    int64_t id;
    const char *name, *group;
    enum data_split split;
    int line;
};

struct category {
    int64_t id;
    const char *name;
    int label;                  /* -1 until an annotation names it */
};

struct annotation {
    int64_t image, category;
    int line;
};

/* A growing array of one of them. */
struct list {
    void *item;
    size_t n, cap;
};

struct reader {
    struct data_rows rows;
    struct arena *mem;
    struct list images, categories, annotations;
};

/* ---- gathering ------------------------------------------------------------------------------- */

static void *add(struct list *l, size_t size, struct err *err)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 256;
        void *p = realloc(l->item, cap * size);

        if (!p) {
            err_set(err, ERR_MEMORY, "cannot hold %zu entries", cap);
            return NULL;
        }
        l->item = p;
        l->cap = cap;
    }
    return (char *)l->item + size * l->n++;
}

static bool get_id(const json_t *object, const char *key, int line, int64_t *id, struct err *err)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_integer(value))
        return err_set(err, ERR_INPUT, "line %d: no number called %s", line, key);
    *id = json_integer_value(value);
    return true;
}

/* A copy of the text, or NULL. */
static const char *get_text(struct reader *r, const json_t *object, const char *key, int line,
                            struct err *err)
{
    const char *text = json_string_value(json_object_get(object, key)), *copy;

    if (!text) {
        err_set(err, ERR_INPUT, "line %d: no text called %s", line, key);
        return NULL;
    }
    copy = arena_str(r->mem, text);
    if (!copy)
        err_set(err, ERR_MEMORY, "memory is out");
    return copy;
}

static bool add_image(struct reader *r, const json_t *object, int line, struct err *err)
{
    struct image m = { .line = line }, *p;
    const char *word = json_string_value(json_object_get(object, "split"));
    const char *group = r->rows.opt->group ? r->rows.opt->group : "";

    if (!get_id(object, "id", line, &m.id, err))
        return false;
    m.name = get_text(r, object, "file_name", line, err);
    if (!m.name)
        return false;
    if (word && !data_rows_split(word, &m.split))
        return err_set(err, ERR_INPUT, "line %d: '%.60s' is no part: train, val, test or nothing",
                       line, word);
    if (json_is_string(json_object_get(object, group))) {
        m.group = get_text(r, object, group, line, err);
        if (!m.group)
            return false;
        data_build_grouped(r->rows.b);
    }
    p = add(&r->images, sizeof m, err);
    if (p)
        *p = m;
    return p != NULL;
}

static bool add_category(struct reader *r, const json_t *object, int line, struct err *err)
{
    struct category c = { .label = -1 }, *p;

    c.name = get_text(r, object, "name", line, err);
    if (!c.name || !get_id(object, "id", line, &c.id, err))
        return false;
    p = add(&r->categories, sizeof c, err);
    if (p)
        *p = c;
    return p != NULL;
}

static bool add_annotation(struct reader *r, const json_t *object, int line, struct err *err)
{
    struct annotation a = { .line = line }, *p;

    if (!get_id(object, "image_id", line, &a.image, err) ||
        !get_id(object, "category_id", line, &a.category, err))
        return false;
    p = add(&r->annotations, sizeof a, err);
    if (p)
        *p = a;
    return p != NULL;
}

static bool gather(struct reader *r, const char *text, size_t bytes, struct err *err)
{
    static const struct {
        const char *name;
        bool (*add)(struct reader *r, const json_t *object, int line, struct err *err);
    } lists[] = {
        { "images", add_image }, { "categories", add_category }, { "annotations", add_annotation },
    };
    enum { LISTS = sizeof lists / sizeof *lists };
    struct data_json j;
    json_t *key = NULL, *value = NULL;
    int got, more, line;

    if (!data_json_object(&j, text, bytes, err))
        return false;
    while ((got = data_json_member(&j, &key, err)) > 0) {
        int k = 0;
        bool ok;

        while (k < LISTS && strcmp(json_string_value(key), lists[k].name))
            k++;
        json_decref(key);
        if (k == LISTS) {
            if (!data_json_skip(&j, err))
                return false;
            continue;
        }
        if (!data_json_list(&j, err))
            return err_in(err, "%s", lists[k].name);
        while ((more = data_json_next(&j, &value, &line, err)) > 0) {
            ok = lists[k].add(r, value, line, err);
            json_decref(value);
            if (!ok)
                return err_in(err, "%s", lists[k].name);
        }
        if (more < 0)
            return err_in(err, "%s", lists[k].name);
    }
    return got == 0;
}

/* ---- putting together ------------------------------------------------------------------------ */

static int compare_ids(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_categories(const void *a, const void *b)
{
    return compare_ids(((const struct category *)a)->id, ((const struct category *)b)->id);
}

static int compare_images(const void *a, const void *b)
{
    return compare_ids(((const struct image *)a)->id, ((const struct image *)b)->id);
}

static int compare_annotations(const void *a, const void *b)
{
    const struct annotation *p = a, *q = b;
    int c = compare_ids(p->image, q->image);

    return c ? c : compare_ids(p->category, q->category);
}

static bool sort_all(struct reader *r, struct err *err)
{
    const struct image *m = r->images.item;
    const struct category *c = r->categories.item;

    if (r->images.n)
        qsort(r->images.item, r->images.n, sizeof *m, compare_images);
    if (r->categories.n)
        qsort(r->categories.item, r->categories.n, sizeof *c, compare_categories);
    if (r->annotations.n)
        qsort(r->annotations.item, r->annotations.n, sizeof(struct annotation),
              compare_annotations);
    for (size_t i = 1; i < r->images.n; i++) {
        if (m[i].id == m[i - 1].id)
            return err_set(err, ERR_INPUT, "lines %d and %d: two images have the id %lld",
                           m[i - 1].line, m[i].line, (long long)m[i].id);
    }
    for (size_t i = 1; i < r->categories.n; i++) {
        if (c[i].id == c[i - 1].id)
            return err_set(err, ERR_INPUT, "categories '%.60s' and '%.60s' have the same id",
                           c[i - 1].name, c[i].name);
    }
    return true;
}

static bool mark_category(struct reader *r, const struct annotation *a, struct err *err)
{
    struct category key = { .id = a->category }, *c = NULL;

    if (r->categories.n)
        c = bsearch(&key, r->categories.item, r->categories.n, sizeof *c, compare_categories);
    if (!c)
        return err_set(err, ERR_INPUT, "line %d: there is no category %lld", a->line,
                       (long long)a->category);
    if (c->label < 0)
        c->label = data_build_label(r->rows.b, c->name, err);
    return c->label >= 0 && data_rows_mark(&r->rows, c->label, 1, err);
}

static bool tell_all(struct reader *r, struct err *err)
{
    const struct image *m = r->images.item;
    const struct annotation *a = r->annotations.item, *end;

    if (!r->annotations.n)
        return err_set(err, ERR_INPUT, "no annotations in it");
    end = a + r->annotations.n;
    for (size_t i = 0; i < r->images.n; i++) {
        int got = data_rows_begin(&r->rows, m[i].line, m[i].name, m[i].split, m[i].group, err);

        if (got < 0)
            return false;
        if (a < end && a->image < m[i].id)
            break;
        for (const struct annotation *last = NULL; a < end && a->image == m[i].id; last = a++) {
            if (got && (!last || a->category != last->category) && !mark_category(r, a, err))
                return false;
        }
        if (got && !data_rows_end(&r->rows, err))
            return false;
    }
    return a == end || err_set(err, ERR_INPUT, "line %d: there is no image %lld", a->line,
                               (long long)a->image);
}

static bool read(const char *path, const struct data_source_options *opt, struct data_build *b,
                 struct err *err)
{
    struct reader r = { .mem = arena_new() };
    size_t size;
    char *text = (char *)file_read(path, FILE_MOST, &size, err);
    bool ok = text && (r.mem || err_set(err, ERR_MEMORY, "%s: memory is out", path));

    if (ok) {
        ok = data_rows_init(&r.rows, path, NULL, opt, b, err) && gather(&r, text, size, err) &&
             sort_all(&r, err) && tell_all(&r, err) && data_rows_finish(&r.rows, err);
        if (!ok)
            err_in(err, "%s", path);
        data_rows_release(&r.rows);
    }
    free(r.images.item);
    free(r.categories.item);
    free(r.annotations.item);
    arena_free(r.mem);
    free(text);
    return ok;
}

static bool probe(const struct data_probe *p)
{
    static const char *const keys[] = { "\"images\"", "\"annotations\"", "\"categories\"" };
    size_t i = p->head_bytes >= 3 && !memcmp(p->head, "\xef\xbb\xbf", 3) ? 3 : 0;

    while (i < p->head_bytes && p->head[i] && strchr(" \t\r\n", p->head[i]))
        i++;
    if (p->kind != FILE_REGULAR || i >= p->head_bytes || p->head[i] != '{')
        return false;
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        if (memmem(p->head, p->head_bytes, keys[k], strlen(keys[k])))
            return true;
    }
    return false;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void put_head(struct data_rows_out *o, const struct data_index *x)
{
    (void)x;
    str_add(&o->text, "{\"images\":[");
}

static void put(struct data_rows_out *o, const struct data_index *x, int i, const char *name)
{
    const struct data_sample *s = &x->sample[i];

    str_printf(&o->text, "%s\n{\"id\":%d,\"file_name\":", i ? "," : "", i + 1);
    str_json(&o->text, name);
    if (s->split != DATA_UNSPLIT)
        str_printf(&o->text, ",\"split\":\"%s\"", data_rows_split_word(s->split));
    str_addc(&o->text, '}');
}

static void put_tail(struct data_rows_out *o, const struct data_index *x)
{
    int n = 0;

    str_add(&o->text, "],\n\"categories\":[");
    for (int j = 0; j < x->n_labels; j++) {
        str_printf(&o->text, "%s\n{\"id\":%d,\"name\":", j ? "," : "", j + 1);
        str_json(&o->text, x->label[j]);
        str_addc(&o->text, '}');
    }
    str_add(&o->text, "],\n\"annotations\":[");
    for (int i = 0; i < x->n; i++) {
        for (int j = 0; j < x->n_labels; j++) {
            if (data_rows_mark_of(&x->sample[i], j) != 1)
                continue;
            str_printf(&o->text, "%s\n{\"id\":%d,\"image_id\":%d,\"category_id\":%d}",
                       n ? "," : "", n + 1, i + 1, j + 1);
            n++;
        }
    }
    str_add(&o->text, "]}\n");
}

static bool write(const struct data_index *x, const char *path, struct err *err)
{
    static const struct data_rows_form form = {
        .cannot = DATA_ROWS_UTF8 | DATA_ROWS_NO_UNKNOWN | DATA_ROWS_NO_LONE,
        .put_head = put_head, .put = put, .put_tail = put_tail,
    };

    return data_rows_write(x, path, &form, err);
}

const struct data_source data_source_coco = {
    .name = "coco", .doc = "COCO: images, annotations and categories in JSON",
    .probe = probe, .read = read, .write = write,
};
