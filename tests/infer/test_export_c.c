/* export c: the file answers as the model, whatever operators it holds, and is C99 to the letter */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "infer/export/c.h"
#include "infer/export/export.h"
#include "infer/export/proof.h"
#include "nn/base/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LABELS = 5 };

static char folder[64];

static const char *const labels[LABELS] = { "cat", "\"quo\\ted\"", "what?" "?/", "Gr\303\274n" "7",
                                            "*/ \001" };

/* Networks that hold among them every operator, with windows that do not come out even, groups,
 * steps within a window, channels that are no multiple of a run, and what is and is not fused. */
static const char *const nets[] = {
    "image = input shape=13x11x3\n"
    "c1 = conv2d image channels=12 size=3 stride=2 pad=1\n"
    "b1 = batchnorm c1\n"
    "a1 = relu b1\n"
    "c2 = conv2d a1 channels=12 size=3 pad=1 groups=12 bias=true\n"
    "a2 = relu6 c2\n"
    "c3 = conv2d a2 channels=20 size=1 bias=true\n"
    "c4 = conv2d a2 channels=20 size=3x2 pad=1x0x1x1 groups=4\n"
    "s = add c3 c4\n"
    "r = relu s\n"
    "p = maxpool r size=3 stride=2 pad=1\n"
    "c5 = conv2d p channels=8 size=2 dilation=2 pad=2 bias=true\n"
    "d = dropout c5 rate=0.5\n"
    "m = meanpool d\n"
    "fc = linear m width=5 bias=true\n"
    "output logits = fc\n",

    "image = input shape=16x24x3\n"
    "c1 = conv2d image channels=11 size=5 stride=3x2 pad=2 bias=true\n"
    "c2 = conv2d c1 channels=11 size=3 stride=2 pad=1 groups=11\n"
    "n1 = groupnorm c2 groups=11\n"
    "g1 = gelu n1\n"
    "c3 = conv2d g1 channels=6 size=1\n"
    "n2 = layernorm c3\n"
    "g2 = gelu n2 approximate=tanh\n"
    "s2 = scale g2 first=0.5\n"
    "d2 = droppath s2 rate=0.2\n"
    "n3 = groupnorm d2 groups=2\n"
    "h = hardswish n3\n"
    "l = leakyrelu h slope=0.1\n"
    "v = avgpool l size=2 pad=1\n"
    "w = avgpool l size=2 pad=1 whole=true\n"
    "j1 = concat v w\n"
    "j2 = concat v w axis=1\n"
    "e1 = sigmoid j1\n"
    "e2 = mul j1 e1\n"
    "e3 = meanpool e2\n"
    "e4 = reshape e3 shape=1x1x-1\n"
    "e5 = gate e2 e4\n"
    "e6 = pad e5 axis=3 before=2 after=1 value=0.5\n"
    "e7 = pad e6 axis=1 before=1\n"
    "u1 = silu e7\n"
    "t1 = tanh u1\n"
    "m1 = meanpool t1\n"
    "q = reshape m1 shape=3x-1\n"
    "sm = softmax q\n"
    "f1 = flatten sm\n"
    "m2 = meanpool j2\n"
    "b2 = batchnorm m2\n"
    "j3 = concat f1 b2 m1\n"
    "x1 = linear j3 width=9 bias=true\n"
    "x2 = relu6 x1\n"
    "x3 = tanh x1\n"
    "x4 = add x2 x3\n"
    "fc = linear x4 width=5\n"
    "output logits = fc\n"
    "output embedding = x4\n",

    /* grey; nothing but the picture; a relu that others read before it */
    "image = input shape=9x9x1\n"
    "f = flatten image\n"
    "a = linear f width=7\n"
    "t = tanh a\n"
    "r = relu a\n"
    "j = mul t r\n"
    "k = leakyrelu j\n"
    "fc = linear k width=5 bias=true\n"
    "output logits = fc\n",

    /* transformers: tokens of its own, pictures in windows that are shifted, distances */
    "image = input shape=8x12x3\n"
    "p = conv2d image channels=12 size=2 stride=2 bias=true\n"
    "q = linear p width=36 bias=true\n"
    "w1 = attention q heads=2 window=2 shift=1 relative=true\n"
    "q2 = linear w1 width=36 bias=true\n"
    "w2 = attention q2 heads=3 relative=true\n"
    "q3 = linear w2 width=36\n"
    "w3 = attention q3 heads=2 window=2 by_head=true\n"
    "t = reshape w3 shape=24x12\n"
    "e = embed t tokens=2\n"
    "q4 = linear e width=36\n"
    "a4 = attention q4 heads=4\n"
    "q5 = linear a4 width=36\n"
    "a5 = attention q5 heads=4 causal=true\n"
    "s1 = slice a5 axis=1 start=1 count=1\n"
    "s2 = slice a5 axis=2 start=11 step=-3 count=4\n"
    "f1 = flatten s1\n"
    "f2 = flatten s2\n"
    "j = concat f1 f2\n"
    "fc = linear j width=5\n"
    "output logits = fc\n",

    /* networks of others: places that move, sums along dimensions, products of matrices */
    "image = input shape=6x5x3\n"
    "t1 = transpose image perm=3x1x2\n"
    "r1 = resize image axis=1 size=9 mode=linear\n"
    "r2 = resize r1 axis=2 size=7 mode=cubic inside=true\n"
    "r3 = resize r2 axis=1 size=4\n"
    "l = lrn r3 size=3 alpha=0.5 bias=2\n"
    "g1 = pad l axis=2 before=3 after=2 mode=reflect\n"
    "g2 = pad g1 axis=1 before=1 after=5 mode=wrap\n"
    "d = reduce g2 kind=max axes=1x0\n"
    "d2 = reduce g2 kind=mean axes=2x3 keep=true\n"
    "d3 = reduce g2 kind=min axes=1x3\n"
    "d4 = reduce image kind=argmax axes=2x0\n"
    "d5 = reduce g2 kind=sum axes=1x2\n"
    "mm = matmul t1 t1 turned=true\n"
    "m2 = matmul mm t1\n"
    "m3 = math m2 kind=abs\n"
    "m4 = math m3 a=0.25 b=0.5\n"
    "m5 = math m4 kind=sqrt\n"
    "b1 = slice m5 axis=3 count=1\n"
    "w = arith m5 b1 kind=less\n"
    "b2 = arith m5 b1 kind=mul\n"
    "b3 = arith b1 m5 kind=pow\n"
    "b4 = where w b2 b3\n"
    "x1 = expand b1 shape=3x6x3\n"
    "i1 = reduce image kind=argmin axes=3x0 last=true\n"
    "i2 = slice i1 axis=1 count=1\n"
    "i3 = flatten i2\n"
    "i4 = gather b4 i3 axis=2\n"
    "f1 = flatten b4\n"
    "f2 = flatten d\n"
    "f3 = flatten d2\n"
    "f4 = flatten d3\n"
    "f5 = flatten d4\n"
    "f6 = flatten d5\n"
    "f7 = flatten x1\n"
    "f8 = flatten i4\n"
    "j = concat f1 f2 f3 f4 f5 f6 f7 f8\n"
    "z = tanh j\n"
    "fc = linear z width=5\n"
    "output logits = fc\n",

    /* as little as possible */
    "image = input shape=1x1x3\n"
    "f = flatten image\n"
    "fc = linear f width=5\n"
    "output logits = fc\n",
};
enum { NETS = sizeof nets / sizeof *nets };

