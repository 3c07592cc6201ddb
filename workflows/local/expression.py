"""A small expression language: literals, names, comparison, logic; the common core of Argo's three dialects.

depends.py, when.py and retry.py each bring their own tokens' meaning: `Grammar.name` says what a bare word is.
Not here: bits, dates, and functions other than those a grammar lists; they are refused by name.
Source: expr-lang's and govaluate's order of operators, which agree on these: ?: || && comparison +- */% prefix ** atom;
govaluate's words where a value is of the wrong kind.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workflows.local import gojson
from workflows.local.faults import Fault

COMPARISONS = ("==", "!=", "<=", ">=", "<", ">", "=~", "!~", "in")
WORDS: Mapping[str, Callable[[str, str], bool]] = {
    "matches": lambda text, pattern: bool(re.search(pattern, text)),
    "contains": lambda text, part: part in text,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
}
STRING = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
NUMBER = r"(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?|\.\d+)(?![\w.])"
SYMBOL = r"\?\?|\|\||&&|\*\*|==|!=|<=|>=|=~|!~|[<>!(),\[\]?:+*/%-]"
LOGIC = "logical operator '{}', it is not a bool"
MODIFIER = "modifier '{}', it is not a number"


@dataclass(frozen=True)
class Grammar:
    """One dialect: how a bare word looks, what it means, and which functions there are."""

    what: str
    word: str
    name: Callable[[str], Any]
    functions: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    failed: str = ""  # how Argo names it where it cannot be evaluated, if otherwise
    string: str = STRING
    words: bool = False  # operators can be words, too: expr-lang has them, govaluate has `in` only

    def tokens(self, text: str) -> list[str]:
        """Splits `text`. Raises: Fault at the first character that fits nothing."""
        pattern = re.compile(rf"\s*(?:({self.string}|{NUMBER}|{self.word}|{SYMBOL}))")
        found, position = [], 0
        while text[position:].strip():
            match = pattern.match(text, position)
            if not match:
                raise Fault(f"Invalid {self.what} '{text}': Invalid token: '{text[position:].strip()[:20]}'")
            found.append(match[1])
            position = match.end()
        return found

    def evaluate(self, text: str) -> bool:
        """Evaluates `text`. Raises: Fault where it is malformed, mixes types or does not give a boolean."""
        value = _Parser(self, text).whole()
        if not isinstance(value, bool) and self.words:
            raise Fault(f"unable to cast expression result '{shown(value)}' to bool")
        if not isinstance(value, bool):
            raise Fault(f"Expected boolean evaluation for '{text}'. Got {shown(value)}")
        return value


def shown(value: Any) -> str:
    """A value as Go prints it."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(gojson.number(str(value))) if isinstance(value, float) and math.isfinite(value) else str(value)


