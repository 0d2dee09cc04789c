/*
 * transfer: what beginning with weights changes where nobody said it, and nothing else; the last
 * layer that is fitted first is the one that fits, for any number of threads
 */
#include "tests/train/training.h"

#include "train/transfer.h"

#include <unistd.h>

static void listen_notes(void *ctx, const char *text)
{
    str_printf(ctx, "%s\n", text);
}

static struct train_cfg chosen(const struct train_transfer_facts *f, struct train_cfg cfg,
                               struct train_usual *usual, struct str *notes)
{
    str_clear(notes);
    train_transfer_choose(f, &cfg, usual, listen_notes, notes);
    return cfg;
}

static void nothing_begun_with_changes_nothing(void **state)
{
    struct train_usual usual;
    struct str notes = { 0 };
    struct train_cfg cfg = chosen(NULL, config(), &usual, &notes);

    (void)state;
    assert_int_equal(cfg.probe, TRAIN_PROBE_NO);
    assert_int_equal(cfg.norms, TRAIN_NORMS_LEARN);
    assert_true(cfg.layer_lr == 1);
    assert_memory_equal(&usual, &train_usual_scratch, sizeof usual);
    assert_int_equal(notes.len, 0);
    str_release(&notes);
}

static void facts_decide_and_are_told(void **state)
{
    static const struct {
        struct train_transfer_facts f;
        int probe, norms;
    } known[] = {
        { { 2000, 5, 0, 28, true, true }, TRAIN_PROBE_YES, TRAIN_NORMS_LEARN },
        { { 2000, 5, 4, 28, true, true }, TRAIN_PROBE_YES, TRAIN_NORMS_LEARN },
        { { 2000, 5, 5, 28, true, true }, TRAIN_PROBE_NO, TRAIN_NORMS_LEARN },
        { { 2000, 5, 0, 28, true, false }, TRAIN_PROBE_NO, TRAIN_NORMS_LEARN },
        { { 20, 5, 0, 28, true, true }, TRAIN_PROBE_YES, TRAIN_NORMS_KEEP },
        { { 20, 5, 0, 28, false, true }, TRAIN_PROBE_YES, TRAIN_NORMS_LEARN },
    };
    struct train_usual usual;
    struct str notes = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct train_cfg cfg = chosen(&known[i].f, config(), &usual, &notes);
        const char *text = str_text(&notes);

        assert_int_equal(cfg.probe, known[i].probe);
        assert_int_equal(cfg.norms, known[i].norms);
        assert_non_null(strstr(text, "probe "));
        assert_true(!strstr(text, "norms keep: ") == (cfg.norms != TRAIN_NORMS_KEEP));
        assert_true(usual.steps < train_usual_scratch.steps);
        assert_true((usual.rate == 1) == (known[i].f.norms && cfg.norms == TRAIN_NORMS_LEARN));
    }
    str_release(&notes);
}

/* Matrices that are new learn as whatever begins from nothing. */
static void thin_matrices_learn_as_ever(void **state)
{
    static const struct train_transfer_facts f = { 2000, 5, 0, 28, false, true };
    struct train_usual usual;
    struct str notes = { 0 };
    struct train_cfg cfg = config();

    (void)state;
    cfg.lora = 4;
    cfg = chosen(&f, cfg, &usual, &notes);
    assert_true(cfg.layer_lr == 1);
    assert_memory_equal(&usual, &train_usual_scratch, sizeof usual);
    str_release(&notes);
}

static void what_was_said_stays(void **state)
{
    static const struct train_transfer_facts f = { 20, 5, 0, 28, true, true };
    struct train_usual usual;
    struct str notes = { 0 };
    struct train_cfg said = config(), cfg;

    (void)state;
    said.probe = TRAIN_PROBE_NO;
    said.norms = TRAIN_NORMS_LEARN;
    said.layer_lr = 0.5;
    cfg = chosen(&f, said, &usual, &notes);
    assert_int_equal(cfg.probe, TRAIN_PROBE_NO);
    assert_int_equal(cfg.norms, TRAIN_NORMS_LEARN);
    assert_true(cfg.layer_lr == 0.5);
    assert_int_equal(notes.len, 0);
    str_release(&notes);
}

/* Pictures of c0 and c1 as they are, and under names that the model does not know. */
static void draw_both(struct made_folder *f, struct made_folder *new)
{
    char from[512], to[512];
    struct err err = { 0 };

    made_open(f);
    made_open(new);
    draw_set(f, 24, 12, SIDE);
    for (int val = 0; val < 2; val++)
        for (int label = 0; label < CLASSES; label++) {
            snprintf(from, sizeof from, "%s/%s/c%d", f->path, val ? "val" : "train", label);
            snprintf(to, sizeof to, "%s/%s", new->path, val ? "val" : "train");
            assert_true(file_mkdir(to, &err));
            snprintf(to, sizeof to, "%s/%s/d%d", new->path, val ? "val" : "train", label);
            assert_int_equal(symlink(from, to), 0);
        }
}

