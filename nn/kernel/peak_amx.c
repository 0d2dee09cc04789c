/*
 * peak, AMX -- four tiles of sums, two of each factor: every tile that there is
 *
 * A tile is 16 rows of 64 bytes.  The system must have lent the tiles (cpu_can).
 */
#include "nn/kernel/peak.h"

#include "nn/kernel/tile_amx.h"

static void begin(struct tiles *t, const void *in, const void *sum)
{
    tile_begin(t);
    tile_load(t, 0, sum, TILE_BYTES);
    tile_load(t, 1, (const char *)sum + 1024, TILE_BYTES);
    tile_load(t, 2, (const char *)sum + 2048, TILE_BYTES);
    tile_load(t, 3, (const char *)sum + 3072, TILE_BYTES);
    tile_load(t, 4, in, TILE_BYTES);
    tile_load(t, 5, (const char *)in + 1024, TILE_BYTES);
    tile_load(t, 6, in, TILE_BYTES);
    tile_load(t, 7, (const char *)in + 1024, TILE_BYTES);
}

static void end(struct tiles *t, void *sum)
{
    tile_store(t, 0, sum, TILE_BYTES);
    tile_store(t, 1, (char *)sum + 1024, TILE_BYTES);
    tile_store(t, 2, (char *)sum + 2048, TILE_BYTES);
    tile_store(t, 3, (char *)sum + 3072, TILE_BYTES);
    tile_end(t);
}

/* nn_peak_fn by one product of tiles. */
#define PEAK(name, product)                                     \
    void name(int64_t turns, const void *in, void *sum)         \
    {                                                           \
        struct tiles t;                                         \
                                                                \
        begin(&t, in, sum);                                     \
        for (int64_t i = 0; i < turns; i++) {                   \
            product(&t, 0, 4, 6);                               \
            product(&t, 1, 4, 7);                               \
            product(&t, 2, 5, 6);                               \
            product(&t, 3, 5, 7);                               \
        }                                                       \
        end(&t, sum);                                           \
    }

#define TILE_DOT_I8(t, c, a, b) _tile_dpbusd(c, a, b)

PEAK(nn_peak_bf16_amx, tile_mac)
PEAK(nn_peak_i8_amx, TILE_DOT_I8)
