/*
 * cmd -- the commands of this folder: discern data ...
 */
#ifndef DATA_CMD_H
#define DATA_CMD_H

#include "nn/base/cli.h"

extern const struct cli_command data_cmd_check, data_cmd_stats, data_cmd_split, data_cmd_dedup,
    data_cmd_show, data_cmd_import;

#endif
