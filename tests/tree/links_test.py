"""What links.py finds, and what it lets pass."""

import tempfile
import unittest
from pathlib import Path

from links import anchors, problems

OTHER = """# Other page

## What `eval` does, and why

```sh
# not a heading
```

## Twice
## Twice
"""


class Links(unittest.TestCase):
    def of(self, text):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "docs").mkdir()
            (root / "docs/other.md").write_text(OTHER)
            (root / "page.md").write_text(text)
            (root / "build").mkdir()
            (root / "build/page.md").write_text("[built](nowhere.md)")
            return problems(root)

    def test_links_that_lead_somewhere(self):
        self.assertEqual(self.of("# Here\n[a](docs/other.md) [b](docs/) [c](#here) [d](https://example.org/x)\n"
                                 "[e](docs/other.md#what-eval-does-and-why) ![f](docs/other.md#twice-1)"), [])

    def test_links_that_lead_nowhere(self):
        self.assertEqual(self.of("[a](docs/none.md)\n\n[b](docs/other.md#none) and ![c](none.png)"),
                         ["page.md:1: docs/none.md does not exist",
                          "page.md:3: docs/other.md#none: there is no such heading",
                          "page.md:3: none.png does not exist"])

    def test_links_out_of_the_tree(self):
        self.assertEqual(self.of("[a](../)"), ["page.md:1: ../ is outside of the tree"])

    def test_code_is_not_a_link(self):
        self.assertEqual(self.of("`[a](none)`\n\n```cpp\nf[i](x);\n```\n"), [])

    def test_headings_within_code_are_none(self):
        self.assertEqual(anchors(OTHER), {"other-page", "what-eval-does-and-why", "twice", "twice-1"})


if __name__ == "__main__":
    unittest.main()
