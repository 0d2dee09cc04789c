/*
 * phash -- pictures that look the same
 *
 * A picture becomes 16 x 16 cells, each the mean of what lies in it (fractions of pixels count as
 * such), and of these two things are kept:
 *
 *   thumb   the cells' grey (ITU-R BT.601) less the plane that fits them best, stretched to 0..255
 *           about 128.  The plane is what lighting, vignettes and plain skies have in common.
 *   word    256 signs: rows taken in pairs, whether each cell is lighter than its right neighbour;
 *           columns in pairs, whether it is lighter than the one below (the last is compared with
 *           the first).  These find candidates; they decide nothing.
 *   colour  the two colour differences of 4 x 4 larger cells.
 *
 * The distance of two pictures is the larger of
 *   sqrt(1 - r) * max(1, 64 / c)
 *                          r the correlation of their thumbs: light and contrast drop out;
 *                          c the number of cells that carry the smaller one's structure,
 *                          (sum v^2)^2 / sum v^4: a stroke on an empty page must agree better
 *   D / 250                D the largest difference of any larger cell's colour, of 255
 * so 0 is identical, 1 unrelated.  Mirrored and turned pictures are different pictures.
 *
 * Candidates: two copies differ in few of the 256 signs, so they agree in all of some band of 16.
 * For each of the 16 bands the pictures are sorted by their signs from that band on, and each is
 * compared with the next WINDOW that share the band: n * 16 * WINDOW comparisons at most, however
 * full a band's value is.
 */
#include "data/phash.h"

#include "nn/base/arena.h"
#include "nn/base/pool.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
    SIDE = 16,
    CELLS = SIDE * SIDE,
    PATCHES = 4,                /* a side, of colour */
    BANDS = 16,
    WINDOW = 64,
    MAX_SIGNS = 48,             /* of 256 that candidates may differ in */
};

/* A picture below these is flat: its grey cells' deviation from the plane, how many carry it. */
#define LEAST_DEVIATION 2.0
#define LEAST_CELLS 8.0
#define FULL_CELLS 64.0         /* from so many on it does not matter how many */

#define COLOUR_RANGE 250.0

/* ---- the descriptor -------------------------------------------------------------------------- */

/* Adds pixels [from, to) of a row, in units of 1/SIDE pixel, to sum[3]. */
static void add_span(const uint8_t *row, uint64_t from, uint64_t to, uint64_t sum[3])
{
    uint64_t first = from / SIDE, last = (to - 1) / SIDE;
    uint32_t whole[3] = { 0 };
    const uint8_t *p = row + 3 * first, *q = row + 3 * last;
    uint64_t head = SIDE - from % SIDE, tail = to - last * SIDE;

    if (first == last) {
        for (int c = 0; c < 3; c++)
            sum[c] += (to - from) * p[c];
        return;
    }
    for (const uint8_t *o = p + 3; o < q; o += 3) {
        whole[0] += o[0];
        whole[1] += o[1];
        whole[2] += o[2];
    }
    for (int c = 0; c < 3; c++)
        sum[c] += head * p[c] + tail * q[c] + (uint64_t)SIDE * whole[c];
}

/*
 * The cells' means.  A pixel is SIDE units wide and high and a cell width x height of them, so that
 * all overlaps are whole numbers.  50 million pixels of 255 * SIDE^2 fit into 64 bits.
 */
static void shrink(const struct data_image *m, double cell[CELLS][3])
{
    uint64_t sum[CELLS][3] = { { 0 } }, w = (uint64_t)m->width, h = (uint64_t)m->height;

    for (uint64_t y = 0; y < h; y++) {
        const uint8_t *row = m->pixel + 3 * w * y;
        uint64_t part[SIDE][3] = { { 0 } };

        for (uint64_t c = 0; c < SIDE; c++)
            add_span(row, c * w, (c + 1) * w, part[c]);
        for (uint64_t r = y * SIDE / h; r <= (y * SIDE + SIDE - 1) / h; r++) {
            uint64_t top = y * SIDE > r * h ? y * SIDE : r * h;
            uint64_t end = (y + 1) * SIDE < (r + 1) * h ? (y + 1) * SIDE : (r + 1) * h;

            for (int c = 0; c < SIDE; c++)
                for (int k = 0; k < 3; k++)
                    sum[r * SIDE + (uint64_t)c][k] += (end - top) * part[c][k];
        }
    }
    for (int i = 0; i < CELLS; i++)
        for (int k = 0; k < 3; k++)
            cell[i][k] = (double)sum[i][k] / ((double)w * (double)h);
}

