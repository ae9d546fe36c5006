# The launchers: they find out what a command may do, and become Deno with these permissions.
#
#   build/rocketkv         starts the sources of this checkout
#   dist/rocketkv-...      starts what is packed in it: scripts/dist/build.mk
LAUNCHER          := $(BUILD)/launcher
LAUNCHER_CXXFLAGS := -std=c++20 -O2 -Wall -Wextra $(WERROR) -Icli/launcher -I$(LAUNCHER)
# Needs nothing but the C library, as Deno does.
LAUNCHER_LINK     := $(CXX) -static-libstdc++ -static-libgcc -s -Wl,--build-id=none
LAUNCHER_COMMON   := $(addprefix $(LAUNCHER)/,command.o words.o endpoint.o permissions.o start.o)

# What the table is made from is all that declares a command. It is only replaced by another one.
$(LAUNCHER)/command_table.inc: scripts/launcher_table.ts $(wildcard cli/*.ts cli/*/*.ts) | setup
	@mkdir -p $(@D)
	@$(DENO) run --quiet --frozen --cached-only --allow-read --allow-env $< > $@.tmp
	@cmp -s $@.tmp $@ && touch $@ || mv $@.tmp $@

$(LAUNCHER)/command.o: $(LAUNCHER)/command_table.inc
$(LAUNCHER)/%.o: cli/launcher/%.cpp
	@mkdir -p $(@D)
	$(CXX) $(LAUNCHER_CXXFLAGS) -MMD -MP -c $< -o $@
-include $(wildcard $(LAUNCHER)/*.d)

$(BUILD)/rocketkv: $(LAUNCHER_COMMON) $(LAUNCHER)/checkout.o
	$(LAUNCHER_LINK) -o $@.tmp $^ && mv $@.tmp $@
