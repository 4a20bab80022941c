// Large arrays of files are mapped, and whatever cannot be is read.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "core/io/checks.h"
#include "core/io/scratch.h"
#include "mlx/core/io.h"
#include "mlx/core/memory.h"
#include "mlx/core/ops.h"

namespace mlx::core {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;
using Named = std::unordered_map<std::string, array>;

constexpr size_t kMiB = size_t{1} << 20;

bool is_in(const array& a, const std::string& path) {
  const auto address = reinterpret_cast<uintptr_t>(a.data<char>());
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    char dash = 0;
    std::istringstream(line) >> std::hex >> begin >> dash >> end;
    if (address >= begin && address < end) {
      return line.ends_with(path);
    }
  }
  return false;
}

array first_numbers(int n, Dtype dtype = float32) { return astype(arange(n), dtype); }

void save_any(const std::string& path, const array& a) {
  if (path.ends_with(".npy")) {
    save(path, a);
  } else if (path.ends_with(".npz")) {
    save_npz(path, {{"a", array({true})}, {"x", a}});
  } else if (path.ends_with(".gguf")) {
    save_gguf(path, {{"a", array({1})}, {"x", a}});
  } else {
    save_safetensors(path, {{"a", array({1})}, {"x", a}});
  }
}

array load_any(const std::string& path) {
  if (path.ends_with(".npy")) {
    return load(path);
  }
  if (path.ends_with(".npz")) {
    return load_npz(path).at("x");
  }
  return path.ends_with(".gguf") ? load_gguf(path).first.at("x")
                                 : load_safetensors(path).first.at("x");
}

