/*
 * event -- names of the kinds
 */
#include "train/event.h"

const char *const train_event_names[] = { "note", "start", "bad_file", "step",
                                          "epoch", "saved", "end", "stop", "fail", NULL };
