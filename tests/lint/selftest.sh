#!/bin/sh
# selftest.sh -- breaks every rule of lint.sh once, in a small tree, and expects the one complaint
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
trap 'exit 2' HUP INT TERM
cc=${CC:-cc}
count=0 failed=0

# compile FILE... -- to objects, as the Makefile would
compile() {
    for file in "$@"; do
        mkdir -p "build/release/$(dirname "$file")"
        "$cc" -std=gnu11 -I. -w -fno-builtin -c "$file" -o "build/release/${file%.c}.o"
    done
}

# lint RULE... -- runs the script on the tree we stand in; without a rule, all of them
lint() {
    BUILD=build/release DISCERN=build/release/discern sh "$here/lint.sh" . "$@" >"$top/said" 2>&1
}

# breaks RULE WORDS COMMANDS -- COMMANDS, in a copy of the tree, bring one line of RULE with WORDS
breaks() {
    count=$((count + 1))
    rm -rf "$top/broken"
    cp -r "$top/tree" "$top/broken"
    cd "$top/broken"
    eval "$3"
    if lint "$1"; then
        echo "lint does not see: $3"
    elif [ "$(wc -l <"$top/said")" -ne 1 ] || ! grep -q "^$1: .*$2" "$top/said"; then
        echo "lint should say \"$1: ... $2\" of: $3"
        sed 's/^/    /' "$top/said"
    else
        return 0
    fi
    failed=$((failed + 1))
}

# allows COMMANDS -- and then no rule has anything to say
allows() {
    count=$((count + 1))
    rm -rf "$top/broken"
    cp -r "$top/tree" "$top/broken"
    cd "$top/broken"
    eval "$1"
    lint && return 0
    echo "lint should not mind: $1"
    sed 's/^/    /' "$top/said"
    failed=$((failed + 1))
}

# ---- a tree in order -----------------------------------------------------------------------------

mkdir -p "$top/tree/build/release"
cd "$top/tree"
for folder in nn/base nn/op nn/kernel nn/model nn/pass data/aug infer train/optim tests/nn/kernel \
    datasets docs; do
    mkdir -p $folder
done
cat >Makefile <<'END'
FLAGS_stb  := -w
FLAGS_avx2 := -mavx2
END
echo 'int arena_new(int);' >nn/base/arena.h
echo '#include "nn/base/arena.h"
int arena_new(int n) { return n; }
int size_mul(int n) { return n; }' >nn/base/arena.c
echo 'struct nn_op { const char *name; void *cases; };' >nn/op.h
echo 'NN_OP(relu)' >nn/op/ops.def
echo '#include "nn/op.h"
const struct nn_op nn_op_relu = { .name = "relu",
    .cases = 0 };' >nn/op/relu.c
for table in nn/model/models:FAMILY nn/pass/passes:PASS; do
    echo "NN_${table#*:}(one)" >"${table%:*}.def"
done
echo 'struct nn_model { int n; };
const struct nn_model nn_family_one[] = { { 1 } };' >nn/model/one.c
echo 'struct nn_pass { int n; };
const struct nn_pass nn_pass_one = { 1 };' >nn/pass/one.c
echo 'DATA_AUG(one)' >data/aug/augs.def
echo 'struct data_aug { int n; };
const struct data_aug data_aug_one = { 1 };' >data/aug/one.c
echo 'TRAIN_OPTIM(one)' >train/optim/optims.def
echo 'struct train_optim { int n; };
const struct train_optim train_optim_one = { 1 };' >train/optim/one.c
echo 'KERNEL(add_f32,  ref)
KERNEL(add_f32,  avx2)' >nn/kernel/kernels.def
echo 'int nn_add_f32_ref(int), nn_add_f32_avx2(int);' >nn/kernel/kernel.h
echo '#include "nn/kernel/kernel.h"
int nn_add_f32_ref(int n) { return n; }' >nn/kernel/ref.c
echo '#include <immintrin.h>
#include "nn/kernel/kernel.h"
int nn_add_f32_avx2(int n) { return n; }' >nn/kernel/add_avx2.c
echo 'static void check_add_f32(void);' >tests/nn/kernel/test_kernels.c
echo 'const char *data_names(void);' >data/image.h
echo '#include "data/image.h"
#include "nn/base/arena.h"
static const char *const names[] = { "one", "two", 0 };
const char *data_names(void) { return names[arena_new(0)]; }' >data/image.c
echo 'int infer_run(void);' >infer/run.h
echo '#include "data/image.h"
#include "infer/run.h"
#include "nn/op.h"
int infer_run(void) { return 0; }' >infer/run.c
echo '#include "infer/run.h"
int train_run(void) { return infer_run(); }' >train/run.c
echo '#include "infer/run.h"
int main(void) { return infer_run(); }' >discern.c
echo '#include "data/image.h"
int main(void) { return 0; }' >datasets/draw.c
echo '# ops' >docs/ops.md
echo '# cli' >docs/cli.md
echo '# augment' >docs/augment.md
echo '# recipes' >docs/recipes.md
echo 'case $2 in
--ops) echo "# ops" ;;
--augments) echo "# augment" ;;
--recipes) echo "# recipes" ;;
*) echo "# cli" ;;
esac' >build/release/discern
chmod +x build/release/discern
# shellcheck disable=SC2046
compile $(find nn data infer train discern.c -name '*.c' ! -name '*_avx2.c')
"$cc" -std=gnu11 -I. -w -c -x c - -o build/release/nn/kernel/add_avx2.o <<'END'
int nn_add_f32_avx2(int n) { return n; }
END
allows :

