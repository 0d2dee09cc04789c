/*
 * policy -- see policy.h
 */
#include "data/aug/policy.h"

#include <math.h>

enum operation {
    IDENTITY, AUTOCONTRAST, EQUALIZE, POSTERIZE, SOLARIZE, ROTATE, SHEAR_X, SHEAR_Y, TRANSLATE_X,
    TRANSLATE_Y, SATURATION, CONTRAST, BRIGHTNESS, SHARPNESS,
};

static int whole(double x)
{
    return (int)floor(x + 0.5);
}

void data_policy_apply(int op, double level, bool minus, const struct data_policy_range *range,
                       struct data_pixels *m)
{
    double way = minus ? -level : level, factor = 1 + way * range->factor;

    switch ((enum operation)op) {
    case IDENTITY: break;
    case AUTOCONTRAST: data_op_autocontrast(m, 1); break;
    case EQUALIZE: data_op_equalize(m, 1); break;
    case POSTERIZE: data_op_posterize(m, 8 - whole(level * range->bits)); break;
    case SOLARIZE: data_op_solarize(m, 256 - whole(level * 256)); break;
    case ROTATE: data_op_rotate(m, way * range->degrees); break;
    case SHEAR_X: data_op_shear(m, way * range->shear, 0); break;
    case SHEAR_Y: data_op_shear(m, 0, way * range->shear); break;
    case TRANSLATE_X: data_op_translate(m, whole(way * range->translate * m->width), 0); break;
    case TRANSLATE_Y: data_op_translate(m, 0, whole(way * range->translate * m->height)); break;
    case SATURATION: data_op_saturation(m, factor); break;
    case CONTRAST: data_op_contrast(m, factor); break;
    case BRIGHTNESS: data_op_brightness(m, factor); break;
    case SHARPNESS: data_op_sharpen(m, factor); break;
    }
}
