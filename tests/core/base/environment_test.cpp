#include "mlx/core/base/environment.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace mlx::core {
namespace {

TEST(TraceFile, HasTheRankInItsNameWhereThereIsOne) {
  struct Row {
    const char* pattern;
    int rank;
    std::string expected;
  };
  const Row rows[] = {{"", 3, ""},
                      {"trace.json", -1, "trace.json"},
                      {"trace.json", 3, "trace.3.json"},
                      {"a.b/trace", 3, "a.b/trace.3"},
                      {"a.b/.trace", 3, "a.b/.trace.3"},
                      {"a/rank-%r.json", 12, "a/rank-12.json"},
                      {"%r/x", -1, std::to_string(getpid()) + "/x"}};
  for (const Row& row : rows) EXPECT_EQ(trace_file_of(row.pattern, row.rank), row.expected);
}

}  // namespace
}  // namespace mlx::core
