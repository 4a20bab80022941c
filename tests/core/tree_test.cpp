#include "mlx/core/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mlx/core/ops.h"

namespace mlx::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

Tree model() {
  return Tree{{"layers", Tree::list({Tree{{"weight", array(1.0f)}, {"bias", array(2.0f)}},
                                     Tree{{"weight", array(3.0f)}}})},
              {"scale", array(4.0f)}};
}

std::vector<std::string> paths(const Tree& tree) {
  std::vector<std::string> names;
  for (const auto& [path, leaf] : tree.flatten()) {
    names.push_back(path);
  }
  return names;
}

float total(const Tree& tree) {
  return tree.reduce([](float sum, const array& x) { return sum + x.item<float>(); }, 0.0f);
}

TEST(Tree, FlattensToDottedPathsInOrder) {
  EXPECT_THAT(paths(model()),
              ElementsAre("layers.0.weight", "layers.0.bias", "layers.1.weight", "scale"));
  EXPECT_EQ(model().at("layers").at(1).at("weight").leaf().item<float>(), 3.0f);
  EXPECT_THAT(paths(Tree(array(1.0f))), ElementsAre(""));
  EXPECT_TRUE(Tree().flatten().empty());
}

TEST(Tree, UnflattenInvertsFlatten) {
  const Tree tree = Tree::unflatten(model().flatten());
  EXPECT_TRUE(tree.same_structure(model()));
  EXPECT_EQ(tree.at("layers").kind(), Tree::Kind::list);
  EXPECT_EQ(total(tree), 10.0f);
  EXPECT_TRUE(Tree::unflatten({{"", array(1.0f)}}).is_leaf());
  EXPECT_TRUE(Tree::unflatten({}).empty());
}

TEST(Tree, MissingNumbersAreEmptyDictionaries) {
  const Tree tree = Tree::unflatten({{"2.w", array(1.0f)}});
  ASSERT_EQ(tree.size(), 3u);
  EXPECT_TRUE(tree.at(size_t{0}).empty());
  EXPECT_THAT(paths(tree), ElementsAre("2.w"));
}

TEST(Tree, NumbersThatAreNoIndicesAreKeys) {
  for (const char* path : {"01.w", "1000000.w", "-1.w", "1e3.w", "18446744073709551616.w"}) {
    EXPECT_EQ(Tree::unflatten({{path, array(1.0f)}}).kind(), Tree::Kind::dictionary) << path;
  }
  EXPECT_EQ(Tree::unflatten({{"0", array(1.0f)}, {"a", array(1.0f)}}).kind(),
            Tree::Kind::dictionary);
}

TEST(Tree, BadPathsAreErrors) {
  const array x(1.0f);
  std::string deep = "a";
  for (int i = 0; i < 100'000; ++i) {
    deep += ".a";
  }
  const std::vector<Tree::NamedArrays> bad{{{"a", x}, {"a", x}},
                                           {{"a", x}, {"a.b", x}},
                                           {{"a.b", x}, {"a", x}},
                                           {{"", x}, {"a", x}},
                                           {{"a..b", x}},
                                           {{".a", x}},
                                           {{"a.", x}},
                                           {{deep, x}}};
  for (const auto& leaves : bad) {
    EXPECT_THROW(Tree::unflatten(leaves), std::invalid_argument) << leaves[0].first.substr(0, 9);
  }
}

TEST(Tree, KeysAreUniqueTextsWithoutDots) {
  EXPECT_THROW((Tree{{"a", array(1)}, {"a", array(2)}}), std::invalid_argument);
  EXPECT_THROW((Tree{{"a.b", array(1)}}), std::invalid_argument);
  Tree tree;
  tree.set("a", array(1.0f));
  tree.set("b", array(2.0f));
  tree.set("a", array(3.0f));
  EXPECT_THAT(tree.keys(), ElementsAre("a", "b"));
  EXPECT_EQ(total(tree), 5.0f);
  EXPECT_TRUE(tree.contains("a"));
  EXPECT_FALSE(tree.contains("c"));
  EXPECT_THROW(tree.set("", array(1)), std::invalid_argument);
  EXPECT_THROW(Tree(array(1)).set("a", array(1)), std::invalid_argument);
}

TEST(Tree, MissingChildrenAndLeavesAreErrors) {
  EXPECT_THROW(model().at("weights"), std::out_of_range);
  EXPECT_THROW(model().at("layers").at(2), std::out_of_range);
  EXPECT_THROW(model().leaf(), std::invalid_argument);
}

TEST(Tree, MapsOneTree) {
  const Tree doubled = model().map([](const array& x) { return x * 2.0f; });
  EXPECT_TRUE(doubled.same_structure(model()));
  EXPECT_EQ(total(doubled), 20.0f);
  const Tree only_weights = model().map_with_path([](const std::string& path, const array& x) {
    return path.ends_with("weight") ? x : array(0.0f);
  });
  EXPECT_EQ(total(only_weights), 4.0f);
}

TEST(Tree, MapsSeveralTreesByKey) {
  const auto add = [](const std::vector<array>& x) { return x[0] + x[1]; };
  const Tree a{{"x", array(1.0f)}, {"y", array(2.0f)}};
  const Tree b{{"y", array(20.0f)}, {"x", array(10.0f)}};
  const Tree sum = Tree::map(add, {a, b});
  EXPECT_EQ(sum.at("x").leaf().item<float>(), 11.0f);
  EXPECT_EQ(sum.at("y").leaf().item<float>(), 22.0f);
}

TEST(Tree, MapNamesThePlaceWhereStructuresDiffer) {
  const auto first = [](const std::vector<array>& x) { return x[0]; };
  const Tree a{{"layer", Tree{{"w", array(1)}}}};
  EXPECT_THAT(
      [&] {
        Tree::map(first, {a, Tree{{"layer", Tree{{"v", array(1)}}}}});
      },
      ThrowsMessage<std::invalid_argument>(testing::AllOf(HasSubstr("layer"), HasSubstr("\"w\""))));
  EXPECT_THAT(
      [&] {
        Tree::map(first, {a, Tree{{"layer", array(1)}}});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("at layer")));
  EXPECT_THROW(Tree::map(first, {a, Tree()}), std::invalid_argument);
  EXPECT_THROW(Tree::map(first, {}), std::invalid_argument);
}

TEST(Tree, StructureIgnoresTheOrderOfKeys) {
  const Tree a{{"x", array(1)}, {"y", array(2)}};
  EXPECT_TRUE(a.same_structure(Tree{{"y", array(3)}, {"x", array(4)}}));
  EXPECT_FALSE(a.same_structure(Tree{{"x", array(1)}}));
  EXPECT_FALSE(a.same_structure(Tree{{"x", array(1)}, {"z", array(2)}}));
  EXPECT_FALSE(a.same_structure(Tree{{"x", array(1)}, {"y", Tree()}}));
  EXPECT_FALSE(Tree().same_structure(Tree::list({})));
}

}  // namespace
}  // namespace mlx::core
