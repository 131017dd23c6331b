"""The code that stands in a page of the documentation."""


def python_blocks(page):
    """Return the page's python blocks as one program, each line where it is in the page."""
    lines, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            inside = line == "```python"
            line = ""
        lines.append(line if inside else "")
    return "\n".join(lines)
