# The CUDA backend is part of the library where nvcc (12.0 or later, for C++20) is on PATH, or once `make cuda` has fetched
# one, or with CUDA=1; CUDA=0 leaves it out.
FETCHED_NVCC := .tools/cuda/nvidia/cu13/bin/nvcc
NVCC_MAJOR   := $(shell nvcc --version 2>/dev/null | sed -n 's/.*release \([0-9]*\)\..*/\1/p')
NVCC_ON_PATH := $(if $(filter-out 9 10 11,$(NVCC_MAJOR)),$(shell command -v nvcc))
NVCC_FETCHED := $(if $(or $(CUDA),$(wildcard .tools/cuda.stamp)),$(FETCHED_NVCC))
NVCC         := $(if $(filter 0,$(CUDA)),,$(or $(NVCC_ON_PATH),$(NVCC_FETCHED)))

# sm_80 code runs on all 8.x, sm_90 on 9.x, and the driver compiles PTX for what comes later.
GENCODE   := $(foreach arch,80 90,-gencode arch=compute_$(arch),code=sm_$(arch)) -gencode arch=compute_90,code=compute_90
NVCCFLAGS := -std=c++20 -O3 $(GENCODE) -Icuda -Icuda/include -DRKV_WITH_CUDA $(if $(WERROR),-Werror all-warnings) \
             -Xcompiler -fPIC,-fvisibility=hidden,-Wall,-Wextra$(if $(WERROR),$(comma)$(WERROR))
# The static runtime finds the driver when it is first called, so the library loads without one. Wheels keep it in lib/.
NVCCLINK  := -cudart static -L$(dir $(NVCC))../lib -Xcompiler -pthread

GPU_SOURCES  := $(wildcard cuda/gpu/*.cpp cuda/gpu/*.cu)
GPU_OBJECTS  := $(GPU_SOURCES:cuda/%=$(OBJ)/%.o)
# The one file that knows which backends there are is compiled for both.
CUDA_OBJECTS := $(OBJECTS:%/core/backend.o=%/core/backend.cuda.o) $(GPU_OBJECTS)

$(OBJ)/core/backend.cuda.o: cuda/core/backend.cpp
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) -DRKV_WITH_CUDA -MMD -MP -c $< -o $@

# What ptxas says of every kernel stays beside the object, for `make cuda-report`.
$(OBJ)/gpu/%.o: cuda/gpu/% $(wildcard .tools/cuda.stamp)
	@mkdir -p $(@D)
	$(NVCC) $(NVCCFLAGS) -Xptxas -v -MMD -MP -MF $(@:.o=.d) -c $< -o $@ 2> $@.log || { cat $@.log >&2; exit 1; }

-include $(GPU_OBJECTS:.o=.d) $(OBJ)/core/backend.cuda.d

.tools/cuda.stamp: scripts/setup_cuda.sh
	@scripts/setup_cuda.sh && touch $@

# A second make sees the nvcc that the first one fetched.
.PHONY: cuda cuda-report gpu-tests
cuda: $(if $(NVCC_ON_PATH),,.tools/cuda.stamp)
	@$(MAKE) lib CUDA=1

cuda-report: cuda
	python3 scripts/cuda_report.py docs/results/cuda_kernels.md $(filter %.cu.o,$(GPU_OBJECTS))

# The kernels' tests for a real device; the emulator's build runs the same ones.
GPU_TESTS        := $(wildcard test/gpu/*.cpp)
GPU_TEST_OBJECTS := $(GPU_TESTS:%=$(OBJ)/%.o)
gpu-tests: $(BUILD)/gpu_tests
$(BUILD)/gpu_tests: $(GPU_TEST_OBJECTS) $(CUDA_OBJECTS)
	$(NVCC) $(NVCCLINK) -o $@ $^
$(OBJ)/test/gpu/%.o: test/gpu/%
	@mkdir -p $(@D)
	$(NVCC) $(NVCCFLAGS) -Itest/gpu -MMD -MP -MF $(@:.o=.d) -c $< -o $@
-include $(GPU_TEST_OBJECTS:.o=.d)

# Compares a card with the CPU over the C ABI and measures it: build/gpu_bench PART [name=value ...].
GPU_BENCH         := $(wildcard test/gpu/bench/*.cpp)
GPU_BENCH_OBJECTS := $(GPU_BENCH:%=$(OBJ)/%.o)
.PHONY: gpu-bench
gpu-bench: $(BUILD)/gpu_bench
$(BUILD)/gpu_bench: $(GPU_BENCH_OBJECTS) $(CUDA_OBJECTS)
	$(NVCC) $(NVCCLINK) -o $@ $^
-include $(GPU_BENCH_OBJECTS:.o=.d)

# Tests, sanitizers and measurements on the card of this machine; GPU_CHECK holds options of the script.
.PHONY: gpu-check
gpu-check:
	python3 scripts/gpu_check.py $(GPU_CHECK)
