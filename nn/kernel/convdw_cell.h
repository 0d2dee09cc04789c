/*
 * convdw_cell -- where the cells of convdw_body.h come from
 */
/* Numbers at one place or, where a cell is a pair, two.  NULL: zeros.  half: they are bf16; else
 * floats, to be rounded to bf16 if round. */
struct from {
    const void *a, *b;
    bool half, round;
};
