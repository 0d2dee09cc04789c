/*
 * cpu -- the instruction sets that this processor, and the system on it, can run
 */
#ifndef BASE_CPU_H
#define BASE_CPU_H

#include <stddef.h>

/* A bit for every word that names a file of intrinsics (FLAGS_word in the Makefile), set when all
 * that the word's flags ask for is there. */
enum cpu {
    CPU_ref = 1,                /* plain C, always */
    CPU_avx2 = 2,               /* AVX2 and FMA */
    CPU_avx512 = 4,             /* AVX-512 F, BW, VL, DQ, and CPU_avx2 */
    CPU_avx512bf16 = 8,         /* bf16 and VNNI, and CPU_avx512 */
    CPU_amx = 16,               /* tiles of bf16 and 8 bits, and CPU_avx512bf16 */
};
extern const char *const cpu_names[];   /* of the bits, in order; NULL */

/* The bits that are set here.  Thread-safe.  The first call asks the system for the tiles, which
 * it lends to those who ask: from then on the threads of this process have larger frames for
 * signals. */
unsigned cpu_can(void);

/* What it is called, "AMD EPYC"; "" where the system does not say.  Returns name. */
enum { CPU_NAME = 128 };
const char *cpu_model(char name[CPU_NAME]);

/* Bytes of the cache for data that the first processor has at a level, 1 to 3; one level 3 is
 * shared by several processors.  0: none, or the system does not say. */
size_t cpu_cache(int level);

#endif
