# gilshim. `make help` lists the targets.
CC ?= gcc
CFLAGS ?= -O2 -g
O ?= build
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
MANDIR ?= $(PREFIX)/share/man
PYTHON ?= /usr/bin/python3
# Programs whose verdict was established without us, run by `make check` where they are found.
CASES ?= $(wildcard ../shared/cases)
V ?=
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2))

BUILD_PACKAGES := gcc libc6-dev make libjansson-dev libdw-dev libelf-dev libiberty-dev
TEST_PACKAGES := $(BUILD_PACKAGES) clang clang-tidy clang-format cppcheck g++ gcc-multilib \
	libcunit1-dev binutils util-linux perl python3 python3-dev musl-tools pypy3 libjemalloc2 git \
	python3-pip python3-venv python3-setuptools python3-wheel python3-gdbm groff-base
# What the bench measures with, and the tools that it compares with; the second list is from PyPI.
BENCH_PACKAGES := $(BUILD_PACKAGES) python3 python3-dev python3-venv python3-pip apache2-utils \
	postgresql python3-psycopg2 python3-numpy strace ltrace uftrace bpftrace linux-perf
BENCH_PYPI := py-spy==0.4.3 memray==1.20.0 gil_load==0.4.2

WARN := -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wvla $(WERROR)
BASE := -std=gnu11 -D_GNU_SOURCE $(WARN) -MMD -MP -Ishim/common
# The library is a guest: no builtin replaces a call, no fortified name is bound, and every frame can
# be unwound through.
PRELOAD := $(BASE) -Ishim/preload -fPIC -fvisibility=hidden -fno-builtin -U_FORTIFY_SOURCE \
	-fexceptions -fasynchronous-unwind-tables -fno-stack-protector
# The wrappers must compile to jumps whatever the user's flags are.
WRAPPER := -O2 -fno-sanitize=all -foptimize-sibling-calls
COMMAND := $(BASE) -Ishim/command

common_src := $(wildcard shim/common/*.c)
preload_src := $(wildcard shim/preload/*.c)
command_src := $(wildcard shim/command/*.c)
lib_obj := $(patsubst %,$(O)/lib/%.o,$(basename $(common_src) $(preload_src)) shim/preload/stubs)
cmd_obj := $(patsubst %,$(O)/cmd/%.o,$(basename $(common_src) $(command_src)))
map := shim/preload/libgilshim.map

all: $(O)/libgilshim.so $(O)/gilshim $(O)/gilshim.1 $(O)/libgilshim.7

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
	$(Q)$(CC) $(COMMAND) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(O)/gilshim: $(cmd_obj)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ljansson -ldw -lelf -liberty

# The tables fill the pages: a call or an option is documented by its row.
$(O)/%: shim/man/%.in $(O)/gilshim
	$(call say,MAN,$@)
	$(Q)$(O)/gilshim calls --man=options >$@.options
	$(Q)$(O)/gilshim calls --man=calls >$@.calls
	$(Q)sed -e '/@OPTIONS@/{r $@.options' -e 'd}' -e '/@CALLS@/{r $@.calls' -e 'd}' $< >$@
	$(Q)rm -f $@.options $@.calls

install: all
	install -Dm644 $(O)/gilshim.1 $(DESTDIR)$(MANDIR)/man1/gilshim.1
	install -Dm644 $(O)/libgilshim.7 $(DESTDIR)$(MANDIR)/man7/libgilshim.7
	install -Dm755 $(O)/gilshim $(DESTDIR)$(BINDIR)/gilshim
	install -Dm755 $(O)/libgilshim.so $(DESTDIR)$(LIBDIR)/libgilshim.so

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/gilshim $(DESTDIR)$(LIBDIR)/libgilshim.so \
		$(DESTDIR)$(MANDIR)/man1/gilshim.1 $(DESTDIR)$(MANDIR)/man7/libgilshim.7

clean:
	rm -rf $(O)

# ---- what a fresh machine lacks ----

deps:
	@sh tests/install.sh $(BUILD_PACKAGES)

check-deps:
	@sh tests/install.sh $(TEST_PACKAGES)
	@sh tests/install.sh $$($(PYTHON) tests/cases.py --packages tests/cases $(CASES))

demo: deps
	@$(MAKE) --no-print-directory all
	@sh pyscripts/demo.sh $(O)

# ---- tests ----

unit_obj = $(patsubst %.c,$(1)/%.o,$(wildcard tests/unit/*.c) $(common_src) \
	$(filter-out %/main.c,$(command_src)))
core_obj = $(patsubst %.c,$(1)/%.o,$(wildcard tests/core/*.c) $(common_src) \
	$(filter-out %/wrap.c %/held.c %/hooks.c %/life.c,$(preload_src)))
exercise_obj = $(patsubst %.c,$(1)/%.o,$(wildcard tests/exercise/*.c) $(common_src))

ASAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined -O1 -g
TSAN := -fsanitize=thread -O1 -g

# $(1): directory, $(2): compiler, $(3): flags
define test_build
$(1)/unit: $$(call unit_obj,$(1)/u)
	$$(call say,LINK,$$@)
	$$(Q)$(2) $(3) -o $$@ $$^ -lcunit -ljansson -ldw -lelf -liberty
$(1)/core: $$(call core_obj,$(1)/c)
	$$(call say,LINK,$$@)
	$$(Q)$(2) $(3) -o $$@ $$^ -lcunit -lpthread -ldl
$(1)/u/%.o: %.c
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$(2) $$(COMMAND) -Itests/unit $(3) -c -o $$@ $$<
$(1)/c/%.o: %.c
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$(2) $$(BASE) -Ishim/preload -Itests/core -fno-builtin $(3) -c -o $$@ $$<
-include $$(patsubst %.o,%.d,$$(call unit_obj,$(1)/u) $$(call core_obj,$(1)/c))
endef
$(eval $(call test_build,$(O)/test,$(CC),$(CFLAGS)))
$(eval $(call test_build,$(O)/asan,$(CC),$(ASAN)))
$(eval $(call test_build,$(O)/tsan,$(CC),$(TSAN)))

$(O)/test/e/%.o: %.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE) -Ishim/preload -Itests/exercise $(CFLAGS) -fno-builtin -c -o $@ $<
$(O)/exercise: $(call exercise_obj,$(O)/test/e)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -rdynamic -o $@ $^ -lpthread -ldl
-include $(patsubst %.o,%.d,$(call exercise_obj,$(O)/test/e))

# One suite at a time: make check ONLY=truth
ONLY ?=
check: check-deps
	@$(MAKE) --no-print-directory WERROR=-Werror all $(O)/exercise $(O)/test/unit $(O)/test/core \
		$(O)/asan/unit $(O)/asan/core $(O)/tsan/core
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

help:
	@echo 'make                 build $(O)/libgilshim.so and $(O)/gilshim'
	@echo 'make demo            install what the build needs, build, show a guilty and an innocent extension'
	@echo 'make check           install what the tests need, run all of them (ONLY=SUITE for one)'
	@echo 'make bench           measure what the library costs, beside other tools (QUICK=1: fewer rounds)'
	@echo 'make install         PREFIX=$(PREFIX) BINDIR= LIBDIR= DESTDIR='
	@echo 'make uninstall clean deps'
	@echo 'Variables: CC CFLAGS CPPFLAGS LDFLAGS O=build-directory V=1'

.PHONY: all install uninstall clean deps check-deps demo check bench help
-include $(lib_obj:.o=.d) $(cmd_obj:.o=.d)
