// A .npy file of any bytes: an array that can be evaluated, or an error.

#include <stdexcept>

#include "arrays.h"

using namespace mlx;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    fuzz::evaluate(core::load(fuzz::open(data, size)));
  } catch (const std::runtime_error&) {
  }
  return 0;
}
