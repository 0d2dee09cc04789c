/*
 * banned -- functions that do not compile
 *
 * Put before every file by the Makefile (-include), after the system headers that declare
 * them.  Each has a better way: str_printf, snprintf, strtol, strtok_r, rng_*, returning an
 * error.  (The trick is git's.)
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BANNED(f) banned_##f##_see_nn_base_banned_h
#undef sprintf
#define sprintf BANNED(sprintf)
#undef vsprintf
#define vsprintf BANNED(vsprintf)
#undef strcpy
#define strcpy BANNED(strcpy)
#undef strncpy
#define strncpy BANNED(strncpy)
#undef strcat
#define strcat BANNED(strcat)
#undef strncat
#define strncat BANNED(strncat)
#undef atoi
#define atoi BANNED(atoi)
#undef atof
#define atof BANNED(atof)
#undef strtok
#define strtok BANNED(strtok)
#undef rand
#define rand BANNED(rand)
#undef srand
#define srand BANNED(srand)
#undef exit
#define exit BANNED(exit)

#endif
