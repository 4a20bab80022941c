"""The pages are complete, and what the README shows is there.

usage: documentation_test.py PROJECT
"""

import re
import sys
from pathlib import Path

project = Path(sys.argv[1])
readme = (project / "README.md").read_text()

# The index names every page, and the tests take the examples of every page of the guide.
index = (project / "docs/README.md").read_text()
examples = (project / "tests/docs/CMakeLists.txt").read_text()
for page in sorted((project / "docs").rglob("*.md")):
    name = page.relative_to(project / "docs").as_posix()
    assert name == "README.md" or f"]({name})" in index, f"docs/README.md does not name {name}"
    assert not name.startswith("guide/") or f"docs/{name}" in examples, f"tests/docs leaves out {name}"
assert "](docs/README.md)" in readme, "README.md does not lead to docs/README.md"

# The README's example is the program of that name.
shown = re.search(r"```cpp\n(.*?)```", readme, re.DOTALL)[1]
assert shown == (project / "examples/linear_regression.cpp").read_text(), "README.md shows another example"

# Its commands name what is there.
code = " ".join(re.findall(r"```sh\n(.*?)```", readme, re.DOTALL) + re.findall(r"`([^`\n]+)`", readme))
for script in re.findall(r"scripts/\w+\.sh", code):
    assert (project / script).exists(), f"README.md: {script} does not exist"
for program in re.findall(r"build/examples/(\w+)", code):
    assert (project / f"examples/{program}.cpp").exists(), f"README.md: examples/{program}.cpp does not exist"
