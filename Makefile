# xsock: one Makefile, no recursion.  "make help" lists the targets.
#
# Objects and programs go to $(BUILD).  A second build with other flags lives
# beside the first: make BUILD=build/asan SANITIZE=address,undefined

PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
LIBEXECDIR ?= $(PREFIX)/libexec
MANDIR     ?= $(PREFIX)/share/man
# Where the shells look for completions; Debian's zsh has a folder for packages.
BASHDIR    ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR     ?= $(PREFIX)/share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)
FISHDIR    ?= $(PREFIX)/share/fish/vendor_completions.d
DESTDIR    ?=

BUILD      ?= build
CC         ?= cc
PKG_CONFIG ?= pkg-config
CFLAGS     ?= -O2 -g
SANITIZE   ?=
WERROR     ?= $(if $(CI),1,)
VERSION    := 0.2.0

# Each step is one line; V=1 shows the commands.
V          ?=
say         = $(if $(V),,@printf '  %-4s %s\n' $(1) $(2))
Q          := $(if $(V),,@)

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

comma := ,

# --- flags -------------------------------------------------------------

# cc_has,OPTION: the option, if the compiler takes it for this machine
cc_has = $(shell $(CC) $(1) -Werror -x c -c -o /dev/null /dev/null 2>/dev/null && echo $(1))

xs_cppflags := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Ishim -DXS_VERSION='"$(VERSION)"'
xs_cflags := -std=gnu11 -fPIC -fvisibility=hidden -MMD -MP \
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 -Wpointer-arith -Wvla -Wundef \
	$(if $(WERROR),-Werror)
ifeq ($(SANITIZE),)
# Asked once, not for each file.
xs_cflags  += -fstack-protector-strong $(call cc_has,-fstack-clash-protection) \
	$(call cc_has,-fcf-protection) $(call cc_has,-mbranch-protection=standard) \
	$(call cc_has,-ftrivial-auto-var-init=zero)
# Level 3 where compiler and C library know it.
fortify := $(if $(shell printf '\043include <stdio.h>\n' | $(CC) -O2 -U_FORTIFY_SOURCE \
	-D_FORTIFY_SOURCE=3 -Werror -x c -c -o /dev/null - 2>/dev/null && echo yes),3,2)
xs_cppflags += $(if $(findstring -O,$(CFLAGS)),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(fortify))
xs_ldflags := -Wl,-z,relro -Wl,-z,now -Wl,--as-needed
else
xs_cflags  += -fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer $(if $(findstring thread,$(SANITIZE)),-Wno-error=tsan)
xs_cppflags += -DXS_CHECK_STATES
xs_ldflags := -fsanitize=$(SANITIZE)
endif
xs_compile = $(CC) $(xs_cppflags) $(CPPFLAGS) $(xs_cflags) $(CFLAGS) $(xs_apart)
xs_link    = $(CC) $(xs_cflags) $(CFLAGS) $(lto_jobs) $(xs_ldflags) $(LDFLAGS) $(cover_obj)
# What leaves by _exit(2) is counted, too.
cover_obj := $(if $(findstring --coverage,$(CFLAGS)),$(BUILD)/obj/tests/cover_exit.o)
# gcc warns where -flto does not say how many compilers may run at once.
lto_jobs  := $(patsubst -flto,-flto=auto,$(filter -flto,$(CFLAGS)))

ssl_cflags := $(shell $(PKG_CONFIG) --cflags openssl 2>/dev/null)
ssl_libs   := $(shell $(PKG_CONFIG) --libs openssl 2>/dev/null || echo -lssl -lcrypto)
# Whether libssl has SSL 3.0 or DTLS is a choice of who built it; Debian's has
# the latter.
ssl_has := $(shell $(CC) $(ssl_cflags) -include openssl/opensslconf.h -dM -E -x c /dev/null \
	2>/dev/null | grep -oE 'OPENSSL_(CONFIGURED_API|NO_(SSL3|DTLS1?(_2)?))\>')
xs_cppflags += $(if $(filter OPENSSL_NO_SSL3,$(ssl_has)),,$(if $(ssl_has),-DXS_HAVE_SSL3))
xs_cppflags += $(patsubst OPENSSL_%,-DXS_%,$(filter OPENSSL_NO_DTLS%,$(ssl_has)))
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
curses_libs := $(shell $(PKG_CONFIG) --libs ncursesw 2>/dev/null)
json_libs  := $(shell $(PKG_CONFIG) --libs jansson 2>/dev/null)

# --- sources -----------------------------------------------------------