/* A network that has learnt under other names needs its last layer alone; what is learnt above it
 * stays; the bits are those of any number of threads. */
static void the_last_layer_alone_tells_what_the_network_sees(void **state)
{
    struct made_folder f, new;
    struct train_cfg first = config(), cfg[2];
    struct told told = { 0 }, probed[2] = { { .notes = 0 }, { .notes = 0 } };
    struct infer_model *before, *after;
    struct err err = { 0 };
    char path[512];

    (void)state;
    draw_both(&f, &new);
    first.epochs = 12;
    first.augment = "none";
    must_train(&f, "a", &first, &told);
    assert_true(told.accuracy > 0.9);
    snprintf(path, sizeof path, "%s/a/best.safetensors", f.path);
    for (int i = 0; i < 2; i++) {
        char out[20];

        cfg[i] = config();
        cfg[i].init = path;
        cfg[i].epochs = 0;
        cfg[i].probe = TRAIN_PROBE_ONLY;
        cfg[i].threads = i ? 3 : 1;
        snprintf(out, sizeof out, "p%d", i);
        if (!train(&new, ".", out, &cfg[i], &probed[i], &err))
            fail_msg("%s", err.msg);
        assert_true(probed[i].ended && probed[i].step == 0 && probed[i].epochs == 1);
        assert_true(probed[i].starts == 1 && probed[i].best_epoch == 0);
        assert_true(probed[i].accuracy > 0.9);
    }
    assert_same_model(&new, "p0", "p1", "best");
    before = open_model(&f, "a", "best");
    after = open_model(&new, "p0", "best");
    assert_string_equal(after->label[1], "d1");
    for (int e = 0; e < after->params->n; e++) {
        const struct nn_params *p = after->params, *q = before->params;
        bool head = !strncmp(after->graph->node[p->node[e]].name, "fc.", 3);
        bool same = !memcmp(p->value + p->offset[e], q->value + q->offset[e],
                            (size_t)p->count[e] * sizeof(real));

        assert_true(head != same);
    }
    infer_model_free(before);
    infer_model_free(after);
    made_close(&f);
    made_close(&new);
}

/* Weights as large as numbers get: the file and a picture are named. */
static void what_it_sees_must_be_numbers(void **state)
{
    struct made_folder f, new;
    struct train_cfg first = config(), cfg = config();
    struct told told = { 0 }, probed = { 0 };
    struct infer_model *m;
    struct err err = { 0 };
    char path[512];

    (void)state;
    draw_both(&f, &new);
    first.epochs = 1;
    must_train(&f, "a", &first, &told);
    m = open_model(&f, "a", "best");
    for (int64_t i = 0; i < m->params->total; i++)
        m->params->value[i] = (real)3e38;
    snprintf(path, sizeof path, "%s/large.safetensors", f.path);
    assert_true(infer_model_write(m, path, NULL, &err));
    infer_model_free(m);
    cfg.init = path;
    cfg.epochs = 0;
    cfg.probe = TRAIN_PROBE_ONLY;
    assert_false(train(&new, ".", "p", &cfg, &probed, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.msg, path));
    assert_non_null(strstr(err.msg, ".png: what "));
    made_close(&f);
    made_close(&new);
}

