/*
 * table -- eight pictures that every form of table can tell of, and how tables are read and refused
 */
#ifndef TESTS_DATA_TABLE_H
#define TESTS_DATA_TABLE_H

#include "tests/data/made.h"

/* ---- facts ----------------------------------------------------------------------------------- */

static const char *const label_names[] = { "cat", "dog", "indoors" };
enum { LABELS = 3, PICTURES = 8 };

static const struct fact {
    const char *name;
    int8_t multi[LABELS], masked[LABELS];       /* without unknown labels, and with */
    int single;
    enum data_split split;
} facts[PICTURES] = {
    { "a.jpg", { 1, 0, 1 }, { 1, 0, 1 }, 0, DATA_TRAIN },
    { "b.jpg", { 0, 1, 0 }, { 0, 1, -1 }, 1, DATA_TRAIN },
    { "c.jpg", { 0, 0, 0 }, { 0, 0, 0 }, 2, DATA_TRAIN },
    { "d.jpg", { 1, 1, 0 }, { 1, 1, 0 }, 0, DATA_TRAIN },
    { "e.jpg", { 0, 0, 1 }, { -1, -1, 1 }, 1, DATA_TRAIN },
    { "f.jpg", { 1, 0, 0 }, { 1, 0, 0 }, 2, DATA_TRAIN },
    { "g.jpg", { 0, 1, 0 }, { 0, 1, 0 }, 0, DATA_VAL },
    { "h.jpg", { 1, 1, 1 }, { 1, 1, 1 }, 1, DATA_TEST },
};

/* They as a table of one column a label. */
#define TABLE_CSV "filename,cat,dog,indoors,split\n" "a.jpg,1,0,1,train\n" \
    "b.jpg,0,1,0,train\nc.jpg,0,0,0,train\nd.jpg,1,1,0,train\ne.jpg,0,0,1,train\n" \
    "f.jpg,1,0,0,train\ng.jpg,0,1,0,validation\nh.jpg,1,1,1,test\n"

enum what { MULTI, MASKED, SINGLE };
enum parts { NONE, HELD, ALL };         /* no parts; test counts as val; as they are */

static inline const char *base_of(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash ? slash + 1 : name;
}

static inline enum data_split split_of(const struct fact *f, enum parts parts)
{
    return parts == NONE ? DATA_UNSPLIT
                         : parts == HELD && f->split == DATA_TEST ? DATA_VAL : f->split;
}

static inline void check_sample(const struct fact *f, const struct data_sample *s,
                                enum what what, enum parts parts)
{
    assert_string_equal(base_of(s->path), f->name);
    assert_int_equal(s->split, split_of(f, parts));
    if (what == SINGLE) {
        assert_int_equal(s->label, f->single);
        assert_null(s->mark);
    } else {
        assert_memory_equal(s->mark, what == MULTI ? f->multi : f->masked, LABELS);
    }
}

static inline void check_facts(const struct data_index *x, enum what what, enum parts parts)
{
    assert_int_equal(x->n, PICTURES);
    assert_int_equal(x->n_labels, LABELS);
    assert_int_equal(x->task, what == SINGLE ? DATA_SINGLE : DATA_MULTI);
    for (int j = 0; j < LABELS; j++)
        assert_string_equal(x->label[j], label_names[j]);
    for (int i = 0; i < PICTURES; i++) {
        int found = 0;

        for (int k = 0; k < PICTURES; k++) {
            if (strcmp(base_of(x->sample[k].name), facts[i].name))
                continue;
            check_sample(&facts[i], &x->sample[k], what, parts);
            found++;
        }
        assert_int_equal(found, 1);
    }
}

/* ---- opening --------------------------------------------------------------------------------- */

/* The text as a file, read. */
static inline struct data_index *read_text(const struct made_folder *f, const char *name,
                                           const char *text,
                                           const struct data_source_options *opt)
{
    made_text(f, name, text);
    return made_opened(made_path(f, name), opt);
}

static inline void refused(const struct made_folder *f, const char *name, const char *text,
                           const struct data_source_options *opt, const char *word)
{
    struct err err = { 0 };

    made_text(f, name, text);
    assert_null(data_index_open(made_path(f, name), opt, &err));
    if (err.kind != ERR_INPUT || !strstr(err.msg, word) || !strstr(err.msg, name) ||
        strchr(err.msg, '\n'))
        fail_msg("kind %d, \"%s\" lacks \"%s\"", err.kind, err.msg, word);
}

/* Empty files called as the facts are. */
static inline void made_pictures(struct made_folder *f)
{
    made_open(f);
    for (int i = 0; i < PICTURES; i++)
        made_text(f, facts[i].name, "");
}

#endif
