#pragma once

// Texts of command lines and lists, in parts.

#include <string>
#include <string_view>
#include <vector>

namespace mlx::launch {

/// "a,,b" is "a", "", "b"; the empty text is one empty part.
std::vector<std::string> split(std::string_view text, char separator);

/// What spaces, tabs and line ends separate, without empty words.
std::vector<std::string> words_of(std::string_view text);

std::string join(const std::vector<std::string>& words, std::string_view separator);

/// "1 rank", "3 ranks".
template <typename Count>
std::string counted(Count n, const char* what) {
  return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

/// A whole decimal number from 0 up to `most`; -1 for any other text.
int number_in(std::string_view text, int most);

}  // namespace mlx::launch
