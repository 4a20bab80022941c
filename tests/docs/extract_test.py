"""What extract.py makes of pages, right and wrong ones."""

import unittest

from extract import PageError, generate

PAGE = """# Title

## First things

```cpp
#include <vector>
std::cout << 1;
```
```text
1
```

Text.

```cpp
int second = 2;
```

```text
not an example's output? It is: only blank lines lie between
```

```sh
ls
```

## Not run

```cpp no-run
forever();
```
"""


def of(text):
    return generate([("docs/a_page.md", "/tree/docs/a_page.md", text)], ["mlx/mlx.h"])


class Extract(unittest.TestCase):
    def test_cases_are_named_for_page_and_heading(self):
        source = of(PAGE)
        self.assertIn("TEST(APagePage, FirstThings) {", source)
        self.assertIn("TEST(APagePage, FirstThings2) {", source)
        self.assertEqual(source.count("TEST("), 2)

    def test_errors_point_into_the_page(self):
        lines = of(PAGE).splitlines()
        at = lines.index('#line 6 "/tree/docs/a_page.md"')
        self.assertEqual(lines[at + 2], "std::cout << 1;")  # line 7 of the page

    def test_includes_go_to_the_top_once(self):
        source = of(PAGE + PAGE)
        self.assertEqual(source.count("#include <vector>"), 1)
        self.assertLess(source.index("#include <vector>"), source.index("TEST("))

    def test_output_belongs_to_the_example_before_it(self):
        source = of(PAGE)
        self.assertIn('}, "docs/a_page.md", 10, R"docs(1)docs");', source)
        self.assertIn("only blank lines lie between)docs", source)

    def test_text_between_keeps_a_block_from_being_output(self):
        with self.assertRaisesRegex(PageError, "docs/a_page.md:6: output without"):
            of("```cpp\n1;\n```\n\nText.\n```text\n1\n```\n")

    def test_an_example_without_output_is_run(self):
        self.assertIn('}, "docs/a_page.md", 2, nullptr);', of("```cpp\nint a;\n```\n"))

    def test_no_run_is_compiled_only(self):
        source = of(PAGE)
        self.assertIn("void compiled_only_APagePage_NotRun() {", source)
        with self.assertRaisesRegex(PageError, "output without"):
            of("```cpp no-run\n1;\n```\n```text\n1\n```\n")

    def test_wrong_pages_are_refused(self):
        for text, what in [("```cpp\nint a;\n", ":1: the block does not end"),
                           ("```cpp norun\n```\n", "unknown words"),
                           ("# Only text\n", "no examples")]:
            with self.assertRaisesRegex(PageError, what):
                of(text)


if __name__ == "__main__":
    unittest.main()