# ---- and what must not pass ----------------------------------------------------------------------

# first, last FILE LINE
first() { sed -i "1i\\
$2" "$1"; }
last() { echo "$2" >>"$1"; }

# code FILE LINE -- at the end, and compiled
code() { last "$1" "$2"; compile "$1"; }

breaks ladder 'data may not include "nn/op.h"' \
    'first data/image.c "#include \"nn/op.h\""'
breaks ladder 'nn may not include "data/image.h"' \
    'first nn/op/relu.c "#include \"data/image.h\""'
breaks ladder 'nn/base may not include "nn/op.h"' \
    'first nn/base/arena.c "#include \"nn/op.h\""'
breaks ladder 'infer may not include "train/' \
    'touch train/run.h; first infer/run.h "#include \"train/run.h\""'
breaks ladder 'datasets may not include "infer/' \
    'first datasets/draw.c "#include \"infer/run.h\""'
breaks ladder 'no path from the root' \
    'first infer/run.c "#include \"run.h\""'
breaks ladder 'write it in quotes' \
    'first infer/run.c "#  include <nn/op.h>"'
allows 'first tests/nn/kernel/test_kernels.c "#include \"nn/kernel/kernel.h\""'
allows 'first nn/base/arena.c "#include \"version.h\""'

breaks top 'helpers.c: only'    ': >helpers.c'
breaks top 'src: only'          'mkdir src'
allows 'mkdir runs .ci; touch README.md LICENSE .gitignore'

breaks text 'image.c:1: 101 columns'    'first data/image.c "/* $(printf %095d 0) */"'
breaks text 'ops.def:2: 101 columns'    'last nn/op/ops.def "/* $(printf %095d 0) */"'
breaks text 'run.sh:1: 101 columns'     'printf "# %099d\n" 0 >tests/run.sh'
allows 'first data/image.c "/* $(printf %093d 0)× */"'
breaks text 'a tab'                     'printf "\tint x;\n" >>infer/run.h'
breaks text 'blanks at the end'         'last infer/run.h "int x; "'
breaks text '#if 0'                     'last infer/run.h "# if 0"; last infer/run.h "#endif"'
breaks text 'TODO without an owner'     'last infer/run.h "/* TODO: later */"'
allows 'last infer/run.h "/* TODO(ada): when gcc 13 is the oldest */"'

breaks intrinsics 'outside nn/kernel'           'first nn/op/relu.c "#include <immintrin.h>"'
breaks intrinsics 'outside nn/kernel'           'first nn/kernel/ref.c "#include <x86intrin.h>"'
breaks intrinsics 'outside nn/kernel'           'first data/image.c "#include <immintrin.h>"'
breaks intrinsics 'includes its own header alone' \
    'echo "int data_other(void);" >data/other.h; echo "int data_x;" >data/image_avx2.c
     first data/image_avx2.c "#include \"data/image.h\""
     first data/image_avx2.c "#include \"data/other.h\""'
breaks intrinsics 'includes nn/kernel/ alone' \
    'first nn/kernel/add_avx2.c "#include \"nn/base/arena.h\""'

breaks tables 'gelu has no file nn/op/gelu.c'       'last nn/op/ops.def "NN_OP(gelu)"'
breaks tables 'relu.c: no line in nn/op/ops.def'    ': >nn/op/ops.def'
breaks tables 'does not define nn_op nn_op_relu'    'sed -i "s/nn_op_relu/nn_op_Relu/" nn/op/relu.c'
breaks tables 'two has no file nn/model/two.c'      'last nn/model/models.def "NN_FAMILY(two)"'
breaks tables 'one.c: no line in nn/pass'           ': >nn/pass/passes.def'
breaks tables 'one.c: no line in data/aug'          ': >data/aug/augs.def'
breaks tables 'one.c: no line in train/optim'       ': >train/optim/optims.def'

breaks cases 'relu.c: no cases'             'sed -i s/.cases/.cass/ nn/op/relu.c'
breaks cases 'nn_mul_f32_ref is in no' \
    'last nn/kernel/kernels.def "KERNEL(mul_f32, ref)"
     last tests/nn/kernel/test_kernels.c "static void check_mul_f32(void);"'
breaks cases 'nn_add_f32_avx2 is in no'     'sed -i s/_avx2/_avx/ nn/kernel/add_avx2.c'
allows 'sed -i "s|^int.*|#include \"nn/kernel/add_body.h\"|" nn/kernel/add_avx2.c
    echo "int KERNEL_FN(add_f32)(int n) { return n; }" >nn/kernel/add_body.h'
breaks cases 'no check_add_f32' \
    ': >tests/nn/kernel/test_kernels.c; sed -i 2d nn/kernel/kernels.def'

breaks lines 'data_resize_down_avx2 is not in data/resize_avx2.c' \
    'echo "RESIZE(down, avx2)" >data/resize.def'
breaks lines 'bench_two is not in tests/bench/two.c' \
    'mkdir tests/bench; echo "BENCH(two, 2)" >tests/bench/benches.def'

breaks pages 'ops.md: differs'              'last docs/ops.md more'
breaks pages 'cli.md: is not there'         'rm docs/cli.md'
breaks pages 'cli.md: .* help --markdown fails' \
    'sed -i "s/echo .# cli./false/" build/release/discern'

breaks objects 'infer/run.o: is not there'      'rm build/release/infer/run.o'
breaks objects 'discern.o: is not there'        'rm build/release/discern.o'

for call in 'sprintf(0, 0)' 'strcpy(0, 0)' 'strcat(0, 0)' 'atoi(0)' 'strtok(0, 0)' 'rand()' \
    'exit(1)' 'getenv(0)'; do
    breaks calls "calls ${call%%(*}, which is banned" \
        "code data/image.c 'int data_x(void) { return $call; }'"
done
breaks calls 'uses printf: nothing prints' \
    "code infer/run.c 'int infer_x(void) { return printf(0); }'"
breaks calls 'uses stderr: nothing prints' \
    "code infer/run.c 'extern int stderr; int infer_x() { return stderr; }'"
allows "echo 'int infer_cmd_x(void) { return printf(0); }' >infer/cmd_x.c; compile infer/cmd_x.c"
allows "echo 'int data_x(void) { return sprintf(0); }' >data/stb.c; compile data/stb.c"

breaks symbols 'helper does not begin with nn_'         "last nn/op/relu.c 'int helper;'
    sed -i s/helper.*/helper\(void\){}/ nn/op/relu.c; compile nn/op/relu.c"
breaks symbols 'err_set does not begin with arena_' \
    "code nn/base/arena.c 'int err_set(void) {}'"
breaks symbols 'nn_x does not begin with data_'         "code data/image.c 'int nn_x(void) {}'"
breaks symbols 'run does not begin with infer_'         "code infer/run.c 'int run(void) {}'"
breaks symbols 'infer_x does not begin with train_'     "code train/run.c 'int infer_x(void) {}'"
breaks symbols 'help does not begin with discern_'      "code discern.c 'int help(void) {}'"
allows "code nn/op/relu.c 'int st_x(void) {} static int helper(void) {}'"

breaks globals 'data_n is a variable'       "code data/image.c 'int data_n;'"
breaks globals 'data_n is a variable'       "code data/image.c 'int data_n = 1;'"
breaks globals 'cache is a variable' \
    "code data/image.c 'static int cache; int data_x(void) { return cache++; }'"
breaks globals 'seen is a variable' \
    "code data/image.c 'int data_x(void) { static int seen; return seen++; }'"
breaks globals 'mine is a variable' \
    "code data/image.c 'static __thread int mine; int data_x() { return mine++; }'"
allows "code data/image.c 'const int data_n = 1; const char *const data_a[] = { \"a\" };'"

[ $failed = 0 ] || { echo "selftest: $failed of $count failed"; exit 1; }
echo "selftest: $count passed"