/* Takes the best plane a + b x + c y off v[CELLS].  On a grid its parts are orthogonal. */
static void level(double *v)
{
    double a = 0, b = 0, c = 0, square = 0;

    for (int i = 0; i < CELLS; i++) {
        double x = i % SIDE - (SIDE - 1) / 2.0, y = i / SIDE - (SIDE - 1) / 2.0;

        a += v[i] / CELLS;
        b += v[i] * x;
        c += v[i] * y;
        square += x * x;
    }
    for (int i = 0; i < CELLS; i++)
        v[i] -= a + b / square * (i % SIDE - (SIDE - 1) / 2.0) +
                c / square * (i / SIDE - (SIDE - 1) / 2.0);
}

/* Signs of neighbours: pair `line` of rows (step 1) or columns (step SIDE), place k along it.
 * A band takes two places of each line. */
static void signs(const double *v, uint64_t word[4])
{
    memset(word, 0, 4 * sizeof *word);
    for (int down = 0; down < 2; down++) {
        int along = down ? SIDE : 1, across = down ? 1 : SIDE;

        for (int line = 0; line < SIDE / 2; line++) {
            const double *p = v + 2 * line * across;

            for (int k = 0; k < SIDE; k++) {
                int next = (k + 1) % SIDE, band = 8 * down + ((k + line) & 7);
                int bit = 16 * band + 2 * line + (k >= 8);

                if (p[k * along] + p[k * along + across] >
                    p[next * along] + p[next * along + across])
                    word[bit / 64] |= (uint64_t)1 << bit % 64;
            }
        }
    }
}

void data_phash_of(const struct data_image *image, struct data_phash *out)
{
    double cell[CELLS][3], grey[CELLS], most = 0, square = 0, fourth = 0;

    memset(out, 0, sizeof *out);
    assert(image->width > 0 && image->height > 0);
    shrink(image, cell);
    for (int i = 0; i < CELLS; i++)
        grey[i] = 0.299 * cell[i][0] + 0.587 * cell[i][1] + 0.114 * cell[i][2];
    for (int p = 0; p < PATCHES * PATCHES; p++) {
        double blue = 0, red = 0;

        for (int i = 0; i < 16; i++) {
            int at = (p / PATCHES * 4 + i / 4) * SIDE + p % PATCHES * 4 + i % 4;

            blue += 0.564 * (cell[at][2] - grey[at]) / 16;
            red += 0.713 * (cell[at][0] - grey[at]) / 16;
        }
        out->colour[2 * p] = (uint8_t)lround(128 + fmin(fmax(blue, -128), 127));
        out->colour[2 * p + 1] = (uint8_t)lround(128 + fmin(fmax(red, -128), 127));
    }
    level(grey);
    for (int i = 0; i < CELLS; i++) {
        most = fmax(most, fabs(grey[i]));
        square += grey[i] * grey[i];
        fourth += grey[i] * grey[i] * grey[i] * grey[i];
    }
    for (int i = 0; i < CELLS; i++)
        out->thumb[i] = (uint8_t)lround(128 + (most > 0 ? 127 * grey[i] / most : 0));
    out->cells = (uint8_t)(fourth > 0 ? fmin(255, square * square / fourth) : 0);
    out->flat = square < CELLS * LEAST_DEVIATION * LEAST_DEVIATION || out->cells < LEAST_CELLS;
    signs(grey, out->word);
}

/* ---- distances ------------------------------------------------------------------------------- */

