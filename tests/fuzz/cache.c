/* fuzz: any bytes as a cache of pixels, as they come and with their checksums put right */
#include "data/cache.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER = 64, PLACE = 24, MOST = 2000 };

static void check(const uint8_t *data, size_t size, uint64_t key, int n)
{
    struct err err = { 0 };
    struct data_cache *c = data_cache_parse(data, size, key, n, &err);
    struct data_image m;
    int found = 0;

    if (!c && (!err.kind || !err.msg[0]))
        abort();
    for (int i = 0; c && i < n; i++) {
        unsigned sum = 0;

        data_cache_keep(c, i, NULL);
        if (!data_cache_find(c, i, &m))
            continue;
        for (size_t p = 0; p < (size_t)m.width * (size_t)m.height * 3; p++)
            sum += m.pixel[p];
        found += m.width > 0 && m.height > 0 && sum < 0xffffffff;
    }
    if (c && (found != data_cache_filled(c) || !data_cache_complete(c)))
        abort();
    data_cache_free(c);
}

/* What a checksum would stop is to be seen too: right ones for header, table, and the pixels of
 * places that lie inside. */
static void mend(uint8_t *data, size_t size, int n)
{
    uint64_t length = size, sum;

    for (int i = 0; i < n; i++) {
        uint8_t *place = data + HEADER + (size_t)i * PLACE;
        uint64_t offset;
        uint32_t side[2], low;

        memcpy(&offset, place, 8);
        memcpy(side, place + 8, 8);
        if (!side[0] || !side[1] || side[0] > 65535 || side[1] > 65535 || offset > size ||
            3ull * side[0] * side[1] > size - offset)
            continue;
        low = (uint32_t)XXH3_64bits(data + offset, (size_t)3 * side[0] * side[1]);
        memcpy(place + 16, &low, 4);
    }
    memcpy(data + 32, &length, 8);
    sum = XXH3_64bits(data + HEADER, (size_t)n * PLACE);
    memcpy(data + 40, &sum, 8);
    sum = XXH3_64bits(data, HEADER - 8);
    memcpy(data + HEADER - 8, &sum, 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = calloc(size + 1, 1);
    uint32_t n = 1;
    uint64_t key = 0;

    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    if (size >= HEADER) {
        memcpy(&n, data + 20, 4);
        memcpy(&key, data + 24, 8);
        n = n % MOST + 1;
        n -= n > 1;             /* the header's own n, where it is small */
    }
    check(copy, size, key, (int)n);
    if (size >= HEADER + (size_t)n * PLACE) {
        mend(copy, size, (int)n);
        check(copy, size, key, (int)n);
    }
    free(copy);
    return 0;
}
