#include "docs/example.h"

#include <iostream>
#include <sstream>
#include <string>

namespace docs {
namespace {

// Takes what is written to std::cout while it lives, in whatever format.
class Captured {
 public:
  Captured() : usual_(std::cout.rdbuf(text_.rdbuf())) { format_.copyfmt(std::cout); }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  ~Captured() {
    std::cout.rdbuf(usual_);
    std::cout.copyfmt(format_);
  }
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::streambuf* usual_;
  std::ios format_{nullptr};
};

// Without white space at the ends of lines and empty lines at the end.
std::string trimmed(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  std::string pending;
  for (std::string line; std::getline(lines, line);) {
    line.erase(line.find_last_not_of(" \t\r") + 1);
    pending += line + '\n';
    if (!line.empty()) {
      out += pending;
      pending.clear();
    }
  }
  return out;
}

}  // namespace

void run_example(const std::function<void()>& example, const char* page, int line,
                 const char* expected) {
  std::string written;
  {
    const Captured captured;
    example();
    written = captured.text();
  }
  if (expected != nullptr) {
    EXPECT_EQ(trimmed(written), trimmed(expected))
        << page << ":" << line << ": the example wrote something else.";
  }
}

}  // namespace docs
