#include "mlx/core/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <sstream>

#include "error_of.h"
#include "export_rows.h"
#include "mlx/core/compile.h"
#include "mlx/core/graph_utils.h"
#include "mlx/core/primitives.h"
#include "mlx/core/random.h"
#include "mlx/core/transforms.h"
#include "scratch.h"

namespace mlx::core {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Function = std::function<Args(const Args&)>;

// Whether shape, dtype and every bit agree.
::testing::AssertionResult same_bits(array a, array b) {
  a = contiguous(a);
  b = contiguous(b);
  eval({a, b});
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) {
    return ::testing::AssertionFailure()
           << a.dtype() << a.shape() << " and " << b.dtype() << b.shape();
  }
  if (a.nbytes() > 0 && std::memcmp(a.data<char>(), b.data<char>(), a.nbytes()) != 0) {
    return ::testing::AssertionFailure() << a << "\nand\n" << b;
  }
  return ::testing::AssertionSuccess();
}

void expect_same(const Args& a, const Args& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(same_bits(a[i], b[i])) << "of result " << i;
  }
}

class Export : public ::testing::Test {
 protected:
  static ImportedFunction round_trip(const Function& fun, const Args& args,
                                     bool shapeless = false) {
    const auto writer = std::make_shared<MemoryWriter>();
    exporter(
        writer, [&](const Args& in, const Kwargs&) { return fun(in); }, shapeless)(args);
    return import_function(std::make_shared<MemoryReader>(writer->bytes));
  }

  ScratchFolder folder_;
};

