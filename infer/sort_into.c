/*
 * sort_into -- see sort_into.h
 *
 * Files wait until there are BATCH, then their lines are synced together and they are put in place:
 * a sync for each would take longer than the answers.
 */
#include "infer/sort_into.h"

#include "data/lookup.h"
#include "nn/base/file.h"
#include "nn/base/place.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

enum { BATCH = 64, FOLDER_MOST = 200, ENDING = 24 };

static const char part_name[] = ".discern-part";        /* of a copy that is not whole */

struct infer_sort {
    const char *folder;
    enum infer_how how;
    infer_sort_tell_fn *tell;
    void *ctx;
    struct infer_sort_log log;
    struct data_lookup by_from, by_to;  /* entries of the log; from: the first of a file's */
    int waiting;                /* the first entry that is not yet done */
    struct str text;            /* their lines */
    struct infer_sort_counts counts;
    char *here, *real;          /* the folder of the last file, and what it is in full */
    struct str a, b, c;         /* paths, for a moment */
};

/* ---- names ----------------------------------------------------------------------------------- */

static void add_hash(struct str *out, char mark, const char *text)
{
    str_printf(out, "%c%08x", mark, (unsigned)XXH3_64bits(text, strlen(text)));
}

void infer_sort_folder(const char *label, struct str *out)
{
    size_t n = strlen(label), most = n;
    bool changed = n == 0 || !strcmp(label, INFER_SORT_UNKNOWN);

    if (n > FOLDER_MOST) {
        most = FOLDER_MOST;
        while (most && ((unsigned char)label[most] & 0xC0) == 0x80)     /* no letter in half */
            most--;
    }
    changed |= most < n;
    for (size_t i = 0; i < most; i++) {
        unsigned char c = (unsigned char)label[i];
        bool bad = c < 32 || c == 127 || c == '/' || (c == '.' && i == 0);

        str_addc(out, bad ? '_' : (char)c);
        changed |= bad;
    }
    if (changed)
        add_hash(out, '~', label);
}

static const char *from_of(const void *ctx, int i)
{
    return ((const struct infer_sort_log *)ctx)->entry[i].from;
}

static const char *to_of(const void *ctx, int i)
{
    return ((const struct infer_sort_log *)ctx)->entry[i].to;
}

/* folder/name below s->folder, in *out. */
static const char *below(const struct infer_sort *s, struct str *out, const char *to)
{
    str_clear(out);
    str_printf(out, "%s/%s", s->folder, to);
    return str_text(out);
}

static bool taken(struct infer_sort *s, const char *to)
{
    return !strcmp(strrchr(to, '/') + 1, part_name) || data_lookup_find(&s->by_to, to) >= 0 ||
           place_taken(below(s, &s->b, to));
}

/* label/name where nothing is, in s->a. */
static const char *new_to(struct infer_sort *s, const char *from, const char *label)
{
    const char *base = strrchr(from, '/') + 1, *dot = strrchr(base, '.');
    bool ends = dot && dot > base && strlen(dot) < ENDING;
    size_t stem = ends ? (size_t)(dot - base) : strlen(base), most = NAME_MAX - 2 * ENDING, start;

    str_clear(&s->a);
    if (!strcmp(label, INFER_SORT_UNKNOWN))
        str_add(&s->a, label);
    else
        infer_sort_folder(label, &s->a);
    str_addc(&s->a, '/');
    start = s->a.len;
    str_add(&s->a, base);
    for (int i = 1; !s->a.failed && taken(s, str_text(&s->a)); i++) {
        str_cut(&s->a, start);
        str_addn(&s->a, base, stem < most ? stem : most);
        add_hash(&s->a, '-', from);
        if (i > 1)
            str_printf(&s->a, "-%d", i);
        str_add(&s->a, ends ? dot : "");
    }
    return str_text(&s->a);
}

/* The file's path from the root, its last name as it is; in s->c.  They come folder by folder. */
static const char *full_path(struct infer_sort *s, const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    struct str here = { 0 };

    str_addn(&here, slash ? path : ".", slash ? (n ? n : 1) : 1);
    if (!here.failed && (!s->here || strcmp(s->here, here.data))) {
        free(s->real);
        free(s->here);
        s->here = here.data;
        s->real = realpath(s->here, NULL);
        here.data = NULL;
        if (!s->real)
            err_errno(err, path, "find");
    }
    str_release(&here);
    if (!s->real) {
        free(s->here);
        s->here = NULL;
        return NULL;
    }
    str_clear(&s->c);
    str_printf(&s->c, "%s/%s", strcmp(s->real, "/") ? s->real : "", slash ? slash + 1 : path);
    return s->c.failed ? NULL : s->c.data;
}

