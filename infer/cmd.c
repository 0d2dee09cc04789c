/*
 * cmd -- see cmd.h
 */
#include "infer/cmd.h"

struct infer_predictor *infer_cmd_predictor(const struct infer_model *m, int batch, int threads,
                                            struct err *err)
{
    return infer_predictor_new(m->graph, m->params, m->task, batch,
                               threads ? threads : pool_cpus(), NULL, err);
}
