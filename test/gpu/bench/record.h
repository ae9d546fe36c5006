// One measurement as a line of JSON on stdout.
#pragma once

#include <cstdio>
#include <string>

namespace rkv::bench {

/// Record("decode").add("tokens", 4096).add("ms", 5.1).print();
class Record {
 public:
  explicit Record(const std::string& kind) : text_("{\"kind\":" + quoted(kind)) {}

  Record& add(const char* name, const std::string& value) { return put(name, quoted(value)); }
  Record& add(const char* name, const char* value) { return put(name, quoted(value)); }
  Record& add(const char* name, double value) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.6g", value);
    return put(name, digits);
  }
  Record& add(const char* name, int value) { return put(name, std::to_string(value)); }
  Record& add(const char* name, int64_t value) { return put(name, std::to_string(value)); }

  void print() const {
    std::printf("%s}\n", text_.c_str());
    std::fflush(stdout);  // whoever stops the driver has what was measured until then
  }

 private:
  Record& put(const char* name, const std::string& value) {
    text_ += ",\"" + std::string(name) + "\":" + value;
    return *this;
  }
  static std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    }
    return out + "\"";
  }

  std::string text_;
};

}  // namespace rkv::bench
