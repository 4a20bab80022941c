// The measuring loop of mlx-bench-collectives, on a library that makes mistakes.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "bench/collectives/measure.h"
#include "bench/collectives/values.h"

namespace mlx::bench {
namespace {

/// One rank, whose collectives copy, but for the last `wrong` elements.
class Copying final : public System {
 public:
  explicit Copying(size_t wrong) : wrong_(wrong) {}

  int rank() const override { return 0; }
  int ranks() const override { return 1; }
  void barrier() override {}
  void merge(std::span<double>, Merge) override {}
  std::optional<Call> prepare(const Case& c, std::span<const std::byte> in,
                              std::span<std::byte> out) override {
    if (c.op.operation == Operation::all_to_all) return {};
    const size_t right = in.size() - std::min(in.size(), wrong_ * c.dtype.size());
    return Call{[=] { std::copy_n(in.begin(), right, out.begin()); }};
  }

 private:
  size_t wrong_;
};

std::vector<Row> rows_of(System& system, const Plan& plan) {
  std::vector<Row> rows;
  measure(
      system, plan, [](const Case&) {}, [&](const Row& row) { rows.push_back(row); });
  return rows;
}

TEST(BenchMeasure, CountsElementsThatAreWrong) {
  const Plan plan{
      .ops = {*find_op("all_sum")}, .min_bytes = 4096, .max_bytes = 4096, .iterations = 1};
  for (const size_t wrong : {size_t{0}, size_t{1}, size_t{7}, size_t{1024}}) {
    Copying system(wrong);
    EXPECT_EQ(rows_of(system, plan).at(0).wrong, wrong);
  }
}

TEST(BenchMeasure, LeavesOutWhatTheSystemLacks) {
  Copying system(0);
  const Plan plan{
      .ops = {*find_op("all_to_all"), *find_op("all_sum")}, .max_bytes = 4, .iterations = 1};
  const auto rows = rows_of(system, plan);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].op, "all_sum");
}

TEST(BenchMeasure, DoesNotRepeatSizesThatAreTheSame) {
  const Op& op = *find_op("all_gather");
  EXPECT_EQ(make_case(op, core::float32, 4, 0, 8).bytes(), 32u);
  EXPECT_EQ(make_case(op, core::float32, 16, 0, 8).bytes(), 32u);
  EXPECT_EQ(make_case(op, core::float32, 100, 0, 8).bytes(), 96u);
}

/// What a rank holds after an operation, by the definition of the operation.
std::vector<std::byte> result_of(const Op& op, Dtype dtype, int rank, int ranks, size_t part) {
  const auto input = [&](int r) {
    const Case c{op, dtype, part, r, ranks};
    std::vector<std::byte> in(c.in_count() * dtype.size());
    fill_input(c, in);
    return in;
  };
  const size_t bytes = part * dtype.size();
  const auto piece = [&](int from, int number) {
    const auto in = input(from);
    const auto begin = in.begin() + static_cast<std::ptrdiff_t>(bytes) * number;
    return std::vector<std::byte>(begin, begin + static_cast<std::ptrdiff_t>(bytes));
  };
  std::vector<std::byte> out;
  const auto append = [&](const std::vector<std::byte>& p) {
    out.insert(out.end(), p.begin(), p.end());
  };
  switch (op.operation) {
    case Operation::all_gather:
      for (int r = 0; r < ranks; ++r) append(piece(r, 0));
      break;
    case Operation::all_to_all:
      for (int r = 0; r < ranks; ++r) append(piece(r, rank));
      break;
    case Operation::scatter:
      append(piece(0, rank));
      break;
    case Operation::send:
      append(piece((rank + ranks - 1) % ranks, 0));
      break;
    default:
      append(piece(0, 0));
  }
  return out;
}

TEST(BenchMeasure, ExpectsThePartsWhereTheyBelong) {
  for (const char* name : {"all_gather", "all_to_all", "scatter", "send_recv", "broadcast"}) {
    for (const Dtype dtype : {core::uint8, core::float32, core::complex64}) {
      const Op& op = *find_op(name);
      const Case c{op, dtype, 1500, 1, 3};
      auto out = result_of(op, dtype, 1, 3, 1500);
      EXPECT_EQ(count_wrong(c, out), 0u) << name;
      std::rotate(out.begin(), out.begin() + dtype.size(), out.end());
      EXPECT_GT(count_wrong(c, out), 100u) << name << " by one place off";
    }
  }
}

TEST(BenchMeasure, ExpectsSumsOfAllRanks) {
  const Case c{*find_op("all_sum"), core::int32, 3000, 0, 3};
  std::vector<int32_t> sum(3000);
  for (int rank = 0; rank < 3; ++rank) {
    std::vector<int32_t> in(3000);
    fill_input({c.op, c.dtype, c.part_count, rank, 3}, std::as_writable_bytes(std::span(in)));
    for (size_t i = 0; i < in.size(); ++i) sum[i] += in[i];
  }
  EXPECT_EQ(count_wrong(c, std::as_bytes(std::span(sum))), 0u);
  sum[2999] += 1;
  EXPECT_EQ(count_wrong(c, std::as_bytes(std::span(sum))), 1u);
}

}  // namespace
}  // namespace mlx::bench
