// Reading files of functions.

#include <limits>
#include <unordered_map>

#include "mlx/core/io/bytes.h"
#include "mlx/core/io/export_format.h"
#include "mlx/core/io/load.h"

namespace mlx::core::io {
namespace {

// Smaller constants are read at once, so that equal scalars can be told to be equal.
constexpr size_t kEagerBytes = size_t{64} << 10;

class ExportReader {
 public:
  ExportReader(const std::shared_ptr<Reader>& reader, SchemaOf schema_of)
      : reader_(reader), schema_of_(schema_of), size_(reader->size()) {}

  ExportedFile read() {
    ExportedFile file;
    string();  // the version, which does not change the layout
    const auto functions = number<int32_t>();
    file.shapeless = flag();
    file.metadata = string();
    for (int32_t i = 0; i < functions; ++i) {
      file.functions.push_back(function());
    }
    return file;
  }

 private:
  template <typename... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw_bad_file("import_function", reader_->label(), parts...);
  }

  size_t left() const { return size_ - position_; }

  // The next bytes, from a window that moves on through the file.
  std::string_view take(size_t count) {
    if (count > left()) {
      fail("The file ends early: got ", left(), " bytes, expected ", count, " at ", position_, ".");
    }
    if (position_ < window_begin_ || position_ + count > window_begin_ + window_.size()) {
      window_begin_ = position_;
      window_.resize(std::min(std::max(count, size_t{1} << 16), left()));
      reader_->read(window_.data(), window_.size(), window_begin_);
    }
    const std::string_view bytes(window_.data() + (position_ - window_begin_), count);
    position_ += count;
    return bytes;
  }

  template <typename T>
  T number() {
    return number_at<T>(take(sizeof(T)), 0);
  }
  bool flag() { return number<uint8_t>() != 0; }

  // The length of a list whose elements take `bytes` at least.
  size_t length(size_t bytes) {
    const auto count = number<uint64_t>();
    if (count > left() / bytes) {
      fail("A list is longer than the file: got ", count, " elements.");
    }
    return static_cast<size_t>(count);
  }
  std::string string() { return std::string(take(length(1))); }
  template <typename T, typename List>
  List list() {
    List values;
    const size_t count = length(sizeof(T));
    for (size_t i = 0; i < count; ++i) {
      values.push_back(static_cast<typename List::value_type>(number<T>()));
    }
    return values;
  }
  std::vector<Id> ids() { return list<Id, std::vector<Id>>(); }

  Shape shape() {
    auto shape = list<int32_t, Shape>();
    if (shape.size() > kMaxDimensions) {
      fail("Number of dimensions: got ", shape.size(), ", expected at most ", kMaxDimensions, ".");
    }
    return shape;
  }
  Dtype dtype() {
    const auto val = number<int32_t>();
    const auto size = number<uint8_t>();
    if (val < 0 || val >= kDtypes || dtype_of(static_cast<Dtype::Val>(val)).size() != size) {
      fail("Dtype: got number ", val, " of ", size, " bytes.");
    }
    return dtype_of(static_cast<Dtype::Val>(val));
  }
  Type type() {
    Shape sizes = shape();
    return checked({std::move(sizes), dtype()});
  }
  Type checked(Type type) const {
    if (count_bytes(type) == std::numeric_limits<size_t>::max()) {
      fail("Shape of an array: got ", type.shape, ".");
    }
    return type;
  }

  ExportedFunction function() {
    ExportedFunction out;
    for (size_t n = length(sizeof(uint64_t)); n > 0; --n) {
      out.keywords.push_back(string());
    }
    out.inputs = ids();
    for (size_t n = length(sizeof(uint64_t)); n > 0; --n) {
      out.types.push_back(type());
    }
    if (out.types.size() != out.inputs.size() || out.keywords.size() > out.inputs.size()) {
      fail("Inputs: got ", out.inputs.size(), " of ", out.types.size(), " types and ",
           out.keywords.size(), " keywords.");
    }
    out.outputs = ids();
    for (size_t n = length(sizeof(Id)); n > 0; --n) {
      out.entries.push_back(entry());
    }
    return out;
  }

  ExportedEntry entry() {
    const auto id = number<Id>();
    if (flag()) {
      return step(id);
    }
    return flag() ? constant(id) : ExportedEntry(ExportedInput{id});
  }

