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

# Libraries for programs of another ABI: "make m32", "make musl".  They are made
# by this Makefile with ABI set.
ABI        ?=
M32_CC     ?= $(CC) -m32
MUSL_CC    ?= musl-gcc
MULTIARCH  := $(shell $(CC) -print-multiarch 2>/dev/null)
# Where the loader of each finds them: PREFIX/$LIB in Debian, where the 32-bit
# loader of libc6:i386 and that of libc6-i386 differ.  musl knows no $LIB.
lib_root    = $(patsubst %/$(MULTIARCH),%,$(LIBDIR))
LIBDIR64    = $(lib_root)/$(MULTIARCH)
LIBDIR32   ?= $(lib_root)/i386-linux-gnu
BIARCH32   ?= $(PREFIX)/lib32
LIBDIR_MUSL ?= $(lib_root)/$(subst gnu,musl,$(MULTIARCH))

# --- flags -------------------------------------------------------------

xs_cppflags := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Ishim -DXS_VERSION='"$(VERSION)"' \
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
# Whether libssl has SSL 3.0 is a choice of who built it; Debian's has not.
ssl_has := $(shell $(CC) $(ssl_cflags) -include openssl/opensslconf.h -dM -E -x c /dev/null \
	2>/dev/null | grep -oE 'OPENSSL_(CONFIGURED_API|NO_SSL3)\>')
xs_cppflags += $(if $(filter OPENSSL_NO_SSL3,$(ssl_has)),,$(if $(ssl_has),-DXS_HAVE_SSL3))
# Victims of another ABI are built without OpenSSL.
ifneq ($(ABI),)
ssl_cflags :=
ssl_libs   :=
endif
# Faster AES-GCM than OpenSSL 3.0 has; later ones need no help.
imb_wanted := defined(__x86_64__) && OPENSSL_VERSION_MAJOR == 3 && OPENSSL_VERSION_MINOR == 0 && \
	IMB_VERSION_NUM >= 0x10300
imb_libs   := $(shell printf '\043if $(imb_wanted)\nyes_please\n\043endif\n' | \
	$(CC) $(ssl_cflags) -include openssl/opensslv.h -include intel-ipsec-mb.h -E -P -x c - \
	2>/dev/null | grep -q yes_please && echo -lIPSec_MB)
json_libs  := $(shell $(PKG_CONFIG) --libs jansson 2>/dev/null)

# --- sources -----------------------------------------------------------

# What the library and the programs share; libc only.
BASE_SRC := \
	shim/address.c \
	shim/arena.c \
	shim/error.c \
	shim/host.c \
	shim/log.c \
	shim/option.c \
	shim/option_check.c \
	shim/option_digest.c \
	shim/option_file.c \
	shim/option_read.c \
	shim/option_secret.c \
	shim/option_text.c \
	shim/option_value.c \
	shim/pair.c \
	shim/parse.c \
	shim/scheme.c \
	shim/text.c \
	shim/wire.c

# Rules × destination → decision.
POLICY_SRC := \
	shim/index.c \
	shim/match.c \
	shim/names.c \
	shim/pattern.c \
	shim/ports.c \
	shim/rule_file.c \
	shim/rules.c \
	shim/target.c

# The rest of the library: hand-off, hooks.
LIBRARY_SRC := \
	shim/again.c \
	shim/ask.c \
	shim/config.c \
	shim/connect.c \
	shim/decide.c \
	shim/expected.c \
	shim/fresh.c \
	shim/handoff.c \
	shim/hook_connect.c \
	shim/hook_dup.c \
	shim/hook_epoll.c \
	shim/hook_load.c \
	shim/hook_ioctl.c \
	shim/hook_name.c \
	shim/hook_resolve.c \
	shim/hook_receive.c \
	shim/hook_send.c \
	shim/hook_sockopt.c \
	shim/interest.c \
	shim/keep.c \
	shim/launch.c \
	shim/libc.c \
	shim/procfs.c \
	shim/replace.c \
	shim/report.c \
	shim/share.c \
	shim/sockopt.c \
	shim/wrap.c

without_imb := $(if $(imb_libs),tools/relay/tls_no_provider.c,\
	tools/relay/tls_provider.c tools/relay/tls_gcm.c)
