// A .npz file of any bytes: arrays each of which can be evaluated or fails for itself,
// or an error.

#include <stdexcept>

#include "arrays.h"

using namespace mlx;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    for (const auto& [name, a] : core::load_npz(fuzz::open(data, size))) {
      try {
        fuzz::evaluate(a);
      } catch (const std::runtime_error&) {
      }
    }
  } catch (const std::runtime_error&) {
  }
  return 0;
}
