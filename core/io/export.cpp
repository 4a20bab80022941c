// Exporting: record the function at each call, and write all of it at the end.

#include "mlx/core/export.h"

#include <exception>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/names.h"
#include "mlx/core/io/file.h"
#include "mlx/core/io/lowering.h"
#include "mlx/core/io/signature.h"

namespace mlx::core {

using CallFn = std::function<Args(const Args&, const Kwargs&)>;

class FunctionExporter::Impl {
 public:
  Impl(CallFn fun, bool shapeless) : fun_(std::move(fun)), shapeless_(shapeless) {
    require(fun_ != nullptr, "[export_function] The function is empty.");
  }
  virtual ~Impl() = default;

  void call(const Args& args, const Kwargs& kwargs) {
    if (closed_) {
      throw std::runtime_error("[export_function] The exporter is closed: got another call.");
    }
    const io::Call call = io::as_call(args, kwargs);
    for (const io::Signature& earlier : exported_) {
      if (earlier.takes(call.signature, shapeless_)) {
        throw std::runtime_error("[export_function] The same signature twice: got " +
                                 call.signature.describe("  ") +
                                 "which has been exported already.");
      }
    }
    const std::vector<std::string>& keywords = call.signature.keywords;
    const auto flat = [&](const Args& inputs) {
      const size_t positional = inputs.size() - keywords.size();
      const auto middle = inputs.begin() + static_cast<ptrdiff_t>(positional);
      Kwargs named;
      for (size_t i = 0; i < keywords.size(); ++i) {
        named.emplace(keywords[i], inputs[positional + i]);
      }
      return fun_({inputs.begin(), middle}, named);
    };
    add(detail::record(flat, call.inputs, {.shapeless = shapeless_, .simplify = true}), keywords);
    exported_.push_back(call.signature);
  }

  void close() {
    if (!closed_) {
      closed_ = true;
      finish();
    }
  }

 protected:
  bool shapeless() const { return shapeless_; }

 private:
  virtual void add(const detail::Recording& recording,
                   const std::vector<std::string>& keywords) = 0;
  virtual void finish() {}

  const CallFn fun_;
  const bool shapeless_;
  bool closed_ = false;
  std::vector<io::Signature> exported_;
};

namespace {

class FileExporter final : public FunctionExporter::Impl {
 public:
  FileExporter(std::shared_ptr<io::Writer> writer, CallFn fun, bool shapeless,
               const std::string& metadata)
      : Impl(std::move(fun), shapeless), writer_(std::move(writer)) {
    file_.shapeless = shapeless;
    file_.metadata = metadata;
  }

 private:
  void add(const detail::Recording& recording, const std::vector<std::string>& keywords) override {
    file_.functions.push_back(io::lower(recording, keywords, ids_, shapeless()));
  }
  void finish() override { io::write_export(*writer_, file_); }

  const std::shared_ptr<io::Writer> writer_;
  io::ExportedFile file_;
  io::Ids ids_;
};

class CallbackExporter final : public FunctionExporter::Impl {
 public:
  CallbackExporter(ExportCallback callback, CallFn fun, bool shapeless)
      : Impl(std::move(fun), shapeless), callback_(std::move(callback)) {
    require(callback_ != nullptr, "[export_function] The callback is empty.");
  }

 private:
  using Described = std::vector<std::tuple<std::string, Shape, Dtype>>;

  void add(const detail::Recording& recording, const std::vector<std::string>& keywords) override;

