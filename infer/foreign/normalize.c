/*
 * normalize -- see normalize.h
 */
#include "infer/foreign/normalize.h"

const char *const infer_normalize_names[] = { "auto", "none", "unit", "half", "full", "imagenet",
                                              NULL };

void infer_normalize(struct data_prep *p, enum infer_normalize how)
{
    static const double mean[3] = { 0.485, 0.456, 0.406 }, std[3] = { 0.229, 0.224, 0.225 };
    static const double plain[][2] = {
        [INFER_NORMALIZE_NONE] = { 0, 1 / 255.0 }, [INFER_NORMALIZE_UNIT] = { 0, 1 },
        [INFER_NORMALIZE_HALF] = { 0.5, 1 },       [INFER_NORMALIZE_FULL] = { 0.5, 0.5 },
    };

    for (int i = 0; i < 3 && how != INFER_NORMALIZE_AUTO; i++) {
        bool measured = how == INFER_NORMALIZE_IMAGENET;

        p->mean[i] = measured ? mean[i] : plain[how][0];
        p->std[i] = measured ? std[i] : plain[how][1];
    }
}
