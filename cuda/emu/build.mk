# The emulator: the CUDA backend compiled for the CPU, for tests. Three builds: plain, and one per sanitizer.
#
#   build/librocketkv_emu.so   the whole library; device 1 is the emulated one
#   build/emu/<mode>/emu_tests, emu_faults   tests of the emulator itself
#   build/emu/<mode>/gpu_tests               tests of the kernels
#   build/emu/<mode>/gpu_bench               comparison and measurements over the C ABI
EMU       := $(BUILD)/emu
EMU_MODES := plain asan tsan
EMU_BASE  := -std=c++20 -g1 -fPIC -fvisibility=hidden -Wall -Wextra -Werror -mavx2 -mfma -mf16c \
             -Icuda -Icuda/include -Itest/gpu -Itest -DRKV_EMU

# What the sanitizers watch: kernels, their launchers and tests. nvcc does not warn of signs either.
EMU_FLAGS_plain := -O2
EMU_FLAGS_asan  := -O1 -fsanitize=address,alignment,bounds,shift -fno-sanitize-recover=all
EMU_FLAGS_tsan  := -O1 -fsanitize=thread
EMU_WATCHED     := -Wno-sign-compare -Wno-unknown-pragmas
# The emulator itself only knows that they watch.
EMU_KNOWS_plain :=
EMU_KNOWS_asan  := -DRKV_EMU_ASAN
EMU_KNOWS_tsan  := -DRKV_EMU_TSAN

EMU_RUNTIME  := $(wildcard cuda/emu/*.cpp)
EMU_TESTS    := $(wildcard test/emu/*_test.cpp) test/emu/kernels.cu
EMU_LAUNCHER := $(addprefix cuda/gpu/,allocator.cpp launcher.cpp staging.cpp stage_clock.cpp)
EMU_HARNESS  := test/gpu/main.cpp test/gpu/check.cpp
EMU_LIBRARY  := $(OBJECTS:%/core/backend.o=%/core/backend.cuda.o)

.PHONY: emu emu-tests tsan
emu: $(BUILD)/librocketkv_emu.so emu-tests $(EMU_MODES:%=$(EMU)/%/gpu_tests)
emu-tests: $(EMU_MODES:%=$(EMU)/%/emu_tests) $(EMU_MODES:%=$(EMU)/%/emu_faults)

# All kernel tests under ThreadSanitizer, those that `make test` leaves out too: SEED gives the order of threads. Each has
# a process of its own: what ThreadSanitizer does grows with all threads that a process ever had.
SEED := 7
tsan: $(EMU)/tsan/gpu_tests
	$< --list | EMU_SEED=$(SEED) xargs -d '\n' -n 1 -P $$(nproc) $<

$(BUILD)/librocketkv_emu.so: $(EMU_LIBRARY) $(EMU_RUNTIME:%=$(EMU)/plain/%.o) $(GPU_SOURCES:%=$(EMU)/plain/%.o)
	$(CXX) -shared -Wl,--no-undefined -o $@.tmp $^ -pthread && mv $@.tmp $@

define emu_rules
$(EMU)/$(1)/cuda/emu/%.o: cuda/emu/%
	@mkdir -p $$(@D)
	$$(CXX) $$(EMU_BASE) -O3 $$(EMU_KNOWS_$(1)) -MMD -MP -c $$< -o $$@

$(EMU)/$(1)/%.o: %
	@mkdir -p $$(@D)
	$$(CXX) $$(EMU_BASE) $$(EMU_FLAGS_$(1)) $$(EMU_WATCHED) -x c++ -MMD -MP -c $$< -o $$@

# An archive: a program takes what it needs.
$(EMU)/$(1)/backend.a: $(EMU_LIBRARY) $(EMU_RUNTIME:%=$(EMU)/$(1)/%.o) $(GPU_SOURCES:%=$(EMU)/$(1)/%.o)
	@rm -f $$@ && $$(AR) rcs $$@ $$^

# The emulator's own tests use no kernel of the backend: they are not compiled for them.
$(EMU)/$(1)/base.a: $(OBJECTS) $(EMU_RUNTIME:%=$(EMU)/$(1)/%.o) $(EMU_LAUNCHER:%=$(EMU)/$(1)/%.o)
	@rm -f $$@ && $$(AR) rcs $$@ $$^

$(EMU)/$(1)/emu_tests: $(patsubst %,$(EMU)/$(1)/%.o,$(EMU_HARNESS) $(EMU_TESTS)) $(EMU)/$(1)/base.a
	$$(CXX) $$(EMU_FLAGS_$(1)) -o $$@ $$^ -pthread
$(EMU)/$(1)/emu_faults: $(EMU)/$(1)/test/emu/faults.cu.o $(EMU)/$(1)/base.a
	$$(CXX) $$(EMU_FLAGS_$(1)) -o $$@ $$^ -pthread
$(EMU)/$(1)/gpu_tests: $(GPU_TESTS:%=$(EMU)/$(1)/%.o) $(EMU)/$(1)/backend.a
	$$(CXX) $$(EMU_FLAGS_$(1)) -o $$@ $$^ -pthread
$(EMU)/$(1)/gpu_bench: $(GPU_BENCH:%=$(EMU)/$(1)/%.o) $(EMU)/$(1)/backend.a
	$$(CXX) $$(EMU_FLAGS_$(1)) -o $$@ $$^ -pthread

-include $(patsubst %,$(EMU)/$(1)/%.d,$(EMU_RUNTIME) $(GPU_SOURCES) $(GPU_TESTS) $(GPU_BENCH) $(EMU_TESTS) test/emu/faults.cu)
endef
$(foreach mode,$(EMU_MODES),$(eval $(call emu_rules,$(mode))))
