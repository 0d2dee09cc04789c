/*
 * cpu -- the instruction sets that this processor, and the system on it, can run
 *
 * The compiler's own library asks CPUID, and XGETBV whether the system saves the wide registers.
 */
#include "nn/base/cpu.h"

#include <stddef.h>

const char *const cpu_names[] = { "ref", "avx2", "avx512", "avx512bf16", NULL };

unsigned cpu_can(void)
{
    unsigned can = CPU_ref;

#ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        can |= CPU_avx2;
    if (can & CPU_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        can |= CPU_avx512;
    if (can & CPU_avx512 && __builtin_cpu_supports("avx512bf16") &&
        __builtin_cpu_supports("avx512vnni"))
        can |= CPU_avx512bf16;
#endif
    return can;
}
