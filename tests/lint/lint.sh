#!/bin/sh
# lint.sh [ROOT [RULE...]] -- the house rules that a machine can check: a line a violation, status 1
#
# BUILD (build/release unless said) holds the objects and DISCERN is the program that was made of
# them.  A rule is a function that prints its complaints and nothing else.  Without arguments,
# selftest.sh comes last: it breaks every rule once in a tree of its own and expects the complaint.
LC_ALL=C
export LC_ALL
here=$(dirname "$0")
root=${1:-}
[ $# = 0 ] || shift
cd "${root:-.}" || exit 2
build=${BUILD:-build/release}
program=${DISCERN:-$build/discern}

tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM

# Our C text, and what was compiled of it: stb's file and generated code are not ours to mend.
find nn data infer train tests datasets discern.c -name '*.[ch]' -o -name '*.def' 2>/dev/null |
    sort >"$tmp/sources"
grep '^[a-z]*/.*\.c$\|^discern\.c$' "$tmp/sources" | grep -v '^tests/\|^datasets/\|[/_]stb\.c$' |
    while read -r file; do
        [ ! -f "$build/${file%.c}.o" ] || echo "$build/${file%.c}.o"
    done >"$tmp/objects"

# Where -D, -m and such of a file come from: the words that the Makefile knows as instruction sets.
isa_words=$(sed -n 's/^FLAGS_\([a-z0-9]*\) *:=.*/\1/p' Makefile 2>/dev/null |
    grep -v '^stb$\|^fuzz$' | tr '\n' ' ')

# Prints the names in the .def file $1, of lines like MACRO(name) or MACRO(name, ...).
def_names() {
    sed -n 's/^[A-Z_]*( *\([a-z0-9_]*\) *[,)].*/\1/p' "$1" | sort -u
}

# ---- text ----------------------------------------------------------------------------------------

# discern.c > train > infer > {data, nn} > nn/base; data sees nn/base alone, and nn nothing of data.
# The demo's drawing program stands on data and nn/base.  Tests see everything.
rule_ladder() {
    [ -s "$tmp/sources" ] || return 0
    # shellcheck disable=SC2046
    awk '
        BEGIN {
            below["nn/base"] = "nn/base"
            below["nn"] = "nn"
            below["data"] = "data nn/base"
            below["infer"] = "infer data nn"
            below["train"] = "train infer data nn"
            below["datasets"] = "data nn/base"
        }
        FILENAME == list { exists[$0] = 1; next }
        !/^[ \t]*#[ \t]*include[ \t]*[<"]/ { next }
        {
            name = $0
            sub(/^[ \t]*#[ \t]*include[ \t]*/, "", name)
            quoted = substr(name, 1, 1) == "\""
            name = substr(name, 2)
            sub(/[">].*/, "", name)
            place = FILENAME ":" FNR ": "
            if (!quoted) {
                if (name in exists)
                    print place "<" name "> is ours: write it in quotes"
                next
            }
            if (name == "version.h" || name ~ /^[a-z]*\.pb-c\.h$/)
                next                                    # made while building
            if (!(name in exists)) {
                print place "\"" name "\" is no path from the root"
                next
            }
            folder = FILENAME ~ /^nn\/base\// ? "nn/base" : FILENAME
            if (folder != "nn/base")
                sub(/\/.*/, "", folder)
            if (!(folder in below))
                next
            n = split(below[folder], may, " ")
            for (i = 1; i <= n; i++)
                if (index(name, may[i] "/") == 1)
                    next
            print place folder " may not include \"" name "\": it lies above, or beside"
        }' list="$tmp/sources" "$tmp/sources" $(cat "$tmp/sources")
}

# The folder of a file is its place; nothing else lies at the top.
rule_top() {
    for name in *; do
        case $name in
        nn | data | train | infer | tests | datasets | docs) ;;
        Makefile | README.md | LICENSE | discern.c) ;;
        build | runs) ;;
        *) echo "$name: only the folders and files of docs/design.md lie at the top" ;;
        esac
    done
}

