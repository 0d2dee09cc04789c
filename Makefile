# discern -- the only Makefile.  `make help` lists the targets.

PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib
DESTDIR ?=
CC      ?= cc
CFLAGS  ?= -O3 -g
BUILD   ?= build
V       ?= release
VERBOSE ?=

# The packages of Debian 12 that building and testing need: the one list.
PACKAGES := gcc libc6-dev make pkg-config libopenblas-dev libstb-dev libjansson-dev libxxhash-dev \
            libprotobuf-c-dev protobuf-c-compiler libonnx-dev libcmocka-dev libseccomp-dev \
            zlib1g-dev libcurl4-openssl-dev nettle-dev

# ---- sources: everything that lies in its folder -------------------------------------------------------

NN     := $(sort $(wildcard nn/*.c nn/*/*.c nn/*/*/*.c))
DATA   := $(sort $(wildcard data/*.c data/*/*.c))
INFER  := $(sort $(wildcard infer/*.c infer/*/*.c))
TRAIN  := $(sort $(wildcard train/*.c train/*/*.c))
PARTS  := $(NN) $(DATA) $(INFER) $(TRAIN)
TESTS  := $(sort $(wildcard tests/*/test_*.c tests/*/*/test_*.c))
# What libdiscern is made of: what these need of one another, and no more, is linked into it.
LIBRARY = $(filter-out data/cmd% infer/cmd% nn/base/cli%,$(filter nn/% data/% infer/%,$(PARTS)))
DOUBLE_TESTS := $(sort $(wildcard tests/nn/test_ops*.c)) tests/nn/test_models.c tests/nn/test_golden_models.c
FUZZ   := $(filter-out tests/fuzz/replay.c,$(sort $(wildcard tests/fuzz/*.c)))
BENCHES := $(sort $(wildcard tests/bench/*.c))

# ---- options -------------------------------------------------------------------------------------------------------

# make WITH_WEBP=1 WITH_TURBOJPEG=1: decoders of other libraries (docs/data.md).  Their sources are empty without.
WITH_WEBP      ?=
WITH_TURBOJPEG ?=
OPTIONS := $(if $(WITH_WEBP),libwebp) $(if $(WITH_TURBOJPEG),libturbojpeg)
OPTION_FLAGS := $(if $(WITH_WEBP),-DWITH_WEBP) $(if $(WITH_TURBOJPEG),-DWITH_TURBOJPEG)
ifneq ($(strip $(OPTIONS)),)
OPTION_FLAGS += $(shell pkg-config --cflags $(OPTIONS))
OPTION_LIBS := $(shell pkg-config --libs $(OPTIONS) || echo -l-a-package-is-missing)
PACKAGES += $(if $(WITH_WEBP),libwebp-dev) $(if $(WITH_TURBOJPEG),libturbojpeg0-dev)
endif

# ---- flags -----------------------------------------------------------------------------------------------

WARN   := -Wall -Wextra -Wshadow -Wvla -Wmissing-prototypes
GIT_ID  = $(shell git describe --always --dirty 2>/dev/null || echo unknown)
# One tree of objects for program and libraries: -fPIC costs the program nothing that could be measured.
BASE_FLAGS = -std=gnu11 -I. -I$(BUILD)/gen -fPIC -fvisibility=hidden -ffp-contract=off -pthread -D_GNU_SOURCE -DNN_BLAS $(OPTION_FLAGS) $(HAVE_ISA)

# Flags of one file come from the last _word of its name; all else is baseline and portable.  stb and generated code
# are not ours to mend: no warnings there, and no banned functions.
# What stb trips of UBSan by its nature (docs/data.md); nothing where no sanitizer runs.
UNCHECKED_stb := -fno-sanitize=shift,pointer-overflow,signed-integer-overflow,nonnull-attribute
FLAGS_stb  := -w -fwrapv -fno-strict-aliasing -fstack-protector-strong $(UNCHECKED_stb)
FLAGS_pb-c := -w
# A yardstick of the benches, where Debian's libdnnl-dev (oneDNN 2) is; the program never links it.
ONEDNN     := $(if $(shell grep -s 'VERSION_MAJOR 2' /usr/include/oneapi/dnnl/dnnl_version.h),-ldnnl)
FLAGS_onednn = $(if $(ONEDNN),-DHAVE_ONEDNN)
FLAGS_about = -DDISCERN_FLAGS='"$(strip $(BASE_FLAGS) $(CFLAGS) $(FLAGS_V_$V))"'
# Files of intrinsics are left out of builds for other processors.
FLAGS_avx2   := -mavx2 -mfma
FLAGS_avx512 := $(FLAGS_avx2) -mavx512f -mavx512bw -mavx512vl -mavx512dq
FLAGS_avx512bf16 := $(FLAGS_avx512) -mavx512bf16 -mavx512vnni
FLAGS_amx    := $(FLAGS_avx512bf16) -mamx-tile -mamx-bf16 -mamx-int8
ISA_FILES    := %_avx2.c %_avx512.c %_avx512bf16.c %_amx.c
ifneq ($(filter x86_64%,$(shell $(CC) -dumpmachine)),)
HAVE_ISA     := -DHAVE_ISA -DNN_VECTORS
else
NN           := $(filter-out $(ISA_FILES),$(NN))
DATA         := $(filter-out $(ISA_FILES),$(DATA))
PARTS        := $(filter-out $(ISA_FILES),$(PARTS))
endif
# Kernels of vectors are for float: the tree where real is double has none.
SCALAR       := $(filter-out $(filter $(ISA_FILES),$(filter nn/%,$(PARTS))),$(PARTS))
OURS       := $(WARN) -include nn/base/banned.h
last        = $(lastword $(subst _, ,$(basename $(notdir $1))))
flags       = $(if $(filter stb,$(call last,$1)),$(FLAGS_stb),$(OURS) $(FLAGS_$(call last,$1)))

FLAGS_V_release :=
FLAGS_V_double  := -DNN_REAL=double -UNN_BLAS -UNN_VECTORS
FLAGS_V_asan    := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FLAGS_V_tsan    := -O1 -fsanitize=thread

# For packagers, who set SOURCE_DATE_EPOCH: the same source gives the same objects, wherever it lies.  Else a cache of
# compilers would miss in every other folder.
SAME_PATHS := $(if $(SOURCE_DATE_EPOCH),-ffile-prefix-map=$(CURDIR)=.)

LIBRARY_LIBS = -lseccomp -ljansson -lxxhash -lprotobuf-c -lz -lm -lpthread $(OPTION_LIBS)
LIBS = $(LIBRARY_LIBS) -lnettle

# A line a file; `make VERBOSE=1` shows the commands.
Q := $(if $(VERBOSE),,@)
SAY = $(if $(VERBOSE),:,printf '  %-5s %s\n')

# ---- what is built ---------------------------------------------------------------------------------------

objs     = $(patsubst %.c,$(BUILD)/$1/%.o,$2)
GEN     := $(BUILD)/gen/onnx.pb-c.c $(BUILD)/gen/tensorboard.pb-c.c
made     = $(patsubst $(BUILD)/gen/%.c,$(BUILD)/$1/%.o,$(GEN))
OBJ      = $(call objs,$V,$(PARTS)) $(call made,$V)
PROGRAM  = $(BUILD)/$V/discern
VERSION := $(shell sed -n 's/.*about_version\[\] = "\(.*\)".*/\1/p' nn/base/about.c)
SONAME   = libdiscern.so.$(firstword $(subst ., ,$(VERSION)))
SHARED   = $(BUILD)/$V/libdiscern.so.$(VERSION)
STATIC   = $(BUILD)/$V/libdiscern.a
RUNNERS  = $(patsubst tests/%.c,$(BUILD)/$V/tests/%,$(TESTS))
DOUBLES := $(patsubst tests/%.c,$(BUILD)/double/tests/%,$(DOUBLE_TESTS))
DRAW     = $(BUILD)/$V/datasets/draw
SHIM     = $(BUILD)/$V/tests/fault/shim.so
HTTPD    = $(BUILD)/$V/tests/cli/httpd
SWEEP    = tests/fault/sweep.sh tests/fault/sort.sh
YARDSTICKS = $(patsubst tests/%.c,$(BUILD)/$V/tests/%,$(sort $(wildcard tests/interop/*.c)))
REPLAYS  = $(patsubst tests/fuzz/%.c,$(BUILD)/$V/fuzz/%,$(FUZZ))
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ))
FUZZ_SECONDS ?= 60

.PHONY: all library deps demo check test check-asan check-tsan check-long kill fuzz bench bench-peers interop parity curves reference fast few precision lint install \
        uninstall help clean tests docs bare FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAM) $(DRAW)         ## build the program

$(BUILD)/gen/onnx.pb-c.c: /usr/include/onnx/onnx.proto
$(BUILD)/gen/tensorboard.pb-c.c: train/listen/tensorboard.proto
$(GEN):
	@mkdir -p $(@D)
	@protoc-c --proto_path=$(<D) --c_out=$(@D) $< 2>$@.log || { cat $@.log; false; }
$(GEN:.c=.h): $(BUILD)/gen/%.h: $(BUILD)/gen/%.c ;
/usr/include/onnx/onnx.proto: ; @echo 'make: libonnx-dev is missing: run "make deps"'; false

# A file of one line that is only touched when the line changes.
define line
	@mkdir -p $(@D)
	@printf '%s\n' '$1' >$@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@
endef

# The git id stands in one object, made anew when it changes; so are all objects of a tree when the compiler or a flag
# does (ccache in front of the compiler changes nothing).
$(BUILD)/gen/version.h: FORCE
	$(call line,#define DISCERN_GIT "$(GIT_ID)")
MADE_WITH = $(filter-out ccache,$(CC)) $(BASE_FLAGS) $(CFLAGS) $(OURS) $(FLAGS_stb) $(FLAGS_amx) $(FLAGS_onednn) $(LDFLAGS) $(LIBS)
$(BUILD)/%/flags: FORCE
	$(call line,$(MADE_WITH) $(FLAGS_V_$*))
$(BUILD)/fuzz/flags: FORCE
	$(call line,$(CLANG) $(BASE_FLAGS) $(FLAGS_fuzz) $(FLAGS_fuzz_stb) $(LIBS))
FORCE:

define variant
$(BUILD)/$1/%.o: %.c $(BUILD)/$1/flags | $(GEN) $(BUILD)/gen/version.h
	@mkdir -p $$(@D)
	@$$(SAY) cc $$<
	$$(Q)$$(CC) $$(BASE_FLAGS) $$(SAME_PATHS) $$(CFLAGS) $$(FLAGS_V_$1) $$(call flags,$$<) -MMD -MP -c $$< -o $$@
$(call made,$1): $(BUILD)/$1/%.o: $(BUILD)/gen/%.c $(BUILD)/$1/flags
	@mkdir -p $$(@D)
	@$$(SAY) cc $$<
	$$(Q)$$(CC) $$(BASE_FLAGS) $$(SAME_PATHS) $$(CFLAGS) $$(FLAGS_V_$1) $(FLAGS_pb-c) -c $$< -o $$@
$(BUILD)/$1/discern: $(call objs,$1,discern.c $(PARTS)) $(call made,$1)
	@$$(SAY) link $$@
	$$(Q)$$(CC) $$(CFLAGS) $$(FLAGS_V_$1) $$(LDFLAGS) $$^ $(LIBS) -o $$@
$(BUILD)/$1/datasets/draw: $(call objs,$1,datasets/draw.c $(filter nn/base/% data/%,$(PARTS)))
	@$$(SAY) link $$@
	$$(Q)$$(CC) $$(CFLAGS) $$(FLAGS_V_$1) $$(LDFLAGS) $$^ $(LIBS) -o $$@
$(BUILD)/$1/tests/%: $(BUILD)/$1/tests/%.o $(call objs,$1,$(PARTS)) $(call made,$1)
	@$$(SAY) link $$@
	$$(Q)$$(CC) $$(CFLAGS) $$(FLAGS_V_$1) $$(LDFLAGS) $$^ -lcmocka $(LIBS) -o $$@
$(BUILD)/$1/fuzz/%: $(BUILD)/$1/tests/fuzz/%.o $(BUILD)/$1/tests/fuzz/replay.o $(call objs,$1,$(PARTS)) $(call made,$1)
	@mkdir -p $$(@D)
	@$$(SAY) link $$@
	$$(Q)$$(CC) $$(CFLAGS) $$(FLAGS_V_$1) $$(LDFLAGS) $$^ $(LIBS) -o $$@
$(BUILD)/$1/bench: $(call objs,$1,$(BENCHES) $(PARTS)) $(call made,$1)
	@$$(SAY) link $$@
	$$(Q)$$(CC) $$(CFLAGS) $$(FLAGS_V_$1) $$(LDFLAGS) $$^ $(ONEDNN) $(LIBS) -o $$@
endef
$(foreach v,release asan tsan,$(eval $(call variant,$v)))

# All of the library as one object in which nothing but discern_* is to be seen; both libraries are made of it.
$(BUILD)/$V/libdiscern.o: $(call objs,$V,$(LIBRARY)) $(call made,$V)
	@rm -f $@.a && ar qcsD $@.a $^
	$(Q)$(CC) -r -nostdlib $(call objs,$V,infer/api.c infer/api_session.c) $@.a -o $@.new
	@objcopy --wildcard --keep-global-symbol='discern_*' $@.new && mv $@.new $@ && rm $@.a
$(STATIC): $(BUILD)/$V/libdiscern.o
	@$(SAY) ar $@
	@rm -f $@ && ar qcsD $@ $<
# Nothing is left undefined; but a sanitizer's own words come from the program.
DEFS_release = -Wl,-z,defs
$(SHARED): $(BUILD)/$V/libdiscern.o infer/libdiscern.map
	@$(SAY) link $@
	$(Q)$(CC) -shared $(CFLAGS) $(LDFLAGS) $< -Wl,-soname,$(SONAME) -Wl,--version-script,infer/libdiscern.map \
	    $(DEFS_$V) -Wl,--as-needed $(LIBRARY_LIBS) -o $@
$(BUILD)/$V/discern.pc: infer/discern.pc.in FORCE
	@mkdir -p $(@D)
	@sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|; s|@NEEDS@|$(LIBRARY_LIBS)|' $< >$@

# The server that pull is tried against.
$(BUILD)/%/tests/cli/httpd: tests/cli/httpd.c
	@mkdir -p $(@D)
	@$(SAY) link $@
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(CFLAGS) $(WARN) $< -o $@

$(BUILD)/%/tests/fault/shim.so: tests/fault/shim.c
	@mkdir -p $(@D)
	@$(SAY) link $@
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(CFLAGS) $(WARN) -fPIC -shared $< -o $@

# The tree where real = double, without OpenBLAS: for gradient checks nn alone, for yardsticks all of it.
$(BUILD)/double/%.o: %.c $(BUILD)/double/flags | $(GEN) $(BUILD)/gen/version.h
	@mkdir -p $(@D)
	@$(SAY) cc $<
	$(Q)$(CC) $(BASE_FLAGS) $(CFLAGS) $(FLAGS_V_double) $(call flags,$<) -MMD -MP -c $< -o $@
$(call made,double): $(BUILD)/double/%.o: $(BUILD)/gen/%.c $(BUILD)/double/flags
	@mkdir -p $(@D)
	@$(SAY) cc $<
	$(Q)$(CC) $(BASE_FLAGS) $(CFLAGS) $(FLAGS_pb-c) -c $< -o $@
$(DOUBLES): $(BUILD)/double/tests/%: $(BUILD)/double/tests/%.o $(call objs,double,$(filter nn/%,$(SCALAR))) $(call made,double)
	@$(SAY) link $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -lcmocka -ljansson -lprotobuf-c -lm -lpthread -o $@

$(BUILD)/double/discern: $(call objs,double,discern.c $(SCALAR)) $(call made,double)
	@$(SAY) link $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LIBS) -o $@
$(BUILD)/double/tests/interop/%: $(BUILD)/double/tests/interop/%.o $(call objs,double,$(SCALAR)) $(call made,double)
	@$(SAY) link $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LIBS) -o $@

# libFuzzer wants clang; stb's own unit is left out of the checks that its formats trip (docs/data.md).
CLANG ?= clang
FLAGS_fuzz := -w -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
FLAGS_fuzz_stb := -fwrapv -fno-strict-aliasing $(UNCHECKED_stb)
# Kernels parse nothing, and unrolled blocks under sanitizers take clang minutes each.
FLAGS_fuzz_avx2   := $(FLAGS_avx2) -fno-sanitize=all
FLAGS_fuzz_avx512 := $(FLAGS_avx512) -fno-sanitize=all
FLAGS_fuzz_avx512bf16 := $(FLAGS_avx512bf16) -fno-sanitize=all
FLAGS_fuzz_amx := $(FLAGS_amx) -fno-sanitize=all
$(BUILD)/fuzz/objects/%.o: %.c $(BUILD)/fuzz/flags | $(GEN) $(BUILD)/gen/version.h
	@mkdir -p $(@D)
	@$(SAY) cc $<
	$(Q)$(CLANG) $(BASE_FLAGS) $(FLAGS_fuzz) -fsanitize=fuzzer-no-link $(FLAGS_fuzz_$(call last,$<)) -MMD -MP -c $< -o $@
$(call made,fuzz/objects): $(BUILD)/fuzz/objects/%.o: $(BUILD)/gen/%.c $(BUILD)/fuzz/flags
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BASE_FLAGS) $(FLAGS_fuzz) -fsanitize=fuzzer-no-link -c $< -o $@
$(FUZZERS): $(BUILD)/fuzz/%: $(BUILD)/fuzz/objects/tests/fuzz/%.o $(call objs,fuzz/objects,$(PARTS)) $(call made,fuzz/objects)
	@$(SAY) fuzz $@
	$(Q)$(CLANG) $(FLAGS_fuzz) -fsanitize=fuzzer $^ $(LIBS) -o $@

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# ---- targets ---------------------------------------------------------------------------------------------

deps:                           ## install the packages that are missing
	@sh tests/deps.sh $(PACKAGES)

library: $(SHARED) $(STATIC)    ## libdiscern, shared and static (docs/library.md)

demo: deps                      ## draw pictures, train, evaluate, predict, export: all from nothing
	@$(MAKE) --no-print-directory all
	@sh datasets/demo.sh $(BUILD) $(PROGRAM) $(DRAW)

tests: $(RUNNERS) $(DOUBLES) $(REPLAYS) $(YARDSTICKS) $(SHIM) $(HTTPD) $(PROGRAM) $(DRAW) library

check: tests                    ## unit tests, in under a minute
	@sh tests/run.sh $(BUILD)/$V $(RUNNERS) $(DOUBLES) $(REPLAYS) $(SWEEP)

test: deps                      ## everything for CI: deps, unit tests, command-line tests, lint
	@$(MAKE) --no-print-directory tests
	@sh tests/run.sh $(BUILD)/$V $(RUNNERS) $(DOUBLES) $(REPLAYS) $(sort $(wildcard tests/cli/*.sh)) $(SWEEP) tests/lint/lint.sh

lint: all                       ## the house rules: include ladder, cases, banned functions, docs in sync
	@sh tests/run.sh $(BUILD)/$V tests/lint/lint.sh

check-asan:                     ## check and the command-line tests under ASan and UBSan
	@$(MAKE) --no-print-directory V=asan tests
	@sh tests/run.sh $(BUILD)/asan $(patsubst tests/%.c,$(BUILD)/asan/tests/%,$(TESTS)) \
	    $(patsubst tests/fuzz/%.c,$(BUILD)/asan/fuzz/%,$(FUZZ)) $(sort $(wildcard tests/cli/*.sh))

check-tsan:                     ## check under ThreadSanitizer
	@$(MAKE) --no-print-directory V=tsan tests
	@sh tests/run.sh $(BUILD)/tsan $(patsubst tests/%.c,$(BUILD)/tsan/tests/%,$(TESTS))

check-long: tests $(BUILD)/$V/bench  ## valgrind over unit tests and commands; real data sets where they are
	@sh tests/run.sh $(BUILD)/$V $(sort $(wildcard tests/long/*.sh))

kill: tests                     ## SIGKILL trainings at random times, KILLS (200) of them, and go on
	@T=$$(mktemp -d) && DISCERN=$(PROGRAM) DRAW=$(DRAW) T=$$T sh tests/long/kill.sh; rc=$$?; rm -rf $$T; exit $$rc

fuzz: $(FUZZERS)                ## libFuzzer, FUZZ_SECONDS (60) a parser, from the committed corpora
	@for f in $(FUZZERS); do n=$${f##*/}; mkdir -p $(BUILD)/fuzz/corpus/$$n; echo "fuzz $$n"; \
	    $$f $(BUILD)/fuzz/corpus/$$n tests/fuzz/corpus/$$n -max_total_time=$(FUZZ_SECONDS) -timeout=10 \
	        -rss_limit_mb=2048 -artifact_prefix=$(BUILD)/fuzz/ -print_final_stats=1 2>&1 | \
	        grep -E 'ERROR|SUMMARY|Test unit|number_of_executed' ; done

bench: $(BUILD)/$V/bench        ## time kernels and data beside other libraries; BENCH=NAME for one of tests/bench/benches.def
	@$< $(BENCH)

interop: all $(YARDSTICKS)      ## our ONNX files in ONNX Runtime and others' in ours (wants Python), our report in Chromium
	@status=0; for what in run onnx_in report; do \
	    sh tests/interop/$$what.sh $(PROGRAM) $(DRAW) $(BUILD) || [ $$? = 77 ] || status=1; done; exit $$status

parity: all                     ## do all roads answer alike? SET=flowers|posters MODEL= (trains one without; wants Python)
	@sh tests/interop/parity.sh $(BUILD) $(or $(SET),flowers) $(MODEL)

curves: tests $(patsubst $(BUILD)/$V/%,$(BUILD)/double/%,$(YARDSTICKS))  ## our losses step by step beside PyTorch's (wants Python with torch, real sets)
	@sh tests/interop/curve.sh $(BUILD) $(CASES)

reference: all                  ## a training's figure beside PyTorch's: SET=cifar10|flowers|posters SEEDS="1 2 3"
	@sh tests/interop/reference.sh $(BUILD) $(or $(SET),cifar10) $(SEEDS)

bench-peers: all                ## discern beside PyTorch, ONNX Runtime, OpenVINO: ARCHS TASKS PEERS ROUNDS (wants Python)
	@sh tests/interop/peers.sh $(BUILD) || [ $$? = 77 ]

few: all                        ## `train --few` beside scikit-learn's linear probe: SEEDS="1 2 3" N=5 (wants Python)
	@sh tests/interop/few.sh $(BUILD) $(SEEDS) || [ $$? = 77 ]

fast: all                       ## the fast recipe's figure and seconds beside PyTorch's: SEEDS="1 2 3" (quiet machine)
	@sh tests/interop/fast.sh $(BUILD) $(SEEDS)

precision: all                  ## trainings in bf16 beside fp32 on CIFAR-10: SEEDS="1 2 3 ..." (ten: an hour)
	@sh tests/long/precision.sh $(BUILD) $(SEEDS)

bare:                           ## the README's commands in a bare Debian 12 (root, debootstrap)
	@sh tests/bare.sh

docs: all                       ## write the generated pages anew: docs/{ops,cli,augment,recipes}.md
	@$(PROGRAM) help --markdown >docs/cli.md
	@$(PROGRAM) help --ops >docs/ops.md
	@$(PROGRAM) help --augments >docs/augment.md
	@$(PROGRAM) help --recipes >docs/recipes.md

# Manual pages and completions are written by the program, from its tables of options; which commands there are, the
# page of them says.
WORDS      = $(BUILD)/$V/words
MANUALS    = discern $(shell sed -n 's/^## discern /discern-/p' docs/cli.md | tr ' ' -)
$(BUILD)/$V/words/%.1: $(PROGRAM)
	@mkdir -p $(@D)
	@$< help --man $(wordlist 2,9,$(subst -, ,$*)) >$@
$(BUILD)/$V/words/%: $(PROGRAM)
	@mkdir -p $(@D)
	@$< help --completion $* >$@

# What is installed, a word a file: MODE:FROM:TO.  uninstall takes the same away.
DOC        = $(PREFIX)/share/doc/discern
INSTALLED  = 755:$(PROGRAM):$(PREFIX)/bin/discern \
             644:infer/discern.h:$(PREFIX)/include/discern/discern.h \
             755:$(SHARED):$(LIBDIR)/$(notdir $(SHARED)) \
             644:$(STATIC):$(LIBDIR)/libdiscern.a \
             644:$(BUILD)/$V/discern.pc:$(LIBDIR)/pkgconfig/discern.pc \
             $(foreach f,README.md LICENSE $(wildcard docs/*.md),644:$f:$(DOC)/$(notdir $f)) \
             $(foreach f,$(wildcard docs/examples/*),644:$f:$(DOC)/examples/$(notdir $f)) \
             $(foreach m,$(MANUALS),644:$(WORDS)/$m.1:$(PREFIX)/share/man/man1/$m.1) \
             644:$(WORDS)/bash:$(PREFIX)/share/bash-completion/completions/discern \
             644:$(WORDS)/zsh:$(PREFIX)/share/zsh/site-functions/_discern \
             644:$(WORDS)/fish:$(PREFIX)/share/fish/vendor_completions.d/discern.fish
# Names of the shared library: what is linked against it asks for the first, the linker for the second.
LINKS      = $(LIBDIR)/$(SONAME) $(LIBDIR)/libdiscern.so
OWN_DIRS   = $(DOC)/examples $(DOC) $(PREFIX)/include/discern

install: all library $(BUILD)/$V/discern.pc $(MANUALS:%=$(WORDS)/%.1) $(addprefix $(WORDS)/,bash zsh fish)  ## into DESTDIR PREFIX
	@for f in $(INSTALLED); do mode=$${f%%:*} f=$${f#*:}; \
	    install -D -m $$mode "$${f%%:*}" "$(DESTDIR)$${f#*:}" || exit 1; done
	@ln -sf $(notdir $(SHARED)) "$(DESTDIR)$(LIBDIR)/$(SONAME)"
	@ln -sf $(SONAME) "$(DESTDIR)$(LIBDIR)/libdiscern.so"

uninstall:                      ## take out what install put there
	@for f in $(INSTALLED) $(LINKS); do rm -f "$(DESTDIR)$${f##*:}" || exit 1; done
	@for d in $(OWN_DIRS); do [ ! -d "$(DESTDIR)$$d" ] || rmdir "$(DESTDIR)$$d" 2>/dev/null || :; done

clean:                          ## remove what was built
	rm -rf $(BUILD)

help:                           ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 16
