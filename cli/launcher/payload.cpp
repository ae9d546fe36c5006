#include "payload.h"

extern "C" const uint8_t rocketkv_payload_begin[], rocketkv_payload_end[];

namespace launcher {

const Payload& payload() {
  static const Payload packed = {
#include "payload_table.inc"
      rocketkv_payload_begin,
      rocketkv_payload_end,
  };
  return packed;
}

}  // namespace launcher
