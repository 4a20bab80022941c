// A safetensors file of any bytes: arrays each of which can be evaluated or fails for itself,
// or an error.

#include <stdexcept>

#include "arrays.h"

using namespace mlx;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    for (const auto& [name, a] : core::load_safetensors(fuzz::open(data, size)).first) {
      try {
        fuzz::evaluate(a);
      } catch (const std::runtime_error&) {
      }
    }
  } catch (const std::runtime_error&) {
  }
  return 0;
}
