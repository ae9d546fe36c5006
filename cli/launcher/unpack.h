#pragma once

#include <string>

#include "payload.h"

namespace launcher {

/// The folder with the files of a packed program. The first start of a program unpacks it there, all others find it.
///
/// Any number of processes may start at once, and any may be killed: a folder is complete when it has its name.
///
/// @throws Failure when a file is not what was packed, or no folder can be used.
std::string unpacked_folder(const Payload& payload);

}  // namespace launcher
