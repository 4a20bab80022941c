#pragma once

// array: a handle to a node of the lazy graph.

#include <complex>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "mlx/core/allocator.h"
#include "mlx/core/base/small_vector.h"
#include "mlx/core/dtype.h"
#include "mlx/core/event.h"

namespace mlx::core {

class Primitive;
class Attrs;
struct Node;
struct Op;

using Deleter = std::function<void(allocator::Buffer)>;
/// Sizes are 64-bit: MLX's 32 bits overflow on large arrays.
using ShapeElem = int64_t;
using Shape = SmallVector<ShapeElem>;
using Strides = SmallVector<int64_t>;

/// An n-dimensional array of one dtype: a reference to its place in a graph
/// of operations, which `eval` turns into data. Copies refer to the same node.
/// Different threads may use different handles of one evaluated array.
class array {
 public:
  /// A scalar.
  template <typename T>
  requires std::is_arithmetic_v<T> || std::is_same_v<T, float16_t> ||
      std::is_same_v<T, bfloat16_t> || std::is_same_v<T, complex64_t>
  explicit array(T val, Dtype dtype = TypeToDtype<T>());
  explicit array(const std::complex<float>& val, Dtype dtype = complex64);

  /// Elements from an iterator, in row-major order.
  template <typename It>
  explicit array(It data, Shape shape,
                 Dtype dtype = TypeToDtype<typename std::iterator_traits<It>::value_type>());

  /// A vector. An empty list is float32.
  template <typename T>
  explicit array(std::initializer_list<T> data, Dtype dtype = TypeToDtype<T>());
  explicit array(std::initializer_list<float> data);
  explicit array(std::initializer_list<int> data, Dtype dtype);

  /// Errors: std::invalid_argument if the list has not the shape's size.
  template <typename T>
  explicit array(std::initializer_list<T> data, Shape shape, Dtype dtype = TypeToDtype<T>());

  /// Foreign memory, row-major: used in place; `deleter` ends its life.
  explicit array(void* data, Shape shape, Dtype dtype, const std::function<void(void*)>& deleter);
  explicit array(allocator::Buffer data, Shape shape, Dtype dtype,
                 Deleter deleter = allocator::free);

  array& operator=(const array& other) && = delete;
  array& operator=(array&& other) && = delete;
  array& operator=(array&& other) & noexcept;
  array(const array& other);
  array(array&& other) noexcept : node_(other.node_) { other.node_ = nullptr; }
  array& operator=(const array& other) &;
  ~array();

  size_t itemsize() const;     ///< bytes of an element
  size_t size() const;         ///< the number of elements
  size_t nbytes() const;       ///< size() * itemsize()
  size_t ndim() const;         ///< the number of axes; 0 for a scalar
  const Shape& shape() const;  ///< the size of each axis; known before evaluation
  /// Errors: std::out_of_range. Negative dimensions count from the end.
  ShapeElem shape(int dim) const;
  /// In elements. Valid once evaluated.
  const Strides& strides() const;
  int64_t strides(int dim) const;
  Dtype dtype() const;  ///< known before evaluation

  /// Computes the array now.
  void eval();

  /// The only element, converted as by astype. Evaluates the array first if it
  /// has not been.
  /// Errors: std::invalid_argument if size() is not 1.
  template <typename T>
  T item();
  template <typename T>
  T item() const;

  struct ArrayIterator {  ///< what begin() gives
    using iterator_category = std::random_access_iterator_tag;
    using difference_type = size_t;
    using value_type = const array;
    using reference = value_type;

    explicit ArrayIterator(const array& arr, int idx = 0);
    reference operator*() const;
    ArrayIterator& operator+(difference_type diff) {
      idx += static_cast<int>(diff);
      return *this;
    }
    ArrayIterator& operator++() {
      ++idx;
      return *this;
    }
    friend bool operator==(const ArrayIterator& a, const ArrayIterator& b) {
      return &a.arr.get() == &b.arr.get() && a.idx == b.idx;
    }
    friend bool operator!=(const ArrayIterator& a, const ArrayIterator& b) { return !(a == b); }

