# SPDX-License-Identifier: Apache-2.0
# coffer. Targets and variables: README.md, section "Building".

PREFIX  ?= /usr/local
DESTDIR ?=
BINDIR  ?= $(PREFIX)/bin
NETDIR   = $(BINDIR)/../lib/coffer
MANDIR  ?= $(PREFIX)/share/man
DOCDIR  ?= $(PREFIX)/share/doc/coffer
SHAREDIR = $(BINDIR)/../share/coffer
UNITDIR ?= $(PREFIX)/lib/systemd
CLIENT_DIRS := clients/hummingbot clients/python clients/js
B       ?= build/release
CC      ?= cc
CFLAGS  ?= -O2 -g
WERROR  ?=
SAN     ?=
T       ?=
V       ?=
FUZZ_S  ?= 60
VERSION := $(or $(if $(wildcard .git),$(patsubst v%,%,$(shell git describe --tags --dirty 2>/dev/null))),$(shell cat VERSION))

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' '$(1)' '$(2)')

# A program links of these what it uses: coffer neither libevent nor libseccomp, coffer-agent no p11-kit.
PKGS := p11-kit-1 libcrypto libcjson libevent_core libseccomp
# Of coffer-net, the one program that links libcurl.
NET_PKGS := libcurl libseccomp libssl libcrypto libcjson libevent_core
# Goals that do not compile by themselves: no compiler or library is looked for when only these are asked.
GOALS := $(or $(MAKECMDGOALS),all)
QUIET_GOALS := clean lint uninstall deps demo check check-slow check-tokens check-clients bench asan valgrind fuzz
COMPILES := $(filter-out $(QUIET_GOALS),$(GOALS))

# Each optional flag is probed once per compiler and kept only if the compiler takes it.
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wwrite-strings \
        -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wundef -Wvla -Wformat=2 \
        -Wnull-dereference -Wimplicit-fallthrough -Wdouble-promotion
OPTIONAL := -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wjump-misses-init -Wcast-align=strict \
        -Wtrampolines -Walloca -Wformat-signedness -fstack-protector-strong -fstack-clash-protection \
        -fcf-protection=full -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr -fno-common \
        -fno-strict-overflow -fno-delete-null-pointer-checks
FORTIFY := -D_FORTIFY_SOURCE=3
LINK := -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code -Wl,--as-needed

ifneq ($(COMPILES),)
MISSING := $(shell CC='$(firstword $(CC))' tests/deps.sh build --show 2>&1)
ifneq ($(MISSING),)
$(info $(MISSING))
$(error a library or tool that the build needs is missing; the line above installs it)
endif
FLAGCACHE := build/.flags-$(subst /,_,$(firstword $(CC)))
PROBED := $(shell mkdir -p build; [ $(FLAGCACHE) -nt Makefile ] || { for f in $(OPTIONAL) $(FORTIFY); do \
        printf '\043include <stdio.h>\nint main(void){return 0;}\n' | \
        $(CC) -O2 -U_FORTIFY_SOURCE -Werror $$f -x c - -o /dev/null 2>/dev/null && printf '%s ' $$f; \
        done; echo; } > $(FLAGCACHE).new; [ $(FLAGCACHE) -nt Makefile ] || mv $(FLAGCACHE).new $(FLAGCACHE); \
        cat $(FLAGCACHE))
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) | sed 's/-I/-isystem /g')
PKG_LIBS   := $(shell pkg-config --libs $(PKGS))
NET_CFLAGS := $(shell pkg-config --cflags $(NET_PKGS) | sed 's/-I/-isystem /g')
NET_LIBS   := $(shell pkg-config --libs $(NET_PKGS))
endif

# Not with sanitizers, nor without optimisation; 2 where the compiler or the C library has no 3.
HARDEN := -fPIE $(if $(SAN)$(if $(filter-out -O0,$(filter -O%,$(CFLAGS))),,none),,-U_FORTIFY_SOURCE \
        $(or $(filter $(FORTIFY),$(PROBED)),-D_FORTIFY_SOURCE=2))

