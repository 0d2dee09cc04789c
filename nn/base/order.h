/*
 * order -- what qsort compares by, of plain values
 *
 * A struct that begins with such a value is ordered by it.  What is no number equals everything.
 */
#ifndef NN_BASE_ORDER_H
#define NN_BASE_ORDER_H

int order_ints(const void *a, const void *b);           /* rising, as all but the falling ones */
int order_hashes(const void *a, const void *b);         /* uint64_t */
int order_floats(const void *a, const void *b);
int order_doubles(const void *a, const void *b);
int order_floats_falling(const void *a, const void *b);
int order_doubles_falling(const void *a, const void *b);

#endif
