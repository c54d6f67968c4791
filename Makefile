# xsock: one Makefile, no recursion.  "make help" lists the targets.
#
# Objects and programs go to $(BUILD).  A second build with other flags lives
# beside the first: make BUILD=build/asan SANITIZE=address,undefined

PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
LIBEXECDIR ?= $(PREFIX)/libexec
MANDIR     ?= $(PREFIX)/share/man
DESTDIR    ?=

BUILD      ?= build
CC         ?= cc
PKG_CONFIG ?= pkg-config
CFLAGS     ?= -O2 -g
SANITIZE   ?=
WERROR     ?= $(if $(CI),1,)
VERSION    := 0.1.0

# --- flags -------------------------------------------------------------

xs_cppflags := -D_GNU_SOURCE -Ishim -DXS_VERSION='"$(VERSION)"' \
	-DXS_LIBDIR='"$(LIBDIR)"' -DXS_LIBEXECDIR='"$(LIBEXECDIR)"'
xs_cflags := -std=gnu11 -fPIC -fvisibility=hidden -MMD -MP \
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 -Wpointer-arith -Wvla -Wundef \
	$(if $(WERROR),-Werror)
ifeq ($(SANITIZE),)
xs_cflags  += -fstack-protector-strong
xs_cppflags += $(if $(findstring -O,$(CFLAGS)),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
xs_ldflags := -Wl,-z,relro -Wl,-z,now -Wl,--as-needed
else
xs_cflags  += -fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
xs_ldflags := -fsanitize=$(SANITIZE)
endif
xs_compile = $(CC) $(xs_cppflags) $(CPPFLAGS) $(xs_cflags) $(CFLAGS)
xs_link    = $(CC) $(xs_cflags) $(CFLAGS) $(xs_ldflags) $(LDFLAGS)

ssl_cflags := $(shell $(PKG_CONFIG) --cflags openssl 2>/dev/null)
ssl_libs   := $(shell $(PKG_CONFIG) --libs openssl 2>/dev/null || echo -lssl -lcrypto)

# --- sources -----------------------------------------------------------

# What the library and the programs share; libc only.
BASE_SRC := \
	shim/address.c \
	shim/arena.c \
	shim/error.c \
	shim/host.c \
	shim/log.c \
	shim/option.c \
	shim/option_read.c \
	shim/pair.c \
	shim/parse.c \
	shim/scheme.c \
	shim/text.c \
	shim/wire.c

# Rules × destination → decision.
POLICY_SRC := \
	shim/match.c \
	shim/names.c \
	shim/rules.c

# The rest of the library: hand-off, hooks.
LIBRARY_SRC := \
	shim/again.c \
	shim/config.c \
	shim/connect.c \
	shim/decide.c \
	shim/handoff.c \
	shim/hook_connect.c \
	shim/hook_epoll.c \
	shim/hook_name.c \
	shim/hook_resolve.c \
	shim/hook_send.c \
	shim/hook_sockopt.c \
	shim/launch.c \
	shim/libc.c \
	shim/replace.c \
	shim/report.c \
	shim/sockopt.c \
	shim/wrap.c

RELAY_SRC := $(sort $(wildcard tools/relay/*.c))
XSOCK_SRC := $(sort $(wildcard tools/xsock/*.c))

# --- what is built -----------------------------------------------------

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

base_obj    := $(call objects,$(BASE_SRC))
policy_obj  := $(call objects,$(POLICY_SRC))
library_obj := $(call objects,$(LIBRARY_SRC))
relay_obj   := $(call objects,$(RELAY_SRC))
xsock_obj   := $(call objects,$(XSOCK_SRC))
all_obj     := $(base_obj) $(policy_obj) $(library_obj) $(relay_obj) $(xsock_obj)

products := $(BUILD)/libxsock.so $(BUILD)/xsock $(BUILD)/xsock-relay

.PHONY: all
all: $(products) ## build libxsock.so, xsock and xsock-relay

# The exported symbols are the hook table, and nothing else.
$(BUILD)/libxsock.map: shim/hooks.def
	@mkdir -p $(@D)
	{ echo '{ global:'; \
	  sed -n 's/^XS_HOOK(\([a-z0-9_]*\),.*/\t\1;/p' $<; \
	  echo 'local: *; };'; } > $@

# Below the hooks, the library's own calls of hooked functions go to libc:
# the linker turns them into __wrap_NAME (shim/libc.c).
wrapped := connect getaddrinfo getpeername getsockname getsockopt recvmsg \
	sendmsg setsockopt

$(BUILD)/libxsock.so: $(base_obj) $(policy_obj) $(library_obj) $(BUILD)/libxsock.map
	$(xs_link) -shared -Wl,-soname,libxsock.so $(if $(SANITIZE),,-Wl,-z,defs) \
		-Wl,--version-script=$(BUILD)/libxsock.map \
		$(addprefix -Wl$(comma)--wrap=,$(wrapped)) \
		-o $@ $(base_obj) $(policy_obj) $(library_obj) -ldl
comma := ,

$(BUILD)/xsock-relay: $(relay_obj) $(base_obj)
	$(xs_link) -pie -o $@ $(relay_obj) $(base_obj) $(ssl_libs) -lpthread

$(BUILD)/xsock: $(xsock_obj) $(policy_obj) $(base_obj)
	$(xs_link) -pie -o $@ $(xsock_obj) $(policy_obj) $(base_obj)

$(call objects,$(RELAY_SRC)): xs_cppflags += $(ssl_cflags)

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(xs_compile) -c -o $@ $<

-include $(all_obj:.o=.d)

# --- tests -------------------------------------------------------------

UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
unit_obj := $(call objects,$(UNIT_SRC))
# Tests link what lies under the hooks, and the relay without its main.
unit_links := $(base_obj) $(policy_obj) \
	$(filter-out %/main.o,$(relay_obj))
-include $(unit_obj:.o=.d)

$(BUILD)/tests/unit: $(unit_obj) $(unit_links)
	@mkdir -p $(@D)
	$(xs_link) -o $@ $(unit_obj) $(unit_links) -lcriterion $(ssl_libs) -lpthread

.PHONY: clean
clean: ## remove everything that was built
	rm -rf build

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | \
		awk -F'|' '{ printf "  make %-14s %s\n", $$1, $$2 }'
