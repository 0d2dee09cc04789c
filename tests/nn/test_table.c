/*
 * test_table -- what every line of the .def tables must bring with it
 *
 * The generic tests, the generated pages and the error messages all live on these: a name that is
 * the line's own, a phrase that says what it is, attributes described in full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/graph.h"
#include "nn/kernel/cpu.h"
#include "nn/model/model.h"
#include "nn/op.h"
#include "nn/pass/pass.h"

#include <stdlib.h>
#include <string.h>

static void check_doc(const char *table, const char *name, const char *doc)
{
    if (!doc || !*doc)
        fail_msg("%s %s: no doc", table, name);
    if (strpbrk(doc, "\n\t|") || doc[strlen(doc) - 1] == '.')
        fail_msg("%s %s: doc is one phrase without a full stop: \"%s\"", table, name, doc);
}

/* Names stand in files and on command lines: a lower-case word each. */
static void check_name(const char *table, const char *name, const char *line)
{
    if (!name || strcmp(name, line) != 0)
        fail_msg("%s: the line %s is called \"%s\"", table, line, name ? name : "(nothing)");
    if (!*name || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name))
        fail_msg("%s %s: a name is of lower-case letters, digits and _", table, name);
}

/* ---- operators ------------------------------------------------------------------------------- */

static void ops_are_called_as_their_line_says(void **state)
{
    (void)state;
#define NN_OP(op) check_name("op", nn_op_##op.name, #op); check_doc("op", #op, nn_op_##op.doc);
#include "nn/op/ops.def"
#undef NN_OP
}

static void every_op_is_found_by_its_name_alone(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_true(nn_op_count() > 0);
    for (int i = 0; i < nn_op_count(); i++)
        assert_ptr_equal(nn_op_find(nn_op_at(i)->name, &err), nn_op_at(i));
    assert_int_equal(err.kind, ERR_NONE);
    assert_null(nn_op_find("batchnrom", &err));
    assert_non_null(strstr(err.msg, "batchnorm"));
}

static void every_op_has_type_and_cases(void **state)
{
    (void)state;
    for (int i = 0; i < nn_op_count(); i++) {
        const struct nn_op *op = nn_op_at(i);

        if (!op->type)
            fail_msg("op %s: no type", op->name);
        if (!op->cases || !op->cases[0].attr)
            fail_msg("op %s: no cases", op->name);
        if (!(op->flags & NN_OP_LEAF) && !op->forward)
            fail_msg("op %s: no forward", op->name);
        if ((op->flags & NN_OP_LEAF) && (op->forward || op->backward || op->in_max))
            fail_msg("op %s: a leaf has no inputs and is never run", op->name);
        for (const struct nn_case *c = op->cases; c->attr; c++)
            if (!c->in)
                fail_msg("op %s: case {%s} has no inputs", op->name, c->attr);
    }
}

static void counts_and_flags_are_within_bounds(void **state)
{
    const unsigned keep = NN_KEEP_X | NN_KEEP_Y | NN_KEEP_STASH;
    const unsigned flags =
        NN_OP_INPLACE | NN_OP_RANDOM | NN_OP_ACROSS_BATCH | NN_OP_LEAF | NN_OP_LOSS |
        NN_OP_TRAIN_ONLY | NN_OP_SCALES | NN_OP_HALF | NN_OP_ALIKE | NN_OP_AFTER |
        NN_OP_AFTER_TRAIN | NN_OP_CUT_FROM_X;

    (void)state;
    for (int i = 0; i < nn_op_count(); i++) {
        const struct nn_op *op = nn_op_at(i);

        if (op->in_min > op->in_max || op->in_max > NN_MAX_IN)
            fail_msg("op %s: from %d to %d inputs", op->name, op->in_min, op->in_max);
        if ((op->keep & ~keep) || (op->flags & ~flags))
            fail_msg("op %s: an unknown bit in keep or flags", op->name);
        if (op->no_grad >> op->in_max)
            fail_msg("op %s: no_grad names an input beyond the last", op->name);
        if (op->fresh >> op->in_max || op->fresh & op->no_grad)
            fail_msg("op %s: fresh names an input without a gradient", op->name);
        if (!op->pack != !op->packed)
            fail_msg("op %s: pack and packed go together", op->name);
        if ((op->keep & NN_KEEP_STASH) && !op->space)
            fail_msg("op %s: keeps a stash and has no space hook", op->name);
        if (op->keep && !op->backward)
            fail_msg("op %s: keeps something for a backward that it has not", op->name);
    }
}

