CC ?= gcc
CFLAGS ?= -O2 -g
O ?= build
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib

WARN := -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wvla
BASE := -std=gnu11 -D_GNU_SOURCE $(WARN) -MMD -MP -Ishim/common
PRELOAD := $(BASE) -Ishim/preload -fPIC -fvisibility=hidden -fno-builtin -U_FORTIFY_SOURCE \
	-fexceptions -fasynchronous-unwind-tables -fno-stack-protector
COMMAND := $(BASE) -Ishim/command

common_src := $(wildcard shim/common/*.c)
lib_obj := $(patsubst %.c,$(O)/lib/%.o,$(common_src) $(wildcard shim/preload/*.c)) \
	$(O)/lib/shim/preload/stubs.o
cmd_obj := $(patsubst %.c,$(O)/cmd/%.o,$(common_src) $(wildcard shim/command/*.c))

all: $(O)/libgilshim.so $(O)/gilshim

$(O)/lib/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(PRELOAD) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(O)/lib/%.o: %.S
	@mkdir -p $(@D)
	$(CC) -MMD -MP -Ishim/common -Ishim/preload $(CPPFLAGS) -c -o $@ $<
$(O)/libgilshim.so: $(lib_obj) shim/preload/libgilshim.map
	$(CC) $(CFLAGS) -shared -static-libgcc -Wl,-z,defs -Wl,-z,now -Wl,-soname,libgilshim.so \
		-Wl,--version-script=shim/preload/libgilshim.map $(LDFLAGS) -o $@ $(lib_obj) -lgcc_eh
$(O)/cmd/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(COMMAND) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(O)/gilshim: $(cmd_obj)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ljansson -ldw -lelf -liberty
-include $(lib_obj:.o=.d) $(cmd_obj:.o=.d)
