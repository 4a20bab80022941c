#!/usr/bin/env python3
"""Writes a C++ file that compiles only if every public declaration of MLX's interface exists as the table says.

Usage: signatures.py TABLE OUT
TABLE has the columns header, namespace, kind, name, signature. Of a function the file
takes the address with its exact type, and calls it with each number of arguments that
its defaults allow.
"""

import csv
import re
import sys

# What differs on purpose, and why.
EXCEPTIONS = {
    "using ShapeElem = int32_t": "sizes have 64 bits here",
    "metal_kernel": "Apple's GPUs do not exist on Linux",
}
# Its two overloads differ in their last parameters only: with defaults left out, no call tells them apart.
AMBIGUOUS = {"conv_general"}

# The templates of the table, which have no address.
TEMPLATE_CHECKS = """
static_assert(std::is_same_v<decltype(array(1.0f)), array> && std::is_constructible_v<array, int, Dtype>);
static_assert(std::is_constructible_v<array, const float*, Shape>);
static_assert(std::is_constructible_v<array, const float*, Shape, Dtype>);
static_assert(std::is_constructible_v<array, std::initializer_list<double>, Dtype>);
static_assert(std::is_constructible_v<array, std::initializer_list<double>, Shape, Dtype>);
template <typename T> concept IsDtype = requires { TypeToDtype<T>().operator Dtype(); };
static_assert(IsDtype<float> && IsDtype<bool> && IsDtype<complex64_t> && IsDtype<float16_t>);
template <typename T> concept Comparable = requires(const array& a, T b) {
  a == b; b == a; a != b; b != a; a > b; b > a; a >= b; b >= a; a < b; b < a; a <= b; b <= a;
  a + b; b + a; a - b; b - a; a * b; b * a; a / b; b / a; a % b; b % a;
};
static_assert(Comparable<int> && Comparable<float> && Comparable<double> && Comparable<bool>);
template <typename T> concept Readable = requires(array a, const array c) {
  { a.item<T>() } -> std::same_as<T>; { c.item<T>() } -> std::same_as<T>;
  { a.data<T>() } -> std::same_as<T*>; { c.data<T>() } -> std::same_as<const T*>;
};
static_assert(Readable<float> && Readable<int64_t>);
static_assert(requires(array a, std::ostream& os, Shape s) {
  full({2}, 1.0f, float32); full({2}, 1); full_like(a, 1.0f, float16); full_like(a, 2);
  eval(a, a); async_eval(a); os << s; safe_cast(size_t{3}, "op");
  random::uniform(0.0f, 1.0f, {2}); random::randint(0, 3, {2}); random::bernoulli(0.5f); random::bernoulli(0.5f, {2});
  compile([](const std::vector<array>& x) { return x; });
});
"""


