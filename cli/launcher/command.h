// What the launcher knows of a command: made from cli/permissions.ts and the command's own declaration by
// scripts/launcher_table.ts, which writes the table behind commands().
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace launcher {

/// An option that takes a value; all others are switches and of no interest here.
struct Option {
  std::string_view name;         // --out
  std::string_view letter;       // -o, or empty
  bool may_stand_alone = false;  // the value can be left out
};

/// Something that is written to.
struct Place {
  enum Kind { kCache, kOption, kArgument } kind;
  std::string_view part = "";       // kCache: models
  std::string_view option = "";     // kOption: --out
  std::string_view otherwise = "";  // kOption: the place when it was not given
  size_t argument = 0;              // kArgument: counted from 0
};

struct Command {
  enum Connects { kNowhere, kEndpoint, kHost, kAnywhere };

  std::string_view name;
  std::string_view environment;  // lists as Deno takes them: a,b
  std::string_view programs;
  std::string_view facts;
  Connects connects = kNowhere;
  bool modules = false;  // native ones, of packages
  bool writes_anywhere = false;
  std::vector<Place> places;
  std::vector<Option> options;
};

/// All commands. The first one has no name and may do what all of them may.
const std::vector<Command>& commands();

/// The command with a name, or the first of commands(): what is misspelt may do nothing.
const Command& command_named(std::string_view name);

}  // namespace launcher
