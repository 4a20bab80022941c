#include "mlx/core/array.h"

#include <cstring>
#include <stdexcept>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/element.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/graph/trace.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/primitives.h"
#include "mlx/core/transforms.h"

namespace mlx::core {

// ---- handles

array::array(const array& other) : node_(other.node_) {
  if (node_ != nullptr) {
    Node::retain(node_);
  }
}

array& array::operator=(const array& other) & {
  array copy(other);
  std::swap(node_, copy.node_);
  return *this;
}

array& array::operator=(array&& other) & noexcept {
  std::swap(node_, other.node_);
  return *this;
}

array::~array() {
  if (node_ != nullptr) {
    Node::release(node_);
  }
}

// ---- construction

namespace detail {
void check_element_count(size_t count, const Shape& shape) {
  const size_t expected = element_count(shape);
  require(count == expected, "[array] Number of elements: got ", count, ", expected ", expected,
          " for shape ", shape, ".");
}
}  // namespace detail

void array::init_from_values(const void* values, Dtype from, const Shape& shape, Dtype dtype) {
  *this = make_array(shape, dtype);
  set_data(allocator::malloc(nbytes()));
  convert_elements(values, from, data<void>(), dtype, size());
  set_status(available);
}

array::array(const std::complex<float>& val, Dtype dtype) {
  init_from_values(&val, complex64, Shape{}, dtype);
}

array::array(std::initializer_list<float> data) {
  init_from_values(data.begin(), float32, Shape{static_cast<ShapeElem>(data.size())}, float32);
}

array::array(std::initializer_list<int> data, Dtype dtype) {
  init_from_values(data.begin(), int32, Shape{static_cast<ShapeElem>(data.size())}, dtype);
}

array::array(void* data, Shape shape, Dtype dtype, const std::function<void(void*)>& deleter)
    : array(make_array(std::move(shape), dtype)) {
  set_data(allocator::Buffer(data), [deleter](allocator::Buffer b) { deleter(b.raw_ptr()); });
  set_status(available);
}

array::array(allocator::Buffer data, Shape shape, Dtype dtype, Deleter deleter)
    : array(make_array(std::move(shape), dtype)) {
  set_data(data, std::move(deleter));
  set_status(available);
}

array::array(Shape shape, Dtype dtype, std::shared_ptr<Primitive> primitive,
             std::vector<array> inputs)
    : array(make_arrays({std::move(shape)}, {dtype}, primitive, inputs)[0]) {}

std::vector<array> array::make_arrays(std::vector<Shape> shapes, const std::vector<Dtype>& dtypes,
                                      const std::shared_ptr<Primitive>& primitive,
                                      const std::vector<array>& inputs) {
  return detail::apply_primitive(primitive, std::move(shapes), dtypes, inputs);
}

array array::unsafe_weak_copy(const array& other) {
  array out = make_array(other.shape(), other.dtype());
  if (other.node_->data != nullptr) {
    out.copy_shared_buffer(other);
    out.set_status(other.status());
    out.attach_event(other.event());
  }
  return out;
}

// ---- type and layout

size_t array::itemsize() const { return node_->dtype.size(); }
size_t array::size() const { return node_->size; }
size_t array::nbytes() const { return node_->size * node_->dtype.size(); }
size_t array::ndim() const { return node_->shape.size(); }
const Shape& array::shape() const { return node_->shape; }
const Strides& array::strides() const { return node_->strides; }
Dtype array::dtype() const { return node_->dtype; }

ShapeElem array::shape(int dim) const {
  return node_->shape.at(static_cast<size_t>(dim < 0 ? dim + static_cast<int>(ndim()) : dim));
}

int64_t array::strides(int dim) const {
  return node_->strides.at(static_cast<size_t>(dim < 0 ? dim + static_cast<int>(ndim()) : dim));
}

namespace {
array::Data& data_of(const Node& node) {
  if (node.data == nullptr) {
    throw std::runtime_error("[array] The array has no data yet: call eval() first.");
  }
  return *node.data;
}
}  // namespace

const array::Flags& array::flags() const { return node_->flags; }
size_t array::data_size() const { return node_->data_size; }
allocator::Buffer& array::buffer() { return data_of(*node_).buffer; }
const allocator::Buffer& array::buffer() const { return data_of(*node_).buffer; }
size_t array::buffer_size() const { return allocator::allocator().size(buffer()); }
const std::shared_ptr<array::Data>& array::data_shared_ptr() const { return node_->data; }
int64_t array::offset() const { return node_->offset; }

void* array::data_ptr() const {
  return static_cast<std::byte*>(data_of(*node_).buffer.raw_ptr()) + node_->offset;
}

// ---- data

array::Data::Data(allocator::Buffer buffer, Deleter d) : buffer(buffer), d(std::move(d)) {}

array::Data::Data(Data&& o) noexcept : buffer(o.buffer), d(std::move(o.d)) {
  o.buffer = allocator::Buffer(nullptr);
  o.d = [](allocator::Buffer) {};
}

array::Data::~Data() { d(buffer); }

void array::set_data(allocator::Buffer buffer, Deleter d) {
  node_->strides = row_major(node_->shape);
  node_->data_size = node_->size;
  node_->flags = layout_flags(node_->shape, node_->strides, node_->size);
  node_->offset = 0;
  node_->data = std::make_shared<Data>(buffer, std::move(d));
}

void array::set_data(allocator::Buffer buffer, size_t data_size, Strides strides, Flags flags,
                     Deleter d) {
  set_data(buffer, data_size, std::move(strides), flags, 0, std::move(d));
}

void array::set_data(allocator::Buffer buffer, size_t data_size, Strides strides, Flags flags,
                     int64_t offset, Deleter d) {
  node_->strides = std::move(strides);
  node_->data_size = data_size;
  node_->flags = flags;
  node_->offset = offset * static_cast<int64_t>(itemsize());
  node_->data = std::make_shared<Data>(buffer, std::move(d));
}

void array::copy_shared_buffer(const array& other, const Strides& strides, Flags flags,
                               size_t data_size, int64_t offset) {
  node_->offset = other.offset() + offset * static_cast<int64_t>(other.itemsize());
  node_->data = other.node_->data;
  node_->strides = strides;
  node_->flags = flags;
  node_->data_size = data_size;
}

void array::copy_shared_buffer(const array& other) {
  copy_shared_buffer(other, other.strides(), other.flags(), other.data_size());
}

void array::overwrite_descriptor(const array& other) { *this = other; }

// ---- the graph

namespace {
void require_primitive(const Node& node) {
  require(node.op != nullptr, "[array::primitive] The array has no primitive.");
}
}  // namespace

bool array::has_primitive() const { return node_->op != nullptr; }

std::shared_ptr<Primitive>& array::primitive_ptr() const {
  require_primitive(*node_);
  if (node_->primitive == nullptr) {
    node_->primitive = detail::view_of(*node_);
  }
  return node_->primitive;
}

Primitive& array::primitive() const { return *primitive_ptr(); }

std::uintptr_t array::primitive_id() const {
  return node_->op == nullptr ? 0 : reinterpret_cast<std::uintptr_t>(primitive_ptr().get());
}

const std::vector<array>& array::inputs() const { return node_->inputs; }
std::vector<array>& array::inputs() { return node_->inputs; }
const std::vector<array>& array::siblings() const { return node_->siblings; }
std::vector<array>& array::siblings() { return node_->siblings; }
int array::sibling_position() const { return node_->sibling_position; }

void array::set_siblings(std::vector<array> siblings, uint16_t position) {
  require(node_->group == nullptr, "[array::set_siblings] The array has siblings already.");
  siblings.insert(siblings.begin() + position, *this);
  link_siblings(siblings);
}

std::vector<array> array::outputs() const {
  std::vector<array> all = node_->siblings;
  all.insert(all.begin() + node_->sibling_position, *this);
  return all;
}

void array::detach() {
  node_->inputs.clear();
  for (array& sibling : node_->siblings) {
    sibling.forget();
  }
  node_->siblings.clear();
  node_->op = nullptr;
  node_->attrs = Attrs();
  node_->primitive.reset();
  node_->tracer = false;
}

bool array::is_donatable() const {
  if (node_->references.load(std::memory_order_acquire) != 1 || node_->data.use_count() != 1) {
    return false;
  }
  // Memory that came from outside (a caller's, a mapped file) is not ours to write to.
  using Free = void (*)(allocator::Buffer);
  const Free* free = node_->data->d.target<Free>();
  return free != nullptr && *free == &allocator::free;
}

void array::set_tracer(bool is_tracer) { node_->tracer = is_tracer; }
bool array::is_tracer() const { return node_->tracer && TraceScope::active(); }

// ---- evaluation

array::Status array::status() const {
  return static_cast<Status>(node_->status.load(std::memory_order_acquire));
}

void array::set_status(Status s) const {
  node_->status.store(static_cast<uint8_t>(s), std::memory_order_release);
}

Event& array::event() const { return node_->event; }
void array::attach_event(Event e) const { node_->event = std::move(e); }
void array::detach_event() const { node_->event = Event(); }

bool array::is_available() const {
  return status() == available || (status() == evaluated && node_->event.is_signaled());
}

void array::wait() {
  if (status() == evaluated) {
    node_->event.wait();
    set_status(available);
  }
}

void array::eval() { mlx::core::eval(std::vector<array>{*this}); }

void array::read_item(void* out, Dtype as) const {
  require(size() == 1, "[array::item] Number of elements: got ", size(), ", expected 1.");
  if (status() != available) {
    array self(*this);
    self.eval();
  }
  convert_elements(data_ptr(), dtype(), out, as, 1);
}

// ---- iteration

array::ArrayIterator::ArrayIterator(const array& arr, int idx) : arr(arr), idx(idx) {
  require(arr.ndim() > 0, "[array] Cannot iterate over a 0-d array.");
}

array::ArrayIterator::reference array::ArrayIterator::operator*() const {
  const array& a = arr.get();
  Shape start(a.ndim(), 0);
  Shape stop = a.shape();
  start[0] = idx;
  stop[0] = idx + 1;
  return squeeze(slice(a, std::move(start), std::move(stop)), 0);
}

array::ArrayIterator array::end() const { return ArrayIterator(*this, static_cast<int>(shape(0))); }

}  // namespace mlx::core
