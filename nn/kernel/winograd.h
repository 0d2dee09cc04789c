/*
 * winograd -- the numbers that the transforms of F(4x4,3x3) are made of
 *
 * A tile of 6x6 inputs d and a filter g of 3x3 give 4x4 outputs
 *   y = A' [(G g G') * (B' d B)] A
 * with 36 products where sums over taps have 144: A. Lavin and S. Gray, arXiv:1509.09308.  A row of
 * G and of A is a power series at one of six points, 0, P, -P, Q, -Q and infinity; B' follows from
 * them.  The usual points 0, 1 and 2 give twice the error of these, which were chosen by trial as
 * B. Barabasz et al. do, arXiv:1803.10986: near 1 on both sides, and P Q = 1 spares products.
 */
#ifndef NN_WINOGRAD_H
#define NN_WINOGRAD_H

#define WINO_P (2 / 3.)
#define WINO_Q (3 / 2.)
#define WINO_PP (WINO_P * WINO_P)
#define WINO_QQ (WINO_Q * WINO_Q)

/* What the values of a filter at 0, at P and -P, at Q and -Q are multiplied by; 0 is 1. */
#define WINO_AT_P (1 / (2 * WINO_PP * (WINO_PP - WINO_QQ)))
#define WINO_AT_Q (1 / (2 * WINO_QQ * (WINO_QQ - WINO_PP)))

#endif
