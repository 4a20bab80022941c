#include "mlx/core/ops/einsum_path.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <limits>
#include <set>

#include "mlx/core/base/error.h"

namespace mlx::core {
namespace {

constexpr size_t kMostForBest = 8;

/// Subscripts of one operand, or of the result.
struct Term {
  Labels before, after;  // the "..."
  bool has_ellipsis = false;
};

Term parse_term(std::string_view op, std::string_view text) {
  Term term;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("...") && !term.has_ellipsis) {
      term.has_ellipsis = true;
      i += 2;
      continue;
    }
    const char c = text[i];
    require(std::isalpha(static_cast<unsigned char>(c)), "[", op, "] Subscripts: got '",
            std::string(1, c), "', expected letters or one \"...\" in each term.");
    (term.has_ellipsis ? term.after : term.before).push_back(c);
  }
  return term;
}

// The axes of "..." are numbered from the last one, because they broadcast.
Labels with_unnamed(const Term& term, size_t count) {
  Labels labels = term.before;
  for (size_t i = count; term.has_ellipsis && i > 0; --i) {
    labels.push_back(kFirstUnnamed + static_cast<Label>(i - 1));
  }
  labels.insert(labels.end(), term.after.begin(), term.after.end());
  return labels;
}

Labels implicit_output(const std::vector<Labels>& inputs, size_t unnamed) {
  std::map<Label, int> counts;
  for (const Labels& labels : inputs) {
    for (const Label label : labels) ++counts[label];
  }
  Labels output;
  for (size_t i = unnamed; i > 0; --i) output.push_back(kFirstUnnamed + static_cast<Label>(i - 1));
  for (const auto& [label, count] : counts) {
    if (label < kFirstUnnamed && count == 1) output.push_back(label);
  }
  return output;
}

void add_sizes(std::string_view op, Einsum& e, const array& operand, size_t number) {
  const Labels& labels = e.inputs[number];
  for (size_t d = 0; d < labels.size(); ++d) {
    const ShapeElem size = operand.shape()[d];
    for (size_t before = 0; before < d; ++before) {
      require(labels[before] != labels[d] || operand.shape()[before] == size, "[", op,
              "] A subscript that is repeated in operand ", number, " has different sizes: got ",
              operand.shape()[before], " and ", size, ".");
    }
    ShapeElem& known = e.sizes.try_emplace(labels[d], size).first->second;
    require(known == size || known == 1 || size == 1, "[", op, "] Axis ", d, " of operand ", number,
            " does not fit: got size ", size, ", expected ", known, ".");
    if (known == 1) known = size;
  }
}

void check_output(std::string_view op, const Einsum& e) {
  for (size_t i = 0; i < e.output.size(); ++i) {
    require(std::find(e.output.begin(), e.output.begin() + static_cast<std::ptrdiff_t>(i),
                      e.output[i]) == e.output.begin() + static_cast<std::ptrdiff_t>(i),
            "[", op, "] A subscript is repeated in the output.");
    require(e.sizes.contains(e.output[i]), "[", op, "] Output subscript '",
            std::string(1, static_cast<char>(e.output[i])), "' is in no operand.");
  }
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

Cost cost_of(const Einsum& e, const std::vector<Labels>& contracted, const Labels& result) {
  std::set<Label> labels;
  for (const Labels& each : contracted) labels.insert(each.begin(), each.end());
  Cost cost{std::max<double>(1, static_cast<double>(contracted.size()) - 1), labels.size()};
  if (labels.size() > result.size()) ++cost.operations;
  for (const Label label : labels) cost.operations *= static_cast<double>(e.sizes.at(label));
  return cost;
}

std::vector<Labels> taken(std::vector<Labels>& from, const std::vector<int>& positions) {
  std::vector<Labels> out;
  for (auto at = positions.rbegin(); at != positions.rend(); ++at) {
    out.push_back(std::move(from[static_cast<size_t>(*at)]));
    from.erase(from.begin() + *at);
  }
  return out;
}

Cost cost_of_step(const Einsum& e, std::vector<Labels> operands, const std::vector<int>& step) {
  const auto contracted = taken(operands, step);
  return cost_of(e, contracted, contracted_labels(contracted, operands, e.output));
}

void apply(const Einsum& e, std::vector<Labels>& operands, const std::vector<int>& step) {
  const auto contracted = taken(operands, step);
  operands.push_back(contracted_labels(contracted, operands, e.output));
}

std::vector<std::vector<int>> greedy_order(const Einsum& e) {
  std::vector<std::vector<int>> order;
  std::vector<Labels> operands = e.inputs;
  while (operands.size() > 1) {
    std::vector<int> best;
    double least = std::numeric_limits<double>::infinity();
    for (int i = 0; i < static_cast<int>(operands.size()); ++i) {
      for (int j = i + 1; j < static_cast<int>(operands.size()); ++j) {
        const double cost = cost_of_step(e, operands, {i, j}).operations;
        if (best.empty() || cost < least) {
          best = {i, j};
          least = cost;
        }
      }
    }
    apply(e, operands, best);
    order.push_back(best);
  }
  return order;
}

// The cheapest tree of pairs for each set of operands, from those of its subsets.
class BestTrees {
 public:
  explicit BestTrees(const Einsum& e) : e_(e), trees_(size_t{1} << e.inputs.size()) {
    for (unsigned set = 1; set < trees_.size(); ++set) fill(set);
  }

  std::vector<std::vector<int>> order() const {
    std::vector<unsigned> list;
    for (size_t i = 0; i < e_.inputs.size(); ++i) list.push_back(1u << i);
    std::vector<std::vector<int>> order;
    emit(static_cast<unsigned>(trees_.size()) - 1, list, order);
    return order;
  }

 private:
  struct Tree {
    double cost = std::numeric_limits<double>::infinity();
    unsigned left = 0;
    Labels labels;
  };

  void fill(unsigned set) {
    std::vector<Labels> inside, outside;
    for (size_t i = 0; i < e_.inputs.size(); ++i) {
      (set >> i & 1 ? inside : outside).push_back(e_.inputs[i]);
    }
    Tree& tree = trees_[set];
    if (std::has_single_bit(set)) {
      tree.cost = 0;
      tree.labels = inside[0];
      return;
    }
    tree.labels = contracted_labels(inside, outside, e_.output);
    for (unsigned left = (set - 1) & set; left > 0; left = (left - 1) & set) {
      const unsigned right = set ^ left;
      if (left < right) continue;  // each pair once
      const Tree &a = trees_[left], &b = trees_[right];
      const double cost =
          a.cost + b.cost + cost_of(e_, {a.labels, b.labels}, tree.labels).operations;
      if (tree.left == 0 || cost < tree.cost) {
        tree.cost = cost;
        tree.left = left;
      }
    }
  }

  void emit(unsigned set, std::vector<unsigned>& list, std::vector<std::vector<int>>& order) const {
    if (std::has_single_bit(set)) return;
    const unsigned left = trees_[set].left, right = set ^ left;
    emit(left, list, order);
    emit(right, list, order);
    const auto position = [&](unsigned part) {
      return static_cast<int>(std::find(list.begin(), list.end(), part) - list.begin());
    };
    const auto [low, high] = std::minmax({position(left), position(right)});
    order.push_back({low, high});
    list.erase(list.begin() + high);
    list.erase(list.begin() + low);
    list.push_back(set);
  }

  const Einsum& e_;
  std::vector<Tree> trees_;
};

}  // namespace

