/*
 * cpu -- fills the table: the reference first, then each better implementation over it
 */
#include "nn/kernel/cpu.h"

#include <pthread.h>
#include <string.h>

static struct nn_kernels table_ref, table_auto;         /* constant once `fill_all` ran */

unsigned nn_cpu_isa(void)
{
    unsigned isa = NN_ISA_ref;

#ifdef NN_BLAS
    isa |= NN_ISA_blas;
#endif
    return isa;
}

static void fill(struct nn_kernels *k, unsigned isa)
{
#define KERNEL(slot, need) \
    if ((isa & NN_ISA_##need) == NN_ISA_##need) { \
        k->slot = nn_##slot##_##need; \
        k->name.slot = #need; \
    }
#include "nn/kernel/kernels.def"
#undef KERNEL
}

static void fill_all(void)
{
    fill(&table_ref, NN_ISA_ref);
    fill(&table_auto, nn_cpu_isa());
}

const struct nn_kernels *nn_kernels_get(const char *isa, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, fill_all);
    if (!isa || !strcmp(isa, "auto"))
        return &table_auto;
    if (!strcmp(isa, "ref"))
        return &table_ref;
    err_set(err, ERR_USAGE, "isa: expected auto or ref, got \"%s\"", isa);
    return NULL;
}