static struct infer_model *make(const char *text, enum data_task task)
{
    struct err err = { 0 };
    struct nn_graph *g = nn_graph_read(text, strlen(text), 0, NULL, &err);
    struct nn_params *p = g ? nn_params_new(g, false, &err) : NULL;
    struct data_prep prep = { .resize = DATA_LETTERBOX, .crop = 1,
                              .mean = { 0.485, 0.456, 1.0 / 3 }, .std = { 0.229, 0.224, 0.5 } };
    struct infer_model *m;

    if (!p)
        fail_msg("%s", err.msg);
    nn_params_init(p, g, 7);
    for (int64_t i = 0; i < p->total; i++) {
        real noise = (real)rng_f32(7, rng_stream(RNG_TEST, 0), (uint64_t)i);

        p->value[i] = p->value[i] == 0 ? noise - (real)0.3 : p->value[i] + (real)0.1 * noise;
    }
    for (int e = 0; e < p->n; e++)      /* running variances are not below 0 */
        for (int64_t i = 0; !p->trained[e] && i < p->count[e]; i++)
            p->value[p->offset[e] + i] = (real)fabs((double)p->value[p->offset[e] + i]) + (real)0.1;
    for (int k = 0; k < 2; k++)
        prep.size[k] = g->node[nn_graph_first_input(g)].type.dim[1 + k].n;
    prep.color = g->node[nn_graph_first_input(g)].type.dim[3].n == 1 ? DATA_GREY : DATA_RGB;
    m = infer_model_new(g, p, &prep, task, LABELS, labels, "a */ name ?" "?/", &err);
    if (!m)
        fail_msg("%s", err.msg);
    return m;
}

