#include "mlx/core/dtype.h"

#include <array>
#include <string_view>

#include "mlx/core/base/error.h"

namespace mlx::core {
namespace {

struct DtypeRow {
  Dtype dtype;
  const char* name;
  Dtype::Kind kind;

  Dtype::Category category;
};

using Category = Dtype::Category;
using Kind = Dtype::Kind;

constexpr std::array<DtypeRow, kDtypes> kDtypeRows = {{
    {bool_, "bool", Kind::b, Category::generic},
    {uint8, "uint8", Kind::u, Category::unsignedinteger},
    {uint16, "uint16", Kind::u, Category::unsignedinteger},
    {uint32, "uint32", Kind::u, Category::unsignedinteger},
    {uint64, "uint64", Kind::u, Category::unsignedinteger},
    {int8, "int8", Kind::i, Category::signedinteger},
    {int16, "int16", Kind::i, Category::signedinteger},
    {int32, "int32", Kind::i, Category::signedinteger},
    {int64, "int64", Kind::i, Category::signedinteger},
    {float16, "float16", Kind::f, Category::floating},
    {float32, "float32", Kind::f, Category::floating},
    {float64, "float64", Kind::f, Category::floating},
    {bfloat16, "bfloat16", Kind::V, Category::floating},
    {complex64, "complex64", Kind::c, Category::complexfloating},
}};

const DtypeRow& row(Dtype t) { return kDtypeRows[static_cast<size_t>(t.val())]; }

Category parent(Category c) {
  switch (c) {
    case Category::complexfloating:
    case Category::floating:
      return Category::inexact;
    case Category::signedinteger:
    case Category::unsignedinteger:
      return Category::integer;
    case Category::inexact:
    case Category::integer:
      return Category::number;
    case Category::number:
    case Category::generic:
      break;
  }
  return Category::generic;
}

Dtype signed_of_size(int bytes) {
  switch (bytes) {
    case 1:
      return int8;
    case 2:
      return int16;
    case 4:
      return int32;
    default:
      return int64;
  }
}

// Signed with unsigned: the smallest signed type that holds both; none holds
// uint64, which goes to float32 as in JAX's lattice.
Dtype promote_mixed_sign(Dtype s, Dtype u) {
  if (u == uint64) {
    return float32;
  }
  return signed_of_size(std::max<int>(s.size(), 2 * u.size()));
}

}  // namespace

bool issubdtype(const Dtype& a, const Dtype& b) { return a == b; }

bool issubdtype(const Dtype::Category&, const Dtype&) { return false; }

bool issubdtype(const Dtype& a, const Dtype::Category& b) { return issubdtype(row(a).category, b); }

bool issubdtype(const Dtype::Category& a, const Dtype::Category& b) {
  for (Category c = a;; c = parent(c)) {
    if (c == b) {
      return true;
    }
    if (c == Category::generic) {
      return false;
    }
  }
}

Dtype promote_types(const Dtype& t1, const Dtype& t2) {
  if (t1 == t2 || t2 == bool_) {
    return t1;
  }
  if (t1 == bool_) {
    return t2;
  }
  if (t1 == complex64 || t2 == complex64) {
    return complex64;
  }
  const bool float1 = issubdtype(t1, floating);
  const bool float2 = issubdtype(t2, floating);
  if (float1 && float2) {
    if (t1.size() == t2.size()) {  // float16 with bfloat16
      return float32;
    }
    return t1.size() > t2.size() ? t1 : t2;
  }
  if (float1 || float2) {
    return float1 ? t1 : t2;
  }
  const bool signed1 = issubdtype(t1, signedinteger);
  const bool signed2 = issubdtype(t2, signedinteger);
  if (signed1 == signed2) {
    return t1.size() > t2.size() ? t1 : t2;
  }
  return signed1 ? promote_mixed_sign(t1, t2) : promote_mixed_sign(t2, t1);
}

uint8_t size_of(const Dtype& t) { return t.size(); }

Dtype::Kind kindof(const Dtype& t) { return row(t).kind; }

Dtype dtype_of(Dtype::Val val) { return kDtypeRows[static_cast<size_t>(val)].dtype; }

const char* dtype_name(Dtype t) { return row(t).name; }

void append(std::string& out, Dtype t) { append(out, std::string_view(dtype_name(t))); }

#define MLX_TYPE_TO_DTYPE(type, dtype)  \
  template <>                           \
  TypeToDtype<type>::operator Dtype() { \
    return dtype;                       \
  }
MLX_TYPE_TO_DTYPE(bool, bool_)
MLX_TYPE_TO_DTYPE(uint8_t, uint8)
MLX_TYPE_TO_DTYPE(uint16_t, uint16)
MLX_TYPE_TO_DTYPE(uint32_t, uint32)
MLX_TYPE_TO_DTYPE(uint64_t, uint64)
MLX_TYPE_TO_DTYPE(int8_t, int8)
MLX_TYPE_TO_DTYPE(int16_t, int16)
MLX_TYPE_TO_DTYPE(int32_t, int32)
MLX_TYPE_TO_DTYPE(int64_t, int64)
MLX_TYPE_TO_DTYPE(float16_t, float16)
MLX_TYPE_TO_DTYPE(float, float32)
MLX_TYPE_TO_DTYPE(double, float32)
MLX_TYPE_TO_DTYPE(bfloat16_t, bfloat16)
MLX_TYPE_TO_DTYPE(complex64_t, complex64)
MLX_TYPE_TO_DTYPE(std::complex<float>, complex64)
#undef MLX_TYPE_TO_DTYPE

}  // namespace mlx::core
