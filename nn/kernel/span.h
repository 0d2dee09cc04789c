/*
 * span -- what of a window's axis lies in the picture
 */
#ifndef NN_SPAN_H
#define NN_SPAN_H

/* first and past of { t in [0,n) : 0 <= at + t step < size } */
static inline void inside(int at, int step, int n, int size, int *first, int *past)
{
    *first = at >= 0 ? 0 : (-at + step - 1) / step;
    *past = at >= size ? 0 : (size - at + step - 1) / step;
    if (*past > n)
        *past = n;
    if (*first > *past)
        *first = *past;
}

#endif
