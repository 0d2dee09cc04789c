/*
 * op_value -- operations on each pixel alone: see op.h
 */
#include "data/aug/op.h"

#include <math.h>
#include <string.h>

/* Fixed point of 16 bits behind the point. */
enum { ONE = 1 << 16, HALF = ONE / 2 };

static int fixed(double f)
{
    return (int)floor(f * ONE + 0.5);
}

/* base + f (v - base) */
static uint8_t away(int base, int v, int f)
{
    return data_op_clip((base * ONE + (v - base) * f + HALF) >> 16);
}

/* The same table for every channel. */
static void look_up(struct data_pixels *m, const uint8_t table[256])
{
    size_t n = data_op_bytes(m);

    for (size_t i = 0; i < n; i++)
        m->pixel[i] = table[m->pixel[i]];
}

void data_op_brightness(struct data_pixels *m, double f)
{
    uint8_t table[256];

    for (int v = 0; v < 256; v++)
        table[v] = away(0, v, fixed(f));
    look_up(m, table);
}

void data_op_contrast(struct data_pixels *m, double f)
{
    size_t n = data_op_bytes(m);
    uint64_t sum = 0, pixels = n / (size_t)m->channels;
    uint8_t table[256];

    for (size_t i = 0; i < n; i += (size_t)m->channels)
        sum += (uint64_t)(m->channels == 3 ? data_image_luma(m->pixel + i) : m->pixel[i]);
    for (int v = 0; v < 256; v++)
        table[v] = away((int)((sum + pixels / 2) / pixels), v, fixed(f));
    look_up(m, table);
}

void data_op_saturation(struct data_pixels *m, double f)
{
    size_t n = data_op_bytes(m);
    int by = fixed(f);

    if (m->channels != 3)
        return;
    for (size_t i = 0; i < n; i += 3) {
        int l = data_image_luma(m->pixel + i);

        for (int c = 0; c < 3; c++)
            m->pixel[i + (size_t)c] = away(l, m->pixel[i + (size_t)c], by);
    }
}

/*
 * With u = B - L and v = R - L, each scaled to a plane where all hues have the same length (YIQ's:
 * Cb / 1.772 and Cr / 1.402), a turn of the plane is a rotation, and G follows from L.
 */
void data_op_hue(struct data_pixels *m, double turns)
{
    const double red = 0.299, green = 0.587, blue = 0.114, cb = 2 * (1 - blue), cr = 2 * (1 - red);
    double c = cos(turns * 2 * M_PI), s = sin(turns * 2 * M_PI);
    int uu = fixed(c), uv = fixed(-s * cb / cr), vu = fixed(s * cr / cb);
    int gu = fixed(-blue / green), gv = fixed(-red / green);
    size_t n = data_op_bytes(m);

    if (m->channels != 3)
        return;
    for (size_t i = 0; i < n; i += 3) {
        uint8_t *p = m->pixel + i;
        int l = data_image_luma(p), u = p[2] - l, v = p[0] - l;
        int64_t u1 = (int64_t)u * uu + (int64_t)v * uv, v1 = (int64_t)u * vu + (int64_t)v * uu;

        p[0] = data_op_clip(l + (int)((v1 + HALF) >> 16));
        p[1] = data_op_clip(l + (int)((u1 * gu + v1 * gv + (int64_t)ONE * HALF) >> 32));
        p[2] = data_op_clip(l + (int)((u1 + HALF) >> 16));
    }
}

void data_op_invert(struct data_pixels *m)
{
    data_op_solarize(m, 0);
}

void data_op_solarize(struct data_pixels *m, int threshold)
{
    uint8_t table[256];

    for (int v = 0; v < 256; v++)
        table[v] = (uint8_t)(v >= threshold ? 255 - v : v);
    look_up(m, table);
}

void data_op_posterize(struct data_pixels *m, int bits)
{
    uint8_t table[256];

    for (int v = 0; v < 256; v++)
        table[v] = (uint8_t)(v & ~((1 << (8 - bits)) - 1));
    look_up(m, table);
}

/* ---- by the frequencies of a channel's values ------------------------------------------------ */

/* Sums of what comes before, over steps of equal size; half a step ahead. */
static void equal(const size_t count[256], int table[256])
{
    size_t sum = 0, last = 0, step, n;

    for (int v = 0; v < 256; v++) {
        sum += count[v];
        last = count[v] ? count[v] : last;
    }
    step = (sum - last) / 255;
    n = step / 2;
    for (int v = 0; v < 256; v++) {
        table[v] = step ? (int)(n / step) : v;
        n += count[v];
    }
}

static void stretched(const size_t count[256], int table[256])
{
    int low = 0, high = 255;

    while (low < 255 && !count[low])
        low++;
    while (high > 0 && !count[high])
        high--;
    for (int v = 0; v < 256; v++)
        table[v] = high > low ? (510 * (v - low) + high - low) / (2 * (high - low)) : v;
}

static void by_count(struct data_pixels *m, double share,
                     void (*rule)(const size_t count[256], int table[256]))
{
    size_t n = data_op_bytes(m), k = (size_t)m->channels;

    for (size_t c = 0; c < k; c++) {
        size_t count[256] = { 0 };
        uint8_t mixed[256];
        int table[256];

        for (size_t i = c; i < n; i += k)
            count[m->pixel[i]]++;
        rule(count, table);
        for (int v = 0; v < 256; v++)
            mixed[v] = away(v, data_op_clip(table[v]), fixed(share));
        for (size_t i = c; i < n; i += k)
            m->pixel[i] = mixed[m->pixel[i]];
    }
}

void data_op_equalize(struct data_pixels *m, double share)
{
    by_count(m, share, equal);
}

void data_op_autocontrast(struct data_pixels *m, double share)
{
    by_count(m, share, stretched);
}
