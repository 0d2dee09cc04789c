/* tidy -- in a graph that was read: moves that move nothing, attention, tokens, gates */
#ifndef NN_IO_ONNX_IN_TIDY_H
#define NN_IO_ONNX_IN_TIDY_H

#include "nn/params.h"

/* As a pass (nn/pass/pass.h): reshapes and transposes that leave numbers where they are go,
 * softmax(q k' / sqrt(d) + bias) v of parts of one value becomes attention, tokens before others
 * and positions become embed.  What nobody reads any more is left to nn_pass_dead_code. */
bool nn_onnx_tidy(const struct nn_graph *g, const struct nn_values *v, struct nn_graph **g2,
                  struct nn_values *v2, struct err *err);

#endif