   private:
    std::reference_wrapper<const array> arr;
    int idx;
  };
  /// The slices along axis 0.
  ArrayIterator begin() const { return ArrayIterator(*this); }
  ArrayIterator end() const;

  // What follows serves operations, transforms and evaluation.

  /// The result of a user's primitive.
  array(Shape shape, Dtype dtype, std::shared_ptr<Primitive> primitive, std::vector<array> inputs);
  static std::vector<array> make_arrays(std::vector<Shape> shapes, const std::vector<Dtype>& dtypes,
                                        const std::shared_ptr<Primitive>& primitive,
                                        const std::vector<array>& inputs);
  /// A new array with the same data, outside the graph.
  static array unsafe_weak_copy(const array& other);

  /// Unique among the arrays that exist at one time.
  std::uintptr_t id() const { return reinterpret_cast<std::uintptr_t>(node_); }
  std::uintptr_t primitive_id() const;  ///< 0 for data

  struct Data {  ///< memory, and what frees it
    allocator::Buffer buffer;
    Deleter d;
    Data(allocator::Buffer buffer, Deleter d = allocator::free);
    Data(const Data& d) = delete;
    Data& operator=(const Data& d) = delete;
    Data(Data&& o) noexcept;
    ~Data();
  };

  struct Flags {
    /// No gaps between the elements, in whatever order.
    bool contiguous : 1;
    bool row_contiguous : 1;
    bool col_contiguous : 1;
  };

  /// The operation that makes this array, as MLX's extension interface sees it.
  /// Errors: std::invalid_argument if has_primitive() is false.
  Primitive& primitive() const;
  std::shared_ptr<Primitive>& primitive_ptr() const;
  bool has_primitive() const;                ///< false once evaluated, and for data
  const std::vector<array>& inputs() const;  ///< of the operation
  std::vector<array>& inputs();
  /// Whether nobody else can see the data, so that a kernel may write over it.
  bool is_donatable() const;
  /// The other outputs of the same operation.
  const std::vector<array>& siblings() const;
  std::vector<array>& siblings();
  int sibling_position() const;  ///< which of the outputs this is, from 0
  void set_siblings(std::vector<array> siblings, uint16_t position);
  /// All outputs of the same operation, this one included.
  std::vector<array> outputs() const;
  /// Forgets how the array is computed.
  void detach();

  const Flags& flags() const;  ///< valid once evaluated
  /// Elements in the part of the buffer that the array spans.
  size_t data_size() const;
  allocator::Buffer& buffer();
  const allocator::Buffer& buffer() const;
  size_t buffer_size() const;  ///< usable bytes
  const std::shared_ptr<Data>& data_shared_ptr() const;
  /// The first element. Errors: std::runtime_error before evaluation.
  template <typename T>
  T* data() {
    return static_cast<T*>(data_ptr());
  }
  template <typename T>
  const T* data() const {
    return static_cast<const T*>(data_ptr());
  }
  /// Bytes from the start of the buffer to the first element.
  int64_t offset() const;

  enum Status {
    /// Not given to a stream yet.
    unscheduled,
    /// Given to a stream; wait() before reading.
    evaluated,
    /// The data can be read.
    available,
  };
  bool is_available() const;  ///< whether the data can be read without waiting
  /// Blocks until the data can be read; rethrows the error of its computation.
  void wait();
  Status status() const;
  void set_status(Status s) const;
  Event& event() const;  ///< signaled when the data can be read
  void attach_event(Event e) const;
  void detach_event() const;
  void set_tracer(bool is_tracer);  ///< for transforms
  bool is_tracer() const;

  void set_data(allocator::Buffer buffer, Deleter d = allocator::free);
  void set_data(allocator::Buffer buffer, size_t data_size, Strides strides, Flags flags,
                Deleter d);
  void set_data(allocator::Buffer buffer, size_t data_size, Strides strides, Flags flags,
                int64_t offset = 0, Deleter d = allocator::free);
  /// Becomes a view of `other`'s buffer. `offset` counts elements from other's first element.
  void copy_shared_buffer(const array& other, const Strides& strides, Flags flags, size_t data_size,
                          int64_t offset = 0);
  void copy_shared_buffer(const array& other);
  void overwrite_descriptor(const array& other);  ///< becomes a handle to other's node