double data_phash_distance(const struct data_phash *a, const struct data_phash *b)
{
    int64_t both = 0, one = 0, other = 0, colour = 0;
    double apart;

    if (a->flat || b->flat)
        return 1;
    for (int i = 0; i < CELLS; i++) {
        int p = a->thumb[i] - 128, q = b->thumb[i] - 128;

        both += p * q;
        one += p * p;
        other += q * q;
    }
    for (size_t i = 0; i < sizeof a->colour; i++) {
        int d = abs(a->colour[i] - b->colour[i]);

        colour = d > colour ? d : colour;
    }
    apart = sqrt(fmax(0, 1 - (double)both / sqrt((double)one * (double)other))) *
            fmax(1, FULL_CELLS / (a->cells < b->cells ? a->cells : b->cells));
    return fmin(1, fmax((double)colour / COLOUR_RANGE, apart));
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reading {
    struct data_index *x;
    const struct data_decode *decode;
    struct data_phash *hash;
    bool *readable;
    int first;                  /* picture of piece 0 */
};

static void read_piece(void *arg, int piece, int worker)
{
    struct reading *r = arg;
    int i = r->first + piece;
    struct data_sample *s = &r->x->sample[i];
    struct data_image image = { 0 };
    struct err ignored;
    size_t size;
    uint8_t *bytes = data_sample_bytes(s, data_decode_default.limits.file_bytes, &size, &ignored);
    bool ok = bytes && data_sample_decode(s, bytes, size, r->decode, &image, &ignored);

    (void)worker;
    if (bytes)
        s->hash = XXH3_64bits(bytes, size);
    if (ok)
        data_phash_of(&image, &r->hash[i]);
    else
        r->hash[i] = (struct data_phash){ .flat = true };
    if (r->readable)
        r->readable[i] = ok;
    data_image_release(&image);
    free(bytes);
}

bool data_phash_index(struct data_index *x, int threads, const struct data_decode *decode,
                      struct progress *progress, struct data_phash *hash, bool *readable,
                      struct err *err)
{
    enum { PIECES = 64 };       /* a thread, between two reports of progress */
    struct reading r = { x, decode, hash, readable, 0 };
    struct pool *pool = pool_new(threads, err);

    if (!pool)
        return false;
    for (int count; r.first < x->n; r.first += count) {
        count = x->n - r.first < PIECES * threads ? x->n - r.first : PIECES * threads;
        pool_for(pool, count, read_piece, &r);
        if (progress)
            progress_at(progress, r.first + count);
    }
    pool_free(pool);
    return true;
}

/* ---- clusters -------------------------------------------------------------------------------- */

/* Disjoint sets: root[i] <= i, and the smallest member is its own root. */
static int find_root(int *root, int i)
{
    while (root[i] != i)
        i = root[i] = root[root[i]];
    return i;
}

static void unite(int *root, int a, int b)
{
    a = find_root(root, a);
    b = find_root(root, b);
    if (a < b)
        root[b] = a;
    else
        root[a] = b;
}

/* A sample under a key that is sorted by; equal keys by sample. */
struct keyed {
    uint64_t key;
    int sample;
};

static int by_key(const void *pa, const void *pb)
{
    const struct keyed *a = pa, *b = pb;

    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return (a->sample > b->sample) - (a->sample < b->sample);
}

/* The 64 signs from a band on, around the end. */
static uint64_t signs_from(const struct data_phash *h, int band)
{
    int w = band / 4, shift = 16 * (band % 4);
    uint64_t low = h->word[w] >> shift, high = h->word[(w + 1) % 4];
    uint64_t both = shift ? low | high << (64 - shift) : low;

    return both << 48 | both >> 16;     /* the band itself decides first */
}

/* Pairs, then fours of bits, each holding how many are set. */
static uint64_t count_by_fours(uint64_t x)
{
    const uint64_t pairs = 0x5555555555555555, fours = 0x3333333333333333;

    x -= x >> 1 & pairs;
    return (x & fours) + (x >> 2 & fours);
}

/* Of 256 signs, how many differ.  All four words at once: without an instruction for it, which not
 * every CPU that we run on has, counting is what takes the time here. */
static int differing(const uint64_t *a, const uint64_t *b)
{
    const uint64_t eights = 0x0f0f0f0f0f0f0f0f, halves = 0x00ff00ff00ff00ff;
    uint64_t p = count_by_fours(a[0] ^ b[0]) + count_by_fours(a[1] ^ b[1]);
    uint64_t q = count_by_fours(a[2] ^ b[2]) + count_by_fours(a[3] ^ b[3]);

    p = (p & eights) + (p >> 4 & eights) + (q & eights) + (q >> 4 & eights);
    p = (p & halves) + (p >> 8 & halves);
    return (int)(p * 0x0001000100010001 >> 48);
}

/* Unites those of item[n] that are nearer than `near`.  sign[4 * n] is room: the signs in order of
 * the band, so that a window of them lies together. */
static void unite_near(const struct data_phash *hash, struct keyed *item, int n, uint64_t *sign,
                       double near, int *root)
{
    for (int band = 0; band < BANDS; band++) {
        for (int i = 0; i < n; i++)
            item[i].key = signs_from(&hash[item[i].sample], band);
        qsort(item, (size_t)n, sizeof *item, by_key);
        for (int i = 0; i < n; i++)
            memcpy(sign + 4 * (size_t)i, hash[item[i].sample].word, 4 * sizeof *sign);
        for (int i = 0; i < n; i++) {
            const uint64_t *a = sign + 4 * (size_t)i, *b = a;

            for (int j = i + 1; j < n && j <= i + WINDOW; j++) {
                int p = item[i].sample, q = item[j].sample;

                b += 4;
                if (item[j].key >> 48 != item[i].key >> 48)
                    break;
                if (differing(a, b) <= MAX_SIGNS && find_root(root, p) != find_root(root, q) &&
                    data_phash_distance(&hash[p], &hash[q]) < near)
                    unite(root, p, q);
            }
        }
    }
}

/*
 * Chains: a is near b, b near c ... and the ends are different pictures.  A cluster of more than
 * `most` is taken apart and made again with half the distance, and once more; what is left then
 * are copies.
 */
static bool cluster_near(const struct data_index *x, const struct data_phash *hash, int *root,
                         struct err *err)
{
    int most = x->n / 100 > 8 ? x->n / 100 : 8, n = 0;
    struct keyed *item = malloc(((size_t)x->n + 1) * sizeof *item);
    int *like = malloc(((size_t)x->n + 1) * sizeof *like);
    int *size = calloc((size_t)x->n + 1, sizeof *size);
    uint64_t *sign = malloc(((size_t)x->n + 1) * 4 * sizeof *sign);

    if (!item || !like || !size || !sign) {
        free(item);
        free(like);
        free(size);
        free(sign);
        return err_set(err, ERR_MEMORY, "cannot compare %d pictures", x->n);
    }
    for (int i = 0; i < x->n; i++) {
        like[i] = i;
        if (!hash[i].flat && find_root(root, i) == i)       /* one of each lot of equal files */
            item[n++].sample = i;
    }
    for (double near = DATA_PHASH_NEAR; n > 1; near /= 2) {
        int kept = 0;

        unite_near(hash, item, n, sign, near, like);
        if (near <= DATA_PHASH_NEAR / 4)
            break;
        memset(size, 0, (size_t)x->n * sizeof *size);
        for (int i = 0; i < n; i++)
            size[find_root(like, item[i].sample)]++;
        for (int i = 0; i < n; i++)
            if (size[find_root(like, item[i].sample)] > most)
                item[kept++].sample = item[i].sample;
        n = kept;
        for (int i = 0; i < n; i++)
            like[item[i].sample] = item[i].sample;
    }
    for (int i = 0; i < x->n; i++)
        unite(root, i, find_root(like, i));
    free(item);
    free(like);
    free(size);
    free(sign);
    return true;
}

/* Unites samples of equal files, or of equal groups (by a hash of the group's name). */
static bool cluster_equal(const struct data_index *x, bool groups, int *root, struct err *err)
{
    struct keyed *item = malloc(((size_t)x->n + 1) * sizeof *item);
    int n = 0;

    if (!item)
        return err_set(err, ERR_MEMORY, "cannot compare %d pictures", x->n);
    for (int i = 0; i < x->n; i++) {
        const struct data_sample *s = &x->sample[i];

        if (groups ? s->group != NULL : s->hash != 0)
            item[n++] = (struct keyed){
                groups ? XXH3_64bits(s->group, strlen(s->group)) : s->hash, i };
    }
    qsort(item, (size_t)n, sizeof *item, by_key);
    for (int i = 1; i < n; i++)
        if (item[i].key == item[i - 1].key)
            unite(root, item[i].sample, item[i - 1].sample);
    free(item);
    return true;
}

bool data_phash_clusters(const struct data_index *x, const struct data_phash *phash, int *cluster,
                         struct err *err)
{
    for (int i = 0; i < x->n; i++)
        cluster[i] = i;
    if (!cluster_equal(x, false, cluster, err) ||
        (phash && !cluster_near(x, phash, cluster, err)) || !cluster_equal(x, true, cluster, err))
        return false;
    for (int i = 0; i < x->n; i++)
        cluster[i] = find_root(cluster, i);
    return true;
}
