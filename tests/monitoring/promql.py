"""Which metrics a PromQL expression reads, and which labels it asks of each; enough for the expressions of ours."""

import re

NAME = r"[a-zA-Z_:][\w:]*"
KEYWORDS = {"and", "or", "unless", "bool", "offset"}
# Lists of labels, not of metrics.
CLAUSE = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")


def metrics_in(expression: str) -> dict[str, set[str]]:
    """From each metric to the labels in its braces."""
    text = CLAUSE.sub(" ", re.sub(r'"[^"]*"', '""', expression))
    found: dict[str, set[str]] = {}
    for name, braces in re.findall(rf"({NAME})\s*\{{([^}}]*)\}}", text):
        found.setdefault(name, set()).update(re.findall(r"(\w+)\s*[=!]", braces))
    rest = re.sub(r"\[[^\]]*\]|\{[^}]*\}", " ", text)
    for name in re.findall(rf"(?<![\w.:])({NAME})\b(?!\s*\()", rest):
        if name not in KEYWORDS and not re.fullmatch(r"\d\w*|e\d+", name):
            found.setdefault(name, set())
    return found


def labels_in(expression: str) -> set[str]:
    """The labels that it groups or matches by, but for those that it makes itself by label_replace."""
    made = set(re.findall(r'"(\w+)", "\$1"', expression))
    named = {label.strip() for _, labels in CLAUSE.findall(expression) for label in labels.split(",")}
    return named - made - {""}