  // The library's own view (graph/node.h).
  explicit array(Node* node) noexcept : node_(node) {}
  Node* node() const { return node_; }
  /// Lets go of the node without giving the reference back.
  Node* forget() noexcept { return std::exchange(node_, nullptr); }

 private:
  void* data_ptr() const;
  void init_from_values(const void* values, Dtype from, const Shape& shape, Dtype dtype);
  void read_item(void* out, Dtype as) const;

  Node* node_ = nullptr;
};

template <typename T>
inline constexpr bool is_array_v = std::is_same_v<std::remove_cvref_t<T>, array>;
template <typename... T>
inline constexpr bool is_arrays_v = (is_array_v<T> && ...);
template <typename... T>
using enable_for_arrays_t = typename std::enable_if_t<is_arrays_v<T...>>;

/// The dtype whose elements have exactly the type T (double is float64 here).
template <typename T>
constexpr Dtype storage_dtype() {
  if constexpr (std::is_same_v<T, bool>) {
    return bool_;
  } else if constexpr (std::is_same_v<T, float16_t>) {
    return float16;
  } else if constexpr (std::is_same_v<T, bfloat16_t>) {
    return bfloat16;
  } else if constexpr (std::is_same_v<T, float>) {
    return float32;
  } else if constexpr (std::is_same_v<T, double>) {
    return float64;
  } else if constexpr (std::is_base_of_v<std::complex<float>, T>) {
    return complex64;
  } else {
    static_assert(std::is_integral_v<T>, "not an element type");
    constexpr bool is_signed = std::is_signed_v<T>;
    if constexpr (sizeof(T) == 1) {
      return is_signed ? int8 : uint8;
    } else if constexpr (sizeof(T) == 2) {
      return is_signed ? int16 : uint16;
    } else if constexpr (sizeof(T) == 4) {
      return is_signed ? int32 : uint32;
    } else {
      return is_signed ? int64 : uint64;
    }
  }
}

template <typename T>
requires std::is_arithmetic_v<T> || std::is_same_v<T, float16_t> || std::is_same_v<T, bfloat16_t> ||
    std::is_same_v<T, complex64_t>
    array::array(T val, Dtype dtype) {
  init_from_values(&val, storage_dtype<T>(), Shape{}, dtype);
}

template <typename It>
array::array(It data, Shape shape, Dtype dtype) {
  using T = std::remove_cv_t<typename std::iterator_traits<It>::value_type>;
  size_t count = 1;
  for (ShapeElem n : shape) {
    count *= static_cast<size_t>(n);
  }
  if constexpr (std::is_pointer_v<It>) {
    init_from_values(data, storage_dtype<T>(), shape, dtype);
  } else {
    std::unique_ptr<T[]> values(new T[count + 1]);
    for (size_t i = 0; i < count; ++i, ++data) {
      values[i] = *data;
    }
    init_from_values(values.get(), storage_dtype<T>(), shape, dtype);
  }
}

template <typename T>
array::array(std::initializer_list<T> data, Dtype dtype) {
  init_from_values(data.begin(), storage_dtype<T>(), Shape{static_cast<ShapeElem>(data.size())},
                   dtype);
}

namespace detail {
/// Errors: std::invalid_argument if `count` is not the number of elements of `shape`.
void check_element_count(size_t count, const Shape& shape);
}  // namespace detail

template <typename T>
array::array(std::initializer_list<T> data, Shape shape, Dtype dtype) {
  detail::check_element_count(data.size(), shape);
  init_from_values(data.begin(), storage_dtype<T>(), shape, dtype);
}

template <typename T>
T array::item() const {
  T out;
  read_item(&out, storage_dtype<T>());
  return out;
}

template <typename T>
T array::item() {
  return static_cast<const array*>(this)->item<T>();
}

}  // namespace mlx::core
