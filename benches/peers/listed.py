"""The models of scripts/models/list.txt that are timed."""


def listed(root):
    """Library, name and side of the input of each. Those marked by a fourth word, for attention, are not read."""
    lines = (line.split() for line in open(root / "scripts/models/list.txt") if line.strip() and not line.startswith("#"))
    return [(library, name, side) for library, name, side, *marks in lines if not marks]
