/*
 * winograd_ref -- 3x3 convolution by tiles of 4x4 outputs in plain C: the specification
 *
 * The contract stands in kernel.h, the formula in winograd.h.
 */
#include "nn/kernel/cpu.h"
#include "nn/kernel/winograd.h"

#include <string.h>

enum { SIDE = 6, POINTS = SIDE * SIDE, TILE = 4, TAPS = 3 };

#define PP WINO_PP
#define QQ WINO_QQ

static const double of_filter[SIDE][TAPS] = {           /* G */
    { 1, 0, 0 },
    { WINO_AT_P, WINO_AT_P * WINO_P, WINO_AT_P * PP },
    { WINO_AT_P, -WINO_AT_P * WINO_P, WINO_AT_P * PP },
    { WINO_AT_Q, WINO_AT_Q * WINO_Q, WINO_AT_Q * QQ },
    { WINO_AT_Q, -WINO_AT_Q * WINO_Q, WINO_AT_Q * QQ },
    { 0, 0, 1 },
};

static const double of_input[SIDE][SIDE] = {            /* B' */
    { 1, 0, -(PP + QQ), 0, 1, 0 },
    { 0, -WINO_P * QQ, -QQ, WINO_P, 1, 0 },
    { 0, WINO_P * QQ, -QQ, -WINO_P, 1, 0 },
    { 0, -WINO_Q * PP, -PP, WINO_Q, 1, 0 },
    { 0, WINO_Q * PP, -PP, -WINO_Q, 1, 0 },
    { 0, 1, 0, -(PP + QQ), 0, 1 },
};

static const double of_output[TILE][SIDE] = {           /* A' */
    { 1, 1, 1, 1, 1, 0 },
    { 0, WINO_P, -WINO_P, WINO_Q, -WINO_Q, 0 },
    { 0, PP, PP, QQ, QQ, 0 },
    { 0, PP * WINO_P, -PP * WINO_P, QQ * WINO_Q, -QQ * WINO_Q, 1 },
};

/* to[rows,rows] = M from[columns,columns] M' with M[rows,columns]. */
static void both_ways(int rows, int columns, const double *m, const real *from, real *to)
{
    real half[SIDE][SIDE];

    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) {
            half[i][j] = 0;
            for (int k = 0; k < columns; k++)
                half[i][j] += (real)m[i * columns + k] * from[k * columns + j];
        }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < rows; j++) {
            real sum = 0;

            for (int k = 0; k < columns; k++)
                sum += (real)m[j * columns + k] * half[i][k];
            to[i * rows + j] = sum;
        }
}

void nn_winograd_w_f32_ref(int64_t n, const real *w, real *u)
{
    for (int64_t i = 0; i < n; i++) {
        real g[TAPS * TAPS], points[POINTS];

        for (int t = 0; t < TAPS * TAPS; t++)
            g[t] = w[t * n + i];
        both_ways(SIDE, TAPS, of_filter[0], g, points);
        for (int p = 0; p < POINTS; p++)
            u[p * n + i] = points[p];
    }
}

/* The values v[c][36] of the tile whose first output is (row,column). */
static void tile_in(const struct nn_conv *j, int64_t n, int row, int column, real *v)
{
    for (int c = 0; c < j->c; c++) {
        real d[POINTS];

        for (int p = 0; p < POINTS; p++) {
            int y = row + j->h.start + p / SIDE, x = column + j->w.start + p % SIDE;

            d[p] = y < 0 || y >= j->h.in || x < 0 || x >= j->w.in ? 0 :
                   ((const real *)j->x)[n * j->x_picture + y * j->x_row + x * j->x_pixel + c];
        }
        both_ways(SIDE, SIDE, of_input[0], d, v + (int64_t)c * POINTS);
    }
}

/* What becomes of an output's sum. */
static real finished(const struct nn_conv *j, int64_t at, int k, real v)
{
    if (j->bias)
        v += j->bias[k];
    if (j->add)
        v += ((const real *)j->y)[at + k];
    if (j->residual)
        v += ((const real *)j->residual)[at + k];
    return v < j->lo ? j->lo : v > j->hi ? j->hi : v;
}

static void tile_out(const struct nn_conv *j, int64_t n, int row, int column, int k,
                     const real m[POINTS])
{
    real y[TILE * TILE];

    both_ways(TILE, SIDE, of_output[0], m, y);
    for (int i = 0; i < TILE && row + i < j->h.out; i++)
        for (int u = 0; u < TILE && column + u < j->w.out; u++) {
            int64_t at = n * j->y_picture + (row + i) * j->y_row + (column + u) * j->y_pixel;

            ((real *)j->y)[at + k] = finished(j, at, k, y[i * TILE + u]);
        }
}

static void tile(const struct nn_conv *j, int64_t n, int row, int column, real *v)
{
    tile_in(j, n, row, column, v);
    for (int k = 0; k < j->k; k++) {
        const real *u = (const real *)j->b + k / NN_GROUP * j->b_group + k % NN_GROUP;
        real m[POINTS] = { 0 };

        for (int c = 0; c < j->c; c++)
            for (int p = 0; p < POINTS; p++)
                m[p] += v[(int64_t)c * POINTS + p] *
                        u[p / SIDE * j->b_row + p % SIDE * j->b_column + c * NN_GROUP];
        tile_out(j, n, row, column, k, m);
    }
}

void nn_winograd_f32_ref(const struct nn_conv *job, real *scratch)
{
    for (int64_t n = 0; n < job->n; n++)
        for (int row = 0; row < job->h.out; row += TILE)
            for (int column = 0; column < job->w.out; column += TILE)
                tile(job, n, row, column, scratch);
}
