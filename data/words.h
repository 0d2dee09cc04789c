/*
 * words -- labels that look like one another
 *
 * Two labels look alike when they differ in case, spaces, '-' and '_' only; when one is the other
 * with "s" or "es" behind; or when one slip of the fingers makes one of the other: a letter left
 * out, put in, mistaken or swapped with its neighbour, inside a word of seven letters or more.  (At
 * its ends and in digits a single letter is what tells "letter-a" from "letter-b".)  Near words
 * share what is left when a letter is taken out of each, so nothing is compared all with all
 * (Garbe, SymSpell, 2012).
 */
#ifndef DATA_WORDS_H
#define DATA_WORDS_H

#include "nn/base/err.h"

enum data_words_why { DATA_WORDS_SPELLING, DATA_WORDS_PLURAL, DATA_WORDS_SLIP };

struct data_words_pair {
    int a, b;                   /* a < b */
    enum data_words_why why;
};

/* *pair: each pair once, sorted; free() it.  How many, or -1 when memory is out. */
int data_words_alike(int n, const char *const *word, struct data_words_pair **pair,
                     struct err *err);

#endif
