#include "mlx/core/io/signature.h"

#include <algorithm>

namespace mlx::core::io {

bool Signature::takes(const Signature& call, bool shapeless) const {
  return keywords == call.keywords &&
         std::equal(types.begin(), types.end(), call.types.begin(), call.types.end(),
                    [&](const Type& a, const Type& b) {
                      return a.dtype == b.dtype &&
                             (shapeless ? a.shape.size() == b.shape.size() : a.shape == b.shape);
                    });
}

std::string Signature::describe(std::string_view indent) const {
  const size_t positional = types.size() - keywords.size();
  std::string text =
      concat(positional, " positional inputs and ", keywords.size(), " keyword inputs:\n");
  for (size_t i = 0; i < types.size(); ++i) {
    text += indent;
    if (i < positional) {
      append(text, i + 1);
    } else {
      text += '"' + keywords[i - positional] + '"';
    }
    text += concat(": ", types[i].shape, " ", types[i].dtype, "\n");
  }
  return text;
}

Call as_call(const Args& args, const Kwargs& kwargs) {
  Call call;
  call.inputs = args;
  for (const auto& [keyword, value] : kwargs) {
    call.signature.keywords.push_back(keyword);
  }
  std::sort(call.signature.keywords.begin(), call.signature.keywords.end());
  for (const std::string& keyword : call.signature.keywords) {
    call.inputs.push_back(kwargs.at(keyword));
  }
  for (const array& input : call.inputs) {
    call.signature.types.push_back({input.shape(), input.dtype()});
  }
  return call;
}

}  // namespace mlx::core::io
