/*
 * progress -- see progress.h
 */
#include "train/progress.h"

#include <limits.h>
#include <time.h>

#define COUNT(m, doc) FIELD_INT(struct train_progress, m, NULL, 0, 0, INT_MAX, doc)
#define NUMBER(m, doc) FIELD_FLOAT(struct train_progress, m, NULL, 0, -1e300, 1e300, doc)

const struct field train_progress_fields[] = {
    NUMBER(began, "when the training began, in seconds since 1970"),
    NUMBER(elapsed, "seconds that were trained"),
    COUNT(step, "steps made"),
    COUNT(epoch, "under way, from 1; 0: none, the start is to be judged"),
    COUNT(batch, "batches of it that were taken"),
    COUNT(made, "steps of it that learnt something"),
    NUMBER(loss, "sum of their losses"),
    COUNT(pictures, "that they learnt from"),
    COUNT(right, "of these answered right"),
    FIELD_INT(struct train_progress, best_epoch, NULL, -1, -1, INT_MAX,
              "the best one; 0: as it began; -1: none yet"),
    NUMBER(best_figure, "its figure; -1: not defined"),
    NUMBER(best_loss, "its log loss"),
    COUNT(rollbacks, "after numbers that were not finite"),
    FIELDS_END
};

struct train_progress train_progress_new(void)
{
    return (struct train_progress){ .began = (double)time(NULL), .epoch = 1, .best_epoch = -1,
                                    .best_figure = -1 };
}
