"""Turns the examples of Markdown pages into GoogleTest cases, one file of C++.

usage: extract.py OUTPUT ROOT PAGE... [--include HEADER]

Each block fenced with ```cpp is the body of a case, named for its page and
heading. A block fenced with ```text right behind it is what it has to write to
std::cout. Behind ```cpp no-run the block is compiled only. Lines with #include
go to the top of the file; #line lets errors point into the page.
"""

import argparse
import re
from dataclasses import dataclass, field
from pathlib import Path


class PageError(Exception):
    """A page whose examples cannot be extracted."""


@dataclass
class Block:
    language: str
    line: int  # of the first line of its text, from 1
    heading: str
    lines: list = field(default_factory=list)


@dataclass
class Example:
    code: Block
    runs: bool
    expected: Block = None


def blocks_of(text, page):
    """The fenced blocks; the text between two of them is a block of language None."""
    blocks, heading, fence = [], "Top", None
    for number, line in enumerate(text.splitlines(), start=1):
        opening = re.match(r"(```+)(.*)$", line)
        if fence is None and opening:
            fence = opening[1]
            blocks.append(Block(opening[2].strip(), number + 1, heading))
        elif fence is not None and line.strip() == fence:
            fence = None
        elif fence is not None:
            blocks[-1].lines.append(line)
        else:
            title = re.match(r"#+\s+(.*)$", line)
            heading = title[1] if title else heading
            if line.strip():
                blocks.append(Block(None, number, heading))
    if fence is not None:
        raise PageError(f"{page}:{blocks[-1].line - 1}: the block does not end")
    return blocks


def examples_of(text, page):
    examples, previous = [], None
    for block in blocks_of(text, page):
        words = (block.language or "").split()
        if words[:1] == ["cpp"]:
            if words[1:] not in ([], ["no-run"]):
                raise PageError(f"{page}:{block.line - 1}: unknown words after cpp: {words[1:]}")
            previous = Example(block, runs=len(words) == 1)
            examples.append(previous)
        elif words == ["text"]:
            if previous is None or not previous.runs:
                raise PageError(f"{page}:{block.line - 1}: output without an example that runs before it")
            previous.expected, previous = block, None
        else:
            previous = None
    return examples


def camel(words):
    return "".join(word[0].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", words))


def case_of(example, suite, name, page, path):
    body = [re.sub(r"^\s*#include.*$", "", line) for line in example.code.lines]
    lines = [f'#line {example.code.line} "{path}"', *body]
    if not example.runs:
        return [f"[[maybe_unused]] void compiled_only_{suite}_{name}() {{", *lines, "}"]
    expected, line = "nullptr", example.code.line
    if example.expected:
        expected, line = 'R"docs(' + "\n".join(example.expected.lines) + ')docs"', example.expected.line
    return [f"TEST({suite}, {name}) {{", "docs::run_example([] {", *lines,
            f'}}, "{page}", {line}, {expected});', "}"]


def generate(pages, headers=()):
    """The file's text, of pairs (name of the page, path, text)."""
    includes, cases, names = [f'#include "{header}"' for header in ["docs/example.h", *headers]], [], {}
    for page, path, text in pages:
        suite = camel(Path(page).stem) + "Page"
        examples = examples_of(text, page)
        if not examples:
            raise PageError(f"{page}: no examples")
        for example in examples:
            includes += [line.strip() for line in example.code.lines if line.lstrip().startswith("#include")]
            name = camel(example.code.heading)
            names[suite, name] = names.get((suite, name), 0) + 1
            number = names[suite, name]
            cases += ["", *case_of(example, suite, name + (str(number) if number > 1 else ""), page, path)]
    opening = ["namespace {", "using namespace mlx::core;  // NOLINT"]
    return "\n".join([*dict.fromkeys(includes), *opening, *cases, "}  // namespace", ""])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("pages", nargs="+")
    parser.add_argument("--include", action="append", default=[])
    args = parser.parse_args()
    pages = [(page, args.root / page, (args.root / page).read_text()) for page in args.pages]
    try:
        args.output.write_text(generate(pages, args.include))
    except PageError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
