/*
 * cpu -- fills the table: the reference first, then each better implementation over it
 */
#include "nn/kernel/cpu.h"
#include "nn/base/str.h"

#include <pthread.h>
#include <string.h>

enum { LEVELS = 5 };            /* of cpu_names */

static struct nn_kernels table_auto, table_of[LEVELS];  /* constant once `fill_all` ran */

unsigned nn_cpu_isa(void)
{
    unsigned isa = NN_ISA_ref;

#ifdef NN_VECTORS
    isa |= cpu_can();
    if (isa & NN_ISA_avx2)
        isa |= NN_ISA_model;
#endif
#ifdef NN_BLAS
    isa |= NN_ISA_blas;
#endif
    return isa;
}

static void fill(struct nn_kernels *k, unsigned isa)
{
#define KERNEL(slot, need) \
    if (isa & NN_ISA_##need) { \
        k->slot = nn_##slot##_##need; \
        k->name.slot = #need; \
    }
#include "nn/kernel/kernels.def"
#undef KERNEL
    k->rows_alone = strcmp(k->name.gemm_f32, "blas");
    k->multiplies_bf16 = strcmp(k->name.conv_bf16, "ref");
}

static void fill_all(void)
{
    fill(&table_auto, nn_cpu_isa() & ~(unsigned)NN_ISA_model);
    for (int i = 0; i < LEVELS; i++)
        fill(&table_of[i], nn_cpu_isa() & ((2u << i) - 1));
}

const struct nn_kernels *nn_kernels_get(const char *isa, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct str names = { 0 };

    pthread_once(&once, fill_all);
    if (!isa || !strcmp(isa, "auto"))
        return &table_auto;
    for (int i = 0; i < LEVELS; i++) {
        if (!strcmp(isa, cpu_names[i])) {
            if (nn_cpu_isa() & 1u << i)
                return &table_of[i];
            err_set(err, ERR_UNSUPPORTED, "isa: this processor has no %s", isa);
            return NULL;
        }
    }
    for (int i = 0; i < LEVELS; i++)
        str_printf(&names, ", %s", cpu_names[i]);
    err_set(err, ERR_USAGE, "isa: expected auto%s, got \"%s\"", str_text(&names), isa);
    str_release(&names);
    return NULL;
}
