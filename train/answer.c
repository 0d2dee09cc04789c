/*
 * answer -- see answer.h
 */
#include "train/answer.h"

#include "nn/base/json.h"
#include "train/checkpoint.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

void train_answer_json(const struct train_cfg *cfg, const char *dir, const struct train_summary *s,
                       struct str *out)
{
    json_t *settings = record_to_json(train_cfg_fields, cfg);
    char *text = settings ? record_dump(settings) : NULL;
    struct str path = { 0 }, list = { 0 };
    struct rusage usage = { .ru_maxrss = 0 };

    json_begin(out, NULL, '{');
    json_text(out, "schema", "discern.train/1");
    str_printf(&path, "%s/" TRAIN_BEST, dir);
    json_text(out, "best", str_text(&path));
    str_clear(&path);
    str_printf(&path, "%s/" TRAIN_LAST, dir);
    json_text(out, "last", str_text(&path));
    json_number(out, "epoch", s->best_epoch);
    json_number(out, "epochs", s->epochs);
    json_number(out, "steps", (double)s->steps);
    json_number(out, "seconds", s->elapsed);
    json_number(out, "waited", s->waited);
    getrusage(RUSAGE_SELF, &usage);
    json_number(out, "memory", 1024.0 * (double)usage.ru_maxrss);
    json_raw(out, "taught", s->taught ? "true" : "false");
    json_raw(out, "figures", s->figures.len ? str_text(&s->figures) : "null");
    json_raw(out, "settings", text ? text : "null");
    str_printf(&list, "[%s]", str_text(&s->history));
    json_raw(out, "history", str_text(&list));
    json_end(out, '}');
    out->failed |= !text || path.failed || list.failed || s->history.failed || s->figures.failed;
    str_release(&path);
    str_release(&list);
    free(text);
    json_decref(settings);
}

void train_answer_next(const struct train_options *o, const char *data, const char *dir,
                       struct str *out)
{
    struct str word = { 0 };
    char name[CLI_NAME_BYTES];

    str_add(out, data ? "discern eval " : "discern predict ");
    str_printf(&word, "%s/" TRAIN_BEST, dir);
    str_shell(out, str_text(&word));
    str_addc(out, ' ');
    str_shell(out, data ? data : o->cfg.unlabelled);
    for (const struct field *f = train_source_fields; f->name; f++) {
        if (field_is_default(f, o))
            continue;
        str_addc(out, ' ');
        str_add(out, cli_option_name(f, false, name));
        str_addc(out, ' ');
        str_clear(&word);
        field_text(f, o, &word);
        str_shell(out, str_text(&word));
    }
    out->failed |= word.failed;
    str_release(&word);
}

json_t *train_answer_result(const struct train_summary *s, const struct err *why)
{
    json_t *o = json_object(), *figures = NULL;
    struct err ignored;

    if (why->kind) {
        struct str text = { 0 };

        str_utf8(&text, why->msg);
        json_object_set_new(o, "message", json_string(str_text(&text)));
        str_release(&text);
        return o;
    }
    if (s->figures.len)
        figures = record_parse(str_text(&s->figures), s->figures.len, &ignored);
    json_object_set_new(o, "epoch", json_integer(s->best_epoch));
    json_object_set_new(o, "epochs", json_integer(s->epochs));
    json_object_set_new(o, "steps", json_integer(s->steps));
    json_object_set_new(o, "seconds", json_real(s->elapsed));
    json_object_set_new(o, "figures", figures ? figures : json_null());
    return o;
}
