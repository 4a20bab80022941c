#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/io/checks.h"
#include "core/io/scratch.h"
#include "mlx/core/io.h"
#include "mlx/core/ops.h"

namespace mlx::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::StartsWith;
using testing::ThrowsMessage;
using testing::UnorderedElementsAre;
using namespace std::string_literals;

using Named = std::unordered_map<std::string, array>;

SafetensorsLoad load_safetensors_bytes(const std::string& bytes) {
  return load_safetensors(std::make_shared<MemoryReader>(bytes));
}

std::string safetensors_bytes(const Named& arrays,
                              const std::unordered_map<std::string, std::string>& metadata = {}) {
  auto writer = std::make_shared<MemoryWriter>();
  save_safetensors(writer, arrays, metadata);
  EXPECT_TRUE(writer->finished);
  return writer->bytes;
}

std::string length_of(uint64_t length) {
  return {reinterpret_cast<const char*>(&length), sizeof length};
}

std::string file(const std::string& header, const std::string& data = "") {
  return length_of(header.size()) + header + data;
}

TEST(Safetensors, EveryDtypeAndShapeComesBack) {
  Named arrays;
  for (Dtype dtype : {bool_, uint8, uint16, uint32, uint64, int8, int16, int32, int64, float16,
                      float32, float64, bfloat16, complex64}) {
    arrays.emplace(dtype_name(dtype), astype(array({0, 1, 2, 3, 100, 101}, {2, 3}), dtype));
  }
  arrays.emplace("scalar", array(1.5f));
  arrays.emplace("empty", zeros({0, 3}));
  arrays.emplace("view", transpose(reshape(arange(6), {2, 3})));
  arrays.emplace("layers.0.\"quoted\" \n µ", array({1}));
  const auto [loaded, metadata] = load_safetensors_bytes(safetensors_bytes(arrays));
  EXPECT_EQ(loaded.size(), arrays.size());
  EXPECT_TRUE(metadata.empty());
  for (const auto& [name, a] : arrays) {
    ASSERT_TRUE(loaded.contains(name)) << name;
    expect_same(loaded.at(name), a);
  }
}

TEST(Safetensors, MetadataComesBack) {
  const auto metadata =
      load_safetensors_bytes(safetensors_bytes({}, {{"format", "mlx"}, {"a", "\"b\""}})).second;
  EXPECT_THAT(metadata, UnorderedElementsAre(Pair("format", "mlx"), Pair("a", "\"b\"")));
  EXPECT_TRUE(load_safetensors_bytes(file(R"({"__metadata__":null})")).second.empty());
}

TEST(Safetensors, TheBytesAreTheFormats) {
  const std::string header =
      R"({"__metadata__":{"k":"v"},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
      R"("a":{"dtype":"U8","shape":[2],"data_offsets":[4,6]},)"
      R"("b":{"dtype":"U8","shape":[],"data_offsets":[6,7]}})";
  const Named arrays{{"b", array(9, uint8)}, {"w", array({1.0f})}, {"a", array({7, 8}, uint8)}};
  const std::string bytes = safetensors_bytes(arrays, {{"k", "v"}});
  const size_t padded = (8 + header.size() + 63) / 64 * 64 - 8;  // tensors begin at 64 n
  EXPECT_EQ(bytes.substr(0, 8), length_of(padded));
  EXPECT_THAT(bytes.substr(8, padded), StartsWith(header));
  EXPECT_EQ(bytes.substr(8 + header.size(), padded - header.size()).find_first_not_of(' '),
            std::string::npos);
  EXPECT_EQ(bytes.substr(8 + padded), "\x00\x00\x80\x3F\x07\x08\x09"s);
}

TEST(Safetensors, ReadsEightBitFloatsAsBytes) {
  for (const char* dtype : {"F8_E4M3", "F8_E5M2", "F8_E8M0"}) {
    const std::string header =
        R"({"x":{"dtype":")"s + dtype + R"(","shape":[2],"data_offsets":[0,2]}})";
    expect_same(load_safetensors_bytes(file(header, "\x01\x02")).first.at("x"),
                array({1, 2}, uint8));
  }
}

TEST(Safetensors, LoadingIsLazyAndSavingOverTheFileIsSafe) {
  const ScratchFolder folder;
  const std::string path = folder / "model.safetensors";
  save_safetensors(folder / "model", {{"w", array({1.0f, 2.0f})}});
  auto [arrays, metadata] = load_safetensors(path);
  array& w = arrays.at("w");
  EXPECT_EQ(w.status(), array::unscheduled);
  save_safetensors(path, {{"w", w * 2.0f}, {"old", w}});
  expect_same(load_safetensors(path).first.at("w"), array({2.0f, 4.0f}));
  expect_same(load_safetensors(path).first.at("old"), array({1.0f, 2.0f}));
  EXPECT_EQ(folder.count_files(), 1u);
}

TEST(Safetensors, NamesThatCannotBeWrittenAreErrors) {
  EXPECT_THROW(safetensors_bytes({{"__metadata__", array(1)}}), std::invalid_argument);
  EXPECT_THROW(safetensors_bytes({{"\xFF\xFE", array(1)}}), std::invalid_argument);
  EXPECT_THROW(safetensors_bytes({}, {{"a", "\xFF"}}), std::invalid_argument);
}

