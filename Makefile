# rocketkv: `make` builds the library and the launcher, `make demo` runs the main job, `make test` everything that is checked.

BUILD    := build
OBJ      := $(BUILD)/obj
CXX      ?= g++
WERROR   := -Werror
CXXFLAGS := -std=c++20 -O3 -g1 -fPIC -fvisibility=hidden -Wall -Wextra $(WERROR) -Icuda -Icuda/include
# Kernels (*.kernel.cpp) are compiled once per instruction set; all other code runs on any x86-64.
ISAS             := avx2 avx512 avx512bf16
FLAGS_avx2       := -mavx2 -mfma -mf16c
FLAGS_avx512     := $(FLAGS_avx2) -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni
FLAGS_avx512bf16 := $(FLAGS_avx512) -mavx512bf16
# gcc 12 takes the undefined upper half in its own AVX-512 intrinsics for an uninitialised variable of ours.
KERNEL_FLAGS     := -ffp-contract=off -Wno-uninitialized -Wno-maybe-uninitialized

comma := ,

KERNELS := $(wildcard cuda/cpu/*.kernel.cpp)
SOURCES := $(filter-out $(KERNELS),$(wildcard cuda/api/*.cpp cuda/core/*.cpp cuda/cpu/*.cpp))
OBJECTS := $(SOURCES:cuda/%.cpp=$(OBJ)/%.o) $(foreach isa,$(ISAS),$(KERNELS:cuda/%.cpp=$(OBJ)/%.$(isa).o))

.PHONY: all lib
all: setup lib $(BUILD)/rocketkv $(BUILD)/version.json

lib: $(BUILD)/librocketkv.so

$(OBJ)/%.o: cuda/%.cpp
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) -MMD -MP -c $< -o $@

define isa_rule
$(OBJ)/%.kernel.$(1).o: cuda/%.kernel.cpp
	@mkdir -p $$(@D)
	$$(CXX) $$(CXXFLAGS) $$(KERNEL_FLAGS) $$(FLAGS_$(1)) -DRKV_ISA=$(1) -MMD -MP -c $$< -o $$@
endef
$(foreach isa,$(ISAS),$(eval $(call isa_rule,$(isa))))

-include $(OBJECTS:.o=.d)

include cuda/gpu/build.mk
include cuda/emu/build.mk
include cli/launcher/build.mk
include scripts/dist/build.mk

LIB_OBJECTS := $(if $(NVCC),$(CUDA_OBJECTS),$(OBJECTS))
# The C++ runtime is linked in: a machine without a compiler may lack it. A build ID would depend on the folder that it was built in.
LIB_LINK    := $(if $(NVCC),$(NVCC) -shared $(NVCCLINK) -Xlinker --no-undefined$(comma)--build-id=none -Xcompiler -static-libstdc++,$(CXX) -shared -Wl$(comma)--no-undefined$(comma)--build-id=none -static-libstdc++ -pthread)
# Changes when the way to link does, so that the library is linked anew with and without CUDA.
$(OBJ)/lib.list: FORCE
	@mkdir -p $(@D)
	@echo '$(LIB_LINK) $(LIB_OBJECTS)' | cmp -s - $@ || echo '$(LIB_LINK) $(LIB_OBJECTS)' > $@
.PHONY: FORCE
FORCE:

$(BUILD)/librocketkv.so: $(LIB_OBJECTS) $(OBJ)/lib.list
	$(LIB_LINK) -o $@.tmp $(LIB_OBJECTS) && mv $@.tmp $@

# A second library for the tests: the same objects plus thin C wrappers around single ops.
SHIMS := $(wildcard test/native/shim_*.cpp)
SHIM_OBJECTS := $(SHIMS:test/native/%.cpp=$(OBJ)/test/%.o)
.PHONY: testlib
testlib: $(BUILD)/librkv_test.so
$(BUILD)/librkv_test.so: $(OBJECTS) $(SHIM_OBJECTS)
	$(CXX) -shared -Wl,--no-undefined -o $@.tmp $^ -pthread && mv $@.tmp $@
$(OBJ)/test/%.o: test/native/%.cpp
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) -MMD -MP -c $< -o $@
-include $(SHIM_OBJECTS:.o=.d)

# ------------------------------------------------------------------------------------------ tools and packages ---
# Everything that is fetched lands in .tools/ and node_modules/, once; the stamps keep later runs off the network.
DENO            := .tools/bin/deno
export DENO_DIR := $(CURDIR)/.tools/deno_dir
.PHONY: setup
setup: node_modules/.stamp

.tools/deno.stamp: scripts/setup_deno.sh
	@scripts/setup_deno.sh && touch $@

node_modules/.stamp: deno.json deno.lock .tools/deno.stamp
	@$(DENO) ci --quiet && touch $@

.tools/clang-format.stamp: scripts/setup_clang_format.sh
	@scripts/setup_clang_format.sh && touch $@

.PHONY: model
model: setup $(BUILD)/rocketkv
	@$(BUILD)/rocketkv pull smollm2

# ------------------------------------------------------------------------------------------------ demo and tests ---
.PHONY: demo test check fmt clean
demo: all model
	@scripts/demo.sh

# Where there is none the reason is printed, here and by the test that is then ignored.
.PHONY: browser
browser:
	@scripts/setup_browser.sh > /dev/null || true

# The same for tests of jobs on a cluster; it says why it cannot. Not at the same time: apt-get is used by one at a time.
.PHONY: slurm
slurm: browser
	@scripts/setup_slurm.sh || true

# All permissions: one test fills /dev/full, which no narrower one allows. The launcher's scoped ones are tested through it.
test: all dist testlib emu $(EMU)/plain/gpu_bench check model browser slurm
	$(DENO) test --frozen --cached-only --allow-all test/

check: setup .tools/clang-format.stamp
	$(DENO) fmt --check
	$(DENO) lint --quiet
	$(DENO) check --quiet --frozen --cached-only cli lib scripts test
	scripts/check_sources.sh

fmt: setup .tools/clang-format.stamp
	$(DENO) fmt --quiet
	scripts/native_sources.sh | xargs .tools/bin/clang-format -i

clean:
	rm -rf $(BUILD)