/* The path of a file of this test. */
static const char *at(const char *name)
{
    static char path[4][160];
    static int next;
    char *p = path[next++ % 4];

    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

static bool write_c(const struct infer_model *m, bool logits, const char *path, struct str *report,
                    struct err *err)
{
    struct infer_export_options o = { .logits = logits, .verify = true, .header = true,
                                      .force = true };

    return infer_export_c.write(m, &o, path, report, err);
}

/* What the file differs by, as it was said. */
static double differs(const struct str *report)
{
    const char *by = strstr(str_text(report), "differ by at most ");

    if (!by)
        fail_msg("not checked: %s", str_text(report));
    return strtod(by + strlen("differ by at most "), NULL);
}

static void every_operator_answers_as_the_model(void **state)
{
    (void)state;
    for (int i = 0; i < NETS; i++) {
        struct infer_model *m = make(nets[i], i % 2 ? DATA_MULTI : DATA_SINGLE);
        struct str report = { 0 };
        struct err err = { 0 };

        if (!write_c(m, true, at("all ops.c"), &report, &err))
            fail_msg("net %d: %s", i, err.msg);
        if (differs(&report) > 2e-5)
            fail_msg("net %d: %s", i, str_text(&report));
        str_release(&report);
        infer_model_free(m);
    }
}

/* Node `node`, function i of all that the operators math and arith know, of numbers that it is made
 * for: signed ones, some between 0.1 and 0.9, some above 1.  False: there is none. */
static bool function(struct str *text, int node, int i)
{
    static const struct {
        const char *kind, *x;
    } wants[] = { { "log", "some" }, { "sqrt", "some" }, { "asin", "some" }, { "acos", "some" },
                  { "atanh", "some" }, { "acosh", "above" }, { "reciprocal", "above" },
                  { "pow", "some" }, { "tan", "some" } };
    const char *const *math = field_find(nn_op_math.attrs, "kind")->names;
    const char *const *arith = field_find(nn_op_arith.attrs, "kind")->names;
    const char *kind, *x = "image";
    int n = 0;

    while (math[n])
        n++;
    kind = i < n ? math[i] : NULL;
    for (int k = 0; !kind && k <= i - n; k++)
        if (!arith[k])
            return false;
    kind = kind ? kind : arith[i - n];
    for (size_t k = 0; k < sizeof wants / sizeof *wants; k++)
        x = !strcmp(wants[k].kind, kind) ? wants[k].x : x;
    if (i < n)
        str_printf(text, "v%d = math %s kind=%s a=0.3 b=0.7\n", node, x, kind);
    else
        str_printf(text, "v%d = arith %s above kind=%s\n", node, x, kind);
    str_printf(text, "f%d = flatten v%d\n", node, node);
    return true;
}

static void every_function_of_numbers_answers_as_the_model(void **state)
{
    bool more = true;

    (void)state;
    for (int first = 0; more; first += NN_MAX_IN) {
        struct str text = { 0 }, report = { 0 };
        struct err err = { 0 };
        struct infer_model *m;
        int n = 0;

        str_add(&text, "image = input shape=4x4x3\ns = sigmoid image\n"
                       "some = math s a=0.8 b=0.1\nabove = math s a=2 b=1.1\n");
        while (n < NN_MAX_IN && (more = function(&text, n, first + n)))
            n++;
        if (!n)
            str_add(&text, "f0 = flatten image\n");
        str_add(&text, "j = concat");
        for (int i = 0; i < n || !i; i++)
            str_printf(&text, " f%d", i);
        str_add(&text, "\nfc = linear j width=5\noutput logits = fc\n");
        m = make(str_text(&text), DATA_SINGLE);
        if (!write_c(m, true, at("functions.c"), &report, &err))
            fail_msg("from %d on: %s", first, err.msg);
        if (differs(&report) > 2e-5)
            fail_msg("from %d on: %s", first, str_text(&report));
        str_release(&text);
        str_release(&report);
        infer_model_free(m);
    }
}

/* Whatever a model can hold: all but leaves, losses and what is folded before. */
static void every_operator_is_in_a_net(void **state)
{
    (void)state;
    for (int k = 0; k < nn_op_count(); k++) {
        const struct nn_op *op = nn_op_at(k);
        char word[64];
        bool there = false;

        if (op->flags & (NN_OP_LEAF | NN_OP_LOSS) || op == &nn_op_standardize)
            continue;
        if (!infer_c_knows(op))
            fail_msg("no C for operator %s", op->name);
        snprintf(word, sizeof word, " = %s ", op->name);
        for (int i = 0; i < NETS; i++)
            there |= strstr(nets[i], word) != NULL;
        if (!there)
            fail_msg("no net with operator %s", op->name);
    }
}

static int shell(const char *command)
{
    char text[1024];

    snprintf(text, sizeof text, "cd %s && { %s; } >log 2>&1", folder, command);
    return system(text);
}

static void files_compile_without_a_word(void **state)
{
    static const char main[] =
        "#include \"all_ops.h\"\n"
        "#include <string.h>\n"
        "int main(void)\n{\n"
        "    return ALL_OPS_LABELS == 5 && !strcmp(all_ops_labels[3], \"Gr\\303\\274n7\") &&\n"
        "           !strcmp(all_ops_labels[2], \"what?\" \"?/\") &&\n"
        "           !strcmp(all_ops_labels[1], \"\\\"quo\\\\ted\\\"\") ? 0 : 1;\n}\n";
    struct err err = { 0 };

    (void)state;
    assert_true(file_replace(at("main.c"), main, strlen(main), &err));
    for (int i = 0; i < NETS; i++) {
        struct infer_model *m = make(nets[i], DATA_SINGLE);
        struct str report = { 0 };

        assert_true(write_c(m, false, at("all_ops.c"), &report, &err));
        if (shell("cc -std=c99 -pedantic -Wall -Wextra -Wconversion -Wshadow -Wtrigraphs -Werror "
                  "-O1 -ffreestanding all_ops.c main.c -o run && ./run") != 0)
            fail_msg("net %d: see %s/log", i, folder);
        str_release(&report);
        infer_model_free(m);
    }
}

static void an_arena_is_no_larger_than_the_values_that_live(void **state)
{
    /* 8x8x32 in and out of each convolution, and nothing else at a time: 16 kB. */
    struct infer_model *m = make("image = input shape=8x8x3\n"
                                 "a = conv2d image channels=32 size=3 pad=1\n"
                                 "b = conv2d a channels=32 size=3 pad=1\n"
                                 "c = conv2d b channels=32 size=3 pad=1\n"
                                 "r = relu c\n"
                                 "d = conv2d r channels=32 size=3 pad=1\n"
                                 "m = meanpool d\n"
                                 "fc = linear m width=5\n"
                                 "output logits = fc\n", DATA_SINGLE);
    struct str report = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_true(write_c(m, false, at("net.c"), &report, &err));
    assert_non_null(strstr(str_text(&report), "arena 16384 bytes"));
    str_release(&report);
    infer_model_free(m);
}

/* Of two pictures one is told as unknown, as the calibration does, by each way there is. */
static void the_unknown_is_told_as_by_the_model(void **state)
{
    static const char main[] = "#include <stdio.h>\n#include \"net.h\"\n"
                               "int main(void)\n{\n"
                               "    static uint8_t rgb[NET_HEIGHT * NET_WIDTH * NET_CHANNELS];\n"
                               "    float p[NET_LABELS];\n\n"
                               "    while (fread(rgb, sizeof rgb, 1, stdin) == 1) {\n"
                               "        net_run(rgb, p);\n"
                               "        putchar('0' + net_unknown());\n    }\n"
                               "    return 0;\n}\n";
    struct err err = { 0 };

    (void)state;
    assert_true(file_replace(at("main.c"), main, strlen(main), &err));
    for (int i = 0; i < 3; i++) {
        enum data_task task = i == 1 ? DATA_MULTI : DATA_SINGLE;
        struct infer_calibration c = infer_calibration_none();
        struct infer_export_options o = { .logits = false };
        struct infer_model *m = make(nets[1], task);
        struct infer_proof proof = { 0 };
        struct nn_graph *g = NULL;
        struct nn_params *p = NULL;
        struct str report = { 0 };
        double middle = 0;
        char want[3] = "", *got;
        size_t size;

        assert_true(infer_export_graph(m, &o, &g, &p, &err));
        assert_true(infer_proof_init(&proof, m, g, p, &err));
        assert_int_equal(proof.n, 2);
        for (int k = 0; k < 2; k++) {
            const float *z = proof.logits + k * LABELS, *q = proof.probability + k * LABELS;
            float most = 0;

            for (int l = 0; l < LABELS; l++)
                most = fmaxf(most, q[l]);
            middle += (i == 2 ? (double)most : infer_energy(task, LABELS, z)) / 2;
        }
        c.temperature = 2;              /* of energy it is none of */
        c.unknown = i == 2 ? INFER_UNKNOWN_CONFIDENCE : INFER_UNKNOWN_ENERGY;
        c.unknown_at = middle;
        if (i == 2)
            c.temperature = 1;
        for (int k = 0; k < 2; k++)
            want[k] = infer_calibration_unknown(&c, task, LABELS, proof.probability + k * LABELS,
                                                proof.logits + k * LABELS) ? '1' : '0';
        assert_true(want[0] != want[1]);
        assert_true(infer_model_calibrate(m, &c, &err));
        assert_true(write_c(m, false, at("net.c"), &report, &err));
        assert_true(file_replace(at("in"), proof.pixel, proof.count * 2, &err));
        if (shell("cc -std=c99 -pedantic -Wall -Wextra -Wconversion -Werror net.c main.c -o run && "
                  "./run <in >out") != 0)
            fail_msg("see %s/log", folder);
        got = (char *)file_read(at("out"), 16, &size, &err);
        assert_string_equal(got, want);
        free(got);
        str_release(&report);
        infer_proof_release(&proof);
        nn_params_free(p);
        nn_graph_free(g);
        infer_model_free(m);
    }
}

/* med may begin at 0, where every answer was that good. */
static void bands_are_in_the_file(void **state)
{
    static const double begin[][2] = { { 0.5, 0.75 }, { 0, 0.75 }, { 0, 0 } };
    struct err err = { 0 };

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct infer_calibration c = infer_calibration_none();
        struct infer_model *m = make(nets[NETS - 1], DATA_SINGLE);
        struct str report = { 0 };
        size_t size;
        char *text;

        memcpy(c.band, begin[i], sizeof c.band);
        assert_true(infer_model_calibrate(m, &c, &err));
        assert_true(write_c(m, false, at("net.c"), &report, &err));
        text = (char *)file_read(at("net.c"), 1 << 20, &size, &err);
        assert_non_null(text);
        assert_true(!strstr(text, "#define NET_HI 0.75f") == (i == 2));
        assert_true(!strstr(text, i == 0 ? "#define NET_MED 0.5" : "#define NET_MED 0.0") ==
                    (i == 2));
        free(text);
        str_release(&report);
        infer_model_free(m);
    }
}

