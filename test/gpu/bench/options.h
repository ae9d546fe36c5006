// name=value arguments of the driver.
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace rkv::bench {

class Options {
 public:
  /// @throws std::runtime_error for what is not name=value, and for a name that no part has.
  Options(int argc, char** argv, int first) {
    static const std::set<std::string> known = {
        "batches", "budget", "chunk",   "contexts", "decode",  "device", "folder",       "log2_mib", "methods",
        "n",       "plans",  "prefill", "rounds",   "seconds", "shape",  "uncached_mib", "steps",    "weights"};
    for (int i = first; i < argc; i++) {
      const std::string argument = argv[i];
      const size_t equals = argument.find('=');
      if (equals == std::string::npos) {
        throw std::runtime_error("Cannot use an argument: expected name=value, found \"" + argument + "\"");
      }
      const std::string name = argument.substr(0, equals);
      if (known.count(name) == 0) throw std::runtime_error("Cannot use an option: found \"" + name + "\"");
      values_[name] = argument.substr(equals + 1);
    }
  }

  std::string text(const std::string& name, const std::string& fallback) const {
    const auto found = values_.find(name);
    return found == values_.end() ? fallback : found->second;
  }
  int number(const std::string& name, int fallback) const { return std::stoi(text(name, std::to_string(fallback))); }
  /// Whether work that takes this long would end within seconds=, counted from the start of the driver.
  bool time_for(double ms) const {
    const std::chrono::duration<double, std::milli> passed = std::chrono::steady_clock::now() - start_;
    return passed.count() + ms <= 1e3 * number("seconds", 3600);
  }
  /// Words between commas.
  std::vector<std::string> list(const std::string& name, const std::string& fallback) const {
    std::vector<std::string> words;
    std::istringstream rest(text(name, fallback));
    for (std::string word; std::getline(rest, word, ',');) words.push_back(word);
    return words;
  }
  std::vector<int> numbers(const std::string& name, const std::string& fallback) const {
    std::vector<int> out;
    for (const std::string& word : list(name, fallback)) out.push_back(std::stoi(word));
    return out;
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::map<std::string, std::string> values_;
};

}  // namespace rkv::bench