/* ---- one file -------------------------------------------------------------------------------- */

static bool make_folder(struct infer_sort *s, const char *to, struct err *err)
{
    char *slash;

    below(s, &s->a, to);
    if (s->a.failed)
        return err_set(err, ERR_MEMORY, "no memory for a path");
    slash = strrchr(s->a.data, '/');
    *slash = 0;
    return !mkdir(s->a.data, 0777) || errno == EEXIST || err_errno(err, s->a.data, "make");
}

/* A copy, and for a move across file systems then the file goes. */
static enum place copy(struct infer_sort *s, const struct infer_sort_entry *e, const char *to,
                       struct err *err)
{
    bool move = e->act == INFER_MOVE;
    enum place done;

    str_clear(&s->a);
    str_addn(&s->a, to, (size_t)(strrchr(to, '/') - to));
    str_printf(&s->a, "/%s", part_name);
    done = s->a.failed ? PLACE_FAILED : place_copy(e->from, s->a.data, to, move, err);
    if (done == PLACE_DONE && move && unlink(e->from)) {
        err_errno(err, e->from, "remove");
        return PLACE_FAILED;
    }
    return done;
}

static enum place act(struct infer_sort *s, const struct infer_sort_entry *e, struct err *err)
{
    const char *to = below(s, &s->b, e->to);
    enum place done;

    if (e->act == INFER_LINK || e->act == INFER_ALSO)
        return place_link(e->from, to, err);
    if (e->act == INFER_COPY)
        return copy(s, e, to, err);
    done = place_rename(e->from, to, err);
    return done == PLACE_ELSEWHERE ? copy(s, e, to, err) : done;
}

/* What stands in the log was perhaps done, perhaps not: an earlier run was ended here. */
static enum place act_again(struct infer_sort *s, const struct infer_sort_entry *e,
                            struct err *err)
{
    const char *to = below(s, &s->b, e->to);

    if (!place_taken(to))
        return make_folder(s, e->to, err) ? act(s, e, err) : PLACE_FAILED;
    if (e->act == INFER_MOVE && place_same(e->from, to) && unlink(e->from)) {
        err_errno(err, e->from, "remove");
        return PLACE_FAILED;
    }
    return PLACE_DONE;
}

/* Of a file that stays where it is. */
static void leave(struct infer_sort *s, const struct err *why)
{
    s->counts.left++;
    s->tell(s->ctx, why);
}

/* Everything that waits.  A file that is in the way, or gone, is that file's trouble; a disk that
 * is full, or a folder that cannot be written, is everybody's. */
static bool flush(struct infer_sort *s, struct err *err)
{
    if (!infer_sort_log_sync(&s->log, &s->text, err))
        return false;
    for (; s->waiting < s->log.n; s->waiting++) {
        const struct infer_sort_entry *e = &s->log.entry[s->waiting];
        struct err why = { 0 };

        if (!make_folder(s, e->to, err))
            return false;
        if (act(s, e, &why) == PLACE_DONE) {
            s->counts.sorted += e->act != INFER_ALSO && (s->waiting == 0 ||
                                strcmp(e->from, e[-1].from));
        } else if (why.kind == ERR_INPUT || place_taken(below(s, &s->b, e->to))) {
            leave(s, &why);
        } else {
            *err = why;
            return false;
        }
    }
    return true;
}

static bool plan(struct infer_sort *s, int what, const char *from, const char *to, struct err *err)
{
    int i = s->log.n;

    if (s->a.failed || !infer_sort_log_add(&s->log, &s->text, what, from, to, err) ||
        (what != INFER_ALSO && data_lookup_find(&s->by_from, from) < 0 &&
         !data_lookup_add(&s->by_from, i)) || !data_lookup_add(&s->by_to, i))
        return err_set(err, ERR_MEMORY, "no memory for a file's new place");
    return true;
}

