/*
 * peak, AMX -- four tiles of sums, two of each factor: every tile that there is
 *
 * A tile is 16 rows of 64 bytes.  The system must have lent the tiles (cpu_can).
 */
#include "nn/kernel/peak.h"

#include <immintrin.h>

struct tiles {                  /* what ldtilecfg reads: Intel's manual, volume 1, 18.3 */
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];         /* of a row */
    uint8_t rows[16];
};

static void begin(const void *in, const void *sum)
{
    _Alignas(64) struct tiles t = { .palette = 1 };

    for (int i = 0; i < 8; i++) {
        t.bytes[i] = 64;
        t.rows[i] = 16;
    }
    _tile_loadconfig(&t);
    _tile_loadd(0, sum, 64);
    _tile_loadd(1, (const char *)sum + 1024, 64);
    _tile_loadd(2, (const char *)sum + 2048, 64);
    _tile_loadd(3, (const char *)sum + 3072, 64);
    _tile_loadd(4, in, 64);
    _tile_loadd(5, (const char *)in + 1024, 64);
    _tile_loadd(6, in, 64);
    _tile_loadd(7, (const char *)in + 1024, 64);
}

static void end(void *sum)
{
    _tile_stored(0, sum, 64);
    _tile_stored(1, (char *)sum + 1024, 64);
    _tile_stored(2, (char *)sum + 2048, 64);
    _tile_stored(3, (char *)sum + 3072, 64);
    _tile_release();
}

/* nn_peak_fn by one product of tiles. */
#define PEAK(name, product)                                     \
    void name(int64_t turns, const void *in, void *sum)         \
    {                                                           \
        begin(in, sum);                                         \
        for (int64_t t = 0; t < turns; t++) {                   \
            product(0, 4, 6);                                   \
            product(1, 4, 7);                                   \
            product(2, 5, 6);                                   \
            product(3, 5, 7);                                   \
        }                                                       \
        end(sum);                                               \
    }

PEAK(nn_peak_bf16_amx, _tile_dpbf16ps)
PEAK(nn_peak_i8_amx, _tile_dpbusd)
