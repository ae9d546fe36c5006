#include "command.h"

namespace launcher {

const std::vector<Command>& commands() {
  static const std::vector<Command> all = {
#include "command_table.inc"
  };
  return all;
}

const Command& command_named(std::string_view name) {
  for (const Command& command : commands()) {
    if (command.name == name) return command;
  }
  return commands().front();
}

}  // namespace launcher