  ExportedEntry constant(Id id) {
    if (const auto known = constants_.find(id); known != constants_.end()) {
      return ExportedConstant{id, known->second};
    }
    const Type t = type();
    if (auto note = try_note(id, t)) {
      return std::move(*note);
    }
    const size_t bytes = count_bytes(t);
    if (bytes > left()) {
      fail("The file ends early: got ", left(), " bytes, expected ", bytes, " of a constant.");
    }
    array value = make_node(kLoad, {}, Attrs(LoadAttrs{reader_, position_, t}), to_stream({}));
    if (bytes <= kEagerBytes) {
      value.eval();
    }
    position_ += bytes;
    constants_.emplace(id, value);
    return ExportedConstant{id, std::move(value)};
  }

  // Nothing, and the position as it was, if the constant is none, or about what we do not have.
  std::optional<ExportedNote> try_note(Id id, const Type& type) {
    constexpr size_t kHead = kNoteMagic.size() + sizeof(uint64_t);
    const size_t begin = position_;
    const bool may_be = type.dtype == uint8 && type.shape.size() == 1 &&
                        count_bytes(type) >= kHead && count_bytes(type) <= left();
    if (!may_be || take(kNoteMagic.size()) != kNoteMagic) {
      position_ = begin;
      return std::nullopt;
    }
    const auto covers = number<uint64_t>();
    const auto first = number<Id>();
    if (!flag()) {
      fail("A note holds no operation.");
    }
    std::optional<ExportedStep> inner = try_step(first);
    if (!inner) {
      position_ = begin;
      return std::nullopt;
    }
    if (position_ != begin + count_bytes(type)) {
      fail("A note is ", count_bytes(type), " bytes long, but its operation ends after ",
           position_ - begin, ".");
    }
    return ExportedNote{id, std::move(*inner), covers};
  }

  ExportedStep step(Id id) {
    std::optional<ExportedStep> known = try_step(id);
    require(known.has_value(), "[import_function] ", reader_->label(), ": Unknown operation ",
            name_.substr(0, 64), ".");
    return std::move(*known);
  }

  // Nothing if its name is unknown.
  std::optional<ExportedStep> try_step(Id id) {
    ExportedStep out{.name = {},
                     .state = {},
                     .device = Device::cpu,
                     .inputs = ids(),
                     .outputs = {},
                     .types = {}};
    number<int32_t>();  // the stream, which was another process's
    const bool gpu = number<int32_t>() == static_cast<int32_t>(Device::DeviceType::gpu);
    out.device = Device(gpu ? Device::gpu : Device::cpu, number<int32_t>());
    out.name = name_ = string();
    const std::string_view* schema = schema_of_(out.name);
    if (schema == nullptr) {
      return std::nullopt;
    }
    for (const char code : *schema) {
      out.state.push_back(state(code));
    }
    const auto others = number<uint64_t>();
    if (others == 0) {
      out.outputs.push_back(id);
      out.types.push_back(type());
      return out;
    }
    out.outputs = ids();
    std::vector<Shape> shapes;
    for (size_t n = length(sizeof(uint64_t)); n > 0; --n) {
      shapes.push_back(shape());
    }
    const size_t dtypes = length(sizeof(uint8_t));
    if (out.outputs.size() != others + 1 || shapes.size() != out.outputs.size() ||
        dtypes != out.outputs.size()) {
      fail("Results of ", out.name, ": got ", out.outputs.size(), " of ", others, " and one, with ",
           shapes.size(), " shapes and ", dtypes, " dtypes.");
    }
    for (Shape& sizes : shapes) {
      out.types.push_back(checked({std::move(sizes), dtype()}));
    }
    return out;
  }

  StateT state(char code) {
    switch (code) {
      case 'b':
        return flag();
      case 'i':
        return number<int32_t>();
      case 'u':
        return static_cast<size_t>(number<uint64_t>());
      case 'f':
        return number<float>();
      case 'd':
        return number<double>();
      case 't':
        return dtype();
      case 's':
        return shape_state(shape());
      case 'r':
        return strides_state(list<int64_t, Strides>());
      case 'I':
        return list<int32_t, std::vector<int>>();
      case 'U':
        return list<uint64_t, std::vector<size_t>>();
      case 'o':
        return flag() ? std::optional<float>(number<float>()) : std::optional<float>();
      default:
        return string();
    }
  }

  const std::shared_ptr<Reader> reader_;
  const SchemaOf schema_of_;
  const size_t size_;
  size_t position_ = 0;
  std::string window_;
  size_t window_begin_ = 0;
  std::string name_;  // of the last operation
  /// Of all functions.
  std::unordered_map<Id, array> constants_;
};

}  // namespace

ExportedFile read_export(const std::shared_ptr<Reader>& reader, SchemaOf schema_of) {
  return ExportReader(reader, schema_of).read();
}

}  // namespace mlx::core::io