/* A training that begins with one does so again, and goes on to the same bits. */
static void a_training_behind_it_repeats_and_resumes(void **state)
{
    struct made_folder f, new;
    struct train_cfg first = config(), cfg = config(), cut, on;
    struct told told = { 0 }, whole = { 0 }, stopped = { .stop_at = 4 },
                going = { .resume = true };
    struct err err = { 0 };
    char path[512];

    (void)state;
    draw_both(&f, &new);
    first.epochs = 1;
    must_train(&f, "a", &first, &told);
    snprintf(path, sizeof path, "%s/a/best.safetensors", f.path);
    cfg.init = path;
    cfg.epochs = 1;
    cut = cfg;
    if (!train(&new, ".", "whole", &cfg, &whole, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(cfg.probe, TRAIN_PROBE_YES);
    assert_true(cfg.layer_lr > 0 && cfg.layer_lr < 1);
    assert_false(train(&new, ".", "cut", &cut, &stopped, &err));
    assert_int_equal(err.kind, ERR_CANCELLED);
    on = cut;
    on.steps = 0;
    if (!train(&new, ".", "cut", &on, &going, &err))
        fail_msg("%s", err.msg);
    assert_same_training(&new, "whole", "cut");
    made_close(&f);
    made_close(&new);
}

/* A model of f that has learnt; its path into path[512]. */
static void learn_well(struct made_folder *f, char *path)
{
    struct train_cfg cfg = config();
    struct told told = { 0 };

    cfg.epochs = 12;
    cfg.augment = "none";
    must_train(f, "a", &cfg, &told);
    assert_int_equal(told.starts, 0);
    assert_true(told.accuracy > 0.9 && told.best_epoch > 0);
    snprintf(path, 512, "%s/a/best.safetensors", f->path);
}

static struct train_cfg ruinous(const char *path)
{
    struct train_cfg cfg = config();

    cfg.init = path;
    cfg.lr = 2;
    cfg.norms = TRAIN_NORMS_LEARN; /* these bear any rate, and learn nothing by it */
    cfg.epochs = 3;
    cfg.augment = "none";
    return cfg;
}

/* What a training makes worse is not what it ships. */
static void a_ruinous_training_ships_what_it_began_with(void **state)
{
    struct made_folder f, new;
    struct train_cfg cfg, patient, blind, lot, probed;
    struct told told = { 0 }, waited = { 0 }, nothing = { 0 }, by_lot = { 0 }, fitted = { 0 };
    struct infer_model *a, *b;
    struct err err = { 0 };
    char path[512], only[512];

    (void)state;
    draw_both(&f, &new);
    learn_well(&f, path);
    cfg = ruinous(path);
    must_train(&f, "ruin", &cfg, &told);
    assert_int_equal(told.starts, 1);
    assert_int_equal(told.epochs, 4);
    assert_true(told.accuracy < told.start_accuracy);
    assert_int_equal(told.best_epoch, 0);
    a = open_model(&f, "a", "best");
    b = open_model(&f, "ruin", "best");
    assert_memory_equal(a->params->value, b->params->value,
                        (size_t)a->params->total * sizeof(real));
    assert_non_null(strstr(b->provenance, "\"epoch\":0"));
    assert_non_null(strstr(b->provenance, "\"loss\":null"));
    infer_model_free(a);
    infer_model_free(b);

    patient = ruinous(path);
    patient.stop_after = 1;
    must_train(&f, "patient", &patient, &waited);
    assert_int_equal(waited.epochs, 2); /* epoch 1 was no better than the start */
    assert_int_equal(waited.best_epoch, 0);

    /* A last layer by lot answers nothing; one that was fitted does. */
    lot = ruinous(path);
    lot.probe = TRAIN_PROBE_NO;
    if (!train(&new, ".", "lot", &lot, &by_lot, &err))
        fail_msg("%s", err.msg);
    assert_true(by_lot.starts == 0 && by_lot.epochs == 3);
    probed = ruinous(path);
    probed.probe = TRAIN_PROBE_YES;
    if (!train(&new, ".", "probed", &probed, &fitted, &err))
        fail_msg("%s", err.msg);
    assert_true(fitted.starts == 1 && fitted.best_epoch == 0 && fitted.start_accuracy > 0.9);

    /* Where nothing is held out nothing judges it, and the last epoch counts as the best. */
    blind = ruinous(path);
    snprintf(path, sizeof path, "%s/train", f.path);
    snprintf(only, sizeof only, "%s/only", f.path);
    assert_true(file_mkdir(only, &err));
    snprintf(only, sizeof only, "%s/only/train", f.path);
    assert_int_equal(symlink(path, only), 0);
    snprintf(path, sizeof path, "%s/a/best.safetensors", f.path);
    if (!train(&f, "only", "blind", &blind, &nothing, &err))
        fail_msg("%s", err.msg);
    assert_true(nothing.starts == 0 && nothing.best_epoch == 3);
    made_close(&f);
    made_close(&new);
}

/* Stopped when only the start was judged, the best file lost besides; it is not judged again. */
static void a_start_that_was_judged_is_gone_on_from(void **state)
{
    struct made_folder f, new;
    struct train_cfg cfg, cut, on;
    struct told whole = { 0 }, stopped = { .stop_when_saved = true }, going = { .resume = true };
    struct err err = { 0 };
    char path[512], best[512];

    (void)state;
    draw_both(&f, &new);
    learn_well(&f, path);
    cfg = cut = ruinous(path);
    must_train(&f, "whole", &cfg, &whole);
    assert_false(train(&f, ".", "cut", &cut, &stopped, &err));
    assert_int_equal(err.kind, ERR_CANCELLED);
    assert_non_null(strstr(err.msg, "stopped after step 0 of"));
    assert_non_null(strstr(err.msg, "the best model so far"));
    snprintf(best, sizeof best, "%s/cut/best.safetensors", f.path);
    assert_int_equal(remove(best), 0);
    on = cut;
    on.steps = 0;
    must_train(&f, "cut", &on, &going);
    assert_string_equal(going.going_on, "going on after step 0, in epoch 1");
    assert_int_equal(going.starts, 0);
    assert_int_equal(going.best_epoch, 0);
    assert_same_training(&f, "whole", "cut");
    made_close(&f);
    made_close(&new);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_begun_with_changes_nothing),
        cmocka_unit_test(facts_decide_and_are_told),
        cmocka_unit_test(thin_matrices_learn_as_ever),
        cmocka_unit_test(what_was_said_stays),
        cmocka_unit_test(the_last_layer_alone_tells_what_the_network_sees),
        cmocka_unit_test(what_it_sees_must_be_numbers),
        cmocka_unit_test(a_training_behind_it_repeats_and_resumes),
        cmocka_unit_test(a_ruinous_training_ships_what_it_began_with),
        cmocka_unit_test(a_start_that_was_judged_is_gone_on_from),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
