/*
 * cmd -- the subcommands of this folder
 */
#ifndef TRAIN_CMD_H
#define TRAIN_CMD_H

#include "nn/base/cli.h"

extern const struct cli_command train_cmd_train, train_cmd_bench;

#endif
