# gilshim. `make help` lists the targets.
CC ?= gcc
CXX ?= g++
CFLAGS ?= -O2 -g
O ?= build
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
MANDIR ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share/gilshim
COMPDIR ?= $(PREFIX)/share/bash-completion/completions
PYTHON ?= /usr/bin/python3
# Programs whose verdict was established without us, run by `make check` where they are found.
CASES ?= $(wildcard ../shared/cases)
V ?=
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2))

BUILD_PACKAGES := gcc libc6-dev make libjansson-dev libdw-dev libelf-dev libiberty-dev libcapstone-dev
TEST_PACKAGES := $(BUILD_PACKAGES) clang clang-tidy clang-format cppcheck g++ gcc-multilib \
	libcunit1-dev binutils util-linux perl python3 python3-dev musl-tools pypy3 libjemalloc2 git \
	python3-pip python3-venv python3-setuptools python3-wheel python3-gdbm groff-base \
	python3-jsonschema libxml2-utils debuginfod time libclang-rt-dev e2fsprogs mount libc6-dbg strace \
	valgrind
# What the bench measures with, and the tools that it compares with; the second list is from PyPI.
BENCH_PACKAGES := $(BUILD_PACKAGES) python3 python3-dev python3-venv python3-pip apache2-utils \
	postgresql python3-psycopg2 python3-numpy strace ltrace uftrace bpftrace linux-perf valgrind
BENCH_PYPI := py-spy==0.4.3 memray==1.20.0 gil_load==0.4.2
# What the referee runs beside: Debian's packages, and PyPI's in an environment of its own.
REFEREE_PACKAGES := golang-go libgomp1 postgresql
REFEREE_WHEELS := numpy grpcio cryptography watchfiles polars tokenizers orjson psycopg2-binary \
	uvloop pyzmq
# What a CPython is made with.
FREETHREADED_PACKAGES := gcc libc6-dev make dpkg-dev xz-utils libffi-dev zlib1g-dev libssl-dev
TRANSPARENT_PACKAGES := libpq-dev postgresql redis-server

WARN := -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wvla $(WERROR)
BASE := -std=gnu11 -D_GNU_SOURCE $(WARN) -MMD -MP -Ishim/common
# The library is a guest: no builtin replaces a call, no fortified name is bound, and every frame can
# be unwound through.
PRELOAD := $(BASE) -Ishim/preload -fPIC -fvisibility=hidden -fno-builtin -U_FORTIFY_SOURCE \
	-fexceptions -fasynchronous-unwind-tables -fno-stack-protector
# The wrappers must compile to jumps whatever the user's flags are.
WRAPPER := -O2 -fno-sanitize=all -foptimize-sibling-calls
COMMAND := $(BASE) -Ishim/command
places := '-DGS_BINDIR="$(BINDIR)"' '-DGS_LIBDIR="$(LIBDIR)"'

