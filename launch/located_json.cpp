#include "mlx/launch/located_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "mlx/core/base/error.h"

namespace mlx::launch {
namespace {

using core::concat;
using nlohmann::json;

constexpr size_t kDeepest = 16;

// How far the parser has read; it reads from one copy of the iterator after another.
struct Progress {
  const char* last = nullptr;  // the character that was read last
  const char* counted = nullptr;
  int line = 1;

  // What was read last may be the line end behind a number: it does not count yet.
  int now() {
    if (!last) return line;
    line += static_cast<int>(std::count(counted, last, '\n'));
    counted = last;
    return line;
  }
};

struct Reader {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at;
  Progress* progress;

  const char& operator*() const { return *(progress->last = at); }
  Reader& operator++() {
    ++at;
    return *this;
  }
  Reader operator++(int) {
    const Reader old = *this;
    ++at;
    return old;
  }
  bool operator==(const Reader& other) const { return at == other.at; }
};

class TreeBuilder : public nlohmann::json_sax<json> {
 public:
  TreeBuilder(JsonValue& root, Progress& progress) : root_(root), progress_(progress) {}

  bool null() override { return add(JsonValue::Kind::null, ""); }
  bool boolean(bool value) override {
    return add(JsonValue::Kind::boolean, value ? "true" : "false");
  }
  bool number_integer(int64_t value) override {
    return add(JsonValue::Kind::number, std::to_string(value));
  }
  bool number_unsigned(uint64_t value) override {
    return add(JsonValue::Kind::number, std::to_string(value));
  }
  bool number_float(double, const std::string& written) override {
    return add(JsonValue::Kind::number, written);
  }
  bool string(std::string& value) override { return add(JsonValue::Kind::text, value); }
  bool binary(json::binary_t&) override { return false; }  // JSON's text has none
  bool start_object(size_t) override { return open(JsonValue::Kind::object); }
  bool start_array(size_t) override { return open(JsonValue::Kind::list); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    if (open_.back()->find(name)) {
      throw JsonError(progress_.now(), concat("\"", name, "\" is there twice"));
    }
    open_.back()->members.emplace_back(name, JsonValue{});
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& e) override {
    // "[json.exception.parse_error.101] parse error at line 3, column 5: what is wrong"
    const std::string text = e.what();
    const size_t place = text.find(": ");
    throw JsonError(progress_.now(), place == text.npos ? text : text.substr(place + 2));
  }

 private:
  JsonValue& place(JsonValue::Kind kind) {
    JsonValue* value = &root_;
    if (!open_.empty()) {
      JsonValue& parent = *open_.back();
      const bool list = parent.kind == JsonValue::Kind::list;
      value = list ? &parent.items.emplace_back() : &parent.members.back().second;
    }
    value->kind = kind;
    value->line = progress_.now();
    return *value;
  }
  bool add(JsonValue::Kind kind, std::string text) {
    place(kind).text = std::move(text);
    return true;
  }
  bool open(JsonValue::Kind kind) {
    if (open_.size() == kDeepest) throw JsonError(progress_.now(), "values lie too deep");
    open_.push_back(&place(kind));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  JsonValue& root_;
  Progress& progress_;
  std::vector<JsonValue*> open_;  // a list grows only while none of its items is open
};

}  // namespace

const JsonValue* JsonValue::find(std::string_view name) const {
  for (const auto& [key, value] : members) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string JsonValue::shown() const {
  switch (kind) {
    case Kind::null:
      return "null";
    case Kind::list:
      return items.empty() ? "an empty list" : "a list";
    case Kind::object:
      return "an object";
    case Kind::text:
      return concat("\"", text, "\"");
    case Kind::number:
    case Kind::boolean:
      break;
  }
  return text;
}

JsonValue parse_json(std::string_view text) {
  JsonValue root;
  Progress progress;
  progress.counted = text.data();
  TreeBuilder builder(root, progress);
  const Reader begin{text.data(), &progress}, end{text.data() + text.size(), &progress};
  constexpr bool kWhole = true, kWithComments = true;
  json::sax_parse(begin, end, &builder, json::input_format_t::json, kWhole, kWithComments);
  return root;
}

}  // namespace mlx::launch
