/*
 * value -- see value.h
 */
#include "nn/value.h"

#include <string.h>

bool nn_values_new(const struct nn_graph *g, struct arena *mem, struct nn_values *v,
                   struct err *err)
{
    *v = (struct nn_values){ mem, arena_array(mem, (size_t)g->n + 1, sizeof *v->of) };
    return v->of || err_set(err, ERR_MEMORY, "no memory for the values of %d nodes", g->n);
}

const struct nn_value *nn_value_of(struct arena *mem, int64_t count, const real *numbers)
{
    struct nn_value *v = arena_alloc(mem, sizeof *v);

    if (v)
        *v = (struct nn_value){ .count = count, .numbers = numbers };
    return v;
}

bool nn_value_make(const struct nn_value *v, real *out, struct err *err)
{
    if (!v->numbers)
        return v->make(v, out, err);
    memcpy(out, v->numbers, (size_t)v->count * sizeof *out);
    return true;
}

const real *nn_value_at(const struct nn_value *v, real *room, struct err *err)
{
    if (v->numbers)
        return v->numbers;
    return v->make(v, room, err) ? room : NULL;
}
