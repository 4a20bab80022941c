#include "mlx/core/base/environment.h"

#include <cstdlib>
#include <string_view>

namespace mlx::core {
namespace {

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' && std::string_view(value) != "0";
}

}  // namespace

const Environment& Environment::get() {
  static const Environment environment{.disable_fusion = is_set("MLX_DISABLE_FUSION"),
                                       .disable_compile = is_set("MLX_DISABLE_COMPILE")};
  return environment;
}

}  // namespace mlx::core
