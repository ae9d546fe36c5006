#pragma once

#include <string>
#include <string_view>

namespace launcher {

/// Host and port of an http or https URL, as `--allow-net` takes them: `http://localhost/v1` is `localhost:80`.
/// Empty for anything else.
std::string endpoint_host(std::string_view url);

}  // namespace launcher
