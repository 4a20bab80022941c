// Importing: the entries of a file are called on placeholders, as a user's
// function would be, and the recording of that is what calls repeat.

#include "mlx/core/base/error.h"
#include "mlx/core/export.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/io/export_table.h"
#include "mlx/core/io/file.h"
#include "mlx/core/io/signature.h"

namespace mlx::core {
namespace {

using io::ExportedConstant;
using io::ExportedFunction;
using io::ExportedInput;
using io::ExportedNote;
using io::ExportedStep;
using io::Id;

/// The arrays of a function by their ids.
class Values {
 public:
  explicit Values(const std::string& label) : label_(label) {}

  void set(Id id, const array& value) {
    if (!values_.emplace(id, Value{value, value}).second) {
      throw std::runtime_error(
          concat("[import_function] ", label_, ": Array ", id, " comes twice."));
    }
  }
  /// A result of Broadcast, which those that broadcast themselves can do without.
  void set_broadcast(Id id, const array& value, const array& source) {
    set(id, value);
    values_.at(id).source = source;
  }
  const array& get(Id id) const { return find(id).value; }
  const array& source(Id id) const { return find(id).source; }

 private:
  struct Value {
    array value;
    array source;
  };
  const Value& find(Id id) const {
    const auto found = values_.find(id);
    if (found == values_.end()) {
      throw std::runtime_error(
          concat("[import_function] ", label_, ": Array ", id, " is used before it is there."));
    }
    return found->second;
  }

  const std::string& label_;
  std::unordered_map<Id, Value> values_;
};

bool has_types(const Args& results, const std::vector<Type>& types) {
  return std::equal(results.begin(), results.end(), types.begin(), types.end(),
                    [](const array& a, const Type& type) {
                      return a.shape() == type.shape && a.dtype() == type.dtype;
                    });
}

// The results, computed from what was broadcast rather than from the broadcast if that is the same.
Args call_step(const ExportedStep& step, const io::ReadRow& row, const Values& values) {
  Args in;
  if (row.broadcasts) {
    for (const Id id : step.inputs) in.push_back(values.source(id));
    try {
      Args results = row.read({in, step.state, step.types});
      if (has_types(results, step.types)) return results;
    } catch (const std::invalid_argument&) {  // of those without enough axes
    }
    in.clear();
  }
  for (const Id id : step.inputs) in.push_back(values.get(id));
  Args results = row.read({in, step.state, step.types});
  if (!has_types(results, step.types)) {
    throw_invalid("[import_function] Results of ", step.name,
                  ": the file gives other types than they have.");
  }
  return results;
}

void add_step(const ExportedStep& step, Values& values) {
  const io::ReadRow& row = *io::find_reader(step.name);
  const auto count = static_cast<int>(step.inputs.size());
  require(count >= row.min_inputs && (row.max_inputs == io::kAnyNumber || count <= row.max_inputs),
          "[import_function] Number of inputs of ", step.name, ": got ", count, ", expected ",
          row.min_inputs, row.max_inputs == row.min_inputs ? "." : " or more.");
  const Args results = [&] {
    try {
      return call_step(step, row, values);
    } catch (const std::out_of_range& error) {  // of an axis or a position
      throw_invalid("[import_function] ", step.name, ": ", error.what());
    }
  }();
  for (size_t i = 0; i < results.size(); ++i) {
    if (step.name == "Broadcast") {
      values.set_broadcast(step.outputs[i], results[i], values.get(step.inputs[0]));
    } else {
      values.set(step.outputs[i], results[i]);
    }
  }
}

detail::Recording record_function(const ExportedFunction& function, const std::string& label,
                                  bool shapeless) {
  const auto fun = [&](const Args& inputs) {
    Values values(label);
    for (size_t i = 0; i < inputs.size(); ++i) values.set(function.inputs[i], inputs[i]);
    for (size_t i = 0; i < function.entries.size(); ++i) {
      const io::ExportedEntry& entry = function.entries[i];
      if (const auto* note = std::get_if<ExportedNote>(&entry)) {
        add_step(note->step, values);
        require(note->covers < function.entries.size() - i, "[import_function] ", label,
                ": A note covers ", note->covers, " entries of ", function.entries.size() - i - 1,
                ".");
        i += note->covers;
      } else if (const auto* input = std::get_if<ExportedInput>(&entry)) {
        values.get(input->id);  // one of the inputs
      } else if (const auto* constant = std::get_if<ExportedConstant>(&entry)) {
        values.set(constant->id, constant->value);
      } else {
        add_step(std::get<ExportedStep>(entry), values);
      }
    }
    Args outputs;
    for (const Id id : function.outputs) outputs.push_back(values.get(id));
    return outputs;
  };
  Args inputs;
  for (const Type& type : function.types) inputs.push_back(make_array(type.shape, type.dtype));
  return detail::record(fun, inputs, {.shapeless = shapeless, .simplify = true});
}

const io::SchemaOf kSchemaOf = [](std::string_view name) -> const std::string_view* {
  const io::ReadRow* row = io::find_reader(name);
  return row == nullptr ? nullptr : &row->schema;
};

}  // namespace

struct ImportedFunction::Impl {
  struct One {
    io::Signature signature;
    detail::Recording recording;
  };
  std::vector<One> functions;
  bool shapeless;
  std::string metadata;

  [[noreturn]] void throw_no_match(const io::Signature& call) const {
    std::string text =
        "[import_function::call] No function in the file takes these arguments. There are:\n";
    for (size_t i = 0; i < functions.size(); ++i) {
      text += concat(" ", i + 1, ". a function of ", functions[i].signature.describe("   "));
    }
    throw std::invalid_argument(text + "Called with " + call.describe("  "));
  }
};

ImportedFunction::ImportedFunction(std::shared_ptr<io::Reader> in_stream) {
  io::ExportedFile file = io::read_export(in_stream, kSchemaOf);
  auto impl = std::make_shared<Impl>();
  impl->shapeless = file.shapeless;
  impl->metadata = std::move(file.metadata);
  for (ExportedFunction& function : file.functions) {
    detail::Recording recording = record_function(function, in_stream->label(), file.shapeless);
    impl->functions.push_back(
        {{std::move(function.keywords), std::move(function.types)}, std::move(recording)});
  }
  impl_ = std::move(impl);
}

ImportedFunction::ImportedFunction(const std::string& file)
    : ImportedFunction(std::make_shared<io::FileReader>(file)) {}

Args ImportedFunction::operator()(const Args& args, const Kwargs& kwargs) const {
  const io::Call call = io::as_call(args, kwargs);
  for (const auto& [signature, recording] : impl_->functions) {
    if (signature.takes(call.signature, impl_->shapeless)) {
      return detail::replay(recording, call.inputs, default_stream(default_device()));
    }
  }
  impl_->throw_no_match(call.signature);
}
Args ImportedFunction::operator()(const std::initializer_list<array>& args) const {
  return (*this)(Args(args), {});
}
Args ImportedFunction::operator()(const Args& args) const { return (*this)(args, {}); }
Args ImportedFunction::operator()(const Kwargs& kwargs) const { return (*this)({}, kwargs); }

const std::string& ImportedFunction::metadata() const { return impl_->metadata; }

ImportedFunction import_function(const std::string& file) { return ImportedFunction(file); }
ImportedFunction import_function(std::shared_ptr<io::Reader> in_stream) {
  return ImportedFunction(std::move(in_stream));
}

}  // namespace mlx::core
