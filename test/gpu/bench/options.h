// name=value arguments of the driver.
#pragma once

#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace rkv::bench {

class Options {
 public:
  Options(int argc, char** argv, int first) {
    for (int i = first; i < argc; i++) {
      const std::string argument = argv[i];
      const size_t equals = argument.find('=');
      if (equals == std::string::npos) {
        throw std::runtime_error("Cannot use an argument: expected name=value, found \"" + argument + "\"");
      }
      values_[argument.substr(0, equals)] = argument.substr(equals + 1);
    }
  }

  std::string text(const std::string& name, const std::string& fallback) const {
    const auto found = values_.find(name);
    return found == values_.end() ? fallback : found->second;
  }
  int number(const std::string& name, int fallback) const { return std::stoi(text(name, std::to_string(fallback))); }
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
  std::map<std::string, std::string> values_;
};

}  // namespace rkv::bench