/* Whether an earlier run had the file, or this one; then what it left undone is done. */
static bool had(struct infer_sort *s, const char *from, bool *ok, struct err *err)
{
    int i = data_lookup_find(&s->by_from, from);
    const struct infer_sort_entry *e = i < 0 ? NULL : &s->log.entry[i];

    *ok = true;
    /* A file that came into the place of one that was moved is another file. */
    if (!e || (e->act == INFER_MOVE && place_taken(below(s, &s->b, e->to)) &&
               !place_same(from, str_text(&s->b))))
        return false;
    s->counts.before++;
    if (i >= s->waiting)
        return true;
    for (; *ok && i < s->log.n && !strcmp(s->log.entry[i].from, from); i++)
        *ok = act_again(s, &s->log.entry[i], err) == PLACE_DONE;
    return true;
}

bool infer_sort_put(struct infer_sort *s, const char *path, int n, const char *const *label,
                    struct err *err)
{
    struct err why = { 0 };
    const char *from = full_path(s, path, &why);
    struct stat st;
    size_t first = 0;
    bool ok = true;

    if (from && s->how == INFER_MOVE && !lstat(from, &st) && S_ISLNK(st.st_mode))
        err_set(&why, ERR_INPUT, "%s: is a symbolic link, which is not moved: --how copy copies "
                "what it leads to", path);
    if (!from && !why.kind)
        return err_set(err, ERR_MEMORY, "no memory for a path");
    if (why.kind) {
        leave(s, &why);
        return true;
    }
    if (had(s, from, &ok, err))
        return ok;
    for (int i = 0; ok && i < n; i++) {
        const char *to = new_to(s, from, label[i]);

        if (i == 0 || s->how != INFER_MOVE) {
            ok = plan(s, s->how, from, to, err);
            first = (size_t)s->log.n - 1;
        } else {
            str_clear(&s->b);
            str_printf(&s->b, "../%s", s->log.entry[first].to);
            ok = plan(s, INFER_ALSO, str_text(&s->b), to, err);
        }
    }
    return ok && (s->log.n - s->waiting < BATCH || flush(s, err));
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* The end of an earlier run's log: second labels, whose files no longer ask for them. */
static bool go_on(struct infer_sort *s, struct err *err)
{
    int begin = s->log.n > 2 * BATCH ? s->log.n - 2 * BATCH : 0;
    bool ok = true;

    for (int i = 0; ok && i < s->log.n; i++) {
        const struct infer_sort_entry *e = &s->log.entry[i];

        /* A place may stand there twice: what was to go there went elsewhere in the end. */
        if ((e->act != INFER_ALSO && data_lookup_find(&s->by_from, e->from) < 0 &&
             !data_lookup_add(&s->by_from, i)) ||
            (data_lookup_find(&s->by_to, e->to) < 0 && !data_lookup_add(&s->by_to, i)))
            return err_set(err, ERR_MEMORY, "no memory for a log");
        if (i >= begin && e->act == INFER_ALSO && !place_taken(below(s, &s->b, e->to)) &&
            place_taken(below(s, &s->c, e->from + 3)))
            ok = make_folder(s, e->to, err) && act(s, e, err) == PLACE_DONE;
    }
    s->waiting = s->log.n;
    return ok;
}

struct infer_sort *infer_sort_open(const char *folder, enum infer_how how,
                                   infer_sort_tell_fn *tell, void *ctx, struct err *err)
{
    struct infer_sort *s = calloc(1, sizeof *s);
    bool made = file_kind(folder) == FILE_NONE;

    if (!s) {
        err_set(err, ERR_MEMORY, "no memory for a sorting");
        return NULL;
    }
    *s = (struct infer_sort){ .folder = folder, .how = how, .tell = tell, .ctx = ctx,
                              .log.fd = -1 };
    s->by_from = (struct data_lookup){ .name = from_of, .ctx = &s->log };
    s->by_to = (struct data_lookup){ .name = to_of, .ctx = &s->log };
    if (file_mkdir(folder, err) && infer_sort_log_open(&s->log, folder, (int)how, made, err) &&
        go_on(s, err))
        return s;
    infer_sort_free(s);
    return NULL;
}

bool infer_sort_finish(struct infer_sort *s, struct infer_sort_counts *counts, struct err *err)
{
    bool ok = flush(s, err);

    *counts = s->counts;
    return ok;
}

void infer_sort_free(struct infer_sort *s)
{
    if (!s)
        return;
    infer_sort_log_close(&s->log);
    data_lookup_release(&s->by_from);
    data_lookup_release(&s->by_to);
    str_release(&s->text);
    str_release(&s->a);
    str_release(&s->b);
    str_release(&s->c);
    free(s->here);
    free(s->real);
    free(s);
}