common_src := $(wildcard shim/common/*.c)
preload_src := $(wildcard shim/preload/*.c)
command_src := $(wildcard shim/command/*.c)
lib_obj := $(patsubst %,$(O)/lib/%.o,$(basename $(common_src) $(preload_src)) shim/preload/stubs)
cmd_obj := $(patsubst %,$(O)/cmd/%.o,$(basename $(common_src) $(command_src)))
map := shim/preload/libgilshim.map
schema := shim/command/gilshim-report-1.schema.json

all: $(O)/libgilshim.so $(O)/gilshim $(O)/gilshim.1 $(O)/libgilshim.7 $(O)/gilshim.bash

$(O)/lib/%.o: %.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(PRELOAD) $(CPPFLAGS) $(CFLAGS) $(if $(filter %/wrap.c %/hooks.c,$<),$(WRAPPER)) -c -o $@ $<
$(O)/lib/%.o: %.S
	$(call say,AS,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -MMD -MP -Ishim/common -Ishim/preload $(CPPFLAGS) -c -o $@ $<
$(O)/libgilshim.so: $(lib_obj) $(map)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -shared -static-libgcc -Wl,-z,defs -Wl,-z,now -Wl,-soname,libgilshim.so \
		-Wl,--version-script=$(map) $(LDFLAGS) -o $@ $(lib_obj) -lgcc_eh
$(O)/cmd/%.o: %.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(COMMAND) $(CPPFLAGS) $(CFLAGS) $(if $(filter %/library.c,$<),$(places)) -c -o $@ $<
# The command knows where the library is installed to, and is made anew if that is another place.
$(O)/places: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(places) | cmp -s - $@ || printf '%s\n' $(places) >$@
$(O)/cmd/shim/command/library.o: $(O)/places
$(O)/gilshim: $(cmd_obj)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ljansson -ldw -lelf -lcapstone -liberty

# The tables fill the pages: a call or an option is documented by its row.
$(O)/%: shim/man/%.in $(O)/gilshim
	$(call say,MAN,$@)
	$(Q)$(O)/gilshim calls --man=options >$@.options
	$(Q)$(O)/gilshim calls --man=calls >$@.calls
	$(Q)sed -e '/@OPTIONS@/{r $@.options' -e 'd}' -e '/@CALLS@/{r $@.calls' -e 'd}' $< >$@
	$(Q)rm -f $@.options $@.calls

$(O)/gilshim.bash: shim/command/gilshim.bash $(O)/gilshim
	$(call say,BASH,$@)
	$(Q)$(O)/gilshim --completion >$@
	$(Q)cat $< >>$@

install: all
	install -Dm644 $(O)/gilshim.bash $(DESTDIR)$(COMPDIR)/gilshim
	install -Dm644 $(O)/gilshim.1 $(DESTDIR)$(MANDIR)/man1/gilshim.1
	install -Dm644 $(O)/libgilshim.7 $(DESTDIR)$(MANDIR)/man7/libgilshim.7
	install -Dm644 $(schema) $(DESTDIR)$(DATADIR)/$(notdir $(schema))
	install -Dm755 $(O)/gilshim $(DESTDIR)$(BINDIR)/gilshim
	install -Dm755 $(O)/libgilshim.so $(DESTDIR)$(LIBDIR)/libgilshim.so

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/gilshim $(DESTDIR)$(LIBDIR)/libgilshim.so \
		$(DESTDIR)$(MANDIR)/man1/gilshim.1 $(DESTDIR)$(MANDIR)/man7/libgilshim.7 \
		$(DESTDIR)$(DATADIR)/$(notdir $(schema)) $(DESTDIR)$(COMPDIR)/gilshim

clean:
	rm -rf $(O)

# ---- what a fresh machine lacks ----

deps:
	@sh tests/install.sh $(BUILD_PACKAGES)

# The regression tests of Debian's CPython are a package of its version.
check-deps:
	@sh tests/install.sh $(TEST_PACKAGES)
	@sh tests/install.sh libpython$$($(PYTHON) -c \
		'import sys; print("%d.%d" % sys.version_info[:2])')-testsuite
	@sh tests/install.sh $$($(PYTHON) tests/cases.py --packages tests/cases $(CASES))

demo: deps
	@$(MAKE) --no-print-directory all
	@sh pyscripts/demo.sh $(O)

# ---- tests ----

unit_obj = $(patsubst %.c,$(1)/%.o,tests/cunit.c $(wildcard tests/unit/*.c) $(common_src) \
	$(filter-out %/main.c,$(command_src)))
core_obj = $(patsubst %.c,$(1)/%.o,tests/cunit.c $(wildcard tests/core/*.c) $(common_src) \
	$(filter-out %/wrap.c %/held.c %/hooks.c %/life.c,$(preload_src)))
exercise_obj = $(patsubst %,$(1)/%.o,$(basename $(wildcard tests/exercise/*.c tests/exercise/*.cc) \
	$(common_src)))

ASAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined -O1 -g
TSAN := -fsanitize=thread -O1 -g

# $(1): directory, $(2): compiler, $(3): flags
define test_build
$(1)/unit: $$(call unit_obj,$(1)/u)
	$$(call say,LINK,$$@)
	$$(Q)$(2) $(3) -o $$@ $$^ -lcunit -ljansson -ldw -lelf -lcapstone -liberty
$(1)/core: $$(call core_obj,$(1)/c)
	$$(call say,LINK,$$@)
	$$(Q)$(2) $(3) -o $$@ $$^ -lcunit -lpthread -ldl
$(1)/u/%.o: %.c
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$(2) $$(COMMAND) -Itests -Itests/unit $(3) -c -o $$@ $$<
$(1)/c/%.o: %.c
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$(2) $$(BASE) -Ishim/preload -Itests -Itests/core -fno-builtin $(3) -c -o $$@ $$<
-include $$(patsubst %.o,%.d,$$(call unit_obj,$(1)/u) $$(call core_obj,$(1)/c))
endef
$(eval $(call test_build,$(O)/test,$(CC),$(CFLAGS)))
$(eval $(call test_build,$(O)/asan,$(CC),$(ASAN)))
$(eval $(call test_build,$(O)/tsan,$(CC),$(TSAN)))

$(O)/test/e/%.o: %.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE) -Ishim/preload -Itests/exercise $(CFLAGS) -fno-builtin -fexceptions -c -o $@ $<
$(O)/test/e/%.o: %.cc
	$(call say,CXX,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) -std=gnu++17 -Wall -Wextra $(WERROR) -MMD -MP $(CFLAGS) -c -o $@ $<
$(O)/exercise: $(call exercise_obj,$(O)/test/e)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -rdynamic -o $@ $^ -lpthread -ldl -lsupc++
-include $(patsubst %.o,%.d,$(call exercise_obj,$(O)/test/e))

# Records made by hand, whose reports are kept in tests/golden.
records_obj = $(patsubst %.c,$(O)/test/u/%.o,tests/golden/records.c tests/unit/synthetic.c $(common_src))
$(O)/records: $(records_obj)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -o $@ $^
-include $(O)/test/u/tests/golden/records.d

golden: $(O)/records $(O)/gilshim
	@$(PYTHON) tests/golden/golden.py --command $(O)/gilshim --records $(O)/records --renew
golden-records: $(O)/records $(O)/gilshim $(O)/libgilshim.so
	@$(PYTHON) tests/golden/golden.py --command $(O)/gilshim --records $(O)/records --renew \
		--lib $(O)/libgilshim.so
# What comes from outside, under libFuzzer. A target -planted has a bug on purpose.
FUZZ := clang $(COMMAND) -Itests/fuzz -Itests/unit -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=undefined -O1 -g
fuzz_obj := $(patsubst %.c,$(O)/fuzz/o/%.o,tests/fuzz/file.c $(common_src) \
	$(filter-out %/main.c %/owner.c,$(command_src)))
fuzz_programs := $(addprefix $(O)/fuzz/,record lists options)
fuzz_all := $(fuzz_programs) $(fuzz_programs:=-planted) $(O)/fuzz/seeds

$(O)/fuzz/o/%.o: %.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(FUZZ) -c -o $@ $<
$(O)/fuzz/o/%-planted.o: %.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(FUZZ) -DGS_FUZZ_PLANT -c -o $@ $<
$(fuzz_programs) $(fuzz_programs:=-planted): $(O)/fuzz/%: $(O)/fuzz/o/tests/fuzz/%.o \
		$(fuzz_obj)
	$(call say,LINK,$@)
	$(Q)$(FUZZ) -fsanitize=fuzzer -o $@ $^ -ljansson -ldw -lelf -lcapstone -liberty
$(O)/fuzz/seeds: $(O)/fuzz/o/tests/fuzz/seeds.o $(O)/fuzz/o/tests/unit/synthetic.o $(fuzz_obj)
	$(call say,LINK,$@)
	$(Q)$(FUZZ) -o $@ $^ -ljansson -ldw -lelf -lcapstone -liberty
.SECONDARY: $(fuzz_programs:$(O)/fuzz/%=$(O)/fuzz/o/tests/fuzz/%-planted.o)
-include $(fuzz_obj:.o=.d) $(wildcard $(O)/fuzz/o/tests/*/*.d)

