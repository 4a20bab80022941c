// Files that others wrote: MLX, or somebody who means harm.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "export_rows.h"
#include "mlx/core/export.h"
#include "mlx/core/fast.h"
#include "scratch.h"

namespace mlx::core {
namespace {

using ::testing::HasSubstr;
using Function = std::function<Args(const Args&)>;

// ---- files that MLX wrote

TEST(Import, FilesThatMlxWroteGiveWhatTheyGiveThere) {
  const std::string folder = std::string(MLX_EXPORT_DATA_DIR) + "/";
  const auto values = load_safetensors(folder + "values.safetensors").first;
  const auto list = [&](const std::string& prefix) {
    Args arrays;
    for (size_t i = 0; values.contains(prefix + std::to_string(i)); ++i) {
      arrays.push_back(values.at(prefix + std::to_string(i)));
    }
    return arrays;
  };
  for (const char* name :
       {"arithmetic", "products", "shapes", "reductions", "indexing", "updates", "masked", "layers",
        "gradients", "quantized", "linear_algebra", "fourier", "random", "following"}) {
    SCOPED_TRACE(name);
    const Args expected = list(std::string(name) + ".out");
    Args results;
    try {
      results = import_function(folder + name + ".mlxfn")(list(std::string(name) + ".in"));
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
    ASSERT_EQ(results.size(), expected.size());
    for (size_t i = 0; i < results.size(); ++i) {
      EXPECT_EQ(results[i].dtype(), expected[i].dtype()) << "of result " << i;
      ASSERT_EQ(results[i].shape(), expected[i].shape()) << "of result " << i;
      EXPECT_TRUE(allclose(results[i], expected[i], 1e-4, 1e-5, true).item<bool>())
          << "result " << i << ": " << results[i] << "\nand\n"
          << expected[i];
    }
  }
  const ImportedFunction mlp = import_function(folder + "mlp.mlxfn");
  EXPECT_EQ(mlp.metadata(), "two batch sizes");
  const Args in = list("mlp.in");
  EXPECT_TRUE(allclose(mlp({in[0]}, {{"weight", in[1]}, {"bias", in[2]}})[0], list("mlp.out")[0])
                  .item<bool>());
}

// ---- broken and hostile files

std::string file_of(const Function& fun, const Args& args) {
  const auto writer = std::make_shared<MemoryWriter>();
  exporter(writer, [&](const Args& in, const Kwargs&) { return fun(in); })(args);
  return writer->bytes;
}

void read_back(std::string bytes) {
  import_function(std::make_shared<MemoryReader>(std::move(bytes)));
}

TEST(Import, FilesThatAreCutOffAreErrors) {
  const std::string bytes =
      file_of(FUN(sum(split(in[0], 2, 0)[1] * array(2.5f), 1), fast::rms_norm(in[0], {}, 1e-5f)),
              {numbers({4, 6})});
  read_back(bytes);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(read_back(bytes.substr(0, size)), std::runtime_error) << "of " << size << " bytes";
  }
}

// Bytes of a file replaced: where `what` is, `offset` bytes on.
struct Damage {
  const char* name;
  std::string_view what;
  size_t offset;
  std::string bytes;
  const char* message;
};

std::string number_bytes(uint64_t value, size_t size) {
  return {reinterpret_cast<const char*>(&value), size};
}

TEST(Import, WhatFilesSayIsChecked) {
  const std::string bytes =
      file_of(FUN(sum(in[0] * array({2.5f, 3.5f}), 1, true)), {numbers({4, 2})});
  const Damage rows[] = {
      {"operation", "Multiply", 0, "Multiplx", "Unknown operation Multiplx"},
      {"name's length", "Multiply", size_t(-8), number_bytes(UINT64_MAX, 8),
       "longer than the file"},
      {"id", "Multiply", size_t(-36), number_bytes(77, 8), "Array 77 is used before it is there"},
      {"state", "Reduce", 6, number_bytes(99, 4), "Kind of Reduce: got 99"},
      {"axis", "Reduce", 18, number_bytes(9, 4), "9"},
      {"number of axes", "Reduce", 10, number_bytes(1u << 30, 8), "longer than the file"},
      {"shape", "Reduce", 38, number_bytes(5, 4), "Results of Reduce"},
      {"negative size", "Reduce", 38, number_bytes(UINT32_MAX, 4), "Shape of an array"},
      {"dtype", "Reduce", 46, number_bytes(99, 4), "number 99"},
      {"number of results", "Reduce", 22, number_bytes(3, 8), "file"},
      {"number of inputs", "Reduce", size_t(-36), number_bytes(1u << 20, 8),
       "longer than the file"},
  };
  for (const Damage& row : rows) {
    SCOPED_TRACE(row.name);
    std::string damaged = bytes;
    damaged.replace(damaged.find(row.what) + row.offset, row.bytes.size(), row.bytes);
    try {
      read_back(damaged);
      ADD_FAILURE() << "no error";
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), HasSubstr(row.message));
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), HasSubstr(row.message));
    }
  }
}

}  // namespace
}  // namespace mlx::core
