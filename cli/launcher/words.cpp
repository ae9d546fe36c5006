#include "words.h"

namespace launcher {
namespace {

/// `--name`, `--name=value`. Null for a switch or an unknown option.
const Option* find_long(const Command& command, std::string_view word) {
  const std::string_view name = word.substr(0, word.find('='));
  for (const Option& option : command.options) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

const Option* find_letter(const Command& command, char letter) {
  for (const Option& option : command.options) {
    if (option.letter.size() == 2 && option.letter[1] == letter) return &option;
  }
  return nullptr;
}

/// An option in a word and the value that stands in the same word: `--out=x`, `-ox`, and `-vox` behind switches.
struct Found {
  const Option* option = nullptr;
  bool has_value = false;
  std::string_view value = "";
};

Found find_option(const Command& command, std::string_view word) {
  if (word.starts_with("--")) {
    const size_t equals = word.find('=');
    const bool has_value = equals != word.npos;
    return {find_long(command, word), has_value, has_value ? word.substr(equals + 1) : ""};
  }
  for (size_t i = 1; i < word.size(); i++) {
    if (const Option* option = find_letter(command, word[i])) {
      return {option, i + 1 < word.size(), word.substr(i + 1)};
    }
  }
  return {};
}

bool is_option(std::string_view word) { return word.size() > 1 && word[0] == '-'; }

}  // namespace

std::vector<std::string_view> Words::values_of(std::string_view option) const {
  std::vector<std::string_view> found;
  for (const auto& [given, value] : values) {
    if (given->name == option) found.push_back(value);
  }
  return found;
}

Words read_words(const std::vector<std::string_view>& words) {
  size_t i = 0;
  while (i < words.size() && words[i].starts_with('-')) i++;
  Words read{.command = &command_named(i < words.size() ? words[i] : ""), .values = {}, .arguments = {}};
  bool options_ended = false;
  for (i++; i < words.size(); i++) {
    const std::string_view word = words[i];
    if (options_ended || !is_option(word)) {
      read.arguments.push_back(word);
      continue;
    }
    if (word == "--") {
      options_ended = true;
      continue;
    }
    const Found found = find_option(*read.command, word);
    if (found.option == nullptr) continue;
    if (found.has_value) {
      read.values.emplace_back(found.option, found.value);
    } else if (i + 1 < words.size() && !(found.option->may_stand_alone && is_option(words[i + 1]))) {
      read.values.emplace_back(found.option, words[++i]);
    }
  }
  return read;
}

}  // namespace launcher
