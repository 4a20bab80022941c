#include "mlx/core/io/safetensors_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>

#include "mlx/core/io/load.h"

namespace mlx::core::io {
namespace {

struct DtypeName {
  std::string_view name;
  Dtype dtype;
};

// The first row of a dtype is the name that is written.
constexpr DtypeName kDtypeNames[] = {
    {"BOOL", bool_},    {"U8", uint8},      {"U16", uint16},    {"U32", uint32},
    {"U64", uint64},    {"I8", int8},       {"I16", int16},     {"I32", int32},
    {"I64", int64},     {"F16", float16},   {"F32", float32},   {"F64", float64},
    {"BF16", bfloat16}, {"C64", complex64}, {"F8_E4M3", uint8}, {"F8_E5M2", uint8},
    {"F8_E8M0", uint8},
};

constexpr std::string_view kMetadata = "__metadata__";

/// Takes the parser's events, which are nested three deep at most:
/// {name: {"dtype": text, "shape": [sizes], "data_offsets": [begin, end]}}.
/// No document is built: a hostile header costs no more than its own length.
class Events final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Events(const std::string& label) : label_(label) {}

  SafetensorsHeader take() { return std::move(header_); }

  bool null() override {
    // MLX writes "__metadata__": null.
    return depth_ == 1 && name_ == kMetadata ? true : refuse("null");
  }
  bool boolean(bool) override { return refuse("a truth value"); }
  bool number_integer(number_integer_t) override { return refuse("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return refuse("a fraction"); }
  bool binary(binary_t&) override { return refuse("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (!in_array_) {
      return refuse("a number");
    }
    if (field_ == "shape") {
      if (shape_->size() == kMaxDimensions || value > INT64_MAX) {
        fail("Tensor ", name_, " has a shape that no array has.");
      }
      shape_->push_back(static_cast<ShapeElem>(value));
    } else if (offsets_->size() == 2) {
      fail("Tensor ", name_, " has more than two data_offsets.");
    } else {
      offsets_->push_back(value);
    }
    return true;
  }

  bool string(string_t& value) override {
    if (depth_ != 2 || in_array_) {
      return refuse("a text");
    }
    if (name_ == kMetadata) {
      header_.metadata.insert_or_assign(field_, value);
      return true;
    }
    if (field_ != "dtype") {
      return refuse("a text");
    }
    for (const DtypeName& known : kDtypeNames) {
      if (value == known.name) {
        dtype_ = known.dtype;
        return true;
      }
    }
    fail("Tensor ", name_, " has dtype ", value.substr(0, 20), ", which is not supported.");
  }

  bool start_object(size_t) override {
    if (depth_ == 2 || in_array_) {
      return refuse("an object");
    }
    ++depth_;
    return true;
  }

  bool key(string_t& value) override {
    if (depth_ == 1) {
      if (!names_.insert(value).second) {
        fail("Tensor ", value, " comes twice.");
      }
      name_ = value;
    } else {
      field_ = value;
    }
    return true;
  }

  bool end_object() override {
    if (--depth_ == 1 && name_ != kMetadata) {
      finish_tensor();
    }
    return true;
  }

  bool start_array(size_t) override {
    if (depth_ != 2 || in_array_ || (field_ != "shape" && field_ != "data_offsets") ||
        name_ == kMetadata) {
      return refuse("a list");
    }
    in_array_ = true;
    if (field_ == "shape") {
      shape_.emplace();
    } else {
      offsets_.emplace();
    }
    return true;
  }

  bool end_array() override {
    in_array_ = false;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
    fail("The header is not JSON at byte ", position, ".");
  }

 private:
  template <typename... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw_bad_file("load_safetensors", label_, parts...);
  }

  [[noreturn]] bool refuse(std::string_view what) const {
    if (depth_ == 0) {
      fail("The header is ", what, ", expected an object.");
    }
    const std::string where = depth_ == 1 ? name_ : name_ + "." + field_;
    fail("The header has ", what, " at ", where.substr(0, 100), ", which cannot be there.");
  }

  void finish_tensor() {
    if (!dtype_ || !shape_ || !offsets_ || offsets_->size() != 2) {
      fail("Tensor ", name_, " needs dtype, shape and two data_offsets.");
    }
    header_.tensors.push_back({name_, {*shape_, *dtype_}, (*offsets_)[0], (*offsets_)[1]});
    dtype_.reset();
    shape_.reset();
    offsets_.reset();
  }

  const std::string& label_;
  SafetensorsHeader header_;
  std::unordered_set<std::string> names_;
  /// Objects that are open.
  int depth_ = 0;
  bool in_array_ = false;
  std::string name_;
  std::string field_;
  // Of the current tensor, as far as they have been seen.
  std::optional<Dtype> dtype_;
  std::optional<Shape> shape_;
  std::optional<std::vector<size_t>> offsets_;
};

void check_places(std::vector<TensorEntry>& tensors, size_t data_bytes, const std::string& label) {
  for (const TensorEntry& tensor : tensors) {
    if (tensor.begin > tensor.end || tensor.end > data_bytes) {
      throw_bad_file("load_safetensors", label, "Tensor ", tensor.name, " is at bytes ",
                     tensor.begin, " to ", tensor.end, ", but there are ", data_bytes,
                     " bytes of data.");
    }
    if (count_bytes(tensor.type) != tensor.end - tensor.begin) {
      throw_bad_file("load_safetensors", label, "Tensor ", tensor.name, " has ",
                     tensor.end - tensor.begin, " bytes, which does not fit ", tensor.type.dtype,
                     " ", tensor.type.shape, ".");
    }
  }
  std::sort(tensors.begin(), tensors.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  for (size_t i = 1; i < tensors.size(); ++i) {
    if (tensors[i].begin < tensors[i - 1].end) {
      throw_bad_file("load_safetensors", label, "Tensors ", tensors[i - 1].name, " and ",
                     tensors[i].name, " overlap.");
    }
  }
}

std::string quote(const std::string& text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    throw_invalid("[save_safetensors] A name or metadata is not UTF-8.");
  }
}

std::string_view name_of(Dtype dtype) {
  return std::find_if(std::begin(kDtypeNames), std::end(kDtypeNames),
                      [&](const DtypeName& row) { return row.dtype == dtype; })
      ->name;
}

std::string print_metadata(const std::unordered_map<std::string, std::string>& metadata) {
  std::vector<std::pair<std::string, std::string>> sorted(metadata.begin(), metadata.end());
  std::sort(sorted.begin(), sorted.end());
  std::string text;
  for (const auto& [key, value] : sorted) {
    text += concat(text.empty() ? "" : ",", quote(key), ":", quote(value));
  }
  return concat("\"", kMetadata, "\":{", text, "}");
}

std::string print_tensor(const TensorEntry& tensor) {
  std::string shape;
  for (ShapeElem n : tensor.type.shape) {
    shape += concat(shape.empty() ? "" : ",", n);
  }
  return concat(quote(tensor.name), ":{\"dtype\":\"", name_of(tensor.type.dtype), "\",\"shape\":[",
                shape, "],\"data_offsets\":[", tensor.begin, ",", tensor.end, "]}");
}

}  // namespace

std::string print_safetensors_header(const SafetensorsHeader& header) {
  std::string text = "{";
  if (!header.metadata.empty()) {
    text += print_metadata(header.metadata);
  }
  for (const TensorEntry& tensor : header.tensors) {
    text += text.size() > 1 ? "," : "";
    text += print_tensor(tensor);
  }
  return text + "}";
}

SafetensorsHeader parse_safetensors_header(std::string_view text, size_t data_bytes,
                                           const std::string& label) {
  Events events(label);
  nlohmann::json::sax_parse(text.begin(), text.end(), &events);
  SafetensorsHeader header = events.take();
  check_places(header.tensors, data_bytes, label);
  return header;
}

}  // namespace mlx::core::io
