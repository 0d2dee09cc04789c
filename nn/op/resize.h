/* resize -- attributes, for importers; the operator is in resize.c */
#ifndef NN_OP_RESIZE_H
#define NN_OP_RESIZE_H

#include <stdbool.h>
#include <stdint.h>

enum nn_resize_mode { NN_RESIZE_NEAREST, NN_RESIZE_LINEAR, NN_RESIZE_CUBIC };
enum nn_resize_place { NN_RESIZE_HALF_PIXEL, NN_RESIZE_PYTORCH, NN_RESIZE_ASYMMETRIC,
                       NN_RESIZE_ALIGN_CORNERS, NN_RESIZE_SYMMETRIC };
enum nn_resize_round { NN_RESIZE_PREFER_FLOOR, NN_RESIZE_PREFER_CEIL, NN_RESIZE_FLOOR,
                       NN_RESIZE_CEIL };
/* As ONNX calls them; NULL-terminated. */
extern const char *const nn_resize_modes[], *const nn_resize_places[], *const nn_resize_rounds[];

struct nn_resize {
    int axis;                   /* from 1 */
    int size;                   /* of it */
    double scale;               /* to which places are counted; 0: the new size over the old */
    int mode, place, round;     /* enums above */
    double cubic;               /* its coefficient a */
    bool inside;                /* cubic: places outside weigh nothing */
};

enum { NN_RESIZE_TAPS = 4 };
struct nn_resize_taps {
    int n;
    int64_t at[NN_RESIZE_TAPS];
    double weight[NN_RESIZE_TAPS];
};

/* What place i of n places' new size is made of. */
struct nn_resize_taps nn_resize_taps(const struct nn_resize *a, int64_t n, int64_t i);

#endif
