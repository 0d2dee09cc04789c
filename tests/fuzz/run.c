/* fuzz: any bytes as a run.json; what is read can be put over settings and written again */
#include "train/run.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct train_cfg cfg = { 0 }, again = { 0 };
    struct train_run_file f;
    struct err err = { 0 };

    if (!train_run_parse(&f, (const char *)data, size, &err)) {
        if (err.kind == ERR_NONE || !err.msg[0] || f.json || f.mem)
            abort();
        return 0;
    }
    field_defaults(train_cfg_fields, &cfg);
    again = cfg;
    if (!train_run_settings(&f, &cfg, &err) || !field_check(train_cfg_fields, &cfg, &err))
        abort();
    json_decref(train_run_settled(&f, &cfg));
    train_run_note(&f, "a note");
    if (!train_run_settings(&f, &again, &err) || !field_equal(train_cfg_fields, &cfg, &again))
        abort();
    train_run_release(&f);
    return 0;
}
