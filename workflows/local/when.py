"""`when` conditions, after substitution: Argo evaluates them by govaluate and takes every bare word as a string.

As there, a word with a hyphen or a dot is no word but a sum or an access, so it must be quoted.
Source: shouldExecute in workflow/controller/steps.go of Argo Workflows 4.0.
"""

from workflows.local.expression import Grammar
from workflows.local.faults import Fault

WORD = r"[A-Za-z_][A-Za-z0-9_]*|\[[^\[\]]+\]"  # in brackets, it can hold anything
# To govaluate either quote ends a string that either began.
STRING = r"[\"'](?:[^\"'\\]|\\.)*[\"']"


def _text(word: str) -> str:
    return word.strip("[]")


# The second spelling is Argo's own.
GRAMMAR = Grammar(what="'when' expression", word=WORD, name=_text, failed="'when' expresion", string=STRING)


def evaluate(condition: str) -> bool:
    """Whether a call with this condition runs; no condition means yes.

    Raises: Fault where the condition cannot be read.
    """
    if not condition:
        return True
    if not condition.strip():
        raise Fault(f"Invalid 'when' expression '{condition}': it is empty")
    try:
        return GRAMMAR.evaluate(condition)
    except Fault as fault:
        if "Invalid token" in str(fault):
            raise Fault(f'{fault} (hint: try wrapping the affected expression in quotes ("))') from None
        raise