rule_text() {
    find Makefile tests datasets .ci -name '*.sh' 2>/dev/null | cat "$tmp/sources" - >"$tmp/texts"
    [ -s "$tmp/texts" ] || return 0
    # shellcheck disable=SC2046
    awk '
        { place = FILENAME ":" FNR ": "; columns = $0; gsub(/[\200-\277]/, "", columns) }
        length(columns) > 100 { print place length(columns) " columns, 100 at most" }
        /[ \t\r]$/ { print place "blanks at the end of the line" }
        /\t/ && FILENAME ~ /\.(c|h|def)$/ { print place "a tab" }
        /^[ \t]*#[ \t]*if[ \t]+0/ { print place "#if 0: delete it, git remembers" }
        /(TODO|FIXME)/ && !/(TODO|FIXME)\([a-z]+\)/ && FILENAME !~ /^tests\/lint\// {
            print place "TODO without an owner: TODO(name), and until when"
        }' $(cat "$tmp/texts")
}

# Intrinsics stay in nn/kernel/*_ISA.c and data/*_ISA.c, and such a file includes nothing of ours
# but the headers in nn/kernel, or data/x.h for data/x_ISA.c: an inline function compiled for
# AVX-512 and picked by the linker for everyone crashes older machines.
rule_intrinsics() {
    [ -s "$tmp/sources" ] || return 0
    # shellcheck disable=SC2046
    awk -v isa=" $isa_words" '
        FNR == 1 {
            word = FILENAME
            sub(/.*\//, "", word)
            sub(/\.[^.]*$/, "", word)
            own = index(word, "_") && FILENAME ~ /^(nn\/kernel|data)\//
            sub(/.*_/, "", word)
            own = own && index(isa, " " word " ")
            may = "\"nn/kernel/"
            if (FILENAME ~ /^data\//) {
                may = FILENAME
                sub("_" word "\\.c$", ".h\"", may)
                may = "\"" may
            }
        }
        !/^[ \t]*#[ \t]*include/ { next }
        /intrin\.h|arm_neon\.h|arm_sve\.h/ && !own {
            print FILENAME ":" FNR ": intrinsics outside nn/kernel/*_ISA.c and data/*_ISA.c"
        }
        own && /"/ && !index($0, may) {
            print FILENAME ":" FNR ": a file of intrinsics includes " \
                (FILENAME ~ /^data/ ? "its own header" : "nn/kernel/") " alone"
        }' $(cat "$tmp/sources")
}

# ---- tables --------------------------------------------------------------------------------------