CPPFLAGS += -I. -D_GNU_SOURCE -DOPENSSL_API_COMPAT=30000 -DOPENSSL_NO_DEPRECATED -DVERSION='"$(VERSION)"'
ALL_CFLAGS = -std=gnu17 $(CFLAGS) $(WARN) $(filter-out $(FORTIFY),$(PROBED)) $(HARDEN) $(SAN) $(WERROR) $(CPPFLAGS) $(PKG_CFLAGS)
ALL_LIBS = $(PKG_LIBS) -lpthread

# The programs, and the folder of each one's main.c.
PROGRAMS := coffer coffer-net coffer-agent coffer-token
MAIN_coffer := cli
MAIN_coffer-net := net
MAIN_coffer-agent := agent
MAIN_coffer-token := helper
DIRS := base pkcs11 vault connectors agent helper cli
SRCS := $(filter-out %/main.c,$(wildcard $(addsuffix /*.c,$(DIRS))))
LIB  := $(B)/libcoffer.a
OBJS := $(SRCS:%.c=$(B)/%.o)
# coffer-net is made of net/ and base/ alone; the tests of its parts link the same archive.
NET_SRCS := $(filter-out net/main.c,$(wildcard net/*.c base/*.c))
NET_OBJS := $(NET_SRCS:%.c=$(B)/%.o)
NET_LIB  := $(B)/libcoffernet.a
UNITS := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/test_*.c))
TEST_LIB := $(B)/tests/libtests.a
# http_fixture.c stands in for what other tests take from coffer-net itself.
TEST_OBJS := $(patsubst %.c,$(B)/%.o,$(filter-out tests/test_%.c tests/http_fixture.c,$(wildcard tests/*.c)))
TOOL_SRCS := $(wildcard tests/tools/*.c)
SO_SRCS := $(filter %_preload.c %_module.c,$(TOOL_SRCS))
TOOLS := $(patsubst tests/tools/%.c,$(B)/tools/%,$(filter-out $(SO_SRCS),$(TOOL_SRCS))) \
         $(patsubst tests/tools/%.c,$(B)/tools/%.so,$(SO_SRCS)) $(B)/tools/card $(B)/tools/mock.so
CARD_OBJS := $(patsubst %.c,$(B)/%.o,$(wildcard tests/card/*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
# Programs of their own, besides the one that measures.
BENCH_PLAIN := $(patsubst %,tests/bench/%.c,floor floor_net floor_read floor_wrap load server)
BENCH_SRCS := $(filter-out $(BENCH_PLAIN),$(wildcard tests/bench/*.c))
BENCH := $(B)/bench/bench $(BENCH_PLAIN:tests/%.c=$(B)/%)

.PHONY: FORCE all check check-run check-slow check-slow-run check-tokens check-tokens-run check-clients check-clients-run demo demo-run bench bench-run asan valgrind lint fuzz fuzz-run \
        install uninstall clean deps units tools fuzzers example
.SECONDARY:
.DELETE_ON_ERROR:

all: $(PROGRAMS:%=build/%)

$(PROGRAMS:%=build/%): build/%: $(B)/%
	$(Q)[ "$(B)" != build/release ] || ln -f $< $@

.SECONDEXPANSION:
$(B)/coffer $(B)/coffer-agent $(B)/coffer-token: $(B)/%: $(B)/$$(MAIN_$$*)/main.o $(LIB)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SAN) $(LINK) -o $@ $^ $(ALL_LIBS)

$(B)/coffer-net: $(B)/net/main.o $(NET_LIB)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SAN) $(LINK) -o $@ $^ $(NET_LIBS) -lpthread

$(LIB): $(OBJS)
$(NET_LIB): $(NET_OBJS)
$(LIB) $(NET_LIB):
	$(call say,AR,$@)
	$(Q)rm -f $@; ar crs $@ $^
$(B)/net/%.o: PKG_CFLAGS += $(NET_CFLAGS)

# The last command line lives in .flags, so that changed flags rebuild; so does the version for the files that print it.
$(B)/.flags: FORCE
	$(Q)mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(CC) $(filter-out -DVERSION=%,$(ALL_CFLAGS)))' | cmp -s - $@ || \
	  printf '%s\n' '$(subst ','\'',$(CC) $(filter-out -DVERSION=%,$(ALL_CFLAGS)))' > $@
$(B)/.version: FORCE
	$(Q)mkdir -p $(@D); echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' > $@
FORCE:

$(patsubst %.c,$(B)/%.o,$(shell grep -lw VERSION $(wildcard cli/*.c agent/*.c net/*.c helper/*.c) /dev/null)): $(B)/.version

$(B)/%.o: %.c $(B)/.flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D); $(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/tests/%.o: tests/%.c $(B)/.flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D); $(CC) $(ALL_CFLAGS) -UNDEBUG -MMD -MP -c -o $@ $<

# What several tests share (harness, keys in memory) is an archive; each test links what it uses of it.
$(TEST_LIB): $(TEST_OBJS)
	$(call say,AR,$@)
	$(Q)rm -f $@; ar crs $@ $^

$(B)/tests/test_%: $(B)/tests/test_%.o $(TEST_LIB) $(LIB)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SAN) $(LINK) -o $@ $^ $(ALL_LIBS)

# These talk to a real coffer-net, or to parts of it.
$(B)/tests/test_courier $(B)/tools/fetch: | $(B)/coffer-net
# What tests parts of net/ includes one of its headers, or a fixture that does.
NET_TESTS := $(patsubst tests/%.c,$(B)/tests/%,$(shell grep -lE '"(net/|tests/(gate_world|http_fixture|tls_server))' tests/test_*.c)) \
        $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(shell grep -l '"net/' tests/fuzz/fuzz_*.c))
$(NET_TESTS): $(NET_LIB)
$(NET_TESTS): PKG_LIBS += $(NET_LIBS)
# The stand-ins come before the archives that have the real ones.
HTTP_TESTS := $(patsubst tests/%.c,$(B)/tests/%,$(shell grep -l '"tests/http_fixture' tests/test_*.c))
$(HTTP_TESTS): $(B)/tests/%: $(B)/tests/%.o $(B)/tests/http_fixture.o $(TEST_LIB) $(NET_LIB)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SAN) $(LINK) -o $@ $^ $(ALL_LIBS)

# Tools of the tests: programs, and shared objects (*_preload.c, *_module.c), which never carry a sanitizer.
$(B)/tools/%.so: tests/tools/%.c $(B)/.flags
	$(call say,TOOL,$@)
	$(Q)mkdir -p $(@D); $(CC) $(filter-out $(SAN) -fPIE,$(ALL_CFLAGS)) -fPIC -shared -MMD -MP -MF $(@:.so=.d) -MT $@ \
	  -o $@ $< -ldl

$(B)/tools/%: tests/tools/%.c $(B)/.flags $(TEST_LIB) $(LIB)
	$(call say,TOOL,$@)
	$(Q)mkdir -p $(@D); $(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -MT $@ -o $@ $< $(TEST_LIB) $(LIB) $(LINK) $(ALL_LIBS) -ldl

# A PIV card for the reader's driver vpcd: a program of its own.
$(B)/tools/card: $(CARD_OBJS)
	$(call say,TOOL,$@)
	$(Q)mkdir -p $(@D); $(CC) $(CFLAGS) $(SAN) $(LINK) -o $@ $^ -lcrypto

# A driver that fails on demand. One command for all its files; only what is marked is exported.
$(B)/tools/mock.so: $(wildcard tests/mock/*.c tests/mock/*.h) $(B)/.flags
	$(call say,TOOL,$@)
	$(Q)mkdir -p $(@D); $(CC) $(filter-out $(SAN) -fPIE,$(ALL_CFLAGS)) -fPIC -fvisibility=hidden -shared -o $@ $(filter %.c,$^) \
	  -lcrypto -lpthread -ldl

# Harnesses: replayed by a main of our own, or driven by libFuzzer when SAN names it (see fuzz).
FUZZ_MAIN := $(B)/tests/fuzz/start.o $(if $(findstring fuzzer,$(SAN)),,$(B)/tests/fuzz/replay.o)
$(B)/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(FUZZ_MAIN) $(LIB)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D); $(CC) $(CFLAGS) $(SAN:%fuzzer-no-link=%fuzzer) $(LINK) -o $@ $^ $(ALL_LIBS)

$(B)/bench/bench: $(BENCH_SRCS:%.c=$(B)/%.o) $(LIB)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D); $(CC) $(CFLAGS) $(SAN) $(LINK) -o $@ $^ $(ALL_LIBS)

# A floor is what a plain program costs: no flags of ours.
BENCH_LIBS := -ldl -lcrypto
$(B)/bench/floor_net: BENCH_LIBS := -lcurl
$(B)/bench/server: BENCH_LIBS := -lssl -lcrypto -lpthread
$(BENCH_PLAIN:tests/%.c=$(B)/%): $(B)/%: tests/%.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D); $(CC) -std=gnu17 -O2 -Wall -Wextra -D_GNU_SOURCE $(PKG_CFLAGS) -o $@ $< $(BENCH_LIBS)

# What made the worked example of vault/FORMAT.md; it is built only so that it keeps up with the code.
$(B)/make_example: tests/example/make_example.c $(B)/.flags $(TEST_LIB) $(LIB)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D); $(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -MT $@ -o $@ $< $(TEST_LIB) $(LIB) $(LINK) $(ALL_LIBS)

units: $(UNITS)
tools: $(TOOLS)
fuzzers: $(FUZZERS)
example: $(B)/make_example

# check, demo and the like first see to what they need (tests/deps.sh), then start a make that compiles.
check:
	@tests/deps.sh check
	@$(MAKE) --no-print-directory check-run

check-run: $(PROGRAMS:%=$(B)/%) all units tools fuzzers
	@B='$(B)' T='$(T)' SAN='$(SAN)' tests/run.py

# The sweeps that kill or starve a command at each of its system calls.
check-slow:
	@tests/deps.sh check
	@$(MAKE) --no-print-directory check-slow-run

check-slow-run: $(PROGRAMS:%=$(B)/%) tools
	@B='$(B)' T='$(T)' SAN='$(SAN)' tests/run.py --slow

# The end-to-end scripts again, on each token by its real driver.
check-tokens:
	@tests/deps.sh check
	@$(MAKE) --no-print-directory check-tokens-run

check-tokens-run: $(PROGRAMS:%=$(B)/%) tools
	@B='$(B)' T='$(T)' SAN='$(SAN)' tests/run.py --tokens

# Real client libraries, from npm, on the agent's proxy and the simulated exchanges.
check-clients:
	@tests/deps.sh check
	@$(MAKE) --no-print-directory check-clients-run

check-clients-run: $(PROGRAMS:%=$(B)/%) tools
	@sh tests/clients/prepare.sh build/clients
	@B='$(B)' T='$(T)' SAN='$(SAN)' tests/run.py --clients

demo:
	@tests/deps.sh demo
	@$(MAKE) --no-print-directory demo-run

demo-run: all
	@rm -rf build/demo
	@COFFER='$(CURDIR)/build/coffer' tests/demo/demo.sh build/demo

bench:
	@tests/deps.sh demo
	@$(MAKE) --no-print-directory bench-run

bench-run: all $(BENCH) tools
	@tests/bench/run.sh $(B)/bench build/coffer

SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
asan:
	@tests/deps.sh check
	@$(MAKE) --no-print-directory B=build/asan SAN='$(SANITIZE)' CFLAGS='-O1 -g' check-run

valgrind:
	@tests/deps.sh check valgrind
	@$(MAKE) --no-print-directory units
	@B='$(B)' T='$(T)' tests/run.py --valgrind

fuzz:
	@tests/deps.sh build clang
	@$(MAKE) --no-print-directory B=build/fuzz CC=clang CFLAGS='-O1 -g' FUZZ_S='$(FUZZ_S)' T='$(T)' \
	  SAN='-fsanitize=address,undefined -fno-sanitize-recover=all -fsanitize=fuzzer-no-link' fuzz-run

fuzz-run: fuzzers
	@B='$(B)' T='$(T)' FUZZ_S='$(FUZZ_S)' tests/fuzz/run.sh

lint:
	@tests/deps.sh check
	@tests/lint/run.sh

# coffer looks for coffer-net in ../lib/coffer, seen from itself.
install: all
	install -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(NETDIR)' '$(DESTDIR)$(MANDIR)/man1'
# Not readable: the kernel then keeps other processes of the user out from the first instruction on.
	install -m 711 build/coffer '$(DESTDIR)$(BINDIR)/coffer'
	install -m 711 build/coffer-net build/coffer-agent build/coffer-token '$(DESTDIR)$(NETDIR)'
	install -m 644 man/coffer.1 '$(DESTDIR)$(MANDIR)/man1/coffer.1'
	for d in $(CLIENT_DIRS); do install -d '$(DESTDIR)$(SHAREDIR)'/$$d && \
	  install -m 644 $$d/*.* '$(DESTDIR)$(SHAREDIR)'/$$d || exit 1; done
	for d in user system; do install -d '$(DESTDIR)$(UNITDIR)'/$$d && for f in systemd/$$d/*; do \
	  sed 's|/usr/bin/coffer|$(BINDIR)/coffer|' $$f >'$(DESTDIR)$(UNITDIR)'/$$d/$${f##*/} && \
	  chmod 644 '$(DESTDIR)$(UNITDIR)'/$$d/$${f##*/} || exit 1; done; done
	install -d '$(DESTDIR)$(DOCDIR)/docs/tokens'
	install -m 644 docs/tokens/*.md '$(DESTDIR)$(DOCDIR)/docs/tokens'

uninstall:
	rm -f '$(DESTDIR)$(BINDIR)/coffer' '$(DESTDIR)$(MANDIR)/man1/coffer.1'
	rm -f $(patsubst %,'$(DESTDIR)$(NETDIR)/%',coffer-net coffer-agent coffer-token)
	rm -f $(patsubst %,'$(DESTDIR)$(DOCDIR)/%',$(wildcard docs/tokens/*.md))
	rm -f $(patsubst systemd/%,'$(DESTDIR)$(UNITDIR)/%',$(wildcard systemd/*/*))
	rm -rf $(patsubst %,'$(DESTDIR)$(SHAREDIR)/%',$(CLIENT_DIRS))
	rmdir '$(DESTDIR)$(SHAREDIR)/clients' '$(DESTDIR)$(SHAREDIR)' 2>/dev/null || :
	rmdir '$(DESTDIR)$(NETDIR)' '$(DESTDIR)$(DOCDIR)/docs/tokens' '$(DESTDIR)$(DOCDIR)/docs' '$(DESTDIR)$(DOCDIR)' 2>/dev/null || :

deps:
	@tests/deps.sh check

clean:
	rm -rf build

-include $(OBJS:.o=.d) $(NET_OBJS:.o=.d) $(B)/net/main.d $(B)/agent/main.d $(B)/helper/main.d $(UNITS:%=%.d) $(B)/cli/main.d $(B)/make_example.d $(TEST_OBJS:.o=.d) $(CARD_OBJS:.o=.d) $(wildcard $(B)/tools/*.d \
         $(B)/tests/fuzz/*.d $(B)/tests/bench/*.d)