TEST(Safetensors, BadFilesAreErrorsThatSayWhere) {
  const std::string good = R"("dtype":"U8","shape":[2],"data_offsets":[0,2])";
  const auto tensor = [](const std::string& body) {
    return file(R"({"x":{)" + body + "}}", "12345678");
  };
  const auto nested = [](char c) { return file(std::string(100'000, c)); };
  const BadFile bad[] = {
      {"empty", ""},
      {"seven bytes", "1234567"},
      {"header longer than the file", length_of(100) + "{}"},
      {"header over the limit", length_of(100'000'001) + std::string(10, ' ')},
      {"header of 2^64 bytes", length_of(~uint64_t{0}) + "{}"},
      {"no header", file("")},
      {"not JSON", file("{]")},
      {"JSON that does not end", file(R"({"x":)")},
      {"something after the JSON", file("{} {}")},
      {"not UTF-8", file("{\"\xFF\":1}")},
      {"a list", file("[]")},
      {"a number", file("1")},
      {"null", file("null")},
      {"deep lists", nested('[')},
      {"deep objects", file([] {
         std::string text;
         for (int i = 0; i < 100'000; ++i) {
           text += R"({"a":)";
         }
         return text;
       }())},
      {"tensor that is a number", file(R"({"x":1})")},
      {"tensor that is null", file(R"({"x":null})")},
      {"metadata that is a list", file(R"({"__metadata__":{"a":[]}})")},
      {"metadata that is a number", file(R"({"__metadata__":{"a":1}})")},
      {"no dtype", tensor(R"("shape":[2],"data_offsets":[0,2])")},
      {"no shape", tensor(R"("dtype":"U8","data_offsets":[0,2])")},
      {"no offsets", tensor(R"("dtype":"U8","shape":[2])")},
      {"unknown dtype", tensor(R"("dtype":"Q9","shape":[2],"data_offsets":[0,2])")},
      {"dtype that is a number", tensor(R"("dtype":1,"shape":[2],"data_offsets":[0,2])")},
      {"negative size", tensor(R"("dtype":"U8","shape":[-2],"data_offsets":[0,2])")},
      {"fractional size", tensor(R"("dtype":"U8","shape":[2.0],"data_offsets":[0,2])")},
      {"size over 63 bits",
       tensor(R"("dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,2])")},
      {"nested shape", tensor(R"("dtype":"U8","shape":[[2]],"data_offsets":[0,2])")},
      {"product over 64 bits",
       tensor(R"("dtype":"U8","shape":[4294967296,4294967296,2],"data_offsets":[0,2])")},
      {"empty, but its strides would be over 64 bits",
       tensor(R"("dtype":"U8","shape":[0,4611686018427387904,4611686018427387904],)"
              R"("data_offsets":[0,0])")},
      {"one offset", tensor(R"("dtype":"U8","shape":[2],"data_offsets":[0])")},
      {"three offsets", tensor(R"("dtype":"U8","shape":[2],"data_offsets":[0,2,4])")},
      {"offsets the wrong way", tensor(R"("dtype":"U8","shape":[2],"data_offsets":[2,0])")},
      {"offsets past the end", tensor(R"("dtype":"U8","shape":[2],"data_offsets":[7,9])")},
      {"offsets near 2^64", tensor(R"("dtype":"U8","shape":[2],)"
                                   R"("data_offsets":[18446744073709551614,0])")},
      {"size and shape differ", tensor(R"("dtype":"U8","shape":[3],"data_offsets":[0,2])")},
      {"twice the same name", file("{\"x\":{" + good + "},\"x\":{" + good + "}}", "12")},
      {"overlap",
       file("{\"x\":{" + good + R"(},"y":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
            "1234")},
  };
  for (const BadFile& file : bad) {
    EXPECT_THAT([&] { load_safetensors_bytes(file.bytes); },
                ThrowsMessage<std::runtime_error>(HasSubstr("memory")))
        << file.what;
  }
}

TEST(Safetensors, EveryTruncationAndFlippedByteIsAnErrorOrALoad) {
  // Nothing but std::runtime_error may come out of damaged files.
  const std::string good = safetensors_bytes({{"a", arange(4)}, {"b", array(1.0f)}}, {{"k", "v"}});
  const auto try_load = [](const std::string& bytes) {
    try {
      for (auto& [name, a] : load_safetensors_bytes(bytes).first) {
        array(a).eval();
      }
    } catch (const std::runtime_error&) {
    }
  };
  for (size_t i = 0; i < good.size(); ++i) {
    EXPECT_THROW(load_safetensors_bytes(good.substr(0, i)), std::runtime_error) << i;
    for (int flip : {0x01, 0x20, 0x80, 0xFF}) {
      std::string bytes = good;
      bytes[i] = static_cast<char>(bytes[i] ^ flip);
      EXPECT_NO_THROW(try_load(bytes)) << i;
    }
  }
}

}  // namespace
}  // namespace mlx::core