/* A random fill would never meet a member that no field describes, nor would a file. */
static void attributes_are_described_and_inside_their_struct(void **state)
{
    (void)state;
    for (int i = 0; i < nn_op_count(); i++) {
        const struct nn_op *op = nn_op_at(i);

        if (!op->attr_size != !op->attrs)
            fail_msg("op %s: attr_size %zu, but %s fields", op->name, op->attr_size,
                     op->attrs ? "" : "no");
        for (const struct field *f = op->attrs; f && f->name; f++) {
            check_doc(op->name, f->name, f->doc);
            if (f->offset >= op->attr_size || f->count < 1)
                fail_msg("op %s: field %s lies outside its struct", op->name, f->name);
            if (field_find(op->attrs, f->name) != f)
                fail_msg("op %s: two fields called %s", op->name, f->name);
            if (f->kind != FIELD_KIND_BOOL && f->kind != FIELD_KIND_STRING &&
                f->kind != FIELD_KIND_ENUM && !(f->min <= f->max))
                fail_msg("op %s: field %s has an empty range", op->name, f->name);
        }
    }
}

/* What is derived when it is not given comes last, and nothing lies beyond in_max. */
static void derived_inputs_have_names_of_their_own(void **state)
{
    (void)state;
    for (int i = 0; i < nn_op_count(); i++) {
        const struct nn_op *op = nn_op_at(i);
        struct nn_type x = { DTYPE_F32, 4, { { 1, 1 }, { 8, 0 }, { 8, 0 }, { 4, 0 } } };
        const char *name[NN_MAX_IN + 1] = { NULL };
        void *attr = calloc(1, op->attr_size + 1);

        assert_non_null(attr);
        if (op->attrs)
            field_defaults(op->attrs, attr);
        for (int k = 1; op->param && k <= op->in_max; k++) {
            struct nn_param p = { 0 };

            name[k] = op->param(attr, &x, k, &p);
            if (k == op->in_max && name[k])
                fail_msg("op %s: derives input %d of %d", op->name, k, op->in_max);
            for (int j = 1; name[k] && j < k; j++)
                if (name[j] && !strcmp(name[j], name[k]))
                    fail_msg("op %s: two inputs called %s", op->name, name[k]);
        }
        free(attr);
    }
}

/* ---- kernels, models, passes ----------------------------------------------------------------- */

static void every_slot_has_a_reference(void **state)
{
    struct err err = { 0 };
    const struct nn_kernels *k = nn_kernels_get("ref", &err);

    (void)state;
    assert_non_null(k);
#define SLOT(s) \
    if (!k->s || !k->name.s || strcmp(k->name.s, "ref") != 0) \
        fail_msg("slot %s: no plain C version in kernels.def", #s);
    NN_SLOTS(SLOT)
#undef SLOT
}

/* Every row has all that others ask of it, and is found by its name. */
static void check_family(const struct nn_model *rows)
{
    struct err err = { 0 };

    for (const struct nn_model *m = rows; m->name; m++) {
        check_doc("model", m->name, m->doc);
        assert_ptr_equal(nn_model_find(m->name, &err), m);
        assert_true(m->build && m->least >= 1 && m->least <= m->size);
    }
}

static void models_are_what_others_ask_of_them(void **state)
{
    struct err err = { 0 };

    (void)state;
#define NN_FAMILY(f) check_family(nn_family_##f);
#include "nn/model/models.def"
#undef NN_FAMILY
    assert_null(nn_model_find("resnet81", &err));
    assert_non_null(strstr(err.msg, "resnet18"));
}

static void passes_are_called_as_their_line_says(void **state)
{
    (void)state;
#define NN_PASS(p) \
    check_name("pass", nn_pass_##p.name, #p); \
    check_doc("pass", #p, nn_pass_##p.doc); \
    assert_true(nn_pass_##p.run);
#include "nn/pass/passes.def"
#undef NN_PASS
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ops_are_called_as_their_line_says),
        cmocka_unit_test(every_op_is_found_by_its_name_alone),
        cmocka_unit_test(every_op_has_type_and_cases),
        cmocka_unit_test(counts_and_flags_are_within_bounds),
        cmocka_unit_test(attributes_are_described_and_inside_their_struct),
        cmocka_unit_test(derived_inputs_have_names_of_their_own),
        cmocka_unit_test(every_slot_has_a_reference),
        cmocka_unit_test(models_are_what_others_ask_of_them),
        cmocka_unit_test(passes_are_called_as_their_line_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
