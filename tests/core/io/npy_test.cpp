#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/io/checks.h"
#include "core/io/scratch.h"
#include "mlx/core/io.h"
#include "mlx/core/ops.h"

namespace mlx::core {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;
using namespace std::string_literals;

constexpr Dtype kDtypesOfFiles[] = {bool_, uint8, uint16,  uint32,  uint64,  int8,     int16,
                                    int32, int64, float16, float32, float64, bfloat16, complex64};

array load_npy_bytes(const std::string& bytes) {
  return load(std::make_shared<MemoryReader>(bytes));
}

std::string npy_bytes(const array& a) {
  auto writer = std::make_shared<MemoryWriter>();
  save(writer, a);
  EXPECT_TRUE(writer->finished);
  return writer->bytes;
}

// A version 1 file with this dictionary, not aligned.
std::string npy(const std::string& header, const std::string& data) {
  return "\x93NUMPY\x01\x00"s + static_cast<char>(header.size()) + '\0' + header + data;
}

std::string header_of(const std::string& descr, const std::string& order,
                      const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}

TEST(Npy, EveryDtypeComesBack) {
  for (Dtype dtype : kDtypesOfFiles) {
    const array a = astype(array({0, 1, 2, 3, 100, 101}, {2, 3}), dtype);
    expect_same(load_npy_bytes(npy_bytes(a)), a);
  }
}

TEST(Npy, EveryShapeComesBack) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{0}, Shape{3, 0, 2}, Shape{2, 3, 4, 5},
                             Shape{1, 1, 1, 1, 1, 1, 1, 1}}) {
    const array a = ones(shape, float32);
    expect_same(load_npy_bytes(npy_bytes(a)), a);
  }
}

TEST(Npy, ViewsAreWrittenRowByRow) {
  const array a = reshape(arange(24), {2, 3, 4});
  expect_same(load_npy_bytes(npy_bytes(transpose(a))), transpose(a));
  const array sliced = slice(a, {0, 2, 0}, {2, -4, 4}, {1, -1, 2});
  expect_same(load_npy_bytes(npy_bytes(sliced)), sliced);
  const array row = broadcast_to(array({1, 2}), {3, 2});
  expect_same(load_npy_bytes(npy_bytes(row)), row);
}

TEST(Npy, TheBytesAreNumPys) {
  // numpy.lib.format with this shape and dtype, except for the comma in the shape.
  const std::string expected =
      "\x93NUMPY\x01\x00\x76\x00{'descr': '<i2', 'fortran_order': False, 'shape': (2, 2, ), }"s +
      std::string(56, ' ') + "\n"s + "\x01\x00\x02\x00\x03\x00\xFF\xFF"s;
  EXPECT_EQ(npy_bytes(array({1, 2, 3, -1}, {2, 2}, int16)), expected);
  EXPECT_THAT(npy_bytes(array({1.0f}, bfloat16)), HasSubstr("'<V2'"));
  EXPECT_THAT(npy_bytes(array({true})), HasSubstr("'|b1'"));
  EXPECT_THAT(npy_bytes(array(1.0f)), HasSubstr("'shape': ()"));
}

TEST(Npy, ReadsTheOtherByteOrder) {
  const std::string data = "\x00\x01\x02\x03"s;
  expect_same(load_npy_bytes(npy(header_of(">i2", "False", "(2,)"), data)), array({1, 515}, int16));
  expect_same(
      load_npy_bytes(npy(header_of(">c8", "False", "()"), "\x3F\x80\x00\x00\x40\x00\x00\x00"s)),
      array(std::complex<float>(1, 2)));
  expect_same(load_npy_bytes(npy(header_of(">u1", "False", "(4,)"), data)),
              array({0, 1, 2, 3}, uint8));
}

TEST(Npy, ReadsColumnMajorOrder) {
  const array a =
      load_npy_bytes(npy(header_of("|u1", "True", "(2, 3)"), "\x01\x02\x03\x04\x05\x06"s));
  expect_same(a, array({1, 3, 5, 2, 4, 6}, {2, 3}, uint8));
  EXPECT_EQ(a.strides(), (Strides{1, 2}));
  EXPECT_TRUE(a.flags().col_contiguous);
  EXPECT_FALSE(a.flags().row_contiguous);
}

TEST(Npy, ReadsOtherVersionsAndSpellings) {
  const std::string dictionary = "{ \"shape\" :(2L,),'fortran_order':False, \"descr\":\"|u1\" }";
  const std::string length = std::string(1, static_cast<char>(dictionary.size())) + "\0\0\0"s;
  for (const char* version : {"\x02", "\x03"}) {
    expect_same(load_npy_bytes("\x93NUMPY"s + version + "\0"s + length + dictionary + "\x07\x08"s),
                array({7, 8}, uint8));
  }
}

TEST(Npy, BoolsAreZeroOrOne) {
  const array a = load_npy_bytes(npy(header_of("|b1", "False", "(3,)"), "\x00\x02\xFF"s));
  EXPECT_EQ(sum(astype(a, int32)).item<int>(), 2);
}

TEST(Npy, LoadingIsLazyAndOutlivesTheFile) {
  const ScratchFolder folder;
  const std::string path = folder / "a.npy";
  save(path, array({1.0f, 2.0f}));
  array a = load(path);
  EXPECT_EQ(a.status(), array::unscheduled);
  save(path, array({3.0f, 4.0f}));  // replaces the file, not its content
  expect_same(a, array({1.0f, 2.0f}));
  expect_same(load(path), array({3.0f, 4.0f}));
}

TEST(Npy, LargeFilesComeBack) {
  const ScratchFolder folder;
  const array a = arange(0, 20'000'000, 1, int32);  // read by several threads
  save(folder / "large.npy", a);
  expect_same(load(folder / "large.npy"), a);
}