# A folder is a layer (ARCHITECTURE.md), so the folder is the list.
sources = $(sort $(wildcard $(addsuffix /*.c,$(1))))

# What the library and the programs share; libc only.
BASE_SRC := $(call sources,shim/base)
# Rules × destination → decision.
RULES_SRC := $(call sources,shim/rules)
# A connect from decision to verdict; "xsock run --supervise" makes it, too.
CONNECT_SRC := $(call sources,shim/relay_client shim/connect)
# The rest of the library.
LIBRARY_SRC := $(CONNECT_SRC) $(call sources,shim/exec shim/hooks)

without_imb := $(if $(imb_libs),tools/relay/tls/tls_no_provider.c,\
	tools/relay/tls/tls_provider.c tools/relay/tls/tls_gcm.c)
RELAY_SRC := $(filter-out $(without_imb),\
	$(call sources,tools/relay $(addprefix tools/relay/,base loop client connection association starttls tls)))
# "--json" of "xsock probe", "xsock ps" and "xsock trace" is there if jansson is.
without_json := $(patsubst %,tools/xsock/%_$(if $(json_libs),no_json,json).c,probe ps trace)
# And its --watch if ncurses is.
without_curses := tools/xsock/ps_$(if $(curses_libs),no_watch,watch).c
COMMANDS_SRC := $(filter-out tools/xsock/start.c $(without_json) $(without_curses),\
	$(call sources,tools/xsock))
# "xsock run" needs libc only, and waits for no other library; xsock-commands has
# the rest.
XSOCK_SRC := $(addprefix tools/xsock/,start.c command.c run.c become.c inputs.c library.c loader.c \
	reach.c) $(wildcard tools/xsock/supervis*.c tools/xsock/notify*.c)
# "xsock probe" connects and verifies with the relay's own files.
PROBE_SRC := $(filter-out $(without_imb),\
	$(call sources,$(addprefix tools/relay/,base starttls tls))) \
	$(addprefix tools/relay/connection/,dial.c connect_error.c state.c) \
	tools/relay/association/state.c

# --- what is built -----------------------------------------------------

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

base_obj    := $(call objects,$(BASE_SRC))
rules_obj  := $(call objects,$(RULES_SRC))
connect_obj := $(call objects,$(CONNECT_SRC))
library_obj := $(call objects,$(LIBRARY_SRC))
relay_obj   := $(call objects,$(RELAY_SRC))
xsock_obj   := $(call objects,$(XSOCK_SRC))
commands_obj := $(call objects,$(COMMANDS_SRC))
probe_obj   := $(call objects,$(PROBE_SRC))
all_obj     := $(base_obj) $(rules_obj) $(library_obj) $(relay_obj) $(sort $(xsock_obj) $(commands_obj))

products := $(BUILD)/libxsock.so $(BUILD)/xsock $(BUILD)/xsock-commands $(BUILD)/xsock-relay
# The other manuals are text in their folders.
made_manuals := $(BUILD)/xsock-messages.7

.PHONY: all
all: $(products) $(made_manuals) ## build libxsock.so, xsock, xsock-commands and xsock-relay
$(products): | $(cover_obj)

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
$(BUILD)/libxsock.map: shim/hooks/hooks.def
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q){ echo '{ global:'; \
	  $(CC) -E -P -include features.h -D'XS_HOOK(name, like)=name;' -x c $<; \
	  echo '$(if $(cover_obj),_exit;) local: *; };'; } > $@.new
	@mv $@.new $@

# Below the hooks, the library's own calls of hooked functions go to libc:
# the linker turns them into __wrap_NAME (shim/hooks/libc.c).
wrapped := bind connect dup2 dup3 epoll_ctl execve fcntl fcntl64 getpeername getsockname getsockopt \
	ioctl read recv recvmsg send sendmsg setsockopt shutdown write

# Every program that is started pays for the library's pages and symbols.  The
# variables that the constructor writes come first, behind .data, on a page that
# the loader writes to as well.  Code, constants and headers share a mapping.
# The C library's start files have only what nobody here needs (_init, _fini,
# the tables of transactional memory), and the loader would look those symbols
# up in every library of the program.
touched_obj := $(call objects,$(addprefix shim/,relay_client/start_relay.c hooks/libc.c \
	rules/names.c rules/names_memory.c rules/names_hand_on.c base/option_secret.c exec/exec.c connect/report.c \
	connect/environment.c connect/config.c))
# With -flto all others become one object.  In that the linker would replace no
# call of a function that is hooked in the same object, and the compiler chooses
# the order of the variables.
$(touched_obj) $(filter $(BUILD)/obj/shim/hooks/hook_%,$(library_obj)): xs_apart := -fno-lto
shared_obj = $(touched_obj) $(filter-out $(touched_obj),$(base_obj) $(rules_obj) $(library_obj))
start_ldflags := $(if $(SANITIZE),,-Wl,-z,noseparate-code -nostartfiles)

$(BUILD)/libxsock.so: $(base_obj) $(rules_obj) $(library_obj) $(BUILD)/libxsock.map
	$(call say,LD,$@)
	$(Q)$(xs_link) -shared -Wl,-soname,libxsock.so $(if $(SANITIZE),,-Wl,-z,defs) \
		-Wl,--version-script=$(BUILD)/libxsock.map \
		$(addprefix -Wl$(comma)--wrap=,$(wrapped)) \
		$(start_ldflags) -o $@ $(shared_obj) -ldl

$(BUILD)/xsock-relay: $(relay_obj) $(base_obj)
	$(call say,LD,$@)
	$(Q)$(xs_link) -pie -o $@ $(relay_obj) $(base_obj) $(ssl_libs) $(imb_libs) -lpthread

$(BUILD)/xsock: $(xsock_obj) $(connect_obj) $(rules_obj) $(base_obj)
	$(call say,LD,$@)
	$(Q)$(xs_link) -pie -o $@ $^ -lanl -lpthread

$(BUILD)/xsock-commands: $(commands_obj) $(probe_obj) $(connect_obj) $(rules_obj) $(base_obj)
	$(call say,LD,$@)
	$(Q)$(xs_link) -pie -o $@ $^ $(ssl_libs) $(imb_libs) $(json_libs) $(curses_libs) -lanl -lpthread

# The list of messages is made of the table that the programs have.
$(BUILD)/xsock-messages.7: shim/messages.awk shim/base/message.def shim/xsock-messages.7.in
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)awk -f $^ > $@.new
	@mv $@.new $@

# Fortified headers make inline functions of some that are hooked.
$(filter %/hook_send.o %/hook_receive.o %/hook_write.o,$(library_obj)): xs_cppflags += -U_FORTIFY_SOURCE

# With --coverage gcc takes exec(3) and its kind for its own, also where they are defined.
$(filter %/hook_exec.o,$(library_obj)): xs_cppflags += $(if $(cover_obj),-fno-builtin)

$(call objects,$(RELAY_SRC)): xs_cppflags += $(ssl_cflags)
# The library sees no header of the programs.
$(BUILD)/obj/tools/%.o $(BUILD)/obj/tests/%.o: xs_cppflags += -Itools

# What was built in another way is made again: a file that has the flags of the
# last build, and one that has the paths of the installation, which only a few
# files need.  Whether warnings are errors changes no object.
built_by  := $(filter-out -Werror,$(CC) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS) $(xs_cflags) \
	$(xs_cppflags) $(xs_ldflags) $(ssl_cflags))
installed := $(LIBDIR) $(LIBEXECDIR)
with_paths := $(call objects,shim/relay_client/start_relay.c tools/xsock/library.c tools/xsock/start.c)
$(with_paths): xs_cppflags += -DXS_LIBDIR='"$(LIBDIR)"' -DXS_LIBEXECDIR='"$(LIBEXECDIR)"'
$(with_paths): $(BUILD)/installed
$(BUILD)/built_by $(BUILD)/installed: always
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$($(@F)))' | cmp -s - $@ || \
		printf '%s\n' '$(subst ','\'',$($(@F)))' > $@
.PHONY: always

$(BUILD)/obj/%.o: %.c Makefile $(BUILD)/built_by
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(xs_compile) -c -o $@ $<

-include $(all_obj:.o=.d)

# --- tests -------------------------------------------------------------

UNIT_SRC := $(filter-out $(if $(imb_libs),,tests/unit/test_relay_tls_gcm.c),\
	$(sort $(wildcard tests/unit/*.c)))
SUPERVISE_SRC := $(sort $(wildcard tests/supervise/*.c))
VICTIM_SRC := $(sort $(wildcard tests/preload/*.c))
PLUGIN_SRC := $(sort $(wildcard $(addsuffix /plugins/*.c,tests/preload tests/relay tests/faults)))
SUPPORT_SRC := $(sort $(wildcard tests/support/*.c))
FARM_SRC := $(sort $(wildcard tests/farm/*.c))
EXEC_SRC := $(sort $(wildcard tests/exec/*.c))
BENCH_SRC := $(sort $(wildcard tests/bench/*.c))
LOAD_SRC := $(sort $(wildcard tests/load/*.c))
FAULT_SRC := $(sort $(wildcard tests/faults/*.c))
UDP_SRC := $(sort $(wildcard tests/udp/*.c))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
RELAY_TEST_SRC := $(sort $(wildcard tests/relay/*.c))

unit_obj := $(call objects,$(UNIT_SRC))
# With -flto Criterion loses the tests that have parameters.
$(unit_obj) $(call objects,$(RELAY_TEST_SRC)): xs_apart := -fno-lto
# Tests link what lies under the hooks, and the relay without its main.
unit_links := $(base_obj) $(rules_obj) $(filter-out %/main.o,$(relay_obj))

programs = $(patsubst tests/%.c,$(BUILD)/tests/%,$(1))
victims  := $(call programs,$(VICTIM_SRC))
supports := $(call programs,$(SUPPORT_SRC))
farmers  := $(call programs,$(FARM_SRC))
benchers := $(call programs,$(BENCH_SRC))
loaders  := $(call programs,$(LOAD_SRC) $(FAULT_SRC))
udp_programs := $(call programs,$(UDP_SRC))
starters := $(call programs,$(EXEC_SRC) $(SUPERVISE_SRC))
$(BUILD)/tests/exec/static $(BUILD)/tests/supervise/victim: abi_cflags := -static
$(BUILD)/tests/supervise/victim: ssl_libs :=
$(BUILD)/tests/preload/resolves: ssl_libs += -lresolv
fuzzers  := $(call programs,$(FUZZ_SRC))
relay_tests := $(call programs,$(RELAY_TEST_SRC))
# Those that are also built for other ABIs.  Not "unreachable", which a program
# of this machine's ABI starts, nor what needs plug-ins.
abi_victims := blocking nonblocking families identity flags halfclose signals names fastopen \
	own_port prepared threads forks streams limits many corners copies sending descriptors high sets
ifneq ($(ABI),)
victims := $(abi_victims:%=$(BUILD)/tests/preload/%)
endif
ifeq ($(ABI),static)
$(victims): abi_cflags := -static
endif
ifeq ($(ABI),musl)
$(victims): abi_cflags := -idirafter $(BUILD)/kernel -include tests/support/musl.h
$(victims): | $(kernel_headers)
endif
supervised := $(call programs,$(SUPERVISE_SRC))
$(BUILD)/tests/unit-tests $(fuzzers) $(relay_tests): | $(cover_obj)
.PHONY: victims supervised
victims: $(victims)
supervised: $(supervised)
plugins := $(PLUGIN_SRC:%.c=$(BUILD)/%.so)
test_programs := $(BUILD)/tests/unit-tests $(victims) $(plugins) $(supports) $(farmers) \
	$(starters) $(loaders) $(udp_programs) $(fuzzers) $(relay_tests)

$(BUILD)/tests/unit-tests: $(unit_obj) $(unit_links)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(xs_link) -o $@ $(unit_obj) $(unit_links) -lcriterion $(ssl_libs) \
		$(imb_libs) -lpthread

# Victims and support programs are other people's programs: no sanitizer, no
# code of ours.
$(victims) $(supports) $(farmers) $(benchers) $(starters) $(loaders) $(udp_programs): $(BUILD)/tests/%: tests/%.c Makefile $(BUILD)/built_by
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 -O1 -g -Wall -Wextra $(if $(WERROR),-Werror) \
		-MMD -MP -MF $@.d $(abi_cflags) $(ssl_cflags) -o $@ $< $(ssl_libs) -lpthread -ldl \
		-Wl,--enable-new-dtags,-rpath,'$$ORIGIN/plugins'

$(plugins): $(BUILD)/%.so: %.c Makefile $(BUILD)/built_by
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 -O1 -g -Wall -Wextra $(if $(WERROR),-Werror) \
		-MMD -MP -MF $@.d -fPIC -shared -o $@ $<

$(BUILD)/tests/fuzz/fuzz_dialogue: \
	$(filter $(addprefix $(BUILD)/obj/tools/relay/,base/% starttls/%),$(relay_obj))

$(BUILD)/tests/fuzz/fuzz_dtls: \
	$(filter $(addprefix $(BUILD)/obj/tools/relay/,base/% tls/%),$(relay_obj))
$(BUILD)/tests/fuzz/fuzz_dtls: fuzz_libs := $(imb_libs) -lpthread

# A whole relay, but for what stands in for its loop and for a client.
$(BUILD)/tests/fuzz/fuzz_connection: $(filter-out \
	%/main.o %/client/control.o %/client/release.o %/loop/worker.o,$(relay_obj))
$(BUILD)/tests/fuzz/fuzz_connection: fuzz_libs := $(imb_libs) -lpthread \
	$(addprefix -Wl$(comma)--wrap=,recv send shutdown)

$(fuzzers): $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(base_obj) $(rules_obj)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(xs_link) -o $@ $^ $(ssl_libs) $(fuzz_libs)

$(relay_tests): $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(base_obj)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(xs_link) -o $@ $^ -lcriterion $(ssl_libs) -lpthread

-include $(patsubst %.o,%.d,$(unit_obj) $(call objects,$(FUZZ_SRC) $(RELAY_TEST_SRC)))
-include $(addsuffix .d,$(victims) $(plugins) $(supports) $(farmers) $(benchers) $(starters) $(loaders) $(udp_programs))

# What the test scripts get to know: see tests/support/lib.sh.
sanitizer_lib = $(shell $(CC) -print-file-name=lib$(if $(filter thread,$(SANITIZE)),tsan,asan).so)
test_env = XSOCK_TEST_BUILD=$(abspath $(BUILD)) \
	XSOCK_TEST_PRELOAD="$(if $(SANITIZE),$(sanitizer_lib) )$(abspath $(BUILD))/libxsock.so"

.PHONY: check
check: deps ## install what the tests need, build, run all suites, or those of SUITES='preload asan-*'
	+set -f; MAKE='$(MAKE)' BUILD='$(BUILD)' tests/check.sh $(SUITES)

# The suites of tests/check.sh.  They build what they need and install nothing.
unit_tests := $(BUILD)/tests/unit-tests
check-build: $(products) $(made_manuals) $(test_programs)
check-rebuild:
	$(test_env) tests/rebuild.sh
check-lanes: $(supports)
	$(test_env) tests/lanes.sh
check-unit: $(unit_tests) ## run the unit tests only, without installing anything
	tests/unit.sh $(unit_tests)
check-relay: $(relay_tests) $(plugins) $(products)
	tests/unit.sh $(relay_tests)
check-symbols: $(products)
	$(test_env) tests/symbols.sh $(BUILD)/libxsock.so
	tests/hardened.sh '$(CC)' $(products)
check-entry-points:
	tests/entry_points.sh '$(CC)'
check-fuzz: $(fuzzers)
	$(test_env) tests/fuzz/run.sh
check-tools: $(products) $(supports)
	$(test_env) tests/tools/run.sh
check-probe: $(products) $(supports)
	$(test_env) tests/tools/probe.sh
	$(test_env) tests/tools/probe_dtls.sh
check-status: $(products) $(supports)
	$(test_env) tests/tools/status.sh
check-ps: $(products) $(supports)
	$(test_env) tests/tools/ps.sh
check-trace: $(products) $(supports)
	-tests/support/install.sh tests/tools/packages
	$(test_env) tests/tools/trace.sh
check-rules: $(products) $(supports)
	$(test_env) tests/tools/rules.sh
check-unit-files: $(products) $(supports)
	$(test_env) tests/tools/unit.sh
check-completion: $(products) $(supports)
	$(test_env) tests/tools/completion.sh
check-exec: $(products) $(supports) $(starters)
	-tests/support/install.sh tests/exec/packages
	$(test_env) tests/exec/run.sh
check-supervise: $(products) $(supports) $(starters)
	-tests/support/install.sh tests/supervise/packages
	$(test_env) tests/supervise/run.sh
check-daemons: $(products) $(supports)
	$(test_env) tests/daemons/run.sh
check-faults: $(products) $(supports) $(victims)
	$(test_env) tests/preload/faults.sh
check-preload: $(products) $(supports) $(victims) $(plugins)
	$(test_env) tests/preload/run.sh
check-resolver: $(products) $(supports) $(victims)
	$(test_env) tests/preload/resolver.sh
check-lookups: $(products) $(supports) $(victims)
	$(test_env) tests/preload/lookups.sh
check-servers: $(products) $(supports) $(plugins)
	$(test_env) tests/servers/run.sh
check-relay-faults: $(products) $(supports)
	-tests/support/install.sh tests/faults/packages
	$(test_env) tests/faults/run.sh
check-memory: $(products) $(supports) $(loaders) $(plugins)
	$(test_env) tests/faults/memory.sh
check-udp: $(products) $(supports) $(udp_programs)
	-tests/support/install.sh tests/udp/packages
	-tests/support/unpack.sh $(BUILD)/unpacked chrony
	$(test_env) tests/udp/run.sh
check-load: $(products) $(supports) $(loaders)
	$(test_env) tests/load/run.sh
check-ftp: $(products) $(supports)
	$(test_env) tests/starttls/ftp.sh
check-farm: $(products) $(supports) $(farmers)
	$(test_env) tests/farm/run.sh
check-install: $(products) $(supports)
	$(test_env) tests/install.sh
check-manuals: $(products) $(made_manuals)
	-tests/support/install.sh tests/manuals/packages
	$(test_env) tests/manuals/run.sh
check-recipes: $(products) $(supports)
	-tests/support/install.sh tests/recipes/packages
	$(test_env) tests/recipes/run.sh
check-deb: deb $(products)
	$(test_env) tests/deb/run.sh $(BUILD)/deb
.PHONY: $(addprefix check-,deb manuals build rebuild lanes unit relay symbols entry-points fuzz tools probe status ps trace rules unit-files completion exec recipes \
	supervise daemons faults relay-faults memory preload resolver lookups servers ftp farm install load udp)

# What depends on the compiler most: with clang, and optimized as a whole.
# They are built at low priority: what else runs waits for answers.
.PHONY: check-clang check-lto check-compiler build-compiler
check-clang: deps ## build with clang, and run the unit tests and the victims
	tests/support/install.sh tests/support/compilers
	+nice $(MAKE) build-compiler BUILD=$(BUILD)/clang CC=clang
	+$(MAKE) check-compiler BUILD=$(BUILD)/clang CC=clang
	+$(MAKE) check-clang-undefined
# clang finds what gcc's sanitizer of undefined behaviour does not: NULL + 0.
.PHONY: check-clang-undefined
check-clang-undefined:
	+$(MAKE) check-unit check-relay check-fuzz BUILD=$(BUILD)/clang-undefined CC=clang \
		SANITIZE=undefined
check-lto: ## build with -O3 -flto, and run the unit tests and the victims
	+nice $(MAKE) build-compiler BUILD=$(BUILD)/lto CFLAGS='-O3 -flto'
	+$(MAKE) check-compiler BUILD=$(BUILD)/lto CFLAGS='-O3 -flto'
build-compiler: $(products) $(unit_tests) $(relay_tests) $(victims) $(plugins) $(supports)
check-compiler: build-compiler
	status=0; \
	tests/unit.sh $(unit_tests) $(relay_tests) || status=1; \
	$(test_env) tests/symbols.sh $(BUILD)/libxsock.so || status=1; \
	$(test_env) tests/preload/run.sh || status=1; \
	exit $$status

# A relay and a library with ThreadSanitizer.  The tests themselves are built without:
# Criterion cannot have its memory then.
.PHONY: check-tsan check-threads
check-tsan: $(relay_tests) ## look for data races of the relay
	mkdir -p $(BUILD)/tsan/tests/relay
	cp $(relay_tests) $(BUILD)/tsan/tests/relay/
	+$(MAKE) check-threads BUILD=$(BUILD)/tsan SANITIZE=thread
check-threads: $(products) $(supports) $(loaders) $(plugins)
	status=0; \
	$(test_env) XSOCK_TEST_SANITIZED=1 tests/unit.sh $(filter-out %/test_cost,$(relay_tests)) || status=1; \
	$(test_env) tests/load/run.sh hold 300 || status=1; \
	exit $$status

# Those that install more, or fetch, which is done before the tests begin: they
# see no network.  What is installed counts for what is built, so make begins
# again.
unpacked_exim := exim4-base exim4-config exim4-daemon-light
unpacked := inn2 inn2-inews vsftpd
unpacked_cyrus := cyrus-common cyrus-imapd cyrus-pop3d

# A cross build, with the arm64 packages of the Debian that this machine has.
arm64_root = $(abspath $(BUILD))/arm64/root
ARM64_CC  ?= aarch64-linux-gnu-gcc
ARMHF_CC  ?= arm-linux-gnueabihf-gcc
arm64_cc   = $(ARM64_CC) --sysroot=$(arm64_root)
arm64_make = PKG_CONFIG_SYSROOT_DIR=$(arm64_root) \
	PKG_CONFIG_LIBDIR=$(arm64_root)/usr/lib/aarch64-linux-gnu/pkgconfig \
	$(MAKE) BUILD=$(BUILD)/arm64 CC='$(arm64_cc)' SANITIZE=
.PHONY: arm64 arm64-system amd64-system
arm64: deps ## build for arm64, and run by qemu-user what that can
	tests/support/install.sh tests/machine/packages-arm64
	tests/machine/fetch.sh arm64 $(BUILD)/arm64
	+$(arm64_make) check-build
	tests/symbols.sh $(BUILD)/arm64/libxsock.so '$(arm64_cc)'
	$(test_env) tests/machine/arm64.sh
arm64-system: deps ## build for arm64, and run the victims on a machine that qemu makes
	tests/support/install.sh tests/machine/packages-arm64 tests/machine/packages
	tests/machine/fetch.sh arm64 $(BUILD)/arm64 kernel
	+$(arm64_make) check-build
	+$(MAKE) ABI=m32 BUILD=$(BUILD)/arm64/m32 CC='$(ARMHF_CC)' supervised
	$(test_env) tests/machine/system.sh arm64
# This machine's own programs, with a kernel that runs those of 32 bits, too.
amd64-system: deps ## run a supervisor of 32-bit programs on a machine that qemu makes
	tests/support/install.sh tests/supervise/packages-m32 tests/machine/packages
	tests/machine/fetch.sh amd64 $(BUILD)/amd64 kernel
	+$(MAKE) all m32 $(supports) $(supervised)
	+$(MAKE) ABI=m32 BUILD=$(BUILD)/m32 CC='$(M32_CC)' supervised
	$(test_env) tests/machine/system.sh amd64

.PHONY: farm
farm: deps ## print the table of servers with something wrong: expected, xsock, curl
	+$(MAKE) check-farm

.PHONY: hosts
hosts: deps ## try the library in programs of every kind: languages, allocators, 32 bits, musl, a browser
	tests/support/install.sh tests/hosts/packages
	+$(MAKE) all m32 musl $(supports) $(victims)
	-tests/hosts/fetch.sh $(BUILD)/foreign $(BUILD)/musl/kernel
	+$(MAKE) ABI=m32 BUILD=$(BUILD)/m32 CC='$(M32_CC)' victims
	+$(MAKE) ABI=musl BUILD=$(BUILD)/musl CC='$(MUSL_CC)' victims
	status=0; \
	tests/symbols.sh $(BUILD)/m32/libxsock.so '$(M32_CC)' || status=1; \
	tests/entry_points.sh '$(M32_CC)' || status=1; \
	tests/symbols.sh $(BUILD)/musl/libxsock.so '$(MUSL_CC)' || status=1; \
	$(test_env) tests/hosts/run.sh || status=1; \
	$(test_env) tests/hosts/victims.sh m32 $(abi_victims) || status=1; \
	$(test_env) tests/hosts/victims.sh musl $(abi_victims) || status=1; \
	exit $$status

.PHONY: daemons
daemons: deps ## print the table of daemons that change their environment or user: what becomes of their TLS
	tests/support/install.sh tests/daemons/packages
	-tests/support/unpack.sh $(BUILD)/unpacked $(unpacked_exim)
	+$(MAKE) all $(supports)
	+$(MAKE) check-daemons

# Five minutes on two processors.
.PHONY: supervise-victims
supervise-victims: deps ## run the victims, linked statically with glibc and musl, under a supervisor
	tests/support/install.sh tests/supervise/packages-more
	+$(MAKE) all $(supports)
	+$(MAKE) ABI=static BUILD=$(BUILD)/static victims
	+$(MAKE) ABI=musl BUILD=$(BUILD)/static-musl CC='$(MUSL_CC) -static' victims
	status=0; \
	$(test_env) tests/supervise/victims.sh static $(abi_victims) || status=1; \
	$(test_env) tests/supervise/victims.sh static-musl $(abi_victims) || status=1; \
	exit $$status

# Three minutes.  Where this machine's kernel runs no programs of 32 bits, it fails:
# amd64-system has one that does.
.PHONY: supervise-m32
supervise-m32: deps ## run programs of 32 bits under a supervisor, by both kinds of their calls
	tests/support/install.sh tests/supervise/packages-m32
	+$(MAKE) all m32 $(supports) $(supervised)
	+$(MAKE) ABI=m32 BUILD=$(BUILD)/m32 CC='$(M32_CC)' supervised
	status=0; \
	$(test_env) tests/supervise/run.sh abi || status=1; \
	export XSOCK_TEST_VICTIM=$(abspath $(BUILD))/m32/tests/supervise/victim; \
	$(test_env) tests/supervise/run.sh $(supervise_m32) || status=1; \
	SOCKETCALL=1 $(test_env) tests/supervise/run.sh $(supervise_m32) || status=1; \
	exit $$status
supervise_m32 := ways same refusals process killed reused

# Seven minutes on two processors; build/transparency.txt and transparency-datagrams.txt keep the tables.
.PHONY: transparency
transparency: deps ## print what other people's tests give plain, preloaded and relayed
	tests/support/install.sh tests/transparency/packages
	-tests/transparency/get.sh $(BUILD)/transparency libuv tcl ruby >/dev/null
	+$(MAKE) all $(supports)
	status=0; \
	$(test_env) tests/transparency/run.sh || status=1; \
	$(test_env) tests/transparency/run.sh --datagrams || status=1; \
	exit $$status

# build/transparency-more.txt keeps the table.
.PHONY: transparency-more
transparency-more: deps ## the same for suites that CI leaves out: those of curl, Java, libevent, Node, Perl and Redis
	tests/support/install.sh tests/transparency/packages tests/transparency/packages-more
	-tests/transparency/get.sh $(BUILD)/transparency curl java libevent node perl redis >/dev/null
	+$(MAKE) all $(supports)
	$(test_env) tests/transparency/run.sh --more

# build/transparency-supervised.txt keeps the table.
.PHONY: transparency-supervised
transparency-supervised: deps ## the suites of "transparency" without the library, under a supervisor
	tests/support/install.sh tests/transparency/packages
	-tests/transparency/get.sh $(BUILD)/transparency libuv tcl ruby >/dev/null
	+$(MAKE) all $(supports)
	$(test_env) tests/transparency/run.sh --supervised

.PHONY: matrix
matrix: deps ## print the matrix of real clients and real servers: version, cipher, result
	tests/support/install.sh tests/matrix/packages
	-tests/support/unpack.sh $(BUILD)/unpacked $(unpacked)
	-tests/support/npm/install.sh $(BUILD)/npm
	+$(MAKE) all $(supports)
	$(test_env) tests/matrix/run.sh

.PHONY: starttls
starttls: deps ## print the table of STARTTLS: protocol, mode, servers, clients, hostile cases
	tests/support/install.sh tests/starttls/packages
	-tests/support/unpack.sh $(BUILD)/unpacked $(unpacked) $(unpacked_cyrus)
	-tests/support/npm/install.sh $(BUILD)/npm
	+$(MAKE) all $(supports)
	$(test_env) tests/starttls/run.sh

# A suite that fails here fails in "make check", too, or only for lack of speed, or
# because a program may write no file, and so no counts.  One that has given its user
# up writes what it has run to files that are there already.
cover_cflags := -O0 -g --coverage -fprofile-update=atomic
.PHONY: cover
cover: deps ## print which part of lines and branches the tests run; less than 90 % of lines of library or relay fails
	-find $(BUILD)/cover -name '*.gcda' -delete
	+$(MAKE) BUILD=$(BUILD)/cover CFLAGS='$(cover_cflags)' check-build
	find $(BUILD)/cover -name '*.gcno' | sed 's/gcno$$/gcda/' >$(BUILD)/cover/counts
	xargs touch <$(BUILD)/cover/counts
	xargs chmod a+rw <$(BUILD)/cover/counts
	-+$(MAKE) -k BUILD=$(BUILD)/cover CFLAGS='$(cover_cflags)' \
		$(addprefix check-,unit relay fuzz memory preload resolver lookups exec supervise \
		servers ftp farm probe trace)
	tests/cover.sh $(BUILD)/cover 90

# At low priority: what else runs waits for answers, and this needs only what is left.
FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz: ## let libFuzzer look for inputs that break a target: FUZZ_SECONDS=60 for each
	tests/support/install.sh tests/support/compilers
	+nice $(MAKE) BUILD=$(BUILD)/search CC=clang CFLAGS='-O1 -g' CPPFLAGS=-DXS_LIBFUZZER \
		SANITIZE=fuzzer,address,undefined \
		$(if $(TARGETS),$(TARGETS:%=$(BUILD)/search/tests/fuzz/fuzz_%),fuzzers)
	XSOCK_TEST_BUILD=$(BUILD)/search nice tests/fuzz/search.sh '$(FUZZ_SECONDS)' $(TARGETS)
.PHONY: fuzzers
fuzzers: $(fuzzers)

.PHONY: faults
faults: deps ## refuse every system call and every allocation of client and relay in turn, and count what became of it
	+XSOCK_TEST_ALL=1 $(MAKE) check-faults
	tests/support/install.sh tests/faults/packages
	+$(MAKE) all $(supports) $(loaders) $(plugins)
	$(test_env) tests/faults/run.sh all
	$(test_env) tests/faults/memory.sh all

SECONDS ?= 3600
.PHONY: load churn
load: deps ## carry 10,000 connections at once, 2,000 silent ones, and some that come and go
	+$(MAKE) all $(supports) $(loaders)
	$(test_env) tests/load/run.sh all
churn: deps ## an hour of connections that come and go: memory and descriptors of the relay stay flat (SECONDS=3600)
	+$(MAKE) all $(supports) $(loaders)
	$(test_env) tests/load/run.sh churn '$(SECONDS)'

.PHONY: bench bench-quick bench-check
bench: ## measure against OpenSSL in the program and proxies [ROWS=REGEX] [GRAFTCP=CLONE]
bench-quick: ## the same in less than three minutes
bench-check: ## make sure that all who are measured do the same work
bench bench-quick bench-check: deps
	tests/support/install.sh tests/bench/packages $(if $(GRAFTCP),tests/bench/packages-graftcp)
	+$(MAKE) all $(benchers) $(supports) $(udp_programs)
	$(if $(GRAFTCP),tests/bench/graftcp.sh '$(GRAFTCP)' '$(abspath $(BUILD))/graftcp')
	$(test_env) BENCH_ROWS='$(ROWS)' $(if $(GRAFTCP),BENCH_GRAFTCP='$(abspath $(BUILD))/graftcp/graftcp') \
		tests/bench/run.sh $(patsubst bench-%,--%,$(filter-out bench,$@))

RELEASES ?= bookworm trixie
.PHONY: bench-releases
bench-releases: ## the same in Debians made from nothing, in one table: RELEASES='bookworm trixie' (as root) [ROWS=REGEX] [QUICK=1]
	tests/support/install.sh tests/fresh/packages
	BUILD='$(BUILD)' ROWS='$(ROWS)' QUICK='$(QUICK)' tests/bench/releases.sh $(RELEASES)

.PHONY: fresh
fresh: ## run "make demo" and "make check" from nothing: RELEASE=trixie (as root) [SUITES='preload servers']
	tests/support/install.sh tests/fresh/packages
	set -f; BUILD='$(BUILD)' tests/fresh/run.sh '$(RELEASE)' $(SUITES)

.PHONY: deb deb-roots
deb: ## build the packages of Debian below build/deb (tools/debian)
	tests/support/install.sh tests/deb/packages
	tools/debian/build.sh $(BUILD)/deb
deb-roots: ## build and try them from nothing: RELEASES='bookworm trixie' (as root)
	tests/support/install.sh tests/fresh/packages tests/deb/roots.packages
	BUILD='$(BUILD)' tests/deb/roots.sh $(RELEASES)

# Ten minutes on two processors, and the Debian that it is tried on before.
.PHONY: services
services: ## try daemons by Debian's own units, with systemd on a machine of its own, as xsock-services(7) says (as root)
	@[ "$$(id -u)" -eq 0 ] || { echo 'make services: only root can boot a Debian; use sudo' >&2; exit 1; }
	tests/support/install.sh tests/services/packages
	+$(MAKE) all
	BUILD='$(BUILD)' tests/services/run.sh $(DAEMONS)

.PHONY: structure
structure: ## print which folder includes which, and what tests/layers forbids
	@tests/structure.sh

.PHONY: lint
lint: ## hold the rules: who may include, call and read what; the format
	tests/support/install.sh tests/support/formatter
	tests/lint.sh

.PHONY: analyze
analyze: ## let clang-tidy, cppcheck and gcc's analyzer look for faults
	tests/support/install.sh tests/support/analyzers
	tests/analyze.sh

# For clangd and other tools that must know how each file is compiled.
compile_commands.json: always
	@$(MAKE) --no-print-directory -nB V=1 check-build | \
		sed -n 's/[\\"]/\\&/g; s/.* -c -o [^ ]* \([^ ]*\.c\)$$/ {"directory": "$(subst /,\/,$(CURDIR))", "file": "\1", "command": "&"}/p' | \
		sed '1s/^/[/; $$!s/$$/,/; $$s/$$/ ]/' > $@.new
	@mv $@.new $@

.PHONY: demo
demo: deps ## show curl, wget, redis-cli, python3 and bash speaking TLS, on loopback
	+$(MAKE) all
	tests/demo.sh

.PHONY: deps
deps: ## install the Debian packages that build, tests and demo need
	tests/support/install.sh

.PHONY: pictures
pictures: ## record the terminal session of README.md (as root)
	tests/support/install.sh tests/recipes/session.packages
	+$(MAKE) all $(supports)
	$(test_env) tests/recipes/session.sh $(CURDIR)/tests/recipes/session.svg

.PHONY: html
html: $(made_manuals) ## write the manuals as build/html
	tests/support/install.sh tests/manuals/packages
	tests/manuals/html.sh $(BUILD)/html $(manuals)

# --- installation ------------------------------------------------------

# Each manual lies beside what it is about, but for those that are made.
manuals := $(sort $(wildcard $(addsuffix /*.[1-8],shim tools/relay tools/xsock))) $(made_manuals)
completion := tools/xsock/completion

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
install: $(products) $(made_manuals) ## install to DESTDIR/PREFIX (LIBDIR, BINDIR, LIBEXECDIR, MANDIR, BASHDIR, ZSHDIR, FISHDIR)
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR) \
		$(DESTDIR)$(LIBEXECDIR)
	install -m 755 $(BUILD)/xsock $(DESTDIR)$(BINDIR)/xsock
	install -m 644 $(BUILD)/libxsock.so $(DESTDIR)$(LIBDIR)/libxsock.so
	install -m 755 $(BUILD)/xsock-relay $(BUILD)/xsock-commands $(DESTDIR)$(LIBEXECDIR)
	$(call install_other,m32,$(LIBDIR32))
	$(call install_other,musl,$(LIBDIR_MUSL))
	if [ -e $(BUILD)/m32/libxsock.so ]; then \
		$(call install_link,$(LIBDIR32),$(BIARCH32)) && \
		$(call install_link,$(LIBDIR),$(LIBDIR64)); fi
	for page in $(manuals); do \
		install -D -m 644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/} || exit; done
	install -d $(DESTDIR)$(BASHDIR) $(DESTDIR)$(ZSHDIR) $(DESTDIR)$(FISHDIR)
	install -m 644 $(completion)/xsock.bash $(DESTDIR)$(BASHDIR)/xsock
	install -m 644 $(completion)/_xsock $(DESTDIR)$(ZSHDIR)/_xsock
	install -m 644 $(completion)/xsock.fish $(DESTDIR)$(FISHDIR)/xsock.fish
	$(if $(DESTDIR),,PATH=$$PATH:/usr/sbin:/sbin ldconfig 2>/dev/null || true)

.PHONY: uninstall
uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(BINDIR)/xsock $(DESTDIR)$(LIBDIR)/libxsock.so \
		$(DESTDIR)$(LIBDIR32)/libxsock.so $(DESTDIR)$(BIARCH32)/libxsock.so \
		$(DESTDIR)$(LIBDIR64)/libxsock.so \
		$(DESTDIR)$(LIBDIR_MUSL)/libxsock.so \
		$(DESTDIR)$(LIBEXECDIR)/xsock-relay $(DESTDIR)$(LIBEXECDIR)/xsock-commands \
		$(foreach page,$(manuals),$(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(notdir $(page))) \
		$(DESTDIR)$(BASHDIR)/xsock $(DESTDIR)$(ZSHDIR)/_xsock \
		$(DESTDIR)$(FISHDIR)/xsock.fish
	$(if $(DESTDIR),,PATH=$$PATH:/usr/sbin:/sbin ldconfig 2>/dev/null || true)

.PHONY: clean
clean: ## remove everything that was built
	rm -rf build

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' Makefile | \
		awk -F'|' '{ printf "  make %-13s %s\n", $$1, $$2 }'