class _Parser:
    """Recursive descent that evaluates as it goes; `live` is off in the branch that a short circuit skips."""

    def __init__(self, grammar: Grammar, text: str) -> None:
        self._grammar = grammar
        self._text = text
        self._tokens = grammar.tokens(text)
        self._at = 0

    def whole(self) -> Any:
        value = self._choice(live=True)
        if self._at < len(self._tokens):
            raise self._fault(f"unexpected '{self._tokens[self._at]}'")
        return value

    def _fault(self, why: str) -> Fault:
        return Fault(f"Invalid {self._grammar.what} '{self._text}': {why}")

    def _misused(self, value: Any, why: str) -> Fault:
        what = self._grammar.failed or self._grammar.what
        return Fault(f"Failed to evaluate {what} '{self._text}': Value '{shown(value)}' cannot be used with the {why}")

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _is(self, *operators: str) -> bool:
        """Whether one of these comes next; a word only where the dialect has such operators."""
        found = self._peek()
        return found in operators and (self._grammar.words or not found.isalpha() or found in COMPARISONS)

    def _take(self, *expected: str) -> str:
        token = self._peek()
        if not token or (expected and token not in expected):
            raise self._fault(f"expected {' or '.join(expected) or 'a value'}, found {token or 'the end'}")
        self._at += 1
        return token

    def _choice(self, *, live: bool) -> Any:
        value = self._either(live=live)
        while self._peek() == "??":
            self._take()
            other = self._either(live=live)
            value = other if value is None else value
        if self._peek() != "?":
            return value
        self._take()
        if live:
            self._boolean(value, "ternary operator '?', it is not a bool")
        first = self._choice(live=live and value)
        self._take(":")
        second = self._choice(live=live and not value)
        return first if value else second

    def _either(self, *, live: bool) -> Any:
        value = self._both(live=live)
        while self._is("||", "or"):
            self._take()
            value = self._logic(value, "||", live=live)
            other = self._both(live=live and not value)
            value = value if not live or value else self._logic(other, "||", live=live)
        return value

    def _both(self, *, live: bool) -> Any:
        value = self._comparison(live=live)
        while self._is("&&", "and"):
            self._take()
            value = self._logic(value, "&&", live=live)
            other = self._comparison(live=live and bool(value))
            value = value if not live or not value else self._logic(other, "&&", live=live)
        return value

    def _logic(self, value: Any, operator: str, *, live: bool) -> Any:
        return self._boolean(value, LOGIC.format(operator)) if live else value

    def _boolean(self, value: Any, why: str) -> bool:
        if not isinstance(value, bool):
            raise self._misused(value, why)
        return value

    def _comparison(self, *, live: bool) -> Any:
        value = self._sum(live=live)
        while self._is(*COMPARISONS, *WORDS):
            operator = self._take()
            other = self._sum(live=live)
            value = self._compare(operator, value, other) if live else value
        return value

    def _sum(self, *, live: bool) -> Any:
        value = self._product(live=live)
        while self._peek() in ("+", "-"):
            operator = self._take()
            other = self._product(live=live)
            value = self._arithmetic(operator, value, other) if live else value
        return value

    def _product(self, *, live: bool) -> Any:
        value = self._prefixed(live=live)
        while self._peek() in ("*", "/", "%"):
            operator = self._take()
            other = self._prefixed(live=live)
            value = self._arithmetic(operator, value, other) if live else value
        return value

    def _prefixed(self, *, live: bool) -> Any:
        if self._is("!", "not"):
            self._take()
            value = self._prefixed(live=live)
            return not self._boolean(value, "prefix '!'") if live else value
        if self._peek() == "-":
            self._take()
            value = self._prefixed(live=live)
            return self._arithmetic("-", 0.0, value) if live else value
        return self._power(live=live)

    def _power(self, *, live: bool) -> Any:
        value = self._atom(live=live)
        if self._peek() != "**":
            return value
        self._take()
        other = self._prefixed(live=live)
        return self._arithmetic("**", value, other) if live else value

    def _arithmetic(self, operator: str, left: Any, right: Any) -> Any:
        if operator == "+" and (isinstance(left, str) or isinstance(right, str)):
            return shown(left) + shown(right)
        for value in (left, right):
            if not isinstance(value, float):
                raise self._misused(value, MODIFIER.format(operator))
        return calculate(operator, left, right)

    def _atom(self, *, live: bool) -> Any:
        word = self._take()
        if word == "(":
            return self._group(live=live)
        if word == "[":
            return self._list("]", live=live)
        if word[0] in "\"'":
            return re.sub(r"\\(.)", r"\1", word[1:-1])
        if re.fullmatch(NUMBER, word):
            return float(int(word, 16) if word.startswith("0x") else word)
        if word in ("true", "false"):
            return word == "true"
        if not re.fullmatch(self._grammar.word, word) or word in COMPARISONS:
            raise self._fault(f"unexpected '{word}'")
        return self._word(word, live=live)

    def _group(self, *, live: bool) -> Any:
        value = self._choice(live=live)
        if self._peek() != ",":
            self._take(")")
            return value
        self._take(",")
        return [value, *self._list(")", live=live)]

    def _list(self, end: str, *, live: bool) -> list[Any]:
        values: list[Any] = []
        while self._peek() != end:
            values.append(self._choice(live=live))
            if self._peek() != end:
                self._take(",")
        self._take(end)
        return values

    def _word(self, token: str, *, live: bool) -> Any:
        if self._peek() != "(":
            return self._grammar.name(token) if live else False
        function = self._grammar.functions.get(token)
        if function is None:
            raise self._fault(f"function {token} is not supported by the local engine")
        self._take("(")
        value = self._choice(live=live)
        self._take(")")
        return function(value) if live else False

    def _compare(self, operator: str, left: Any, right: Any) -> bool:
        if operator in ("==", "!="):
            same = type(left) is type(right) and left == right
            return same == (operator == "==")
        if operator == "in":
            if not isinstance(right, list):
                raise self._misused(right, "comparator 'in', it is not an array")
            return any(type(item) is type(left) and item == left for item in right)
        if operator in WORDS:
            return WORDS[operator](shown(left), shown(right))
        if operator in ("=~", "!~"):
            return bool(re.search(str(right), str(left))) == (operator == "=~")
        if type(left) is not type(right) or not isinstance(left, (str, float)):
            raise self._misused(left, f"comparator '{operator}', it is not a number")
        above, equal = left > right, left == right
        answers: dict[str, bool] = {"<": not above and not equal, "<=": not above, ">": above, ">=": above or equal}
        return answers[operator]


def calculate(operator: str, left: float, right: float) -> float:
    """Arithmetic of Go's float64, which knows no error."""
    if operator in ("/", "%") and right == 0:
        return math.nan if left == 0 or operator == "%" else math.copysign(math.inf, left)
    answers: dict[str, Callable[[], float]] = {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
        "%": lambda: math.fmod(left, right),
        "**": lambda: math.pow(left, right),
    }
    return answers[operator]()
