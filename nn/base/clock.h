/*
 * clock -- what measures spans of time
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

/* Seconds since some moment, the same one for a process; never back.  Thread-safe. */
double clock_now(void);

#endif