def split(text):
    """The parts between top-level commas."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "([{<") - (c in ")]}>")
        if c == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    parts.append(text[start:])
    return [p.strip() for p in parts if p.strip()]


def close(text, start):
    """Where the parenthesis at `start` is closed."""
    depth = 0
    for i in range(start, len(text)):
        depth += (text[i] == "(") - (text[i] == ")")
        if depth == 0:
            return i
    raise ValueError(text)


def parameter(text):
    """(type, has_default)"""
    depth = 0
    for i, c in enumerate(text):
        depth += (c in "([{<") - (c in ")]}>")
        if c == "=" and depth == 0:
            return parameter(text[:i].strip())[0], True
    pointer = re.search(r"\(\*\s*\w*\)", text)
    if pointer:
        return text.replace(pointer.group(), "(*)"), False
    words = re.match(r"(.*[\s&*>])(\w+)$", text)
    keywords = {"int", "bool", "float", "double", "char", "size_t", "const"}
    if words and words.group(2) not in keywords and words.group(1).strip() not in ("const", "unsigned"):
        return words.group(1).strip(), False
    return text, False


def parse(signature, name):
    """(result, parameters, what follows)"""
    at = re.search(r"(?<![\w:])" + re.escape(name) + r"\s*\(", signature)
    start = signature.index("(", at.start() + len(name))
    if name == "operator()":
        start = signature.index("(", start + 2)
    end = close(signature, start)
    result = re.sub(r"\b(static|virtual|inline|explicit|constexpr)\b", "", signature[:at.start()]).strip()
    return result, [parameter(p) for p in split(signature[start + 1:end])], signature[end + 1:].strip()


def calls(callee, parameters, number):
    """One call for each number of arguments that the defaults allow."""
    required = sum(not default for _, default in parameters)
    for count in range(required, len(parameters)):
        arguments = ", ".join(f"std::declval<{t}>()" for t, _ in parameters[:count])
        yield f"using Call{number}_{count} = decltype({callee}({arguments}));"


def function(row, number):
    result, parameters, _ = parse(row["signature"], row["name"])
    types = ", ".join(t for t, _ in parameters)
    name = row["name"]
    yield f"[[maybe_unused]] constexpr auto f{number} = static_cast<{result} (*)({types})>(&{name});"
    if name not in AMBIGUOUS:
        # The qualified name, since another namespace's function of that name would be found by the arguments.
        yield from calls(f"{row['namespace']}::{name}", parameters, number)


def method(row, number):
    result, parameters, rest = parse(row["signature"], row["name"])
    owner, name = row["namespace"], row["name"]
    types = ", ".join(t for t, _ in parameters)
    if "= delete" in rest or name == "operator=":
        category = "&&" if "&&" in parameters[0][0] else "&"
        const = "const " if "const" in parameters[0][0] else ""
        target = f"{owner}{'&&' if rest.startswith('&&') else '&'}"
        known = "!" if "delete" in rest else ""
        yield f"static_assert({known}std::is_assignable_v<{target}, {const}{owner}{category}>);"
        return
    if name == "operator==":  # may be defaulted
        yield f"static_assert(std::equality_comparable<{owner}>);"
        return
    const = " const" if rest.startswith("const") else ""
    body = f"static_cast<{result} ({owner}::*)({types}){const}>(&{owner}::{name})"
    if result == "auto":
        arguments = ", ".join(f"std::declval<{t}>()" for t, _ in parameters)
        body = f"sizeof(std::declval<const {owner}&>().{name}({arguments}))"
    yield f"struct M{number} : {owner} {{ static constexpr auto f = {body}; }};"
    receiver = f"std::declval<{'const ' if const else ''}{owner}&>().{name}"
    for line in calls(receiver, parameters, number):
        yield f"struct {line.split()[1]}_ : {owner} {{ {line} }};"


def method_static(row, number):
    result, parameters, _ = parse(row["signature"], row["name"])
    owner = row["namespace"]
    types = ", ".join(t for t, _ in parameters)
    yield f"[[maybe_unused]] constexpr auto f{number} = static_cast<{result} (*)({types})>(&{owner}::{row['name']});"


def constructor(row, number):
    _, parameters, rest = parse(row["signature"], row["name"])
    owner = row["namespace"]
    if owner.endswith("Allocator"):
        return  # abstract
    required = sum(not default for _, default in parameters)
    known = "!" if "delete" in rest else ""
    for count in range(required, len(parameters) + 1):
        types = "".join(f", {t}" for t, _ in parameters[:count])
        yield (f"struct C{number}_{count} : {owner} "
               f"{{ static_assert({known}std::is_constructible_v<{owner}{types}>); }};")


def field(row, number):
    declared = re.sub(r"[{=:](?!:).*$", "", row["signature"].replace("::", "\0")).replace("\0", "::")
    declared = re.sub(r"\s*\b" + row["name"] + r"\b\s*$", "", declared.strip()).strip()
    static = "static" in declared
    declared = declared.replace("static", "").replace("constexpr", "").strip()
    owner = row["namespace"]
    actual = f"decltype({owner}::{row['name']})"
    if static:
        actual = f"std::decay_t<{actual}>"
    yield f"struct F{number} : {owner} {{ static_assert(std::is_same_v<{actual}, {declared}>); }};"


def alias(row, number):
    target = row["signature"].split("=", 1)[1].strip()
    owner = row["namespace"]
    if is_class(owner):
        yield f"struct A{number} : {owner} {{ static_assert(std::is_same_v<{owner}::{row['name']}, {target}>); }};"
    else:
        yield f"static_assert(std::is_same_v<{row['name']}, {target}>);"


def variable(row, number):
    owner = row["namespace"] + "::" if is_class(row["namespace"]) else ""
    yield f"[[maybe_unused]] const auto& v{number} = {owner}{row['name']};"


def enum_constant(row, number):
    yield f"[[maybe_unused]] constexpr auto e{number} = {row['namespace']}::{row['name']};"


def type_(row, number):
    yield f"using T{number} = {row['namespace']}::{row['name']};"


KINDS = {
    "function": function, "method": method, "method_static": method_static, "constructor": constructor,
    "field": field, "alias": alias, "variable": variable, "enum_constant": enum_constant,
    "struct": type_, "class": type_, "enum": type_,
}  # fmt: skip


def is_class(name):
    return any(part[:1].isupper() or part == "array" for part in name.split("::")) or name.endswith("info")


def enclosing(namespace):
    parts = namespace.split("::")
    while parts and is_class("::".join(parts)):
        parts.pop()
    return "::".join(parts)


def is_left_out(row):
    return row["signature"] in EXCEPTIONS or row["name"] in EXCEPTIONS


def lines_of(rows):
    yield "// Written by tests/tree/signatures.py."
    yield from (f"#include <{header}>" for header in ("concepts", "type_traits", "utility"))
    yield '#include "mlx/mlx.h"'
    yield from (f'#include "{header}"' for header in dict.fromkeys(row["header"] for row in rows))
    for number, row in enumerate(rows):
        if row["kind"] not in KINDS or is_left_out(row):
            continue
        checks = list(KINDS[row["kind"]](row, number))
        if checks:
            yield f"namespace {enclosing(row['namespace'])} {{ namespace signature{number} {{"
            for check in checks:
                yield f'#line {number + 2} "api_cpp.tsv"\n{check}'
            yield "} }"
    yield f"namespace mlx::core {{{TEMPLATE_CHECKS}}}"


def main():
    table, out = sys.argv[1:]
    with open(table) as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    with open(out, "w") as file:
        file.writelines(line + "\n" for line in lines_of(rows))


if __name__ == "__main__":
    main()
