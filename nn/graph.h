/*
 * graph -- what is computed: an append-only list of nodes
 *
 * A node id is an index; inputs have smaller ids; one output a node.  So the order of the array
 * is a topological order, a copy is a copy, and a cycle cannot be written.  Parameters, constants
 * and inputs are nodes too.  Types are symbolic in the batch.  A graph holds no values
 * (nn/params.h) and says nothing of how it is run (nn/plan.h).  Constant after construction, and
 * then shared freely between threads.
 */
#ifndef NN_GRAPH_H
#define NN_GRAPH_H

#include "nn/op.h"

enum { NN_MAX_NODES = 20000, NN_MAX_OUTPUTS = 64, NN_MAX_NAME = 255 };

struct nn_node {
    const struct nn_op *op;
    const void *attr;           /* in the graph's arena; defaults filled in */
    struct nn_type type;
    int n_in;
    const int *in;
    const char *name;           /* unique UTF-8 without spaces, controls, '=' and '#' */
};

struct nn_port {
    const char *name;
    int node;
};

struct nn_graph {
    struct nn_node *node;
    int n, cap;
    struct nn_port output[NN_MAX_OUTPUTS];      /* logits, embedding, ... */
    int n_output;
    struct arena *mem;
    int *slot, n_slot;          /* hash table: names to ids; private */
};

struct nn_graph *nn_graph_new(struct err *err);
struct nn_graph *nn_graph_copy(const struct nn_graph *g, struct err *err);
void nn_graph_free(struct nn_graph *g);

/* Appends a node; attr (may be NULL) is copied, zeros become defaults, ranges and types are
 * checked.  name NULL makes one ("relu7").  Returns its id; -1 on failure, the graph as before. */
int nn_graph_add(struct nn_graph *g, const struct nn_op *op, const char *name, const void *attr,
                 int n_in, const int *in, struct err *err);

/* Names an output; a name that is taken moves to the new node. */
bool nn_graph_output(struct nn_graph *g, const char *name, int node, struct err *err);

int nn_graph_find(const struct nn_graph *g, const char *name);              /* node id, -1 */
int nn_graph_find_output(const struct nn_graph *g, const char *name);       /* node id, -1 */
int nn_graph_find_input(const struct nn_graph *g, const char *name);    /* id of op input, or -1 */

/* The first input node: what classifiers call their picture.  -1 when there is none. */
int nn_graph_first_input(const struct nn_graph *g);

/* Restates every invariant.  Runs after construction, reading and every pass. */
bool nn_graph_check(const struct nn_graph *g, struct err *err);

/* uses[i] = number of inputs and outputs of the graph that read node i; caller's array of g->n. */
void nn_graph_uses(const struct nn_graph *g, int *uses);

/*
 * The readable text form (docs/format.md): a line a node, `name = op inputs key=value ...`, then
 * `output name = node`.  A parameter that its operator derives is left out.  Reading what was
 * written gives an equal graph.  Words of `vars` ("classes") stand for numbers in attribute values.
 */
struct nn_var {
    const char *name;
    int value;
};
bool nn_graph_write(const struct nn_graph *g, struct str *out);
struct nn_graph *nn_graph_read(const char *text, size_t bytes, int n_vars,
                               const struct nn_var *vars, struct err *err);

/* Whether two nodes are one: name, operator, attributes, inputs, type.  `answers`: as they answer,
 * so that attributes of what acts in training alone may differ. */
bool nn_node_equal(const struct nn_node *a, const struct nn_node *b, bool answers);
bool nn_graph_equal(const struct nn_graph *a, const struct nn_graph *b);

#endif
