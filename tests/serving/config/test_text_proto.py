import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_serving.config import model_server_config_pb2

from serving.config.text_proto import parse_text_proto, read_text_proto
from serving.config.text_tokens import tokenize
from serving.errors import ServingError

TOP = 'Message type "tensorflow.serving.ModelServerConfig" has no field named'
MODEL = 'Message type "tensorflow.serving.ModelConfig" has no field named'


def config(text):
    """A text around one model's fields."""
    return f"model_config_list {{ config {{ {text} }} }}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nonsense", [f'1:9: {TOP} "nonsense".']),
        ("a b", [f'1:3: {TOP} "a".']),
        ("\n\n  a: 1", [f'3:4: {TOP} "a".']),
        ("# a comment\n\ta: 1", [f'2:10: {TOP} "a".']),
        ("{}", ["1:1: Expected identifier, got: {"]),
        ('"x"', ['1:1: Expected identifier, got: "x"']),
        ("!", ["1:1: Expected identifier, got: !"]),
        ("model_config_list { } }", ["1:23: Expected identifier, got: }"]),
        ("model_config_list: 5", ['1:20: Expected "{", found "5".']),
        ("model_config_list ( }", ['1:19: Expected "{", found "(".']),
        ("model_config_list < }", ['1:21: Expected ">", found "}".']),
        ("model_config_list {", ["1:20: Expected identifier, got: "]),
        (config('name: "m" bad: 1'), [f'1:43: {MODEL} "bad".']),
        (config("name: m"), ["1:36: Expected string, got: m"]),
        (config("base_path: 5"), ["1:41: Expected string, got: 5"]),
        (config('name "m"'), ['1:35: Expected ":", found ""m"".']),
        (config('name: "m" name: "n"'), ['1:44: Non-repeated field "name" is specified multiple times.']),
        (config("model_type: FOO"), ['1:46: Unknown enumeration value of "FOO" for field "model_type".']),
        (config('model_type: "a"'), ['1:42: Expected integer or identifier, got: "a"']),
        (config('version_labels { key: "a" value: "b" }'), ['1:63: Expected integer, got: "b"']),
        (config("model_version_policy { latest { num_versions: -1 } }"), ["1:76: Expected integer, got: -"]),
        (
            config("model_version_policy { latest { num_versions: 4294967296 } }"),
            ["1:76: Integer out of range (4294967296)"],
        ),
        (config("model_version_policy { specific { versions: [1, 2 3] } }"), ['1:80: Expected ",", found "3".']),
        (
            config("model_version_policy { all { } latest { } }"),
            ['1:68: Field "latest" is specified along with field "all", another member of oneof "policy_choice".'],
        ),
        (
            "custom_model_config { } model_config_list { }",
            [
                (
                    '1:43: Field "model_config_list" is specified along with field "custom_model_config", '
                    'another member of oneof "config".'
                )
            ],
        ),
        (
            "custom_model_config { [type.googleapis.com/foo.Bar] { a: 1 } }",
            ['1:53: Could not find type "type.googleapis.com/foo.Bar" stored in google.protobuf.Any.'],
        ),
        (
            "[a.b]: 1",
            ['1:6: Extension "a.b" is not defined or is not an extension of "tensorflow.serving.ModelServerConfig".'],
        ),
        (config('name: "m'), ["1:42: Unexpected end of string.", "1:42: Expected identifier, got: "]),
        (
            'model_config_list { config { name: "m\n} }',
            ["1:38: String literals cannot cross line boundaries."],
        ),
        ("\x01", ["1:1: Invalid control characters encountered in text."]),
    ],
)
def test_why_a_text_is_no_such_message(text, expected):
    """In the words and at the place of the C++ parser: that of the token after the one it took."""
    assert expected == parse_text_proto(text.encode(), model_server_config_pb2.ModelServerConfig())


def test_bytes_that_are_no_text():
    """A binary file is refused like any other."""
    reasons = parse_text_proto(b"\xff\xfe\x00", model_server_config_pb2.ModelServerConfig())

    assert "1:1: Interpreting non ascii codepoint 255." == reasons[0]


@pytest.mark.parametrize(
    ("name", "column"), [(b'"h\xffi"', 36), (b'"h\\377i"', 45), (b"'\\xC3'", 43), (b'"\xed\xa0\x80"', 36)]
)
def test_a_string_that_is_no_text(name, column):
    """In words of its own, at the string or behind it; whoever wrote the file does not know Python's."""
    content = b"model_config_list { config { name: " + name + b" } }"
    reasons = parse_text_proto(content, model_server_config_pb2.ModelServerConfig())

    assert [f"1:{column}: String is not valid UTF-8."] == reasons


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment",
        config("name: 'm'"),
        config('name: "a" "b";'),
        config("model_version_policy { specific { versions: 0x10 versions: [1, 2] } },"),
        config("model_version_policy < latest: { } >"),
        'model_config_list { config [{ name: "é" }, { }] }',
        config("model_type: 1"),
    ],
)
def test_what_is_such_a_message(text):
    """The forms of the text format."""
    assert [] == parse_text_proto(text.encode(), model_server_config_pb2.ModelServerConfig())


@given(st.binary(max_size=60) | st.text("modelcnfig_st{}<>[]:;,\"'\n\t1. #-", max_size=60).map(str.encode))
def test_garbage_is_refused_with_a_place(content):
    """Whatever is in a file, the answer is a reason and no other exception."""
    for reason in parse_text_proto(content, model_server_config_pb2.ModelServerConfig()):
        line, column, _ = reason.split(":", 2)

        assert int(line) >= 1
        assert int(column) >= 1


@given(st.binary(max_size=80))
def test_every_text_has_tokens(content):
    """The tokens end, in order, whatever they are made of."""
    tokens, _ = tokenize(content)
    places = [(token.line, token.column) for token in tokens]

    assert "end" == tokens[-1].kind
    assert sorted(places) == places


def test_a_file_that_is_refused(tmp_path, capsys):
    """The status names the file, stderr the reason."""
    path = tmp_path / "models.config"
    path.write_text("nonsense")
    with pytest.raises(ServingError) as refused:
        read_text_proto(str(path), model_server_config_pb2.ModelServerConfig())

    assert f"INVALID_ARGUMENT: Invalid protobuf file: '{path}'" == refused.value.status()
    assert (
        f'Error parsing text-format tensorflow.serving.ModelServerConfig: 1:9: {TOP} "nonsense".\n'
        == capsys.readouterr().err
    )


def test_files_that_cannot_be_read(tmp_path):
    """The system's reason behind the path."""
    for path, expected in [
        (tmp_path / "none", "NOT_FOUND: {}; No such file or directory"),
        (tmp_path, "FAILED_PRECONDITION: {}; Is a directory"),
    ]:
        with pytest.raises(ServingError) as refused:
            read_text_proto(str(path), model_server_config_pb2.ModelServerConfig())

        assert expected.format(path) == refused.value.status()