RELAY_SRC := $(filter-out $(without_imb),\
	$(sort $(wildcard tools/relay/*.c tools/relay/starttls/*.c)))
# "xsock probe --json" is there if jansson is.
without_json := tools/xsock/probe_$(if $(json_libs),no_json,json).c
XSOCK_SRC := $(filter-out $(without_json),$(sort $(wildcard tools/xsock/*.c)))
# "xsock probe" connects and verifies with the relay's own files.
PROBE_SRC := $(filter-out $(without_imb),$(sort $(wildcard tools/relay/tls*.c))) \
	$(sort $(wildcard tools/relay/starttls/*.c)) \
	tools/relay/dial.c \
	tools/relay/outcome.c \
	tools/relay/queue.c

# --- what is built -----------------------------------------------------

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

base_obj    := $(call objects,$(BASE_SRC))
policy_obj  := $(call objects,$(POLICY_SRC))
library_obj := $(call objects,$(LIBRARY_SRC))
relay_obj   := $(call objects,$(RELAY_SRC))
xsock_obj   := $(call objects,$(XSOCK_SRC))
probe_obj   := $(call objects,$(PROBE_SRC))
all_obj     := $(base_obj) $(policy_obj) $(library_obj) $(relay_obj) $(xsock_obj)

products := $(BUILD)/libxsock.so $(BUILD)/xsock $(BUILD)/xsock-relay

.PHONY: all
all: $(products) ## build libxsock.so, xsock and xsock-relay

# musl-gcc has no headers of the kernel.
ifeq ($(ABI),musl)
kernel_headers := $(BUILD)/kernel/linux $(BUILD)/kernel/asm $(BUILD)/kernel/asm-generic
xs_cppflags += -idirafter $(BUILD)/kernel
$(all_obj): | $(kernel_headers)
endif
$(BUILD)/kernel/asm: ; mkdir -p $(@D); ln -sfn $(firstword \
	$(wildcard /usr/include/$(subst musl,gnu,$(shell gcc -print-multiarch))/asm /usr/include/asm)) $@
$(BUILD)/kernel/linux $(BUILD)/kernel/asm-generic: ; mkdir -p $(@D); ln -sfn /usr/include/$(@F) $@

.PHONY: m32 musl library
m32: ## build build/m32/libxsock.so, for 32-bit programs
	+$(MAKE) ABI=m32 BUILD=$(BUILD)/m32 CC='$(M32_CC)' SANITIZE= library
musl: ## build build/musl/libxsock.so, for programs of musl
	+$(MAKE) ABI=musl BUILD=$(BUILD)/musl CC='$(MUSL_CC)' SANITIZE= library
library: $(BUILD)/libxsock.so

# The exported symbols are the hook table, and nothing else.  Which rows count
# depends on the C library, so the preprocessor reads it.
$(BUILD)/libxsock.map: shim/hooks.def
	@mkdir -p $(@D)
	{ echo '{ global:'; \
	  $(CC) -E -P -include features.h -D'XS_HOOK(name, like)=name;' -x c $<; \
	  echo 'local: *; };'; } > $@.new
	mv $@.new $@

# Below the hooks, the library's own calls of hooked functions go to libc:
# the linker turns them into __wrap_NAME (shim/libc.c).
wrapped := connect dup2 dup3 epoll_ctl fcntl fcntl64 getpeername getsockname getsockopt \
	ioctl recv recvmsg sendmsg setsockopt

# Every program that is started pays for the library's pages and symbols.  The
# variables that the constructor writes come first, behind .data, on a page that
# the loader writes to as well.  Code, constants and headers share a mapping.
# The C library's start files have only what nobody here needs (_init, _fini,
# the tables of transactional memory), and the loader would look those symbols
# up in every library of the program.
touched_obj := $(call objects,$(addprefix shim/,launch.c libc.c names.c option_secret.c \
	report.c config.c))
shared_obj = $(touched_obj) $(filter-out $(touched_obj),$(base_obj) $(policy_obj) $(library_obj))
start_ldflags := $(if $(SANITIZE),,-Wl,-z,noseparate-code -nostartfiles)

$(BUILD)/libxsock.so: $(base_obj) $(policy_obj) $(library_obj) $(BUILD)/libxsock.map
	$(xs_link) -shared -Wl,-soname,libxsock.so $(if $(SANITIZE),,-Wl,-z,defs) \
		-Wl,--version-script=$(BUILD)/libxsock.map \
		$(addprefix -Wl$(comma)--wrap=,$(wrapped)) \
		$(start_ldflags) -o $@ $(shared_obj) -ldl
comma := ,

$(BUILD)/xsock-relay: $(relay_obj) $(base_obj)
	$(xs_link) -pie -o $@ $(relay_obj) $(base_obj) $(ssl_libs) $(imb_libs) -lpthread

$(BUILD)/xsock: $(xsock_obj) $(probe_obj) $(policy_obj) $(base_obj)
	$(xs_link) -pie -o $@ $^ $(ssl_libs) $(imb_libs) $(json_libs) -lanl -lpthread

# Fortified headers make inline functions of some that are hooked.
$(filter %/hook_send.o %/hook_receive.o,$(library_obj)): xs_cppflags += -U_FORTIFY_SOURCE

$(call objects,$(RELAY_SRC)): xs_cppflags += $(ssl_cflags)
# tools/relay/starttls/ is a room of tools/relay.
xs_cppflags += -Itools/relay

# What has the paths of the installation in it is made again for others.
$(call objects,shim/launch.c tools/xsock/library.c): $(BUILD)/paths
$(BUILD)/paths: always
	@mkdir -p $(@D)
	@echo '$(LIBDIR) $(LIBEXECDIR)' | cmp -s - $@ || \
		echo '$(LIBDIR) $(LIBEXECDIR)' > $@
.PHONY: always

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(xs_compile) -c -o $@ $<

-include $(all_obj:.o=.d)

# --- tests -------------------------------------------------------------

UNIT_SRC := $(filter-out $(if $(imb_libs),,tests/unit/test_relay_tls_gcm.c),\
	$(sort $(wildcard tests/unit/*.c)))
VICTIM_SRC := $(sort $(wildcard tests/preload/*.c))
PLUGIN_SRC := $(sort $(wildcard tests/preload/plugins/*.c))
SUPPORT_SRC := $(sort $(wildcard tests/support/*.c))
FARM_SRC := $(sort $(wildcard tests/farm/*.c))
BENCH_SRC := $(sort $(wildcard tests/bench/*.c))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
RELAY_TEST_SRC := $(sort $(wildcard tests/relay/*.c))

unit_obj := $(call objects,$(UNIT_SRC))
# Tests link what lies under the hooks, and the relay without its main.
unit_links := $(base_obj) $(policy_obj) $(filter-out %/main.o,$(relay_obj))

programs = $(patsubst tests/%.c,$(BUILD)/tests/%,$(1))
victims  := $(call programs,$(VICTIM_SRC))
supports := $(call programs,$(SUPPORT_SRC))
farmers  := $(call programs,$(FARM_SRC))
benchers := $(call programs,$(BENCH_SRC))
fuzzers  := $(call programs,$(FUZZ_SRC))
relay_tests := $(call programs,$(RELAY_TEST_SRC))
# Those that are also built for other ABIs.  Not "unreachable", which a program
# of this machine's ABI starts, nor what needs plug-ins.
abi_victims := blocking nonblocking families identity flags halfclose signals names fastopen \
	prepared threads forks streams limits many corners copies sending descriptors high sets
ifneq ($(ABI),)
victims := $(abi_victims:%=$(BUILD)/tests/preload/%)
endif
ifeq ($(ABI),musl)
$(victims): abi_cflags := -idirafter $(BUILD)/kernel -include tests/support/musl.h
$(victims): | $(kernel_headers)
endif
.PHONY: victims
victims: $(victims)
plugins := $(PLUGIN_SRC:%.c=$(BUILD)/%.so)
test_programs := $(BUILD)/tests/unit-tests $(victims) $(plugins) $(supports) $(farmers) \
	$(fuzzers) $(relay_tests)

$(BUILD)/tests/unit-tests: $(unit_obj) $(unit_links)
	@mkdir -p $(@D)
	$(xs_link) -o $@ $(unit_obj) $(unit_links) -lcriterion $(ssl_libs) \
		$(imb_libs) -lpthread

# Victims and support programs are other people's programs: no sanitizer, no
# code of ours.
$(victims) $(supports) $(farmers) $(benchers): $(BUILD)/tests/%: tests/%.c Makefile
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu11 -O1 -g -Wall -Wextra $(if $(WERROR),-Werror) \
		-MMD -MP -MF $@.d $(abi_cflags) $(ssl_cflags) -o $@ $< $(ssl_libs) -lpthread -ldl \
		-Wl,--enable-new-dtags,-rpath,'$$ORIGIN/plugins'

$(plugins): $(BUILD)/%.so: %.c Makefile
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu11 -O1 -g -Wall -Wextra $(if $(WERROR),-Werror) \
		-MMD -MP -MF $@.d -fPIC -shared -o $@ $<

$(BUILD)/tests/fuzz/fuzz_dialogue: \
	$(filter %/queue.o %/tls_password.o $(BUILD)/obj/tools/relay/starttls/%,$(relay_obj))

$(fuzzers): $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(base_obj) $(policy_obj)
	@mkdir -p $(@D)
	$(xs_link) -o $@ $^ $(ssl_libs)

$(relay_tests): $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(base_obj)
	@mkdir -p $(@D)
	$(xs_link) -o $@ $^ -lcriterion $(ssl_libs) -lpthread

-include $(unit_obj:.o=.d) $(addsuffix .d,$(victims) $(plugins) $(supports) $(farmers) $(benchers))

# What the test scripts get to know: see tests/support/lib.sh.
asan_lib = $(shell $(CC) -print-file-name=libasan.so)
test_env = XSOCK_TEST_BUILD=$(abspath $(BUILD)) \
	XSOCK_TEST_PRELOAD="$(if $(SANITIZE),$(asan_lib) )$(abspath $(BUILD))/libxsock.so"

.PHONY: check
check: deps ## install what the tests need, build, run all tests, plain and with sanitizers
	tests/support/install.sh tests/matrix/packages
	+$(MAKE) lint
	+$(MAKE) check-build
	$(test_env) tests/matrix/run.sh
	+$(MAKE) bench-check
	+$(MAKE) hosts
	tests/support/install.sh tests/starttls/packages
	$(test_env) tests/starttls/run.sh
	+$(MAKE) transparency
	+$(MAKE) check-build BUILD=build/asan SANITIZE=address,undefined
	@echo "make check: everything passed"

# All tests of one build.
.PHONY: check-build
check-build: $(products) $(test_programs)
	tests/unit.sh $(BUILD)/tests/unit-tests $(relay_tests)
	$(test_env) tests/symbols.sh $(BUILD)/libxsock.so
	$(test_env) tests/fuzz/run.sh
	$(test_env) tests/tools/run.sh
	$(test_env) tests/tools/probe.sh
	$(test_env) tests/preload/run.sh
	$(test_env) tests/preload/resolver.sh
	$(test_env) tests/servers/run.sh
	$(test_env) tests/starttls/ftp.sh
	$(test_env) tests/farm/run.sh
	$(test_env) tests/install.sh

.PHONY: check-unit
check-unit: $(BUILD)/tests/unit-tests $(relay_tests) $(products) ## run the unit tests only, without installing anything
	tests/unit.sh $(BUILD)/tests/unit-tests $(relay_tests)

.PHONY: farm
farm: deps $(products) ## print the table of servers with something wrong: expected, xsock, curl
	+$(MAKE) $(test_programs)
	$(test_env) tests/farm/run.sh

.PHONY: hosts
hosts: deps $(products) ## try the library in programs of every kind: languages, allocators, 32 bits, musl, a browser
	tests/support/install.sh tests/hosts/packages
	+$(MAKE) m32 musl $(supports) $(victims)
	+$(MAKE) ABI=m32 BUILD=$(BUILD)/m32 CC='$(M32_CC)' victims
	+$(MAKE) ABI=musl BUILD=$(BUILD)/musl CC='$(MUSL_CC)' victims
	tests/symbols.sh $(BUILD)/m32/libxsock.so '$(M32_CC)'
	tests/symbols.sh $(BUILD)/musl/libxsock.so '$(MUSL_CC)'
	$(test_env) tests/hosts/run.sh
	$(test_env) tests/hosts/victims.sh m32 $(abi_victims)
	$(test_env) tests/hosts/victims.sh musl $(abi_victims)

# Twelve minutes on two processors; build/transparency.txt keeps the table.
.PHONY: transparency
transparency: deps $(products) ## print what CPython's and libuv's own tests give plain, preloaded and relayed
	tests/support/install.sh tests/transparency/packages
	+$(MAKE) $(supports)
	$(test_env) tests/transparency/run.sh

.PHONY: matrix
matrix: deps $(products) ## print the matrix of real clients and real servers: version, cipher, result
	tests/support/install.sh tests/matrix/packages
	+$(MAKE) $(supports)
	$(test_env) tests/matrix/run.sh

.PHONY: starttls
starttls: deps $(products) ## print the table of STARTTLS: protocol, mode, servers, clients, hostile cases
	tests/support/install.sh tests/starttls/packages
	+$(MAKE) $(supports)
	$(test_env) tests/starttls/run.sh

.PHONY: bench bench-quick bench-check
bench: ## measure against OpenSSL in the program, nginx, haproxy, stunnel and socat
bench-quick: ## the same in less than two minutes
bench-check: ## make sure that all who are measured do the same work
bench bench-quick bench-check: deps $(products)
	tests/support/install.sh tests/bench/packages
	+$(MAKE) $(benchers) $(supports)
	$(test_env) tests/bench/run.sh $(patsubst bench-%,--%,$(filter-out bench,$@))

.PHONY: lint
lint: ## hold the rules of the structure: who may include, call and read what
	tests/lint.sh

.PHONY: demo
demo: deps ## show curl, wget, redis-cli, python3 and bash speaking TLS, on loopback
	+$(MAKE) all
	tests/demo.sh

.PHONY: deps
deps: ## install the Debian packages that build, tests and demo need
	tests/support/install.sh

# --- installation ------------------------------------------------------

man1 := tools/xsock/xsock.1
man7 := shim/libxsock.7
man8 := tools/relay/xsock-relay.8

# install_other ABI,FOLDER: the library of that ABI, if it has been built
define install_other
if [ -e $(BUILD)/$(1)/libxsock.so ]; then \
		install -d $(DESTDIR)$(2) && install -m 644 \
		$(BUILD)/$(1)/libxsock.so $(DESTDIR)$(2)/libxsock.so; fi
endef

# install_link FOLDER,OTHER: what is in FOLDER is in OTHER, too
define install_link
if [ '$(1)' != '$(2)' ]; then install -d $(DESTDIR)$(2) && \
		ln -srf $(DESTDIR)$(1)/libxsock.so $(DESTDIR)$(2)/libxsock.so; fi
endef

.PHONY: install
install: $(products) ## install to DESTDIR/PREFIX (LIBDIR, BINDIR, LIBEXECDIR, MANDIR)
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR) \
		$(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(MANDIR)/man1 \
		$(DESTDIR)$(MANDIR)/man7 $(DESTDIR)$(MANDIR)/man8
	install -m 755 $(BUILD)/xsock $(DESTDIR)$(BINDIR)/xsock
	install -m 644 $(BUILD)/libxsock.so $(DESTDIR)$(LIBDIR)/libxsock.so
	install -m 755 $(BUILD)/xsock-relay $(DESTDIR)$(LIBEXECDIR)/xsock-relay
	$(call install_other,m32,$(LIBDIR32))
	$(call install_other,musl,$(LIBDIR_MUSL))
	if [ -e $(BUILD)/m32/libxsock.so ]; then \
		$(call install_link,$(LIBDIR32),$(BIARCH32)) && \
		$(call install_link,$(LIBDIR),$(LIBDIR64)); fi
	install -m 644 $(man1) $(DESTDIR)$(MANDIR)/man1
	install -m 644 $(man7) $(DESTDIR)$(MANDIR)/man7
	install -m 644 $(man8) $(DESTDIR)$(MANDIR)/man8
	$(if $(DESTDIR),,PATH=$$PATH:/usr/sbin:/sbin ldconfig 2>/dev/null || true)

.PHONY: uninstall
uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(BINDIR)/xsock $(DESTDIR)$(LIBDIR)/libxsock.so \
		$(DESTDIR)$(LIBDIR32)/libxsock.so $(DESTDIR)$(BIARCH32)/libxsock.so \
		$(DESTDIR)$(LIBDIR64)/libxsock.so \
		$(DESTDIR)$(LIBDIR_MUSL)/libxsock.so \
		$(DESTDIR)$(LIBEXECDIR)/xsock-relay \
		$(DESTDIR)$(MANDIR)/man1/$(notdir $(man1)) \
		$(DESTDIR)$(MANDIR)/man7/$(notdir $(man7)) \
		$(DESTDIR)$(MANDIR)/man8/$(notdir $(man8))
	$(if $(DESTDIR),,PATH=$$PATH:/usr/sbin:/sbin ldconfig 2>/dev/null || true)

.PHONY: clean
clean: ## remove everything that was built
	rm -rf build

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' Makefile | \
		awk -F'|' '{ printf "  make %-13s %s\n", $$1, $$2 }'