Einsum parse_einsum(std::string_view op, const std::string& subscripts,
                    const std::vector<array>& operands) {
  require(!operands.empty(), "[", op, "] No operand: expected at least one.");
  std::string text = subscripts;
  std::erase(text, ' ');
  const size_t arrow = text.find("->");
  std::vector<Term> terms;
  for (const auto part : split(std::string_view(text).substr(0, arrow))) {
    terms.push_back(parse_term(op, part));
  }
  require(terms.size() == operands.size(), "[", op, "] Number of operands: got ", operands.size(),
          ", expected ", terms.size(), " by the subscripts.");
  Einsum e;
  size_t unnamed = 0;
  for (size_t i = 0; i < terms.size(); ++i) {
    const size_t named = terms[i].before.size() + terms[i].after.size(), rank = operands[i].ndim();
    require(terms[i].has_ellipsis ? named <= rank : named == rank, "[", op,
            "] Subscripts of operand ", i, ": got ", named, " for an array of ", rank, " axes.");
    unnamed = std::max(unnamed, rank - named);
    e.inputs.push_back(with_unnamed(terms[i], rank - named));
    add_sizes(op, e, operands[i], i);
  }
  if (arrow == std::string::npos) {
    e.output = implicit_output(e.inputs, unnamed);
  } else {
    e.output = with_unnamed(parse_term(op, std::string_view(text).substr(arrow + 2)), unnamed);
  }
  check_output(op, e);
  return e;
}

Labels contracted_labels(const std::vector<Labels>& contracted, const std::vector<Labels>& others,
                         const Labels& output) {
  std::set<Label> needed(output.begin(), output.end());
  for (const Labels& labels : others) needed.insert(labels.begin(), labels.end());
  Labels result;
  for (const Labels& labels : contracted) {
    for (const Label label : labels) {
      const bool is_new = std::find(result.begin(), result.end(), label) == result.end();
      if (is_new && needed.contains(label)) result.push_back(label);
    }
  }
  return result;
}

std::vector<std::vector<int>> contraction_order(const Einsum& e) {
  if (e.inputs.size() == 1) return {{0}};
  return e.inputs.size() <= kMostForBest ? BestTrees(e).order() : greedy_order(e);
}

Cost cost_of_all(const Einsum& e) { return cost_of(e, e.inputs, e.output); }

Cost cost_of_order(const Einsum& e, const std::vector<std::vector<int>>& order) {
  Cost total;
  std::vector<Labels> operands = e.inputs;
  for (const auto& step : order) {
    const Cost cost = cost_of_step(e, operands, step);
    total.operations += cost.operations;
    total.scaling = std::max(total.scaling, cost.scaling);
    apply(e, operands, step);
  }
  return total;
}

}  // namespace mlx::core
