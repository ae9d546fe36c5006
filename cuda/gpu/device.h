// Which CUDA devices there are, and why one cannot be used.
#pragma once

#include "core/backend.h"

namespace rkv::gpu {

/// @throws Failure RKV_E_DEVICE with the reason when device `index` cannot run the kernels.
void require_usable(int index);

}  // namespace rkv::gpu
