import pytest

from serving.flags import parse_flags, report, usage


@pytest.mark.parametrize(
    ("argument", "name", "expected"),
    [
        ("--port=1", "port", 1),
        ("--port=-1", "port", -1),
        ("--model_name=a=b", "model_name", "a=b"),
        ("--model_name=", "model_name", ""),
        ("--enable_model_warmup", "enable_model_warmup", True),
        ("--enable_model_warmup=FALSE", "enable_model_warmup", False),
        ("--enable_model_warmup=0", "enable_model_warmup", False),
        ("--load_retry_interval_micros=5000000000", "load_retry_interval_micros", 5_000_000_000),
    ],
)
def test_a_value(argument, name, expected):
    """Only `--name=value`; a bool may stand bare."""
    parsed = parse_flags([argument])

    assert (expected, [], []) == (parsed.values[name], parsed.errors, parsed.unknown)


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("--port=x", "Couldn't interpret value x for flag port."),
        ("--port=1.5", "Couldn't interpret value 1.5 for flag port."),
        ("--port=", "Couldn't interpret value  for flag port."),
        ("--port=2147483648", "Couldn't interpret value 2147483648 for flag port."),
        ("--enable_model_warmup=yes", "Couldn't interpret value yes for flag enable_model_warmup."),
    ],
)
def test_a_bad_value(argument, expected):
    """Upstream's sentence."""
    assert [expected] == parse_flags([argument]).errors


@pytest.mark.parametrize("argument", ["--port", "-port=1", "port=1", "--noenable_model_warmup", "8500", "--nope=1"])
def test_what_is_no_flag_is_unknown(argument):
    """No blank between name and value, no single dash, no `--no`."""
    assert [argument] == parse_flags([argument]).unknown


def test_the_last_of_repeats_wins():
    """As upstream's image relies on, which appends the user's flags."""
    assert 2 == parse_flags(["--port=1", "--port=2"]).values["port"]


def test_an_unsupported_flag_is_warned_about_in_one_line(capsys):
    """It is known, so the server goes on."""
    assert report(parse_flags(["--enable_batching", "--enable_batching=true"]), "p")
    assert "warning: --enable_batching is not supported by this server and is ignored\n" == capsys.readouterr().err


def test_an_unknown_argument_shows_the_usage_and_goes_on(capsys):
    """The first one is named."""
    assert report(parse_flags(["x", "y"]), "p")
    assert f"unknown argument: x\n{usage('p')}" == capsys.readouterr().out


def test_a_bad_value_shows_the_usage_and_ends(capsys):
    """The sentence goes to stderr, the usage to stdout."""
    assert not report(parse_flags(["--port=x"]), "p")
    assert (usage("p"), "Couldn't interpret value x for flag port.\n") == capsys.readouterr()


def test_usage_lists_a_flag_with_default_and_type():
    """As `--name=default`, type and help between tabs."""
    assert f"\t{'--port=8500':<33}\tint32\tTCP port" in usage("p")
    assert '\t--model_name="default"          ' in usage("p")
