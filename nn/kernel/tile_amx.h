/*
 * tile_amx -- the tiles of AMX: eight squares of 16 rows of 64 bytes, and products of bf16 in them
 *
 * What kernels of tiles are written over.  With NN_TILE_MODEL the same calls are plain C, so that a
 * kernel's way through memory is tested where no processor has tiles.  One shape of tiles serves
 * all: whoever has fewer rows or bytes lets the others be what they are, or copies.
 *
 * Numbers of tiles are written out, 0 to 7: they are parts of the instructions.  `step`: bytes from
 * a row to the next.  Rows that do not cross lines of 64 bytes are fastest.
 *
 *   struct tiles t;
 *   tile_begin(&t);                shapes the tiles; holds until
 *   tile_end(&t);                  the system need not save them any more
 *   tile_zero(&t, i);
 *   tile_load(&t, i, from, step);
 *   tile_store(&t, i, to, step);
 *   tile_mac(&t, c, a, b);         c[16][16] += a b, floats; a[16][16][2] of bf16, rows by pairs;
 *                                  b[16][16][2], pairs by columns (as pack_bf16 makes them)
 */
#ifndef NN_TILE_AMX_H
#define NN_TILE_AMX_H

#include <stdint.h>

enum { TILE_ROWS = 16, TILE_BYTES = 64 };

#ifndef NN_TILE_MODEL

#include <immintrin.h>

struct tiles {
    uint8_t palette, start, none[14];   /* as LDTILECFG wants them */
    uint16_t bytes[16];
    uint8_t rows[16];
};
_Static_assert(sizeof(struct tiles) == 64, "what LDTILECFG reads");

/* gcc 12 does not know that tiles are loaded from memory, nor how much a configuration is: what was
 * written before must be there. */
#define TILE_WRITTEN __asm__ volatile("" : : : "memory")

static inline void tile_begin(struct tiles *t)
{
    *t = (struct tiles){ .palette = 1 };
    for (int i = 0; i < 8; i++) {
        t->bytes[i] = TILE_BYTES;
        t->rows[i] = TILE_ROWS;
    }
    TILE_WRITTEN;
    _tile_loadconfig(t);
}

static inline void tile_end(struct tiles *t)
{
    (void)t;
    _tile_release();
}

#define TILE_DO(t, ...)                                                                            \
    do {                                                                                           \
        (void)(t);                                                                                 \
        __VA_ARGS__;                                                                               \
    } while (0)
#define tile_zero(t, i) TILE_DO(t, _tile_zero(i))
#define tile_load(t, i, from, step) TILE_DO(t, TILE_WRITTEN; _tile_loadd(i, from, step))
#define tile_store(t, i, to, step) TILE_DO(t, _tile_stored(i, to, step))
#define tile_mac(t, c, a, b) TILE_DO(t, _tile_dpbf16ps(c, a, b))

#else

#include <string.h>

struct tiles {
    uint8_t tile[8][TILE_ROWS][TILE_BYTES];
};

static inline void tile_begin(struct tiles *t)
{
    memset(t, 0, sizeof *t);
}

static inline void tile_end(struct tiles *t)
{
    memset(t, 0, sizeof *t);
}

static inline void tile_zero(struct tiles *t, int i)
{
    memset(t->tile[i], 0, sizeof t->tile[i]);
}

static inline void tile_load(struct tiles *t, int i, const void *from, int64_t step)
{
    for (int r = 0; r < TILE_ROWS; r++)
        memcpy(t->tile[i][r], (const char *)from + r * step, TILE_BYTES);
}

static inline void tile_store(struct tiles *t, int i, void *to, int64_t step)
{
    for (int r = 0; r < TILE_ROWS; r++)
        memcpy((char *)to + r * step, t->tile[i][r], TILE_BYTES);
}

/* bf16 is the upper half of a float. */
static inline float tile_half(const uint8_t *at)
{
    uint16_t half;
    uint32_t bits;
    float x;

    memcpy(&half, at, sizeof half);
    bits = (uint32_t)half << 16;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The sums of the even and of the odd numbers of the pairs are apart until the end, as Intel's
 * manual has TDPBF16PS. */
static inline void tile_mac(struct tiles *t, int c, int a, int b)
{
    for (int i = 0; i < TILE_ROWS; i++)
        for (int j = 0; j < TILE_ROWS; j++) {
            float sum, part[2] = { 0, 0 };

            for (int p = 0; p < 2 * TILE_ROWS; p++)
                part[p % 2] += tile_half(&t->tile[a][i][2 * p]) *
                               tile_half(&t->tile[b][p / 2][4 * j + 2 * (p % 2)]);
            memcpy(&sum, &t->tile[c][i][4 * j], sizeof sum);
            sum += part[0] + part[1];
            memcpy(&t->tile[c][i][4 * j], &sum, sizeof sum);
        }
}

#endif

#endif
