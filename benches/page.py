"""What the scripts that write figures into pages share."""

import pathlib
import sys


def cpu():
    """The name of this machine's CPU."""
    with open("/proc/cpuinfo") as info:
        return next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))


def replaced(text, name, block, where):
    """The text of the page `where`, with another block between `<!-- NAME: begin -->` and `<!-- NAME: end -->`."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        sys.exit(f"{where}: '{begin}' and '{end}' must be there once")
    head, rest = text.split(begin)
    return f"{head}{begin}\n{block}{end}{rest.split(end)[1]}"


def write(page, name, block):
    """Writes a block into a page."""
    page = pathlib.Path(page)
    partial = page.with_name(page.name + ".new")
    partial.write_text(replaced(page.read_text(), name, block, page.name))
    partial.replace(page)
