#include "permissions.h"

#include <algorithm>
#include <cctype>

#include "endpoint.h"
#include "failure.h"

namespace launcher {
namespace {

using std::string, std::string_view, std::vector;

/// Deno takes lists apart at commas and knows no way to write one that is part of a path.
void check_path(ExitCode code, const char* action, const string& path) {
  if (path.find(',') != path.npos) {
    throw Failure(code, string("Cannot ") + action + " \"" + path + "\": expected a path without commas");
  }
}

void add_place(string_view path, string& list) {
  if (path.empty()) return;  // the command itself says what is wrong with that
  string place(path);
  while (place.size() > 1 && place.back() == '/') place.pop_back();
  check_path(kUsage, "write to", place);
  if (!list.empty()) list += ',';
  list += place + ',' + place + ".tmp";
}

/// Everything that the command line says will be written to, as a list.
string written_places(const Words& words, const string& cache) {
  string list;
  for (const Place& place : words.command->places) {
    switch (place.kind) {
      case Place::kCache:
        if (!cache.empty()) add_place(cache + "/" + string(place.part), list);
        break;
      case Place::kArgument:
        if (place.argument < words.arguments.size()) add_place(words.arguments[place.argument], list);
        break;
      case Place::kOption: {
        const vector<string_view> values = words.values_of(place.option);
        for (const string_view value : values) add_place(value, list);
        if (values.empty()) add_place(place.otherwise, list);
        break;
      }
    }
  }
  return list;
}

/// Environment variables that the values of --api-key-env name, as a list that goes on.
string key_variables(const Words& words) {
  string list;
  for (const string_view value : words.values_of("--api-key-env")) {
    const bool is_name =
        std::all_of(value.begin(), value.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
    if (!value.empty() && is_name) list += "," + string(value);
  }
  return list;
}

/// What --host names, any port of it: the same that the URL of an endpoint there would.
string served_host(const Words& words) {
  const vector<string_view> values = words.values_of("--host");
  const string host(values.empty() ? "127.0.0.1" : values.back());
  const bool bare_ipv6 = host.find(':') != host.npos;
  const string named = endpoint_host("http://" + (bare_ipv6 ? "[" + host + "]" : host));
  return named.substr(0, named.rfind(':'));
}

/// Hosts that the values of --endpoint name, as a list.
string endpoint_hosts(const Words& words) {
  string list;
  for (const string_view value : words.values_of("--endpoint")) {
    const string host = endpoint_host(value);
    if (host.empty()) continue;  // the command itself says what is wrong with that
    list += (list.empty() ? "" : ",") + host;
  }
  return list;
}

}  // namespace

vector<string> permissions(const Words& words, const NativeCode& native, const string& cache) {
  check_path(kRun, "load", native.library);
  const Command& command = *words.command;
  vector<string> flags = {"--allow-read", "--allow-ffi=" + native.library};
  const auto allow = [&](const char* what, const string& list) {
    if (!list.empty()) flags.push_back(string("--allow-") + what + "=" + list);
  };
  if (command.modules) flags.back() += ',' + native.modules;
  const bool has_key = command.connects == Command::kEndpoint || command.connects == Command::kHost;
  allow("env", string(command.environment) + (has_key ? key_variables(words) : ""));
  allow("sys", string(command.facts));
  allow("run", string(command.programs));
  if (command.writes_anywhere) {
    flags.push_back("--allow-write");
  } else {
    allow("write", written_places(words, cache));
  }
  if (command.connects == Command::kAnywhere) flags.push_back("--allow-net");
  if (command.connects == Command::kHost) allow("net", served_host(words));
  if (command.connects == Command::kEndpoint) allow("net", endpoint_hosts(words));
  return flags;
}

}  // namespace launcher