static void weights_that_are_no_numbers_are_refused(void **state)
{
    struct infer_model *m = make(nets[NETS - 1], DATA_SINGLE);
    struct str report = { 0 };
    struct err err = { 0 };

    (void)state;
    m->params->value[1] = (real)INFINITY;
    assert_false(write_c(m, false, at("inf.c"), &report, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.msg, "node \"fc\": weight "));
    assert_int_equal(file_kind(at("inf.c")), FILE_NONE);
    assert_int_equal(file_kind(at("inf.h")), FILE_NONE);
    str_release(&report);
    infer_model_free(m);
}

static void a_header_does_not_stay_without_its_file(void **state)
{
    struct infer_model *m = make(nets[NETS - 1], DATA_SINGLE);
    struct str report = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(mkdir(at("full.c"), 0700), 0);
    assert_false(write_c(m, false, at("full.c"), &report, &err));
    assert_int_equal(file_kind(at("full.h")), FILE_NONE);
    str_release(&report);
    infer_model_free(m);
}

/* Held against another model's answers, as if the writer were wrong. */
static void a_file_that_answers_otherwise_is_told(void **state)
{
    struct infer_model *m = make(nets[NETS - 1], DATA_SINGLE);
    struct infer_proof proof = { .n = 1, .n_labels = LABELS, .count = 3 };
    uint8_t pixel[3] = { 1, 2, 3 }, *text;
    float answer[LABELS] = { 1, 0, 0, 0, 0 };
    struct str report = { 0 }, file = { 0 };
    struct err err = { 0 };
    size_t size;

    (void)state;
    proof.pixel = pixel;
    proof.logits = proof.probability = answer;
    assert_true(write_c(m, false, at("net.c"), &report, &err));
    text = file_read(at("net.c"), 1 << 20, &size, &err);
    assert_non_null(text);
    str_addn(&file, (char *)text, size);
    assert_false(infer_c_verify(&proof, false, "net", &file, &report, &err));
    assert_non_null(strstr(err.msg, "otherwise"));
    err = (struct err){ 0 };
    str_add(&file, "int 3;\n");
    assert_false(infer_c_verify(&proof, false, "net", &file, &report, &err));
    assert_non_null(strstr(err.msg, "cc does not compile it"));
    free(text);
    str_release(&file);
    str_release(&report);
    infer_model_free(m);
}

