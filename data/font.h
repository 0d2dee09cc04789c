/*
 * font -- short texts on pictures, in letters of 5 x 8 pixels
 */
#ifndef DATA_FONT_H
#define DATA_FONT_H

#include "data/image.h"

enum { DATA_FONT_WIDTH = 6, DATA_FONT_HEIGHT = 10 };     /* with the space to the next */

/* Draws text with its upper left corner at (x, y), dark on what is there, at most `columns`
 * letters: a longer one ends in two dots.  What is not ASCII is '?', a code point each.  What lies
 * outside of the picture is left out. */
void data_font_draw(struct data_image *m, int x, int y, int columns, const char *text);

#endif
