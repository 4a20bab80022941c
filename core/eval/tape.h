#pragma once

// The first passes of an evaluation: which nodes must run, in which order, and
// which of them run as one fused group.

#include <cstdint>
#include <span>
#include <vector>

#include "mlx/core/graph/node.h"

namespace mlx::core {

/// One operation that has to run: a node, or the first of a group of siblings.
struct TapeEntry {
  Node* node;
  /// Handles to the node in the inputs of other entries.
  uint32_t uses = 0;
  /// The fused group that the entry belongs to.
  int32_t group = kNone;
  /// The one group that all consumers seen so far belong to.
  int32_t candidate = kNone;

  static constexpr int32_t kNone = -1;
  static constexpr int32_t kSeveral = -2;
};

/// Element-wise entries that run as one tile program, perhaps as the producer
/// of a reduction.
struct FusedGroup {
  /// The entry at whose place the group runs: its last element-wise operation, or the reduction.
  uint32_t root;
  bool is_reduction;
  /// What the program runs over.
  const Shape* shape;
  /// Operands of all members together: bounds the program's size.
  int operands = 0;
  /// Element-wise members, in reverse order of execution.
  std::vector<uint32_t> members = {};
  /// Members besides the root whose value is wanted outside.
  std::vector<uint32_t> extra_outputs = {};
};

struct Tape {
  /// In order of discovery; Node::mark is the index.
  std::vector<TapeEntry> entries;
  /// Indices of entries, in order of execution.
  std::vector<uint32_t> order;
  std::vector<FusedGroup> groups;

  /// The entry of a node of this tape.
  TapeEntry& entry(const Node* node);
  bool contains(const Node* node) const;
  /// Whether somebody besides the tape's own nodes holds the entry's result.
  bool is_retained(const TapeEntry& entry) const;
};

/// The node that stands for an operation on a tape: the first sibling.
inline Node* representative(Node* node) {
  return node->group == nullptr ? node : node->group->nodes[0];
}

/// Everything that has to run before the outputs can be read.
///
/// Order: depth first from the outputs, except that ordered operations
/// (collectives) come in the order of their creation and as early as their
/// inputs allow: what feeds a collective runs first.
/// Errors: std::invalid_argument if a node has neither data nor an operation.
Tape collect(std::span<const array> outputs);

/// Exchanges the order for that of creation where this holds less memory at a
/// time, unless there are collectives.
void save_memory(Tape& tape);

/// Fills tape.groups: every element-wise entry gets a group.
void fuse(Tape& tape);

}  // namespace mlx::core
