/*
 * folder -- the folder of a run: made, locked while a training uses it, removed when nothing came
 */
#ifndef TRAIN_FOLDER_H
#define TRAIN_FOLDER_H

#include "nn/base/err.h"
#include "nn/base/str.h"

struct train_folder {
    struct str path;
    int lock;            /* descriptor of DIR/.lock; -1: none */
    bool made, made_top; /* by us: the folder, and runs/ that it is in */
};

/*
 * The folder for a new run: `out`, which is made when it is not there and must be empty unless
 * `force`; NULL: the first runs/train-N that nobody has.  It is locked (flock) until it is closed:
 * ERR_IO, naming process and host, when another training has it.  A file system without locks does
 * without.  What killed processes were writing there (*.tmp-PID) is removed.
 */
bool train_folder_open(struct train_folder *f, const char *out, bool force, struct err *err);

/* The folder of an earlier run, to go on in it; locked as above. */
bool train_folder_enter(struct train_folder *f, const char *path, struct err *err);

/* Unlocks.  A folder with nothing in it is left as it was found: if it was made here, it goes. */
void train_folder_close(struct train_folder *f); /* a zeroed one is fine */

#endif
