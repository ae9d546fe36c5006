#include "endpoint.h"

#include <algorithm>
#include <cctype>

namespace launcher {

std::string endpoint_host(std::string_view url) {
  std::string scheme(url.substr(0, std::min(url.size(), url.find("://"))));
  for (char& c : scheme) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if ((scheme != "http" && scheme != "https") || scheme.size() == url.size()) return "";
  std::string_view host = url.substr(scheme.size() + 3);
  host = host.substr(0, host.find_first_of("/?#\\"));
  if (const size_t at = host.rfind('@'); at != host.npos) host.remove_prefix(at + 1);  // user and password
  const auto allowed = [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '-' || c == '_'; };
  // The colons of an IPv6 address are inside brackets.
  const size_t end = host.starts_with('[') ? host.find(']') : std::min(host.size(), host.find(':'));
  if (end == host.npos) return "";
  const bool bracketed = host[0] == '[';
  const std::string_view name = bracketed ? host.substr(0, end + 1) : host.substr(0, end);
  const std::string_view inner = bracketed ? host.substr(1, end - 1) : name;
  std::string_view port = host.substr(name.size());
  if (!port.empty() && port[0] != ':') return "";
  if (!port.empty()) port.remove_prefix(1);
  const bool name_is_right = !inner.empty() && std::all_of(inner.begin(), inner.end(), [&](unsigned char c) {
    return bracketed ? std::isxdigit(c) || c == ':' || c == '.' : allowed(c);
  });
  const bool port_is_right = std::all_of(port.begin(), port.end(), [](unsigned char c) { return std::isdigit(c); });
  if (!name_is_right || !port_is_right || port.size() > 5) return "";
  return std::string(name) + ":" + (port.empty() ? (scheme == "http" ? "80" : "443") : std::string(port));
}

}  // namespace launcher