  const ExportCallback callback_;
};

void CallbackExporter::add(const detail::Recording& recording,
                           const std::vector<std::string>& keywords) {
  io::Ids ids;
  const io::ExportedFunction function = io::lower(recording, keywords, ids, shapeless());
  std::unordered_map<io::Id, std::pair<std::string, Type>> known;
  const auto name = [&](io::Id id, const Type& type) {
    return known.try_emplace(id, letter_name(known.size()), type).first->second.first;
  };
  const auto describe = [&](const std::vector<io::Id>& list) {
    Described out;
    for (const io::Id id : list) {
      const auto& [text, type] = known.at(id);
      out.emplace_back(text, type.shape, type.dtype);
    }
    return out;
  };
  for (size_t i = 0; i < function.inputs.size(); ++i) {
    name(function.inputs[i], function.types[i]);
  }
  // Outputs come before what is between, so their types have to be found first.
  std::unordered_map<io::Id, Type> types;
  std::vector<std::pair<std::string, array>> constants;
  for (const io::ExportedEntry& entry : function.entries) {
    if (const auto* constant = std::get_if<io::ExportedConstant>(&entry)) {
      types.emplace(constant->id, Type{constant->value.shape(), constant->value.dtype()});
    } else if (const auto* step = std::get_if<io::ExportedStep>(&entry)) {
      for (size_t i = 0; i < step->outputs.size(); ++i) {
        types.emplace(step->outputs[i], step->types[i]);
      }
    }
  }
  for (const io::Id id : function.outputs) {
    if (!known.contains(id)) name(id, types.at(id));
  }
  for (const io::ExportedEntry& entry : function.entries) {
    if (const auto* constant = std::get_if<io::ExportedConstant>(&entry)) {
      constants.emplace_back(name(constant->id, types.at(constant->id)), constant->value);
    }
  }
  std::vector<std::pair<std::string, std::string>> named;
  const size_t positional = function.inputs.size() - keywords.size();
  for (size_t i = 0; i < keywords.size(); ++i) {
    named.emplace_back(keywords[i], known.at(function.inputs[positional + i]).first);
  }
  callback_({{"type", "inputs"}, {"inputs", describe(function.inputs)}});
  callback_({{"type", "keyword_inputs"}, {"keywords", named}});
  callback_({{"type", "outputs"}, {"outputs", describe(function.outputs)}});
  callback_({{"type", "constants"}, {"constants", constants}});
  for (const io::ExportedEntry& entry : function.entries) {
    if (const auto* step = std::get_if<io::ExportedStep>(&entry)) {
      for (size_t i = 0; i < step->outputs.size(); ++i) {
        name(step->outputs[i], step->types[i]);
      }
      callback_({{"type", "primitive"},
                 {"name", step->name},
                 {"inputs", describe(step->inputs)},
                 {"outputs", describe(step->outputs)},
                 {"arguments", step->state}});
    }
  }
}

CallFn of_args(const std::function<Args(const Args&)>& fun) {
  require(fun != nullptr, "[export_function] The function is empty.");
  return [fun](const Args& args, const Kwargs& kwargs) {
    require(kwargs.empty(), "[export_function] Got keyword arguments for a function without.");
    return fun(args);
  };
}

CallFn of_kwargs(const std::function<Args(const Kwargs&)>& fun) {
  require(fun != nullptr, "[export_function] The function is empty.");
  return [fun](const Args& args, const Kwargs& kwargs) {
    require(args.empty(),
            "[export_function] Got positional arguments for a function of keyword arguments.");
    return fun(kwargs);
  };
}

FunctionExporter to_file(const std::string& file, CallFn fun, bool shapeless,
                         const std::string& metadata) {
  return FunctionExporter(std::make_unique<FileExporter>(std::make_shared<io::FileWriter>(file),
                                                         std::move(fun), shapeless, metadata));
}

FunctionExporter to_callback(const ExportCallback& callback, CallFn fun, bool shapeless) {
  return FunctionExporter(std::make_unique<CallbackExporter>(callback, std::move(fun), shapeless));
}

void export_once(FunctionExporter exporter, const Args& args, const Kwargs& kwargs) {
  exporter(args, kwargs);
  exporter.close();
}

}  // namespace

FunctionExporter::FunctionExporter(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)), exceptions_(std::uncaught_exceptions()) {}

FunctionExporter::FunctionExporter(FunctionExporter&&) noexcept = default;

