#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/io/scratch.h"
#include "mlx/core/io.h"
#include "mlx/core/io/bytes.h"
#include "mlx/core/ops.h"

namespace mlx::core {
namespace {

using Named = std::unordered_map<std::string, array>;
using Metadata = std::unordered_map<std::string, GGUFMetaData>;
using io::append_number;

GGUFLoad load_gguf_bytes(const std::string& bytes) {
  return load_gguf(std::make_shared<MemoryReader>(bytes));
}

std::string gguf_bytes(const Named& arrays, const Metadata& metadata = {}) {
  auto writer = std::make_shared<MemoryWriter>();
  save_gguf(writer, arrays, metadata);
  EXPECT_TRUE(writer->finished);
  return writer->bytes;
}

// A file with one tensor a.weight of one row.
std::string file_of(uint32_t type, uint64_t numbers, const std::string& data) {
  std::string bytes = "GGUF";
  append_number<uint32_t>(bytes, 3);
  append_number<uint64_t>(bytes, 1);
  append_number<uint64_t>(bytes, 0);
  append_number<uint64_t>(bytes, 8);
  bytes += "a.weight";
  append_number<uint32_t>(bytes, 1);
  append_number<uint64_t>(bytes, numbers);
  append_number<uint32_t>(bytes, type);
  append_number<uint64_t>(bytes, 0);
  return bytes + std::string((32 - bytes.size() % 32) % 32, '\0') + data;
}

uint32_t hash_of(const array& a, uint32_t hash) {
  array values = a;
  values.eval();
  const auto* bytes = values.data<uint8_t>();
  for (size_t i = 0; i < values.nbytes(); ++i) {
    hash = (hash ^ bytes[i]) * 16777619u;
  }
  return hash;
}

struct BlockRow {
  const char* name;
  uint32_t type;
  uint64_t numbers;
  size_t bytes;
  uint32_t hash;
};

class GgufBlock : public testing::TestWithParam<BlockRow> {};

// The hashes are of MLX's arrays and, for Q4_K and types that it lacks, of ggml's
// formulas, for bytes (37 i + 11) mod 61, which make every scale a finite one.
constexpr BlockRow kBlockRows[] = {
    {"Q4_0", 2, 32, 18, 0x78833EF8u},    {"Q4_1", 3, 32, 20, 0xA859EEE9u},
    {"Q5_0", 6, 32, 22, 0x808EA28Bu},    {"Q5_1", 7, 32, 24, 0xBACC77F3u},
    {"Q8_0", 8, 32, 34, 0x5707259Fu},    {"Q2_K", 10, 256, 84, 0x6F9B4430u},
    {"Q3_K", 11, 256, 110, 0x72A1BF6Cu}, {"Q4_K", 12, 256, 144, 0x415A35F0u},
    {"Q5_K", 13, 256, 176, 0xA3B0AC18u}, {"Q6_K", 14, 256, 210, 0x64363833u},
    {"Q8_K", 15, 256, 292, 0x37E48BC5u},
};

INSTANTIATE_TEST_SUITE_P(, GgufBlock, testing::ValuesIn(kBlockRows),
                         [](const auto& info) { return info.param.name; });

TEST_P(GgufBlock, BecomesTheNumbersThatItStandsFor) {
  const BlockRow& row = GetParam();
  std::string data;
  for (size_t i = 0; i < row.bytes; ++i) {
    data += static_cast<char>((37 * i + 11) % 61 * (i % 3 == 0 ? 1 : 4) % 256);
  }
  for (size_t at : {size_t{1}, row.bytes - 1}) {  // upper bytes of scales
    data[at] = 0x24;
  }
  const Named arrays = load_gguf_bytes(file_of(row.type, row.numbers, data)).first;
  uint32_t hash = 2166136261u;
  for (const char* name : {"a.weight", "a.scales", "a.biases"}) {
    if (arrays.contains(name)) {
      hash = hash_of(arrays.at(name), hash);
    }
  }
  EXPECT_EQ(hash, row.hash);
}

TEST(Gguf, ArraysAndMetadataComeBack) {
  Named arrays{{"view", transpose(reshape(astype(arange(6), float32), {2, 3}))},
               {"scalar", array(1.5f)},
               {"empty", zeros({0, 3})}};
  for (Dtype dtype : {int8, int16, int32, int64, float16, bfloat16, float32, float64}) {
    arrays.emplace(dtype_name(dtype), astype(array({1, 2, 3}), dtype));
  }
  Metadata metadata{{"text", "µ"}, {"texts", std::vector<std::string>{"a", "", "c"}}};
  for (Dtype dtype : {bool_, uint8, int8, uint16, int16, uint32, int32, uint64, int64, float32}) {
    metadata.emplace(dtype_name(dtype), astype(array({1, 0}), dtype));
    metadata.emplace(dtype_name(dtype) + std::string(".0"), astype(array(1), dtype));
  }
  const auto [loaded, loaded_metadata] = load_gguf_bytes(gguf_bytes(arrays, metadata));
  ASSERT_EQ(loaded.size(), arrays.size());
  for (const auto& [name, a] : arrays) {
    EXPECT_EQ(loaded.at(name).dtype(), a.dtype()) << name;
    EXPECT_TRUE(array_equal(loaded.at(name), a).item<bool>()) << name;
  }
  ASSERT_EQ(loaded_metadata.size(), metadata.size());
  for (const auto& [key, value] : metadata) {
    const GGUFMetaData& found = loaded_metadata.at(key);
    ASSERT_EQ(found.index(), value.index()) << key;
    if (const auto* a = std::get_if<array>(&value)) {
      EXPECT_EQ(std::get<array>(found).dtype(), a->dtype()) << key;
      EXPECT_TRUE(array_equal(std::get<array>(found), *a).item<bool>()) << key;
    }
  }
  EXPECT_EQ(std::get<std::string>(loaded_metadata.at("text")), "µ");
  EXPECT_EQ(std::get<std::vector<std::string>>(loaded_metadata.at("texts"))[2], "c");
}

TEST(Gguf, CutOffAnywhereIsAnError) {
  const std::string bytes = gguf_bytes({{"a", ones({8})}}, {{"k", "v"}, {"n", array({1, 2})}});
  for (size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_THROW(load_gguf_bytes(bytes.substr(0, n)), std::runtime_error) << n;
  }
}

TEST(Gguf, BadTensorsAreErrors) {
  const std::string data(1000, '\0');
  EXPECT_NO_THROW(load_gguf_bytes(file_of(0, 250, data)));
  EXPECT_THROW(load_gguf_bytes(file_of(0, 251, data)), std::runtime_error);
  EXPECT_THROW(load_gguf_bytes(file_of(0, uint64_t{1} << 62, data)), std::runtime_error);
  EXPECT_THROW(load_gguf_bytes(file_of(0, ~uint64_t{0}, data)), std::runtime_error);
  EXPECT_THROW(load_gguf_bytes(file_of(2, 33, data)), std::runtime_error);
  EXPECT_THROW(load_gguf_bytes(file_of(99, 32, data)), std::runtime_error);
}

// A writer need not pad the header when no data come after it.
TEST(Gguf, EmptyTensorsMayLieBeyondTheEnd) {
  const std::string padded = gguf_bytes({{"a", zeros({0, 3})}});
  const std::string bytes = padded.substr(0, padded.size() - 5);
  ASSERT_EQ(padded.size() % 32, 0u);
  array a = load_gguf_bytes(bytes).first.at("a");
  a.eval();
  EXPECT_EQ(a.shape(), (Shape{0, 3}));
}

TEST(Gguf, EmptyTensorsWhoseStridesAreTooLargeAreErrors) {
  std::string bytes = gguf_bytes({{"a", zeros({0, 3})}});
  const std::string sizes("\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
  ASSERT_NE(bytes.find(sizes), std::string::npos);
  bytes[bytes.find(sizes) + 7] = 0x40;  // 2^62 + 3
  EXPECT_THROW(load_gguf_bytes(bytes), std::runtime_error);
}

// `alignment` is 0 for none in the metadata. Each tensor is two float32.
std::string file_with(uint32_t version, uint32_t alignment, std::initializer_list<uint64_t> places,
                      size_t data_bytes) {
  std::string bytes = "GGUF";
  append_number(bytes, version);
  append_number<uint64_t>(bytes, places.size());
  append_number<uint64_t>(bytes, alignment != 0);
  if (alignment != 0) {
    append_number<uint64_t>(bytes, 17);
    bytes += "general.alignment";
    append_number<uint32_t>(bytes, 4);
    append_number(bytes, alignment);
  }
  char name = 'a';
  for (uint64_t place : places) {
    append_number<uint64_t>(bytes, 1);
    bytes += name++;
    append_number<uint32_t>(bytes, 1);
    append_number<uint64_t>(bytes, 2);
    append_number<uint32_t>(bytes, 0);
    append_number(bytes, place);
  }
  const size_t unit = alignment != 0 ? alignment : 32;
  bytes.append((unit - bytes.size() % unit) % unit, '\0');
  for (size_t i = 0; i < data_bytes / 4; ++i) {
    append_number(bytes, static_cast<float>(i));
  }
  return bytes;
}

TEST(Gguf, ReadsVersionsAndAlignments) {
  for (uint32_t version : {2u, 3u}) {
    for (uint32_t alignment : {0u, 1u, 8u, 24u, 256u, 4096u}) {
      const Named arrays = load_gguf_bytes(file_with(version, alignment, {16, 0, 8}, 24)).first;
      EXPECT_TRUE(array_equal(arrays.at("a"), array({4.0f, 5.0f})).item<bool>()) << alignment;
      EXPECT_TRUE(array_equal(arrays.at("b"), array({0.0f, 1.0f})).item<bool>()) << alignment;
    }
  }
  for (uint32_t version : {0u, 1u, 4u, 3u << 24}) {  // the last is 3 in the other byte order
    EXPECT_THROW(load_gguf_bytes(file_with(version, 0, {0}, 8)), std::runtime_error) << version;
  }
  EXPECT_THROW(load_gguf_bytes(file_with(3, (1u << 20) + 1, {0}, 8)), std::runtime_error);
}

TEST(Gguf, TensorsThatOverlapAreErrors) {
  EXPECT_THROW(load_gguf_bytes(file_with(3, 0, {0, 4}, 16)), std::runtime_error);
  EXPECT_THROW(load_gguf_bytes(file_with(3, 0, {8, 8}, 16)), std::runtime_error);
  EXPECT_THROW(load_gguf_bytes(file_with(3, 0, {0, 12}, 16)), std::runtime_error);  // past the end
  EXPECT_NO_THROW(load_gguf_bytes(file_with(3, 0, {8, 0}, 16)));
}

TEST(Gguf, WhatTheFormatLacksCannotBeSaved) {
  EXPECT_THROW(gguf_bytes({{"a", array({true})}}), std::invalid_argument);
  EXPECT_THROW(gguf_bytes({{"a", ones({1, 1, 1, 1, 1, 1, 1, 1, 1})}}), std::invalid_argument);
  EXPECT_THROW(gguf_bytes({}, {{"k", std::monostate()}}), std::invalid_argument);
  EXPECT_THROW(gguf_bytes({}, {{"k", ones({1, 1})}}), std::invalid_argument);
}

}  // namespace
}  // namespace mlx::core