# One suite at a time: make check ONLY=truth
ONLY ?=
check: check-deps
	@$(MAKE) --no-print-directory WERROR=-Werror all $(O)/exercise $(O)/test/unit $(O)/test/core \
		$(O)/asan/unit $(O)/asan/core $(O)/tsan/core $(O)/records $(fuzz_all)
	@sh tests/schemas.sh $(PYTHON) $(O)/schemas
	@$(PYTHON) tests/check.py --build $(O) --cases "$(CASES)" --only "$(ONLY)"

# QUICK=1 takes fewer rounds. Best on a machine with nothing else to do.
QUICK ?=
bench: all
	@sh tests/install.sh $(BENCH_PACKAGES)
	@mkdir -p $(O)/bench
	@test -x $(O)/bench/venv/bin/py-spy || { $(PYTHON) -m venv $(O)/bench/venv && \
		$(O)/bench/venv/bin/pip install -q --disable-pip-version-check $(BENCH_PYPI); }
	@$(PYTHON) tests/bench/bench.py --lib $(O)/libgilshim.so --command $(O)/gilshim \
		--build $(O)/bench $(if $(QUICK),--quick)
	@$(PYTHON) tests/bench/plot.py $(O)/bench/bench.json $(O)/bench/cost.svg
	@echo 'also in $(O)/bench: bench.txt, bench.json, cost.svg'