class Mapping : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(, Mapping, testing::Values("npy", "npz", "safetensors", "gguf"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(Mapping, LargeArraysAreTheFilesPages) {
  const ScratchFolder folder;
  const std::string path = folder / (std::string("x.") + GetParam());
  for (Dtype dtype : {int8, float16, bfloat16, int32, float32, float64}) {
    const array saved = first_numbers(200'000, dtype);
    save_any(path, saved);
    array loaded = load_any(path);
    const size_t before = get_active_memory();
    loaded.eval();
    EXPECT_EQ(get_active_memory(), before) << dtype_name(dtype);
    EXPECT_TRUE(is_in(loaded, path)) << dtype_name(dtype);
    EXPECT_TRUE(array_equal(loaded, saved).item<bool>()) << dtype_name(dtype);
  }
}

TEST_P(Mapping, SmallArraysAreCopied) {
  const ScratchFolder folder;
  const std::string path = folder / (std::string("x.") + GetParam());
  save_any(path, first_numbers(1000));
  array loaded = load_any(path);
  loaded.eval();
  EXPECT_FALSE(is_in(loaded, path));
}

TEST_P(Mapping, SavingOverTheFileThatIsMappedIsSafe) {
  const ScratchFolder folder;
  const std::string path = folder / (std::string("x.") + GetParam());
  const array saved = first_numbers(100'000);
  save_any(path, saved);
  array loaded = load_any(path);
  loaded.eval();
  ASSERT_TRUE(is_in(loaded, path));
  save_any(path, loaded * 2.0f);
  EXPECT_TRUE(array_equal(loaded, saved).item<bool>());
  EXPECT_TRUE(array_equal(load_any(path), saved * 2.0f).item<bool>());
  save_any(path, loaded);
  EXPECT_TRUE(array_equal(load_any(path), saved).item<bool>());
  EXPECT_EQ(folder.count_files(), 1u);
}

TEST_P(Mapping, WritingToTheArrayLeavesTheFileAsItIs) {
  const ScratchFolder folder;
  const std::string path = folder / (std::string("x.") + GetParam());
  save_any(path, first_numbers(100'000));
  const std::string bytes = read_file(path);
  array loaded = load_any(path);
  loaded.eval();
  ASSERT_TRUE(is_in(loaded, path));
  EXPECT_FALSE(loaded.is_donatable());  // nor would a kernel do it
  loaded.data<float>()[0] = 5.0f;
  EXPECT_EQ(slice(loaded, {0}, {1}).item<float>(), 5.0f);
  EXPECT_EQ(slice(load_any(path), {0}, {1}).item<float>(), 0.0f);
  EXPECT_EQ(read_file(path), bytes);
}

TEST_P(Mapping, AnArrayWhoseFileShrankIsAnErrorAtEvaluation) {
  const ScratchFolder folder;
  const std::string path = folder / (std::string("x.") + GetParam());
  save_any(path, first_numbers(100'000));
  array lost = load_any(path);
  std::filesystem::resize_file(path, 300'000);
  EXPECT_THAT([&] { lost.eval(); },
              ThrowsMessage<std::runtime_error>(HasSubstr("ends at byte 300000")));
}

TEST(MappedFile, DamagedMembersAreErrors) {
  const ScratchFolder folder;
  const std::string path = folder / "x.npz";
  save_npz(path, {{"x", first_numbers(100'000)}});
  std::string bytes = read_file(path);
  bytes[200'000] = static_cast<char>(bytes[200'000] ^ 1);
  write_file(path, bytes);
  array damaged = load_any(path);
  EXPECT_THAT([&] { damaged.eval(); }, ThrowsMessage<std::runtime_error>(HasSubstr("checksum")));
}

// Whatever is not in the file as it is in memory.
TEST(MappedFile, OtherArraysAreCopied) {
  const ScratchFolder folder;
  const std::string path = folder / "x.npy";
  // The data begin `shift` bytes behind a multiple of 64.
  const auto load_as = [&](const std::string& descr, size_t shift) {
    std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (100000,)}";
    header.append(128 + shift - 10 - header.size(), ' ');
    write_file(path, std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' +
                         header + std::string(400'000, '\2'));
    array a = load(path);
    a.eval();
    return a;
  };
  const array plain = load_as("<i4", 0);
  EXPECT_TRUE(is_in(plain, path));
  EXPECT_EQ(min(plain).item<int>(), 0x02020202);
  EXPECT_TRUE(is_in(load_as("<i4", 4), path));
  const array unaligned = load_as("<i4", 2);
  EXPECT_FALSE(is_in(unaligned, path));
  EXPECT_EQ(min(unaligned).item<int>(), 0x02020202);
  EXPECT_FALSE(is_in(load_as(">i4", 0), path));
  const array truths = load_as("|b1", 0);
  EXPECT_FALSE(is_in(truths, path));
  EXPECT_EQ(max(astype(truths, int32)).item<int>(), 1);
}

TEST(MappedFile, AHugeFileTakesMemoryArrayByArray) {
  const ScratchFolder folder;
  const std::string path = folder / "model.safetensors";  // sparse
  constexpr size_t kTensor = 100 * kMiB;
  constexpr size_t kTensors = 100;
  std::string header = "{";
  for (size_t i = 0; i < kTensors; ++i) {
    header += (i > 0 ? ",\"" : "\"") + std::to_string(i) +
              R"(":{"dtype":"F32","shape":[26214400],"data_offsets":[)" +
              std::to_string(i * kTensor) + "," + std::to_string((i + 1) * kTensor) + "]}";
  }
  header += std::string(8 - header.size() % 8, ' ') + "}" + std::string(7, ' ');
  const uint64_t length = header.size();
  write_file(path, std::string(reinterpret_cast<const char*>(&length), 8) + header);
  std::filesystem::resize_file(path, 8 + length + kTensors * kTensor);

  const size_t anonymous = resident_bytes("RssAnon");
  const size_t of_files = resident_bytes("RssFile");
  const size_t active = get_active_memory();
  {
    Named arrays = load_safetensors(path).first;
    EXPECT_LT(resident_bytes("RssAnon"), anonymous + 5 * kMiB);
    EXPECT_LT(resident_bytes("RssFile"), of_files + 5 * kMiB);
    arrays.at("50").eval();
    EXPECT_TRUE(is_in(arrays.at("50"), path));
    EXPECT_LT(resident_bytes("RssAnon"), anonymous + 5 * kMiB);
    EXPECT_LT(resident_bytes("RssFile"), of_files + kTensor + 5 * kMiB);
    EXPECT_GE(resident_bytes("RssFile"), of_files + kTensor - 5 * kMiB);
    EXPECT_EQ(get_active_memory(), active);
    EXPECT_EQ(max(arrays.at("50")).item<float>(), 0.0f);
  }
  EXPECT_LT(resident_bytes("RssFile"), of_files + 5 * kMiB);
}

TEST(MappedFileDeathTest, CanBeTurnedOff) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a new process, which reads the variable
  ::setenv("MLX_MAP_FILES", "0", 1);
  EXPECT_EXIT(
      {
        bool is_mapped = true;
        {
          const ScratchFolder folder;
          save(folder / "x.npy", first_numbers(100'000));
          array loaded = load(folder / "x.npy");
          loaded.eval();
          is_mapped = is_in(loaded, folder / "x.npy");
        }
        std::_Exit(is_mapped ? 1 : 0);
      },
      testing::ExitedWithCode(0), "");
  ::unsetenv("MLX_MAP_FILES");
}

}  // namespace
}  // namespace mlx::core
