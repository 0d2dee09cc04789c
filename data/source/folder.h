/*
 * folder -- a folder for each class: the writing of it
 */
#ifndef DATA_SOURCE_FOLDER_H
#define DATA_SOURCE_FOLDER_H

#include "data/index.h"

/* Copies the pictures to PATH/CLASS/NAME, or with parts to PATH/PART/CLASS/NAME (what has none goes
 * to train), whole or not at all; raw ones become PNG.  PATH must not be there.  Several labels a
 * picture, groups, and labels that no folder can have are refused. */
bool data_folder_write(const struct data_index *x, const char *path, struct err *err);

#endif
