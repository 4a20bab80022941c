#include "call.h"

#include <map>
#include <nlohmann/json.hpp>

namespace differential {

using namespace mlx::core;  // NOLINT

const array& Call::operator[](size_t i) const {
  if (i >= arrays_.size()) {
    throw Malformed("the call has no array " + std::to_string(i));
  }
  return arrays_[i];
}

std::vector<array> Call::positional() const {
  return {arrays_.begin(), arrays_.begin() + static_cast<std::ptrdiff_t>(positional_)};
}

bool Call::has(const char* name) const {
  const auto found = arguments_->find(name);
  return found != arguments_->end() && !found->is_null();
}

const nlohmann::json& Call::at(const char* name) const {
  if (!has(name)) {
    throw Malformed(std::string("the call lacks ") + name);
  }
  return (*arguments_)[name];
}

bool Call::is_list(const char* name) const { return has(name) && at(name).is_array(); }
bool Call::is_text(const char* name) const { return has(name) && at(name).is_string(); }
bool Call::flag(const char* name, bool otherwise) const {
  return has(name) ? at(name).get<bool>() : otherwise;
}
int Call::integer(const char* name) const { return at(name).get<int>(); }
int Call::integer(const char* name, int otherwise) const {
  return has(name) ? integer(name) : otherwise;
}
std::optional<int> Call::maybe_integer(const char* name) const {
  return has(name) ? std::optional(integer(name)) : std::nullopt;
}
uint64_t Call::seed(const char* name) const { return at(name).get<uint64_t>(); }
double Call::number(const char* name) const { return at(name).get<double>(); }
double Call::number(const char* name, double otherwise) const {
  return has(name) ? number(name) : otherwise;
}
std::optional<float> Call::maybe_number(const char* name) const {
  return has(name) ? std::optional(static_cast<float>(number(name))) : std::nullopt;
}
std::string Call::text(const char* name, const char* otherwise) const {
  return has(name) ? at(name).get<std::string>() : otherwise;
}

std::vector<int> Call::integers(const char* name) const {
  return is_list(name) ? at(name).get<std::vector<int>>() : std::vector<int>{integer(name)};
}
std::optional<std::vector<int>> Call::maybe_integers(const char* name) const {
  return has(name) ? std::optional(integers(name)) : std::nullopt;
}

Shape Call::shape(const char* name) const {
  const std::vector<int> sizes = integers(name);
  return Shape(sizes.begin(), sizes.end());
}

Dtype Call::dtype(const char* name) const { return parse_dtype(at(name).get<std::string>()); }
Dtype Call::dtype(const char* name, Dtype otherwise) const {
  return has(name) ? dtype(name) : otherwise;
}
std::optional<Dtype> Call::maybe_dtype(const char* name) const {
  return has(name) ? std::optional(dtype(name)) : std::nullopt;
}

array Call::named(const char* name) const { return (*this)[at(name).at("array").get<size_t>()]; }
std::optional<array> Call::maybe(const char* name) const {
  return has(name) ? std::optional(named(name)) : std::nullopt;
}

Dtype parse_dtype(const std::string& name) {
  static const std::map<std::string, Dtype> dtypes{
      {"bool", bool_},        {"uint8", uint8},        {"uint16", uint16},   {"uint32", uint32},
      {"uint64", uint64},     {"int8", int8},          {"int16", int16},     {"int32", int32},
      {"int64", int64},       {"float16", float16},    {"float32", float32}, {"float64", float64},
      {"bfloat16", bfloat16}, {"complex64", complex64}};
  const auto found = dtypes.find(name);
  if (found == dtypes.end()) {
    throw Malformed("unknown dtype " + name);
  }
  return found->second;
}

}  // namespace differential