# More of what `make check` does a part of.
KILLS ?= 500
kill: all
	@$(PYTHON) tests/kill/kill.py --lib $(O)/libgilshim.so --command $(O)/gilshim --build $(O)/kill \
		--kills $(KILLS)

FUZZ_SECONDS ?= 600
fuzz: $(fuzz_all)
	@$(PYTHON) tests/fuzz/fuzz.py --build $(O)/fuzz --seconds $(FUZZ_SECONDS)

# Does anything escape? Everything that strace sees of real programs, held against the log.
referee: check-deps
	@sh tests/install.sh $(REFEREE_PACKAGES)
	@$(MAKE) --no-print-directory all
	@test -x $(O)/referee/venv/bin/pip || $(PYTHON) -m venv $(O)/referee/venv
	@$(O)/referee/venv/bin/pip -q install --only-binary :all: $(REFEREE_WHEELS)
	@$(PYTHON) tests/referee/referee.py --lib $(O)/libgilshim.so --command $(O)/gilshim \
		--build $(O)/referee --python $(O)/referee/venv/bin/python --only "$(ONLY)" \
		tests/cases $(CASES)

# Long: CPython's own tests on every CPython of the machine, and other people's programs.
VERSIONS ?=
MODULES ?=
JOBS ?= 2
transparent: check-deps
	@sh tests/install.sh $(TRANSPARENT_PACKAGES)
	@$(MAKE) --no-print-directory all
	@$(PYTHON) tests/transparent/transparent.py --lib $(O)/libgilshim.so --build $(O)/transparent \
		--versions "$(VERSIONS)" --modules "$(MODULES)" --jobs $(JOBS)

# A free-threaded CPython beside those that the machine has: the tests find it there.
freethreaded:
	@sh tests/install.sh $(FREETHREADED_PACKAGES)
	@sh tests/freethreaded.sh build/freethreaded

help:
	@echo 'make                 build $(O)/libgilshim.so and $(O)/gilshim'
	@echo 'make demo            install what the build needs, build, show a guilty and an innocent extension'
	@echo 'make check           install what the tests need, run all of them (ONLY=SUITE for one)'
	@echo 'make bench           measure what the library costs, beside other tools (QUICK=1: fewer rounds)'
	@echo 'make golden          renew the reports that the tests compare with, where a change is meant'
	@echo 'make kill            kill a program KILLS=$(KILLS) times, compare its records with what it did'
	@echo 'make fuzz            look for bad input, FUZZ_SECONDS=$(FUZZ_SECONDS) for each kind'
	@echo 'make referee         real programs under strace: what escapes? (ONLY=NAME for one)'
	@echo 'make transparent     CPython'"'"'s own tests and other programs, bare and preloaded (hours)'
	@echo 'make freethreaded    build a free-threaded CPython for the tests (minutes)'
	@echo 'make install         PREFIX=$(PREFIX) BINDIR= LIBDIR= DESTDIR='
	@echo 'make uninstall clean deps'
	@echo 'Variables: CC CFLAGS CPPFLAGS LDFLAGS O=build-directory V=1'

FORCE:
.PHONY: all install uninstall clean deps check-deps demo check bench golden golden-records kill fuzz referee transparent freethreaded help FORCE
-include $(lib_obj:.o=.d) $(cmd_obj:.o=.d)
