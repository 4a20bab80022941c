// Files that NumPy, MLX and the packages safetensors and gguf wrote.

#include <gtest/gtest.h>

#include "mlx/core/io.h"
#include "mlx/core/ops.h"

namespace mlx::core {
namespace {

using Named = std::unordered_map<std::string, array>;

std::string path_of(const std::string& file) { return MLX_GOLDEN_DIR "/files/" + file; }

Named load_golden(const std::string& file) {
  const std::string path = path_of(file);
  if (file.ends_with(".npz")) {
    return load_npz(path);
  }
  if (file.ends_with(".npy")) {
    return {{"x", load(path)}};
  }
  return file.ends_with(".gguf") ? load_gguf(path).first : load_safetensors(path).first;
}

enum class What { six, columns, scalar, empty };

// Six numbers in two rows, or their transpose; 5; none in rows of three.
array expected(What what, Dtype dtype) {
  const array six = reshape(arange(6), {2, 3});
  switch (what) {
    case What::six:
      return astype(six, dtype);
    case What::columns:
      return astype(transpose(six), dtype);
    case What::scalar:
      return array(5, dtype);
    default:
      return zeros({0, 3}, dtype);
  }
}

struct Row {
  const char* file;
  const char* name;
  Dtype dtype;
  What what = What::six;
};

constexpr Row kRows[] = {
    {"numpy_stored.npz", "bool", bool_},
    {"numpy_stored.npz", "big_columns", int16},
    {"numpy_stored.npz", "big", float64},
    {"numpy_stored.npz", "complex", complex64},
    {"numpy_stored.npz", "half", float16},
    {"numpy_stored.npz", "rows_of_columns", uint32},
    {"numpy_stored.npz", "scalar", float32, What::scalar},
    {"numpy_stored.npz", "empty", uint8, What::empty},
    {"numpy_deflated.npz", "bool", bool_},
    {"numpy_deflated.npz", "big_columns", int16},
    {"numpy_deflated.npz", "big", float64},
    {"numpy_deflated.npz", "complex", complex64},
    {"numpy_deflated.npz", "half", float16},
    {"numpy_deflated.npz", "rows_of_columns", uint32},
    {"numpy_deflated.npz", "scalar", float32, What::scalar},
    {"numpy_deflated.npz", "empty", uint8, What::empty},
    {"mlx.npz", "int64", int64},
    {"mlx.npz", "columns", int64, What::columns},
    {"mlx_bfloat16.npy", "x", bfloat16},
    {"mlx.safetensors", "bfloat16", bfloat16},
    {"mlx.safetensors", "complex64", complex64},
    {"mlx.safetensors", "scalar", int32, What::scalar},
    {"mlx.safetensors", "empty", float32, What::empty},
    {"package.safetensors", "f64", float64},
    {"package.safetensors", "bool", bool_},
    {"package.safetensors", "scalar", int64, What::scalar},
    {"package.safetensors", "empty", float16, What::empty},
    {"mlx.gguf", "float32", float32},
    {"mlx.gguf", "int16", int16},
    {"package.gguf", "float64", float64},
    {"package.gguf", "float32", float32},
    {"package.gguf", "float16", float16},
    {"package.gguf", "bfloat16", bfloat16},
    {"package.gguf", "int8", int8},
    {"package.gguf", "int16", int16},
    {"package.gguf", "int32", int32},
    {"package.gguf", "int64", int64},
};

TEST(FilesOfOthers, HoldTheArraysThatTheyWrote) {
  for (const Row& row : kRows) {
    const std::string where = std::string(row.file) + " " + row.name;
    const Named arrays = load_golden(row.file);
    ASSERT_TRUE(arrays.contains(row.name)) << where;
    const array& a = arrays.at(row.name);
    const array wanted = expected(row.what, row.dtype);
    EXPECT_EQ(a.dtype(), row.dtype) << where;
    EXPECT_EQ(a.shape(), wanted.shape()) << where;
    EXPECT_TRUE(array_equal(a, wanted).item<bool>()) << where;
  }
}

TEST(FilesOfOthers, HoldTheirTexts) {
  using Texts = std::unordered_map<std::string, std::string>;
  EXPECT_EQ(load_safetensors(path_of("mlx.safetensors")).second, (Texts{{"a", "b"}}));
  EXPECT_EQ(load_safetensors(path_of("package.safetensors")).second,
            (Texts{{"format", "np"}, {"µ", "\""}}));
}

TEST(FilesOfOthers, HoldMetadataOfAllTypes) {
  const auto metadata = load_gguf(path_of("package.gguf")).second;
  for (Dtype dtype :
       {uint8, int8, uint16, int16, uint32, int32, uint64, int64, float32, float64, bool_}) {
    const array value = std::get<array>(metadata.at(dtype_name(dtype)));
    EXPECT_EQ(value.dtype(), dtype == float64 ? float32 : dtype);
    EXPECT_EQ(value.item<int>(), dtype == bool_ ? 1 : 5) << dtype_name(dtype);
  }
  EXPECT_EQ(std::get<array>(metadata.at("general.alignment")).item<int>(), 64);
  EXPECT_EQ(std::get<std::string>(metadata.at("text")), "µ");
  EXPECT_EQ(std::get<std::vector<std::string>>(metadata.at("texts")),
            (std::vector<std::string>{"a", "", "c"}));
  EXPECT_TRUE(array_equal(std::get<array>(metadata.at("numbers")), array({0, 5})).item<bool>());
}

}  // namespace
}  // namespace mlx::core
