"""Relative links and anchors in Markdown pages.

usage: links.py ROOT

Prints each link that leads nowhere and exits with 1. Links to other hosts are
not followed; what is in code is no link.
"""

import re
import sys
from pathlib import Path

LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)
# Folders that hold no pages of ours.
BUILT = {"build", ".git"}


def prose(text):
    """The lines outside of fenced blocks, with their numbers and without code in them."""
    fence = None
    for number, line in enumerate(text.splitlines(), start=1):
        mark = re.match(r"\s*(```+|~~~+)", line)
        if mark and fence is None:
            fence = mark[1]
        elif fence is not None:
            if line.strip() == fence:
                fence = None
        else:
            yield number, re.sub(r"(`+).*?\1", "", line)


def anchors(text):
    """What GitHub makes of the headings."""
    found, fence = {}, None
    for line in text.splitlines():
        mark = re.match(r"\s*(```+|~~~+)", line)
        if mark:
            fence = None if fence else mark[1]
        title = None if fence else re.match(r"#{1,6}\s+(.*?)\s*#*$", line)
        if title:
            words = LINK.sub(lambda link: re.match(r"!?\[([^\]]*)", link[0])[1], title[1])
            name = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            found[name] = found.get(name, -1) + 1
    return {name if i == 0 else f"{name}-{i}" for name, n in found.items() for i in range(n + 1)}


def problem(root, page, target):
    """Why the link leads nowhere, or None."""
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists():
        return f"{target} does not exist"
    if not file.is_relative_to(root):
        return f"{target} is outside of the tree"
    if anchor and (file.suffix != ".md" or anchor not in anchors(file.read_text())):
        return f"{target}: there is no such heading"
    return None


def pages(root):
    for page in sorted(root.rglob("*.md")):
        if page.relative_to(root).parts[0] not in BUILT:
            yield page


def problems(root):
    root = root.resolve()
    found = []
    for page in pages(root):
        for number, line in prose(page.read_text()):
            for target in LINK.findall(line):
                wrong = None if ELSEWHERE.match(target) else problem(root, page, target)
                if wrong:
                    found.append(f"{page.relative_to(root)}:{number}: {wrong}")
    return found


if __name__ == "__main__":
    wrong = problems(Path(sys.argv[1]))
    print("\n".join(wrong) if wrong else "links: every link leads somewhere")
    sys.exit(1 if wrong else 0)