TEST_F(Export, FunctionsOfEveryFamilyGiveTheSameBits) {
  for (const ExportRow& row : export_rows()) {
    SCOPED_TRACE(row.name);
    try {
      expect_same(round_trip(row.fun, row.inputs)(row.inputs), row.fun(row.inputs));
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

// Without its notes a file is what MLX sees of it.
TEST_F(Export, WhatNotesNameIsAlsoThereAsOtherOperations) {
  size_t notes = 0;
  for (const ExportRow& row : export_rows()) {
    SCOPED_TRACE(row.name);
    const auto writer = std::make_shared<MemoryWriter>();
    exporter(writer, [&](const Args& in, const Kwargs&) { return row.fun(in); })(row.inputs);
    std::string& bytes = writer->bytes;
    bool has_notes = false;
    for (size_t at = 0; (at = bytes.find("MLXCNOTE", at)) != std::string::npos; ++notes) {
      bytes[at] = '?';
      has_notes = true;
    }
    if (!has_notes) continue;
    const Args results = import_function(std::make_shared<MemoryReader>(bytes))(row.inputs);
    const Args expected = row.fun(row.inputs);
    for (size_t i = 0; i < results.size(); ++i) {
      const double tolerance = results[i].dtype() == float16 ? 1e-2 : 1e-4;
      EXPECT_TRUE(allclose(results[i], expected[i], tolerance, tolerance).item<bool>())
          << results[i] << "\nand\n"
          << expected[i];
    }
  }
  EXPECT_GT(notes, 30u);
}

// ---- shapeless

struct ShapelessRow {
  const char* name;
  Function fun;
  Args exported;
  Args called;
};

TEST_F(Export, ShapelessFunctionsFollowTheShapes) {
  const ShapelessRow rows[] = {
      {"broadcast",
       FUN(in[0] + in[1], in[0] * array(2), in[0] / sum(in[0], 1, true)),
       {numbers({4, 6}), numbers({6})},
       {numbers({3, 5}), numbers({5})}},
      {"select",
       FUN(where(in[0] > array(0), in[1], array(1))),
       {numbers({4, 6}), numbers({6})},
       {numbers({2, 9}), numbers({9})}},
      {"mean",
       FUN(mean(in[0], 1), var(in[0], 0), softmax(in[0], 0)),
       {numbers({4, 6})},
       {numbers({2, 9})}},
      {"axes",
       FUN(flatten(in[0], 0, 1), expand_dims(in[0], {0, 3}), squeeze(in[1], 1)),
       {numbers({4, 6, 2}), numbers({3, 1, 4})},
       {numbers({2, 9, 3}), numbers({5, 1, 2})}},
      {"matmul",
       FUN(matmul(in[0], in[1]), addmm(in[2], in[0], in[1])),
       {numbers({2, 4, 6}), numbers({6, 5}), numbers({5})},
       {numbers({3, 2, 8}), numbers({8, 7}), numbers({7})}},
      {"concatenate",
       FUN(concatenate({in[0], in[0]}, 1), cumsum(in[0], 0), take(in[0], in[1], 1)),
       {numbers({4, 6}), integers({2}, 4)},
       {numbers({3, 5}), integers({3}, 4)}},
  };
  for (const ShapelessRow& row : rows) {
    SCOPED_TRACE(row.name);
    const ImportedFunction imported = round_trip(row.fun, row.exported, true);
    expect_same(imported(row.exported), row.fun(row.exported));
    expect_same(imported(row.called), row.fun(row.called));
  }
}

TEST_F(Export, ShapelessFunctionsThatHoldSizesSaySo) {
  const ImportedFunction imported =
      round_trip(FUN(slice(in[0], {0, 0}, {2, 2})), {numbers({4, 6})}, true);
  EXPECT_EQ(imported({numbers({4, 6})})[0].shape(), (Shape{2, 2}));
  EXPECT_THAT(error_of<std::invalid_argument>([&] {
                imported({numbers({5, 6})});
              }),
              HasSubstr("Slice holds sizes"));
}

TEST_F(Export, ShapelessFunctionsTellRanksAndDtypesApart) {
  const ImportedFunction imported = round_trip(FUN(in[0] * array(2)), {numbers({4, 6})}, true);
  EXPECT_THROW(imported({numbers({4})}), std::invalid_argument);
  EXPECT_THROW(imported({integers({4, 6}, 3)}), std::invalid_argument);
}

// ---- signatures

TEST_F(Export, KeywordArgumentsAreFoundByName) {
  const auto fun = [](const Args& args, const Kwargs& kwargs) -> Args {
    return {args[0] * kwargs.at("scale") - kwargs.at("bias")};
  };
  const std::string file = folder_ / "f.mlxfn";
  const Kwargs kwargs{{"scale", array(3.0f)}, {"bias", array({1.0f, 2.0f})}};
  export_function(file, fun, {array({4.0f, 5.0f})}, kwargs);
  const ImportedFunction imported = import_function(file);
  expect_same(imported({array({4.0f, 5.0f})}, kwargs), {array({11.0f, 13.0f})});
  EXPECT_THROW(imported({array({4.0f, 5.0f})}), std::invalid_argument);
  EXPECT_THROW(imported({array({4.0f, 5.0f})}, {{"scale", array(3.0f)}}), std::invalid_argument);
}

TEST_F(Export, FunctionsOfKeywordsOnly) {
  const auto fun = [](const Kwargs& kwargs) -> Args { return {kwargs.at("x") + array(1)}; };
  const std::string file = folder_ / "f.mlxfn";
  export_function(file, fun, Kwargs{{"x", array(2)}});
  expect_same(import_function(file)(Kwargs{{"x", array(5)}}), {array(6)});
}

TEST_F(Export, OneFileHoldsSeveralSignatures) {
  const array big = numbers({1000});
  const std::string file = folder_ / "f.mlxfn";
  {
    FunctionExporter exporter = mlx::core::exporter(
        file,
        [&](const Args& args, const Kwargs& kwargs) -> Args {
          const array y = args[0] + sum(big);
          return {kwargs.empty() ? y : y * kwargs.at("k")};
        },
        false, "two of them");
    exporter({array({1.0f, 2.0f})});
    exporter({array(1.0f)}, {{"k", array(2.0f)}});
  }
  const ImportedFunction imported = import_function(file);
  EXPECT_EQ(imported.metadata(), "two of them");
  expect_same(imported({array({1.0f, 2.0f})}), {array({1.0f, 2.0f}) + sum(big)});
  expect_same(imported({array(1.0f)}, {{"k", array(2.0f)}}), {(array(1.0f) + sum(big)) * 2});
  EXPECT_LT(read_file(file).size(), 2 * big.nbytes()) << "the constant is there once";
}

TEST_F(Export, CallsThatFitNoSignatureListThemAll) {
  const std::string file = folder_ / "f.mlxfn";
  FunctionExporter exporter = mlx::core::exporter(
      file, [](const Args& args, const Kwargs&) -> Args { return {args[0] * 2}; });
  exporter({numbers({2, 3})});
  exporter({array(1)}, {{"k", numbers({5}, 0, 1, float16)}});
  exporter.close();
  EXPECT_EQ(error_of<std::invalid_argument>([&] {
              import_function(file)({numbers({2, 4})}, {{"z", array(true)}});
            }),
            "[import_function::call] No function in the file takes these arguments. There are:\n"
            " 1. a function of 1 positional inputs and 0 keyword inputs:\n"
            "   1: (2,3) float32\n"
            " 2. a function of 1 positional inputs and 1 keyword inputs:\n"
            "   1: () int32\n"
            "   \"k\": (5) float16\n"
            "Called with 1 positional inputs and 1 keyword inputs:\n"
            "  1: (2,4) float32\n"
            "  \"z\": () bool\n");
}

TEST_F(Export, TheSameSignatureTwiceIsRefused) {
  const std::string file = folder_ / "f.mlxfn";
  for (const bool shapeless : {false, true}) {
    FunctionExporter exporter = mlx::core::exporter(file, FUN(in[0] * array(2)), shapeless);
    exporter({numbers({2, 3})});
    EXPECT_THAT(error_of<std::runtime_error>([&] {
                  exporter({numbers({2, 3})});
                }),
                HasSubstr("1: (2,3) float32"));
    if (shapeless) {
      EXPECT_THROW(exporter({numbers({4, 3})}), std::runtime_error);
    } else {
      exporter({numbers({4, 3})});
    }
  }
}

TEST_F(Export, AClosedExporterTakesNoMore) {
  FunctionExporter exporter = mlx::core::exporter(folder_ / "f.mlxfn", FUN(in[0] * array(2)));
  exporter({array(1)});
  exporter.close();
  exporter.close();
  EXPECT_THAT(error_of<std::runtime_error>([&] { exporter({array(1.0f)}); }), HasSubstr("closed"));
}

TEST_F(Export, AnExporterWithoutCallsMakesAFileWithoutFunctions) {
  mlx::core::exporter(folder_ / "f.mlxfn", FUN(in[0])).close();
  EXPECT_THROW(import_function(folder_ / "f.mlxfn")({array(1)}), std::invalid_argument);
}

TEST_F(Export, AFailedExportLeavesTheOldFile) {
  const std::string file = folder_ / "f.mlxfn";
  export_function(file, FUN(in[0] * array(2)), {array(1)});
  EXPECT_THROW(
      export_function(file, [](const Args&) -> Args { throw std::logic_error("no"); }, {array(1)}),
      std::logic_error);
  expect_same(import_function(file)({array(4)}), {array(8)});
  EXPECT_EQ(folder_.count_files(), 1u);
}

// ---- what functions hold

TEST_F(Export, ResultsMayBeInputsConstantsAndEachOther) {
  const Function fun = [](const Args& in) -> Args {
    const array y = in[0] + array(1);
    return {in[0], y, y, array(3.5f), in[0]};
  };
  expect_same(round_trip(fun, {numbers({3}), array(1)})({numbers({3}), array(2)}),
              fun({numbers({3})}));
}

TEST_F(Export, FunctionsWithoutArguments) {
  expect_same(round_trip([](const Args&) -> Args { return {array(3) + array(1)}; }, {})(Args{}),
              {array(4)});
}

TEST_F(Export, ConstantsMayBeLazyStridedEmptyAndOfAnyDtype) {
  for (const Dtype dtype : {bool_, uint8, int64, float16, bfloat16, float64, complex64}) {
    const array constant = transpose(astype(numbers({20, 30}), dtype));
    expect_same(round_trip(
                    [&](const Args& in) -> Args {
                      return {constant, in[0]};
                    },
                    {array(1)})({array(1)}),
                {constant, array(1)});
  }
  const array empty = zeros({0, 3});
  expect_same(round_trip(
                  [&](const Args& in) -> Args {
                    return {empty, in[0]};
                  },
                  {array(1)})({array(1)}),
              {empty, array(1)});
}

TEST_F(Export, LargeConstantsAreReadWhenTheyAreNeeded) {
  const std::string file = folder_ / "f.mlxfn";
  const array weights = numbers({300, 200});
  export_function(file, [&](const Args& in) -> Args { return {matmul(in[0], weights)}; },
                  {numbers({2, 300})});
  const std::string bytes = read_file(file);
  const ImportedFunction imported = import_function(std::make_shared<MemoryReader>(bytes));
  const array y = imported({numbers({2, 300})})[0];
  EXPECT_EQ(y.status(), array::unscheduled);
  EXPECT_TRUE(same_bits(y, matmul(numbers({2, 300}), weights)));
}

TEST_F(Export, LoadedArraysAreConstants) {
  const std::string file = folder_ / "a.npy";
  save(file, numbers({3}));
  const ImportedFunction imported =
      round_trip([&](const Args& in) -> Args { return {in[0] * load(file)}; }, {array(2.0f)});
  EXPECT_TRUE(same_bits(imported({array(2.0f)})[0], numbers({3}) * 2));
}

TEST_F(Export, KeysOfTheRandomStateAreConstants) {
  random::seed(5);
  const ImportedFunction imported =
      round_trip(FUN(in[0] + random::uniform({4}, float32)), {array(1.0f)});
  EXPECT_TRUE(same_bits(imported({array(1.0f)})[0], imported({array(1.0f)})[0]));
}

// ---- transforms

TEST_F(Export, ImportedFunctionsAreTransformed) {
  const Function fun = FUN(sum(exp(in[0]) * in[1] + softmax(in[0], -1) * array(0.5f)));
  const Args args{numbers({3, 4}), numbers({4})};
  const ImportedFunction imported = round_trip(fun, args);
  const Function call = [&](const Args& in) { return imported(in); };
  const auto scalar = [](const Function& f) { return [f](const Args& in) { return f(in)[0]; }; };
  expect_same(grad(scalar(call), {0, 1})(args), grad(scalar(fun), {0, 1})(args));
  expect_same(compile(call)(args), fun(args));
  const Args batch{numbers({5, 3, 4}), numbers({4})};
  expect_same(vmap(call, {0, -1})(batch), vmap(fun, {0, -1})(batch));
}

// ---- what cannot be stored

class Doubling final : public Primitive {
 public:
  using Primitive::Primitive;
  void eval_cpu(const std::vector<array>&, std::vector<array>&) override {}
  const char* name() const override { return "Doubling"; }
};

TEST_F(Export, OperationsThatCannotBeStoredAreNamed) {
  const Function fun = [](const Args& in) -> Args {
    return {array(in[0].shape(), in[0].dtype(),
                  std::make_shared<Doubling>(default_stream(default_device())), in)};
  };
  EXPECT_THAT(error_of<std::invalid_argument>([&] { round_trip(fun, {array(1)}); }),
              HasSubstr("cannot be stored in a file"));
}

TEST_F(Export, CapturedArgumentsAndEvaluationAreRefused) {
  const array x = numbers({3});
  EXPECT_THAT(error_of<std::invalid_argument>(
                  [&] { round_trip([&](const Args& in) -> Args { return {x + in[0]}; }, {x}); }),
              HasSubstr("captured"));
  EXPECT_THROW(round_trip(
                   [](const Args& in) -> Args {
                     eval(in);
                     return in;
                   },
                   {x}),
               std::invalid_argument);
}

TEST_F(Export, FilesThatCannotBeOpenedAreNamed) {
  EXPECT_THAT(error_of<std::runtime_error>([&] { import_function(folder_ / "none.mlxfn"); }),
              HasSubstr("none.mlxfn"));
  EXPECT_THROW(export_function(folder_ / "no" + "/f.mlxfn", FUN(in[0]), {array(1)}),
               std::runtime_error);
}

// ---- callbacks

TEST_F(Export, CallbacksGetThePartsInOrder) {
  std::vector<std::string> types, names;
  std::vector<StateT> axes;
  export_function(
      [&](const ExportCallbackInput& part) {
        types.push_back(std::get<std::string>(part.at("type")));
        if (types.back() == "primitive") {
          names.push_back(std::get<std::string>(part.at("name")));
          if (names.back() == "Squeeze") axes = std::get<std::vector<StateT>>(part.at("arguments"));
        } else if (types.back() == "keyword_inputs") {
          using Keywords = std::vector<std::pair<std::string, std::string>>;
          EXPECT_EQ(std::get<Keywords>(part.at("keywords")), (Keywords{{"k", "B"}}));
        } else if (types.back() == "constants") {
          using Constants = std::vector<std::pair<std::string, array>>;
          const auto& constants = std::get<Constants>(part.at("constants"));
          ASSERT_EQ(constants.size(), 1u);
          EXPECT_EQ(constants[0].first, "D");
          EXPECT_EQ(constants[0].second.item<float>(), 2.5f);
        }
      },
      [](const Args& args, const Kwargs& kwargs) -> Args {
        return {sum(args[0] * array(2.5f), 0) + kwargs.at("k")};
      },
      {numbers({2, 3})}, {{"k", numbers({3})}});
  EXPECT_THAT(types, ElementsAre("inputs", "keyword_inputs", "outputs", "constants", "primitive",
                                 "primitive", "primitive", "primitive", "primitive"));
  EXPECT_THAT(names, ElementsAre("Broadcast", "Multiply", "Reduce", "Squeeze", "Add"));
  ASSERT_EQ(axes.size(), 1u);
  EXPECT_EQ(std::get<std::vector<int>>(axes[0]), (std::vector<int>{0}));
}

// ---- graphs as text

TEST(GraphText, DotShowsOperationsAndArrays) {
  const array x({1.0f, 2.0f});
  std::ostringstream os;
  NodeNamer namer;
  namer.set_name(x, "the \"x\"");
  const array y = exp(x);
  export_to_dot(os, namer, y * y);
  EXPECT_EQ(os.str(),
            "digraph {\n"
            "{ rank=source; \"the \\\"x\\\"\"; }\n"
            "{ 1 [label =\"exp\", shape=rectangle]; }\n"
            "\"the \\\"x\\\"\" -> 1\n"
            "{ \"B\"; }\n"
            "1 -> \"B\"\n"
            "{ 2 [label =\"multiply\", shape=rectangle]; }\n"
            "\"B\" -> 2\n"
            "\"B\" -> 2\n"
            "{ rank=sink; \"C\"; }\n"
            "2 -> \"C\"\n"
            "}\n");
}

TEST(GraphText, PrintListsOperationsInOrder) {
  std::ostringstream os;
  const array x({1.0f, 2.0f});
  print_graph(os, sum(x + x));
  EXPECT_EQ(os.str(),
            "Input A [(2), float32]\n"
            "add A [(2), float32] A [(2), float32] -> B [(2), float32]\n"
            "Sum B [(2), float32] -> C [(), float32]\n");
}

}  // namespace
}  // namespace mlx::core
