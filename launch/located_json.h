#pragma once

// JSON that a person wrote: comments are allowed, and every value knows its line.

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mlx::launch {

struct JsonValue {
  enum class Kind { null, boolean, number, text, list, object };

  Kind kind = Kind::null;
  int line = 0;      ///< on which it begins, from 1
  std::string text;  ///< of a text its content; of a number or boolean how it is written
  std::vector<JsonValue> items;
  std::vector<std::pair<std::string, JsonValue>> members;  ///< in order, no name twice

  /// Null if there is none of the name.
  const JsonValue* find(std::string_view name) const;
  /// The value for an error: "a list", "\"text\"", "70000".
  std::string shown() const;
};

class JsonError : public std::runtime_error {
 public:
  JsonError(int line, const std::string& what) : std::runtime_error(what), line_(line) {}
  int line() const { return line_; }

 private:
  int line_;
};

/// Errors: JsonError for what is no JSON, for a name that an object has twice, and for
/// values that lie deeper than anyone would write.
JsonValue parse_json(std::string_view text);

}  // namespace mlx::launch
