/*
 * cpu -- the instruction sets that this processor, and the system on it, can run
 *
 * The compiler's own library asks CPUID, and XGETBV whether the system saves the wide registers.
 */
#include "nn/base/cpu.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#ifdef __x86_64__
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

const char *const cpu_names[] = { "ref", "avx2", "avx512", "avx512bf16", "amx", NULL };

#ifdef __x86_64__

/* Tiles are there when CPUID tells them and the system lends them (Linux 5.16 and later): their
 * 8 kB of registers are not saved for those who did not ask. */
static bool has_tiles(void)
{
    enum { ASK_PERMISSION = 0x1023, TILE_DATA = 18 };   /* of arch_prctl */
    const unsigned want = 1u << 22 | 1u << 24 | 1u << 25;       /* amx-bf16, -tile, -int8 */
    unsigned a, b, c, d;

    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & want) == want &&
           !syscall(SYS_arch_prctl, ASK_PERMISSION, TILE_DATA);
}

static unsigned look(void)
{
    unsigned can = CPU_ref;

    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        can |= CPU_avx2;
    if (can & CPU_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        can |= CPU_avx512;
    if (can & CPU_avx512 && __builtin_cpu_supports("avx512bf16") &&
        __builtin_cpu_supports("avx512vnni"))
        can |= CPU_avx512bf16;
    if (can & CPU_avx512bf16 && has_tiles())
        can |= CPU_amx;
    return can;
}

#else

static unsigned look(void)
{
    return CPU_ref;
}

#endif

static unsigned found;          /* constant once `find` ran */

static void find(void)
{
    found = look();
}

unsigned cpu_can(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, find);
    return found;
}

/* One word of a file that the kernel writes; false when it is not there. */
static bool word_of(const char *name, int index, char word[32])
{
    char path[80];
    FILE *f;
    bool got;

    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index, name);
    f = fopen(path, "r");
    got = f && fscanf(f, "%31s", word) == 1;
    if (f)
        fclose(f);
    return got;
}

/* From the kernel, and not from sysconf, which takes all level 3 caches of a package for one. */
size_t cpu_cache(int level)
{
    char word[32];
    int of;
    size_t n;
    char unit;

    for (int i = 0; word_of("level", i, word); i++)
        if (sscanf(word, "%d", &of) == 1 && of == level && word_of("type", i, word) &&
            word[0] != 'I' && word_of("size", i, word) &&
            sscanf(word, "%zu%c", &n, &unit) == 2 && n <= 1 << 20 &&
            (unit == 'K' || unit == 'M'))
            return n << (unit == 'K' ? 10 : 20);
    return 0;
}

const char *cpu_model(char name[CPU_NAME])
{
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");

    name[0] = 0;
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, "model name", 10) && strchr(line, ':')) {
            const char *value = strchr(line, ':') + 1;

            value += strspn(value, " \t");
            snprintf(name, CPU_NAME, "%.*s", (int)strcspn(value, "\n"), value);
            break;
        }
    if (f)
        fclose(f);
    return name;
}
