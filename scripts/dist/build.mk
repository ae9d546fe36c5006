# One file that runs on a machine with nothing installed:
#
#   dist/rocketkv-<version>-linux-x86_64                   the program
#   dist/rocketkv-<version>-linux-x86_64.sha256, .cdx.json its hash and what it is made of (CycloneDX)
#   dist/rocketkv.1, completions/, LICENSES.txt            the manual, completions of shells, licences of all parts
#
# The same commit gives the same bytes: nothing in here looks at clocks, names of folders or the order of a disk. (nvcc does
# look at the folder: see CONTRIBUTING.md.)
DIST      := dist
DIST_WORK := $(BUILD)/dist
VERSION   := $(shell sed -n 's/.*"version": "\(.*\)",/\1/p' deno.json)
DIST_NAME := rocketkv-$(VERSION)-linux-x86_64

# ------------------------------------------------------------------------------------------ what was built, in words ---
space     := $(subst x,,x x)
json_list  = [$(subst $(space),$(comma) ,$(patsubst %,"%",$(strip $(1))))]

# Without locks, because looking must not be in the way of a commit.
COMMIT       = $(or $(shell GIT_OPTIONAL_LOCKS=0 git describe --always --dirty --exclude='*' --abbrev=12 2>/dev/null),unknown)
CUDA_TARGETS = $(if $(NVCC),$(filter-out -gencode,$(foreach word,$(GENCODE),$(lastword $(subst code=, ,$(word))))))
COMPILER     = $(shell $(CXX) -dumpfullversion)
CUDA_RUNTIME = $(if $(NVCC),$(shell $(NVCC) --version | sed -n 's/.*release \([0-9.]*\),.*/\1/p'))

$(BUILD)/version.json: FORCE
	@mkdir -p $(@D)
	@echo '{"commit": "$(COMMIT)", "cpu": $(call json_list,$(ISAS)), "cuda": $(call json_list,$(CUDA_TARGETS)), "cudaRuntime": "$(CUDA_RUNTIME)", "compiler": "$(COMPILER)"}' > $@.tmp
	@cmp -s $@.tmp $@ && rm $@.tmp || mv $@.tmp $@

# ------------------------------------------------------------------------------------------------------- its parts ---
DIST_SCRIPTS := $(wildcard scripts/dist/*.ts)
DIST_RUN      = $(DENO) run --quiet --frozen --cached-only --allow-all
JS_SOURCES   := deno.json deno.lock $(shell find cli lib -name '*.ts')

# All code that the command line can load, in bundle/, and the names of the packages in it.
$(DIST_WORK)/packages.json: $(JS_SOURCES) $(DIST_SCRIPTS) | setup
	@mkdir -p $(@D)
	@$(DIST_RUN) scripts/dist/bundle.ts $(@D)/bundle > $@.tmp && mv $@.tmp $@

$(DIST_WORK)/LICENSES.txt: $(DIST_WORK)/packages.json $(BUILD)/version.json LICENSE
	@$(DIST_RUN) scripts/dist/licences.ts $(DIST_WORK)/packages.json $(BUILD)/version.json > $@.tmp && mv $@.tmp $@

$(DIST_WORK)/librocketkv.so: $(BUILD)/librocketkv.so
	@mkdir -p $(@D)
	@strip --strip-all -o $@ $<

DIST_PARTS = $(DIST_WORK)/librocketkv.so $(DIST_WORK)/LICENSES.txt $(BUILD)/version.json
$(DIST_WORK)/payload_table.inc: $(DIST_WORK)/packages.json $(DIST_PARTS)
	@$(DIST_RUN) scripts/dist/pack.ts $(DIST_WORK) $(DENO) $(DIST_PARTS) $(DIST_WORK)/bundle

# ------------------------------------------------------------------------------------------------------ the program ---
.tools/zstd.stamp: scripts/setup_zstd.sh
	@scripts/setup_zstd.sh && touch $@

ZSTD         := .tools/zstd/lib
ZSTD_SOURCES := $(addprefix common/,debug error_private entropy_common fse_decompress xxhash zstd_common) \
                $(addprefix decompress/,huf_decompress zstd_ddict zstd_decompress zstd_decompress_block)
ZSTD_OBJECTS := $(ZSTD_SOURCES:%=$(LAUNCHER)/zstd/%.o)
$(LAUNCHER)/zstd/%.o: .tools/zstd.stamp
	@mkdir -p $(@D)
	$(CC) -O2 -DZSTD_DISABLE_ASM -c $(ZSTD)/$*.c -o $@

PACKED_OBJECTS := $(LAUNCHER_COMMON) $(addprefix $(LAUNCHER)/,sha256.o cache_folder.o frame.o unpack.o packed.o)
$(LAUNCHER)/frame.o: LAUNCHER_CXXFLAGS += -I$(ZSTD)
$(LAUNCHER)/frame.o: .tools/zstd.stamp

$(DIST_WORK)/payload.o: cli/launcher/payload.cpp cli/launcher/payload.h $(DIST_WORK)/payload_table.inc
	$(CXX) $(LAUNCHER_CXXFLAGS) -I$(DIST_WORK) -c $< -o $@

$(DIST_WORK)/payload_bytes.o: cli/launcher/payload_bytes.S $(DIST_WORK)/payload_table.inc
	$(CXX) -Wa,-I$(DIST_WORK) -c $< -o $@

$(DIST)/$(DIST_NAME): $(PACKED_OBJECTS) $(ZSTD_OBJECTS) $(DIST_WORK)/payload.o $(DIST_WORK)/payload_bytes.o
	@mkdir -p $(@D)
	$(LAUNCHER_LINK) -o $@.tmp $^ && mv $@.tmp $@

# ------------------------------------------------------------------------------------------------ what lies beside it ---
$(DIST)/$(DIST_NAME).sha256: $(DIST)/$(DIST_NAME)
	@cd $(@D) && sha256sum $(<F) > $(@F).tmp && mv $(@F).tmp $(@F)

$(DIST)/$(DIST_NAME).cdx.json: $(DIST)/$(DIST_NAME) $(DIST_WORK)/LICENSES.txt
	@$(DIST_RUN) scripts/dist/sbom.ts $< $(DIST_WORK)/packages.json $(BUILD)/version.json > $@.tmp && mv $@.tmp $@

$(DIST)/LICENSES.txt: $(DIST_WORK)/LICENSES.txt
	@mkdir -p $(@D)
	@cp $< $@

# A shell looks for each under its own name.
COMPLETIONS := $(addprefix $(DIST)/completions/,rocketkv.bash _rocketkv rocketkv.fish)
$(DIST)/completions/rocketkv.bash: SHELL_NAME := bash
$(DIST)/completions/_rocketkv:     SHELL_NAME := zsh
$(DIST)/completions/rocketkv.fish: SHELL_NAME := fish
$(COMPLETIONS): $(BUILD)/rocketkv $(JS_SOURCES)
	@mkdir -p $(@D)
	@$(BUILD)/rocketkv completions $(SHELL_NAME) > $@.tmp && mv $@.tmp $@

$(DIST)/rocketkv.1: $(BUILD)/rocketkv $(JS_SOURCES)
	@mkdir -p $(@D)
	@$(BUILD)/rocketkv man > $@.tmp && mv $@.tmp $@

.PHONY: dist
dist: all $(COMPLETIONS) $(DIST)/rocketkv.1 $(DIST)/$(DIST_NAME) $(DIST)/$(DIST_NAME).sha256 $(DIST)/$(DIST_NAME).cdx.json $(DIST)/LICENSES.txt
	@ls -l $(DIST)/$(DIST_NAME)
