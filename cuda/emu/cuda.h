// What stands for the CUDA headers when kernel sources are compiled for the CPU. See README.md.
#pragma once

#include "emu/atomics.h"
#include "emu/collectives.h"
#include "emu/device_math.h"
#include "emu/half.h"
#include "emu/lane.h"
#include "emu/launch.h"
#include "emu/runtime.h"
#include "emu/vector_types.h"