static void expect_text(void (*write)(struct str *, const char *), const char *in, const char *out)
{
    struct str s = { 0 };

    write(&s, in);
    assert_string_equal(str_text(&s), out);
    str_release(&s);
}

static void words_are_those_of_c(void **state)
{
    (void)state;
    expect_text(infer_c_name, "models/cats.c", "cats");
    expect_text(infer_c_name, "cats and dogs-v2.c", "cats_and_dogs_v2");
    expect_text(infer_c_name, "3cats.c", "net_3cats");
    expect_text(infer_c_name, "K\303\244se.c", "K_se");
    expect_text(infer_c_name, ".c", "net_c");
    expect_text(infer_c_name, "a/\303\244.c", "net");
    expect_text(infer_c_string, "a\"b\\c?\n\303\2741", "\"a\\\"b\\\\c\\?\\012\\303\\2741\"");
    expect_text(infer_c_comment, "a*/b\\\?\?/\303", "a__b_____");
}

static void numbers_read_back_exactly(void **state)
{
    static const float some[] = { 0, -0.0f, 1, -3, 0.1f, 1e10f, 16777216, 1.17549435e-38f, 1e-45f,
                                  3.40282347e38f, 0.333333343f, 123456.789f };

    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        union { uint32_t bits; float x; } u = { rng_u32(1, rng_stream(RNG_TEST, 1), i) };
        float x = i < sizeof some / sizeof *some ? some[i] : u.x;
        struct str s = { 0 };
        char *end;
        float back;

        if (!isfinite(x))
            continue;
        infer_c_number(&s, x);
        back = strtof(str_text(&s), &end);
        assert_string_equal(end, "f");
        assert_true(strpbrk(str_text(&s), ".e"));
        assert_memory_equal(&back, &x, sizeof x);
        str_release(&s);
    }
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/discern-test-c-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operator_answers_as_the_model),
        cmocka_unit_test(every_function_of_numbers_answers_as_the_model),
        cmocka_unit_test(every_operator_is_in_a_net),
        cmocka_unit_test(files_compile_without_a_word),
        cmocka_unit_test(an_arena_is_no_larger_than_the_values_that_live),
        cmocka_unit_test(the_unknown_is_told_as_by_the_model),
        cmocka_unit_test(bands_are_in_the_file),
        cmocka_unit_test(weights_that_are_no_numbers_are_refused),
        cmocka_unit_test(a_header_does_not_stay_without_its_file),
        cmocka_unit_test(a_file_that_answers_otherwise_is_told),
        cmocka_unit_test(words_are_those_of_c),
        cmocka_unit_test(numbers_read_back_exactly),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
