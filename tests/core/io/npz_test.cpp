#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/io/checks.h"
#include "core/io/scratch.h"
#include "mlx/core/io.h"
#include "mlx/core/ops.h"

namespace mlx::core {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

using Named = std::unordered_map<std::string, array>;

Named load_npz_bytes(const std::string& bytes) {
  return load_npz(std::make_shared<MemoryReader>(bytes));
}

std::string npz_bytes(const Named& arrays, bool compressed) {
  auto writer = std::make_shared<MemoryWriter>();
  save_npz(writer, arrays, compressed);
  EXPECT_TRUE(writer->finished);
  return writer->bytes;
}

void expect_all_same(const Named& loaded, const Named& saved) {
  EXPECT_EQ(loaded.size(), saved.size());
  for (const auto& [name, a] : saved) {
    ASSERT_TRUE(loaded.contains(name)) << name;
    SCOPED_TRACE(name);
    expect_same(loaded.at(name), a);
  }
}

class Npz : public testing::TestWithParam<bool> {};

INSTANTIATE_TEST_SUITE_P(, Npz, testing::Bool(), [](const auto& info) {
  return std::string(info.param ? "deflated" : "stored");
});

TEST_P(Npz, ArraysComeBack) {
  const Named arrays{{"scalar", array(1.5f)},
                     {"empty", zeros({0, 3})},
                     {"view", transpose(reshape(arange(6), {2, 3}))},
                     {"layers.0/µ", array({true, false})},
                     {"half", astype(array({1, 2}), bfloat16)},
                     {"large", arange(0, 1'000'000, 1, int32)}};
  expect_all_same(load_npz_bytes(npz_bytes(arrays, GetParam())), arrays);
  expect_all_same(load_npz_bytes(npz_bytes({}, GetParam())), {});
}

TEST_P(Npz, CutOffAnywhereIsAnError) {
  const std::string bytes = npz_bytes({{"a", array({1, 2})}, {"b", array(3)}}, GetParam());
  for (size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_THROW(load_npz_bytes(bytes.substr(0, n)), std::runtime_error) << n;
  }
}

// Whatever bit is wrong, the arrays are those that were saved or an error comes.
TEST_P(Npz, DamagedBytesAreErrorsOrHarmless) {
  const Named arrays{{"a", arange(20)}};
  const std::string bytes = npz_bytes(arrays, GetParam());
  int errors = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    try {
      const Named loaded = load_npz_bytes(damaged);
      for (const auto& [name, a] : loaded) {
        EXPECT_TRUE(array_equal(a, arrays.at("a")).item<bool>()) << i;
      }
    } catch (const std::runtime_error&) {
      ++errors;
    }
  }
  EXPECT_GT(errors, 100);
}

TEST(NpzFile, LoadingIsLazyAndSavingIsAtomic) {
  const ScratchFolder folder;
  save_npz(folder / "a", {{"x", array({1.0f})}});  // the extension is added
  Named loaded = load_npz(folder / "a.npz");
  EXPECT_EQ(loaded.at("x").status(), array::unscheduled);
  save_npz(folder / "a.npz", {{"x", array({2.0f})}}, true);
  EXPECT_EQ(loaded.at("x").item<float>(), 1.0f);
  EXPECT_EQ(load_npz(folder / "a.npz").at("x").item<float>(), 2.0f);
  EXPECT_EQ(folder.count_files(), 1u);
}

// The archive's only member says that it inflates to 2^40 bytes.
TEST(NpzFile, SizesThatCannotBeAreErrors) {
  std::string bytes = npz_bytes({{"a", zeros({1000})}}, true);
  const size_t entry = bytes.find("PK\x01\x02");
  ASSERT_NE(entry, std::string::npos);
  bytes[entry + 46 + 5 + 4 + 5] = 1;  // name, extra's header, byte 5 of the size
  EXPECT_THAT([&] { load_npz_bytes(bytes); },
              ThrowsMessage<std::runtime_error>(HasSubstr("cannot have 1099511")));
}

TEST(NpzFile, OtherFilesAreErrors) {
  for (const std::string& bytes : {std::string(), std::string(100'000, 'x'), std::string("PK\5\6"),
                                   std::string("PK\5\6") + std::string(17, '\0')}) {
    EXPECT_THAT([&] { load_npz_bytes(bytes); },
                ThrowsMessage<std::runtime_error>(HasSubstr("memory")));
  }
}

}  // namespace
}  // namespace mlx::core
