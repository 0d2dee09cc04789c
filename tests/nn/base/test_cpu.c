/*
 * cpu: what it says agrees with what the system says
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nn/base/cpu.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Whether the first processor of /proc/cpuinfo has the flag; the kernel leaves out what it does not
 * save. */
static bool system_has(const char *flag)
{
    static char line[1 << 14];
    FILE *f = fopen("/proc/cpuinfo", "r");
    char word[32];
    bool has = false;

    snprintf(word, sizeof word, " %s ", flag);
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = ' ';
        if (!strncmp(line, "flags", 5)) {
            has = strstr(line, word) != NULL;
            break;
        }
    }
    if (f)
        fclose(f);
    return has;
}

static void agrees_with_the_system(void **state)
{
    unsigned can = cpu_can();

    (void)state;
    assert_true(can & CPU_ref);
    assert_int_equal(!!(can & CPU_avx2), system_has("avx2") && system_has("fma"));
    assert_int_equal(!!(can & CPU_avx512),
                     can & CPU_avx2 && system_has("avx512f") && system_has("avx512bw") &&
                     system_has("avx512vl") && system_has("avx512dq"));
    assert_int_equal(!!(can & CPU_avx512bf16),
                     can & CPU_avx512 && system_has("avx512_bf16") && system_has("avx512_vnni"));
    assert_true(!(can & CPU_amx) || (can & CPU_avx512bf16 && system_has("amx_bf16")));
}

static void every_bit_has_a_name(void **state)
{
    int n = 0;

    (void)state;
    while (cpu_names[n])
        n++;
    assert_int_equal(1 << n, CPU_amx << 1);
}

static void caches_grow_with_their_level(void **state)
{
    (void)state;
    assert_int_equal(cpu_cache(0), 0);
    assert_int_equal(cpu_cache(9), 0);
    if (!cpu_cache(1))
        skip();
    assert_in_range(cpu_cache(1), 4 << 10, 1 << 20);
    assert_true(!cpu_cache(2) || cpu_cache(2) > cpu_cache(1));
    assert_true(!cpu_cache(3) || cpu_cache(3) >= cpu_cache(2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_system),
        cmocka_unit_test(every_bit_has_a_name),
        cmocka_unit_test(caches_grow_with_their_level),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