# A line of a .def is a file and a file is a line: $1 the .def, $2 what stands before the name where
# the file defines it.
def_files() {
    [ -f "$1" ] || return 0
    folder=$(dirname "$1")
    for name in $(def_names "$1"); do
        if [ ! -f "$folder/$name.c" ]; then
            echo "$1: $name has no file $folder/$name.c"
        elif ! grep -q "^const struct $2$name\( \|\[\|$\)" "$folder/$name.c"; then
            echo "$folder/$name.c: does not define $2$name"
        fi
    done
    for file in "$folder"/*.c; do
        name=$(basename "$file" .c)
        grep -q "^const struct $2$name\( \|\[\|$\)" "$file" || continue
        def_names "$1" | grep -qx "$name" || echo "$file: no line in $1"
    done
}

rule_tables() {
    def_files nn/op/ops.def "nn_op nn_op_"
    def_files nn/model/models.def "nn_model nn_family_"
    def_files nn/pass/passes.def "nn_pass nn_pass_"
    def_files data/aug/augs.def "data_aug data_aug_"
    def_files data/source/sources.def "data_source data_source_"
    def_files infer/export/exports.def "infer_exporter infer_export_"
    def_files train/optim/optims.def "train_optim train_optim_"
    def_files train/listen/listeners.def "train_listener train_listener_"
}

# Every operator has cases, every kernel a function in the right file and a check.
rule_cases() {
    [ ! -f nn/op/ops.def ] || for name in $(def_names nn/op/ops.def); do
        [ ! -f "nn/op/$name.c" ] || grep -q '\.cases *=' "nn/op/$name.c" ||
            echo "nn/op/$name.c: no cases"
    done
    [ -f nn/kernel/kernels.def ] || return 0
    sed -n 's/^KERNEL( *\([a-z0-9_]*\) *, *\([a-z0-9_]*\) *).*/\1 \2/p' nn/kernel/kernels.def |
        while read -r slot isa; do
            # Written out, or KERNEL_FN(slot) in a body that such a file includes.
            bodies=$(sed -n 's/^#include "\(nn\/kernel\/.*_body\.h\)"/\1/p' \
                nn/kernel/*_"$isa".c 2>/dev/null)
            # shellcheck disable=SC2086
            cat nn/kernel/*_"$isa".c nn/kernel/*_"$isa"_*.c nn/kernel/"$isa".c $bodies 2>/dev/null |
                grep -Eq "(^|[^a-z0-9_])(nn_${slot}_$isa|KERNEL_FN\($slot\))\(" ||
                echo "nn/kernel/kernels.def: nn_${slot}_$isa is in no nn/kernel/*_$isa.c"
            grep -Eq "(^|[^a-z0-9_])check_$slot\(" tests/nn/kernel/*.[ch] 2>/dev/null ||
                echo "tests/nn/kernel: no check_$slot"
        done
}

# A line of data/resize.def or tests/bench/benches.def is a function in the file that it says.
rule_lines() {
    [ ! -f data/resize.def ] || sed -n \
        's/^RESIZE( *\([a-z0-9_]*\) *, *\([a-z0-9_]*\) *).*/\1 \2/p' data/resize.def |
        while read -r pass isa; do
            grep -q "^void data_resize_${pass}_$isa(" "data/resize_$isa.c" 2>/dev/null ||
                echo "data/resize.def: data_resize_${pass}_$isa is not in data/resize_$isa.c"
        done
    [ ! -f tests/bench/benches.def ] || for name in $(def_names tests/bench/benches.def); do
        grep -q "^bool bench_$name(" "tests/bench/$name.c" 2>/dev/null ||
            echo "tests/bench/benches.def: bench_$name is not in tests/bench/$name.c"
    done
}

# ---- pages ---------------------------------------------------------------------------------------

rule_pages() {
    for page in "docs/ops.md --ops" "docs/cli.md --markdown" "docs/augment.md --augments" \
        "docs/recipes.md --recipes"; do
        file=${page% *} option=${page#* }
        if ! "$program" help "$option" >"$tmp/page" 2>"$tmp/why"; then
            echo "$file: $program help $option fails: $(head -1 "$tmp/why")"
        elif [ ! -f "$file" ]; then
            echo "$file: is not there: run make docs"
        elif ! cmp -s "$tmp/page" "$file"; then
            echo "$file: differs from discern help $option: run make docs"
        fi
    done
}

# ---- objects -------------------------------------------------------------------------------------

# The rules below look at what was compiled: all of it must be there.
rule_objects() {
    sed -n 's/^\(\(nn\|data\|infer\|train\)\/.*\|discern\)\.c$/\1/p' "$tmp/sources" |
        while read -r file; do
            case " $isa_words" in
            *" ${file##*_} "*) [ "$(uname -m)" = x86_64 ] || continue ;;
            esac
            [ -f "$build/$file.o" ] || echo "$build/$file.o: is not there: run make"
        done
}

# Calls that are banned everywhere (nn/base/banned.h stops most of them when compiling), and output
# from below the commands.
rule_calls() {
    [ -s "$tmp/objects" ] || return 0
    xargs nm -A -u <"$tmp/objects" | awk '
        BEGIN {
            n = split("sprintf vsprintf strcpy strncpy strcat strncat stpcpy atoi atol atoll " \
                      "atof strtok rand srand random srandom drand48 gets exit quick_exit system " \
                      "popen getenv secure_getenv setenv putenv setlocale strerror localtime " \
                      "gmtime ctime asctime tmpnam mktemp tempnam alloca chdir __sprintf_chk " \
                      "__vsprintf_chk __strcpy_chk __strncpy_chk __strcat_chk __strncat_chk",
                      name, " ")
            for (i = 1; i <= n; i++)
                banned[name[i]] = 1
            n = split("stdout stderr printf vprintf puts putchar perror __printf_chk __vprintf_chk",
                      name, " ")
            for (i = 1; i <= n; i++)
                prints[name[i]] = 1
        }
        {
            object = $1
            sub(/:.*/, "", object)
            symbol = $NF
            sub(/@.*/, "", symbol)
        }
        symbol == "getenv" && object ~ /\/nn\/base\/cli(_tell)?\.o$/ { next }       # for commands
        symbol in banned { print object ": calls " symbol ", which is banned" }
        symbol in prints && object !~ /\/(cmd|cmd_[a-z0-9_]*|discern|nn\/base\/cli[a-z_]*)\.o$/ {
            print object ": uses " symbol ": nothing prints below the commands"
        }'
}

# Global symbols carry their folder: nn_, or st_ for safetensors; in nn/base the name of the file.
rule_symbols() {
    [ -s "$tmp/objects" ] || return 0
    xargs nm -A -g --defined-only <"$tmp/objects" | awk -v build="$build/" '
        BEGIN {
            also["nn"] = "st_"
            also["infer"] = "discern_"
            also["arena"] = "size_"
            also["tensor"] = "shape_ dtype_"
            also["discern"] = "main"
        }
        {
            object = $1
            sub(/:.*/, "", object)
            where = substr(object, length(build) + 1)
            owner = where
            if (owner ~ /^nn\/base\//)
                sub(/^nn\/base\//, "", owner)
            sub(where ~ /^nn\/base\// ? "[_/.].*" : "[/.].*", "", owner)
            n = split(owner "_ " also[owner], may, " ")
            for (i = 1; i <= n; i++)
                if (index($NF, may[i]) == 1)
                    next
            print object ": " $NF " does not begin with " owner "_"
        }'
}

# No state outside of what a caller holds.  The exceptions, each with its reason:
rule_globals() {
    [ -s "$tmp/objects" ] || return 0
    cat >"$tmp/allowed" <<'END'
nn/base/cpu.o found asked once, then constant: what this processor can do
nn/base/cpu.o once guards it
nn/kernel/cpu.o table_of filled once, then constant: which kernels there are
nn/kernel/cpu.o table_auto the same
nn/kernel/cpu.o once guards the two
nn/kernel/gemm_blas.o blas loaded once, then constant: what OpenBLAS has
nn/kernel/gemm_blas.o once guards it
train/bench_overhead.o watched which kernels are looked at: they have no place for it
train/bench_overhead.o spent what they took
nn/kernel/gemm_blas.o done guards the one call that sets OpenBLAS to a thread of its own
train/cmd_train.o stop what a signal handler can reach
train/cmd_train.o stop_signal the same
infer/cmd_ask.o stopped_by the same
END
    while read -r object; do
        objdump -t "$object" | sed "s|^|$object |"
    done <"$tmp/objects" | awk -v build="$build/" '
        FILENAME != "-" { allowed[$1 " " $2] = 1; next }
        # OBJECT VALUE FLAGS... SECTION SIZE NAME; constants that hold addresses: .data.rel.ro
        / (\.t?(data|bss)[^ \t]*|\*COM\*)\t/ && !/ \.data\.rel\.ro/ {
            object = substr($1, length(build) + 1)
            symbol = $NF
            if (symbol ~ /^\./)
                next                                    # the section itself
            sub(/\.[0-9]+$/, "", symbol)                # static inside a function
            if (!((object " " symbol) in allowed))
                print $1 ": " symbol " is a variable that outlives its function"
        }' "$tmp/allowed" -
}

# ---- all of them ---------------------------------------------------------------------------------

[ $# != 0 ] ||
    set -- ladder top text intrinsics tables cases lines pages objects calls symbols globals
for rule in "$@"; do
    rule_$rule >"$tmp/said" 2>&1
    sed "s/^/$rule: /" "$tmp/said" >>"$tmp/all"
done
cat "$tmp/all"
[ ! -s "$tmp/all" ] || exit 1
[ -n "$root" ] || sh "$here/selftest.sh"
