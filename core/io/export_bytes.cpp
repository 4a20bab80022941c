// Writing files of functions.

#include <limits>
#include <unordered_set>

#include "mlx/core/io/bytes.h"
#include "mlx/core/io/export_format.h"
#include "mlx/core/io/load.h"
#include "mlx/core/transforms.h"
#include "mlx/core/version.h"

namespace mlx::core::io {
namespace {

class ExportWriter {
 public:
  explicit ExportWriter(Writer& writer) : writer_(writer) {}

  void write(const ExportedFile& file) {
    string(version());
    number(static_cast<int32_t>(file.functions.size()));
    number(file.shapeless);
    string(file.metadata);
    for (const ExportedFunction& function : file.functions) {
      write(function);
    }
    flush();
  }

 private:
  template <typename T>
  void number(T value) {
    append_number(bytes_, value);
  }
  void string(std::string_view text) {
    number(uint64_t{text.size()});
    bytes_ += text;
  }
  template <typename T, typename List>
  void list(const List& values) {
    number(uint64_t{values.size()});
    for (const auto& value : values) {
      number(static_cast<T>(value));
    }
  }
  void shape(const Shape& shape) {
    for (const ShapeElem n : shape) {
      require(n <= std::numeric_limits<int32_t>::max() && n >= std::numeric_limits<int32_t>::min(),
              "[export_function] Size in a shape: got ", n, ", expected 32 bits.");
    }
    list<int32_t>(shape);
  }
  void dtype(Dtype dtype) {
    number(static_cast<int32_t>(dtype.val()));
    number(dtype.size());
  }

  void write(const ExportedFunction& function) {
    number(uint64_t{function.keywords.size()});
    for (const std::string& keyword : function.keywords) {
      string(keyword);
    }
    list<Id>(function.inputs);
    number(uint64_t{function.types.size()});
    for (const Type& type : function.types) {
      shape(type.shape);
      dtype(type.dtype);
    }
    list<Id>(function.outputs);
    number(uint64_t{function.entries.size()});
    for (const ExportedEntry& entry : function.entries) {
      std::visit([&](const auto& e) { write(e); }, entry);
    }
  }

  void write(const ExportedInput& input) {
    number(input.id);
    number(uint16_t{0});
  }

  void write(const ExportedConstant& constant) {
    number(constant.id);
    number(false);
    number(true);
    if (!written_.insert(constant.id).second) {
      return;
    }
    shape(constant.value.shape());
    dtype(constant.value.dtype());
    flush();
    write_data(writer_, constant.value);
  }

  void write(const ExportedNote& note) {
    std::string before = std::move(bytes_);
    bytes_ = kNoteMagic;
    number(note.covers);
    write(note.step);
    before.swap(bytes_);
    number(note.id);
    number(false);
    number(true);
    shape({static_cast<ShapeElem>(before.size())});
    dtype(uint8);
    bytes_ += before;
  }

  void write(const ExportedStep& step) {
    number(step.outputs[0]);
    number(true);
    list<Id>(step.inputs);
    number(int32_t{0});
    number(static_cast<int32_t>(step.device.type));
    number(int32_t{step.device.index});
    string(step.name);
    for (const StateT& value : step.state) {
      write(value);
    }
    number(uint64_t{step.outputs.size() - 1});
    if (step.outputs.size() == 1) {
      shape(step.types[0].shape);
      dtype(step.types[0].dtype);
      return;
    }
    list<Id>(step.outputs);
    number(uint64_t{step.types.size()});
    for (const Type& type : step.types) {
      shape(type.shape);
    }
    number(uint64_t{step.types.size()});
    for (const Type& type : step.types) {
      dtype(type.dtype);
    }
  }

  void write(const StateT& value) {
    switch (kStateCodes[value.index()]) {
      case 'b':
        return number(std::get<bool>(value));
      case 'i':
        return number(std::get<int>(value));
      case 'u':
        return number(std::get<size_t>(value));
      case 'f':
        return number(std::get<float>(value));
      case 'd':
        return number(std::get<double>(value));
      case 't':
        return dtype(std::get<Dtype>(value));
      case 's':
        return shape(std::get<6>(value));
      case 'r':
        return list<int64_t>(std::get<7>(value));
      case 'I':
        return list<int32_t>(std::get<std::vector<int>>(value));
      case 'U':
        return list<uint64_t>(std::get<std::vector<size_t>>(value));
      case 'o':
        number(std::get<std::optional<float>>(value).has_value());
        if (const auto& maybe = std::get<std::optional<float>>(value)) {
          number(*maybe);
        }
        return;
      default:
        return string(std::get<std::string>(value));
    }
  }

  void flush() {
    writer_.write(bytes_.data(), bytes_.size());
    bytes_.clear();
  }

  Writer& writer_;
  std::string bytes_;
  std::unordered_set<Id> written_;
};

}  // namespace

void write_export(Writer& writer, const ExportedFile& file) {
  Arrays constants;
  for (const ExportedFunction& function : file.functions) {
    for (const ExportedEntry& entry : function.entries) {
      if (const auto* constant = std::get_if<ExportedConstant>(&entry)) {
        constants.push_back(constant->value);
      }
    }
  }
  eval(constants);  // before the first byte is written
  ExportWriter(writer).write(file);
  writer.finish();
}

}  // namespace mlx::core::io
