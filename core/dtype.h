#pragma once

// The 14 element types, their categories and how they promote.

#include <complex>
#include <cstddef>
#include <cstdint>
#include <string>

#include "mlx/core/half.h"

namespace mlx::core {

struct complex64_t : public std::complex<float> {
  using std::complex<float>::complex;
  complex64_t() = default;
  complex64_t(const std::complex<float>& v) : std::complex<float>(v) {}  // NOLINT
};

/// The type of an array's elements: a tag and a size in bytes. The tag's order
/// is the one that MLX uses in its files.
struct Dtype {
  enum class Val {
    bool_,
    uint8,
    uint16,
    uint32,
    uint64,
    int8,
    int16,
    int32,
    int64,
    float16,
    float32,
    float64,
    bfloat16,
    complex64,
  };

  /// NumPy's one-letter kind; bfloat16, which NumPy lacks, is V.
  enum class Kind { b, u, i, f, c, V };

  /// generic > {bool_, number}; number > {integer, inexact};
  /// integer > {signedinteger, unsignedinteger}; inexact > {floating, complexfloating}.
  enum class Category {
    complexfloating,
    floating,
    inexact,
    signedinteger,
    unsignedinteger,
    integer,
    number,
    generic,
  };

  constexpr explicit Dtype(Val val, uint8_t size) : val_(val), size_(size) {}
  constexpr operator Val() const { return val_; }  // NOLINT
  constexpr Val val() const { return val_; }
  /// Bytes per element.
  constexpr uint8_t size() const { return size_; }

 private:
  Val val_;
  uint8_t size_;
};

inline constexpr int kDtypes = 14;

inline constexpr Dtype bool_{Dtype::Val::bool_, sizeof(bool)};
inline constexpr Dtype uint8{Dtype::Val::uint8, sizeof(uint8_t)};
inline constexpr Dtype uint16{Dtype::Val::uint16, sizeof(uint16_t)};
inline constexpr Dtype uint32{Dtype::Val::uint32, sizeof(uint32_t)};
inline constexpr Dtype uint64{Dtype::Val::uint64, sizeof(uint64_t)};
inline constexpr Dtype int8{Dtype::Val::int8, sizeof(int8_t)};
inline constexpr Dtype int16{Dtype::Val::int16, sizeof(int16_t)};
inline constexpr Dtype int32{Dtype::Val::int32, sizeof(int32_t)};
inline constexpr Dtype int64{Dtype::Val::int64, sizeof(int64_t)};
inline constexpr Dtype float16{Dtype::Val::float16, sizeof(uint16_t)};
inline constexpr Dtype float32{Dtype::Val::float32, sizeof(float)};
inline constexpr Dtype float64{Dtype::Val::float64, sizeof(double)};
inline constexpr Dtype bfloat16{Dtype::Val::bfloat16, sizeof(uint16_t)};
inline constexpr Dtype complex64{Dtype::Val::complex64, sizeof(complex64_t)};

inline constexpr Dtype::Category complexfloating = Dtype::Category::complexfloating;
inline constexpr Dtype::Category floating = Dtype::Category::floating;
inline constexpr Dtype::Category inexact = Dtype::Category::inexact;
inline constexpr Dtype::Category signedinteger = Dtype::Category::signedinteger;
inline constexpr Dtype::Category unsignedinteger = Dtype::Category::unsignedinteger;
inline constexpr Dtype::Category integer = Dtype::Category::integer;
inline constexpr Dtype::Category number = Dtype::Category::number;
inline constexpr Dtype::Category generic = Dtype::Category::generic;

/// Whether `a` is or belongs to `b`. Between two dtypes this is equality, and
/// no category belongs to a dtype.
bool issubdtype(const Dtype& a, const Dtype& b);
bool issubdtype(const Dtype::Category& a, const Dtype& b);
bool issubdtype(const Dtype& a, const Dtype::Category& b);
bool issubdtype(const Dtype::Category& a, const Dtype::Category& b);

/// The smallest dtype of the promotion lattice that holds both. Symmetric.
Dtype promote_types(const Dtype& t1, const Dtype& t2);

/// Bytes per element.
uint8_t size_of(const Dtype& t);

Dtype::Kind kindof(const Dtype& t);  ///< for NumPy

/// The dtype with that tag.
Dtype dtype_of(Dtype::Val val);

/// "float32", "bool", ... as printed.
const char* dtype_name(Dtype t);

void append(std::string& out, Dtype t);  ///< appends dtype_name(t)

/// The dtype of a C++ type: `Dtype d = TypeToDtype<float>()`. double maps to
/// float32, because a literal such as 1.5 should not widen an array.
template <typename T>
struct TypeToDtype {
  operator Dtype();  // NOLINT
};
template <>
TypeToDtype<bool>::operator Dtype();
template <>
TypeToDtype<uint8_t>::operator Dtype();
template <>
TypeToDtype<uint16_t>::operator Dtype();
template <>
TypeToDtype<uint32_t>::operator Dtype();
template <>
TypeToDtype<uint64_t>::operator Dtype();
template <>
TypeToDtype<int8_t>::operator Dtype();
template <>
TypeToDtype<int16_t>::operator Dtype();
template <>
TypeToDtype<int32_t>::operator Dtype();
template <>
TypeToDtype<int64_t>::operator Dtype();
template <>
TypeToDtype<float16_t>::operator Dtype();
template <>
TypeToDtype<float>::operator Dtype();
template <>
TypeToDtype<double>::operator Dtype();
template <>
TypeToDtype<bfloat16_t>::operator Dtype();
template <>
TypeToDtype<complex64_t>::operator Dtype();
template <>
TypeToDtype<std::complex<float>>::operator Dtype();

}  // namespace mlx::core
