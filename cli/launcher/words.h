// The words of a command line as the command itself will read them, as far as its permissions depend on them.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "command.h"

namespace launcher {

struct Words {
  const Command* command;
  /// Options with their values, in the order they were given. A repeated option is there as often.
  std::vector<std::pair<const Option*, std::string_view>> values;
  /// Words that belong to no option, without the command.
  std::vector<std::string_view> arguments;

  /// Values of an option by its long name.
  std::vector<std::string_view> values_of(std::string_view option) const;
};

/// @param words  Without the program's own name. The command is the first that is not an option.
Words read_words(const std::vector<std::string_view>& words);

}  // namespace launcher