FunctionExporter::~FunctionExporter() {
  if (impl_ == nullptr || std::uncaught_exceptions() > exceptions_) {
    return;
  }
  try {
    impl_->close();
  } catch (const std::exception&) {  // a destructor cannot report it; close() does
  }
}

void FunctionExporter::operator()(const std::initializer_list<array>& args) {
  impl_->call(args, {});
}
void FunctionExporter::operator()(const Args& args) { impl_->call(args, {}); }
void FunctionExporter::operator()(const Kwargs& kwargs) { impl_->call({}, kwargs); }
void FunctionExporter::operator()(const Args& args, const Kwargs& kwargs) {
  impl_->call(args, kwargs);
}
void FunctionExporter::close() { impl_->close(); }

// ---- the public functions: a file or a callback, a function of args, kwargs or both

FunctionExporter exporter(const std::string& file, const std::function<Args(const Args&)>& fun,
                          bool shapeless, const std::string& metadata) {
  return to_file(file, of_args(fun), shapeless, metadata);
}
FunctionExporter exporter(const std::string& file, const std::function<Args(const Kwargs&)>& fun,
                          bool shapeless, const std::string& metadata) {
  return to_file(file, of_kwargs(fun), shapeless, metadata);
}
FunctionExporter exporter(const std::string& path,
                          const std::function<Args(const Args&, const Kwargs&)>& fun,
                          bool shapeless, const std::string& metadata) {
  return to_file(path, fun, shapeless, metadata);
}
FunctionExporter exporter(std::shared_ptr<io::Writer> out_stream,
                          const std::function<Args(const Args&, const Kwargs&)>& fun,
                          bool shapeless, const std::string& metadata) {
  return FunctionExporter(
      std::make_unique<FileExporter>(std::move(out_stream), fun, shapeless, metadata));
}

void export_function(const std::string& file, const std::function<Args(const Args&)>& fun,
                     const Args& args, bool shapeless, const std::string& metadata) {
  export_once(exporter(file, fun, shapeless, metadata), args, {});
}
void export_function(const std::string& file, const std::function<Args(const Kwargs&)>& fun,
                     const Kwargs& kwargs, bool shapeless, const std::string& metadata) {
  export_once(exporter(file, fun, shapeless, metadata), {}, kwargs);
}
void export_function(const std::string& file,
                     const std::function<Args(const Args&, const Kwargs&)>& fun, const Args& args,
                     const Kwargs& kwargs, bool shapeless, const std::string& metadata) {
  export_once(exporter(file, fun, shapeless, metadata), args, kwargs);
}

FunctionExporter exporter(const ExportCallback& callback,
                          const std::function<Args(const Args&)>& fun, bool shapeless) {
  return to_callback(callback, of_args(fun), shapeless);
}
FunctionExporter exporter(const ExportCallback& callback,
                          const std::function<Args(const Kwargs&)>& fun, bool shapeless) {
  return to_callback(callback, of_kwargs(fun), shapeless);
}
FunctionExporter exporter(const ExportCallback& callback,
                          const std::function<Args(const Args&, const Kwargs&)>& fun,
                          bool shapeless) {
  return to_callback(callback, fun, shapeless);
}

void export_function(const ExportCallback& callback, const std::function<Args(const Args&)>& fun,
                     const Args& args, bool shapeless) {
  export_once(exporter(callback, fun, shapeless), args, {});
}
void export_function(const ExportCallback& callback, const std::function<Args(const Kwargs&)>& fun,
                     const Kwargs& kwargs, bool shapeless) {
  export_once(exporter(callback, fun, shapeless), {}, kwargs);
}
void export_function(const ExportCallback& callback,
                     const std::function<Args(const Args&, const Kwargs&)>& fun, const Args& args,
                     const Kwargs& kwargs, bool shapeless) {
  export_once(exporter(callback, fun, shapeless), args, kwargs);
}

}  // namespace mlx::core
