#include "mlx/core/io/npy_header.h"

#include <cctype>
#include <charconv>
#include <optional>

#include "mlx/core/io/load.h"

namespace mlx::core::io {
namespace {

struct Descr {
  std::string_view text;
  Dtype dtype;
};

constexpr Descr kDescrs[] = {
    {"b1", bool_},   {"u1", uint8},   {"u2", uint16},   {"u4", uint32},    {"u8", uint64},
    {"i1", int8},    {"i2", int16},   {"i4", int32},    {"i8", int64},     {"f2", float16},
    {"f4", float32}, {"f8", float64}, {"V2", bfloat16}, {"c8", complex64},
};

/// Reads the few forms of Python's literals that the header consists of.
class Parser {
 public:
  Parser(std::string_view text, const std::string& label) : text_(text), label_(label) {}

  NpyHeader parse() {
    expect('{');
    while (!accept('}')) {
      const std::string_view key = parse_string();
      expect(':');
      parse_value(key);
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    if (!dtype_ || !shape_ || !order_) {
      fail("The header needs descr, fortran_order and shape.");
    }
    return {{*shape_, *dtype_}, swaps_bytes_, *order_};
  }

 private:
  template <typename... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw_bad_file("load", label_, parts...);
  }

  void skip_spaces() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) {
      ++at_;
    }
  }

  bool accept(char c) {
    skip_spaces();
    if (at_ < text_.size() && text_[at_] == c) {
      ++at_;
      return true;
    }
    return false;
  }

  void expect(char c) {
    if (!accept(c)) {
      fail("Bad header at character ", at_, ", expected ", std::string_view(&c, 1), ".");
    }
  }

  bool accept_word(std::string_view word) {
    skip_spaces();
    if (text_.substr(at_, word.size()) == word) {
      at_ += word.size();
      return true;
    }
    return false;
  }

  std::string_view parse_string() {
    const char quote = accept('"') ? '"' : '\'';
    if (quote == '\'') {
      expect('\'');
    }
    const size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) {
      fail("Bad header: a text does not end.");
    }
    const std::string_view value = text_.substr(at_, end - at_);
    at_ = end + 1;
    return value;
  }

  void parse_value(std::string_view key) {
    if (key == "descr") {
      parse_descr();
    } else if (key == "shape") {
      parse_shape();
    } else if (key == "fortran_order") {
      order_ = accept_word("True");
      if (!*order_ && !accept_word("False")) {
        fail("Bad fortran_order, expected True or False.");
      }
    } else {
      fail("Bad header: unknown key ", key.substr(0, 20), ".");
    }
  }

  void parse_descr() {
    skip_spaces();
    if (at_ < text_.size() && text_[at_] == '[') {
      fail("Structured dtypes are not supported.");
    }
    const std::string_view descr = parse_string();
    const bool has_order =
        descr.size() == 3 && std::string_view("<>|=").find(descr[0]) != std::string_view::npos;
    for (const Descr& known : kDescrs) {
      if (has_order && descr.substr(1) == known.text) {
        dtype_ = known.dtype;
      }
    }
    if (!dtype_) {
      fail("Dtype ", descr.substr(0, 20), " is not supported.");
    }
    swaps_bytes_ = descr[0] == '>' && dtype_->size() > 1;
  }

  void parse_shape() {
    shape_.emplace();
    expect('(');
    while (!accept(')')) {
      shape_->push_back(parse_size());
      if (shape_->size() > kMaxDimensions) {
        fail("More than ", kMaxDimensions, " dimensions.");
      }
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
  }

  ShapeElem parse_size() {
    skip_spaces();
    ShapeElem size = 0;
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), size);
    if (error != std::errc() || size < 0) {
      fail("Bad shape at character ", at_, ", expected a size.");
    }
    at_ += static_cast<size_t>(end - begin);
    accept('L');  // Python 2's long integers
    return size;
  }

  const std::string_view text_;
  const std::string& label_;
  size_t at_ = 0;
  std::optional<Dtype> dtype_;
  std::optional<Shape> shape_;
  std::optional<bool> order_;
  bool swaps_bytes_ = false;
};

}  // namespace

std::string print_npy_header(const Type& type) {
  std::string descr;
  for (const Descr& known : kDescrs) {
    if (known.dtype == type.dtype) {
      const bool has_no_order = known.dtype.size() == 1;
      descr = concat(has_no_order ? "|" : "<", known.text);
    }
  }
  std::string shape;
  for (ShapeElem n : type.shape) {
    shape += std::to_string(n) + ", ";
  }
  return concat("{'descr': '", descr, "', 'fortran_order': False, 'shape': (", shape, "), }");
}

NpyHeader parse_npy_header(std::string_view text, const std::string& label) {
  return Parser(text, label).parse();
}

}  // namespace mlx::core::io
