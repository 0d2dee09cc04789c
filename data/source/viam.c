/*
 * viam -- a data set of Viam's: JSON lines with classification_annotations
 *
 *     {"image_path": "data/a.jpeg", "classification_annotations": [{"annotation_label": "cat"}]}
 *
 * Read by jsonl.c; a picture without annotations is a negative.  "split" is ours: others pass over
 * it.  Source: Viam's documentation of data-set exports.
 */
#include "data/rows.h"
#include "data/source.h"

#include <string.h>

static bool probe(const struct data_probe *p)
{
    static const char key[] = "\"classification_annotation";

    return p->head_bytes && memmem(p->head, p->head_bytes, key, sizeof key - 1) &&
           data_source_jsonl.probe(p);
}

static bool read(const char *path, const struct data_source_options *opt, struct data_build *b,
                 struct err *err)
{
    return data_source_jsonl.read(path, opt, b, err);
}

static void put(struct data_rows_out *o, const struct data_index *x, int i, const char *name)
{
    const struct data_sample *s = &x->sample[i];
    const char *between = "";

    str_add(&o->text, "{\"image_path\":");
    str_json(&o->text, name);
    str_add(&o->text, ",\"classification_annotations\":[");
    for (int j = 0; j < x->n_labels; j++) {
        if (data_rows_mark_of(s, j) != 1)
            continue;
        str_printf(&o->text, "%s{\"annotation_label\":", between);
        str_json(&o->text, x->label[j]);
        str_addc(&o->text, '}');
        between = ",";
    }
    str_addc(&o->text, ']');
    if (s->split != DATA_UNSPLIT)
        str_printf(&o->text, ",\"split\":\"%s\"", data_rows_split_word(s->split));
    str_add(&o->text, "}\n");
}

static bool write(const struct data_index *x, const char *path, struct err *err)
{
    static const struct data_rows_form form = {
        .cannot = DATA_ROWS_UTF8 | DATA_ROWS_NO_UNKNOWN | DATA_ROWS_NO_LONE, .put = put,
    };

    return data_rows_write(x, path, &form, err);
}

const struct data_source data_source_viam = {
    .name = "viam", .doc = "Viam: JSON lines with image_path and classification_annotations",
    .probe = probe, .read = read, .write = write,
};