TEST(Npy, OpeningAHugeFileTakesNoMemory) {
  const ScratchFolder folder;
  constexpr size_t kBytes = 10'000'000'000;
  const std::string path = folder / "huge.npy";  // sparse
  write_file(path, npy(header_of("<f4", "False", "(2500000000,)"), ""));
  std::filesystem::resize_file(path, std::filesystem::file_size(path) + kBytes);
  const size_t before = resident_bytes("VmRSS");
  const array a = load(path);
  EXPECT_EQ(a.nbytes(), kBytes);
  EXPECT_LT(resident_bytes("VmRSS"), before + 10'000'000);
}

TEST(Npy, SavingIsAtomicAndTidy) {
  const ScratchFolder folder;
  save(folder / "a", array({1.0f}));  // the extension is added
  expect_same(load(folder / "a.npy"), array({1.0f}));
  ::chmod((folder / "a.npy").c_str(), 0600);
  write_file(folder / "short.npy", npy(header_of("<f4", "False", "(2,)"), "12345678"));
  array lost = load(folder / "short.npy");
  std::filesystem::resize_file(folder / "short.npy", 60);
  EXPECT_THROW(save(folder / "a.npy", lost), std::runtime_error);
  expect_same(load(folder / "a.npy"), array({1.0f}));
  save(folder / "a.npy", array({2.0f}));
  struct stat info {};
  ASSERT_EQ(::stat((folder / "a.npy").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(folder.count_files(), 2u);
}

TEST(Npy, SavingFollowsSymbolicLinks) {
  const ScratchFolder folder;
  save(folder / "real.npy", array({1.0f}));
  std::filesystem::create_symlink(folder / "real.npy", folder / "link.npy");
  save(folder / "link.npy", array({2.0f}));
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link.npy"));
  expect_same(load(folder / "real.npy"), array({2.0f}));
}

TEST(Npy, FilesOfOtherFormatsNameTheFunction) {
  for (const std::string other : {"npz", "safetensors", "gguf"}) {
    EXPECT_THAT([&] { load("x." + other); },
                ThrowsMessage<std::invalid_argument>(HasSubstr("use load_" + other + ".")));
  }
}

TEST(Npy, FilesThatCannotBeOpenedAreErrors) {
  const ScratchFolder folder;
  EXPECT_THAT([&] { load(folder / "none.npy"); },
              ThrowsMessage<std::runtime_error>(HasSubstr("none.npy")));
  EXPECT_THROW(load(folder / ""), std::runtime_error);
  EXPECT_THROW(save(folder / "no/such/folder.npy", array(1)), std::runtime_error);
  EXPECT_THROW(load("weights.safetensors"), std::invalid_argument);
}

TEST(Npy, BadFilesAreErrorsThatSayWhere) {
  const auto with = [](const char* descr, const char* order, const char* shape) {
    return npy(header_of(descr, order, shape), "12345678");
  };
  const BadFile bad[] = {
      {"empty", ""},
      {"no magic", std::string(100, 'x')},
      {"magic only", "\x93NUMPY"s},
      {"version 0", "\x93NUMPY\x00\x00\x02\x00{}"s},
      {"version 9", "\x93NUMPY\x09\x00\x02\x00{}"s},
      {"header longer than the file", "\x93NUMPY\x01\x00\xFF\xFF{}"s},
      {"header of 4 GB", "\x93NUMPY\x02\x00\xFF\xFF\xFF\xFF{}"s},
      {"empty dictionary", npy("{}", "")},
      {"no dictionary", npy("hello", "")},
      {"dictionary that does not end", npy("{'descr': '<f4', 'fortran_order': False", "")},
      {"text that does not end", npy("{'descr", "")},
      {"unknown key", npy("{'evil': 1}", "")},
      {"no shape", npy("{'descr': '<f4', 'fortran_order': False}", "")},
      {"object dtype", with("|O", "False", "(1,)")},
      {"text dtype", with("<U2", "False", "(1,)")},
      {"float128", with("<f16", "False", "(1,)")},
      {"structured dtype",
       npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "1234")},
      {"bad order", with("<f4", "Maybe", "(1,)")},
      {"negative size", with("<f4", "False", "(-1,)")},
      {"size that is no number", with("<f4", "False", "(x,)")},
      {"size over 64 bits", with("<f4", "False", "(99999999999999999999,)")},
      {"data cut off", with("<f4", "False", "(3,)")},
      {"product over 64 bits", with("<f4", "False", "(4294967296, 4294967296, 4294967296)")},
      {"empty, but its strides would be over 64 bits",
       with("<f4", "False", "(0, 4611686018427387904, 4611686018427387904)")},
      {"zero times too much", with("<f4", "False", "(9223372036854775807, 9, 0)")},
      {"too many dimensions", with("<f4", "False",
                                   ("(" +
                                    [] {
                                      std::string ones;
                                      for (int i = 0; i < 65; ++i) {
                                        ones += "1,";
                                      }
                                      return ones;
                                    }() +
                                    ")")
                                       .c_str())},
  };
  for (const BadFile& file : bad) {
    EXPECT_THAT([&] { load_npy_bytes(file.bytes); },
                ThrowsMessage<std::runtime_error>(HasSubstr("memory")))
        << file.what;
  }
}

TEST(Npy, AFileThatShrinksAfterwardsIsAnErrorAtEvaluation) {
  const ScratchFolder folder;
  save(folder / "a.npy", zeros({1000}));
  array a = load(folder / "a.npy");
  std::filesystem::resize_file(folder / "a.npy", 500);
  EXPECT_THAT([&] { a.eval(); }, ThrowsMessage<std::runtime_error>(HasSubstr("a.npy")));
}

}  // namespace
}  // namespace mlx::core
