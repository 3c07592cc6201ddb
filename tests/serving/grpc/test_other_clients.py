"""Clients in Go and Node get their answers; skipped where the tools are not installed.

go install github.com/fullstorydev/grpcurl/cmd/grpcurl@latest
go install github.com/bojand/ghz/cmd/ghz@latest
npm install @grpc/grpc-js
"""

import base64
import json
import shutil
import subprocess

import pytest

PROTO = """
syntax = "proto3";
package t;
message Bytes { bytes payload = 1; }
service Test { rpc Echo (Bytes) returns (Bytes); rpc No (Bytes) returns (Bytes); rpc Hold (Bytes) returns (Bytes); }
"""
NODE = """
const grpc = require('@grpc/grpc-js');
const [target, size] = process.argv.slice(1);
const client = new grpc.Client(target, grpc.credentials.createInsecure(), {'grpc.max_receive_message_length': -1});
const same = (bytes) => bytes;
const call = (method, message, deadline, metadata = new grpc.Metadata()) => new Promise((done) => {
  client.makeUnaryRequest('/t.Test/' + method, same, same, message, metadata, {deadline: Date.now() + deadline},
    (error, answer) => done(error ? error.code : answer.length));
});
(async () => {
  const many = await Promise.all(Array.from({length: 300}, (_, n) => call('Echo', Buffer.alloc(n), 20000)));
  const metadata = new grpc.Metadata();
  metadata.set('x-bytes-bin', Buffer.from([0, 255]));
  console.log(JSON.stringify({
    many: many.every((length, n) => length === n),
    large: await call('Echo', Buffer.alloc(Number(size)), 60000),
    missing: await call('No', Buffer.alloc(1), 20000),
    late: await call('Hold', Buffer.alloc(1), 300),
    metadata: await call('Metadata', Buffer.alloc(0), 20000, metadata),
  }));
  process.exit(0);
})();
"""


def tool(name):
    """The path of a program, or a skipped test."""
    return shutil.which(name) or pytest.skip(f"{name} is not installed")


def run(*command, **kwargs):
    """What a program said."""
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, check=False, **kwargs)


@pytest.fixture
def proto(tmp_path):
    """The services as Go's tools want them."""
    path = tmp_path / "t.proto"
    path.write_text(PROTO)
    return path


def test_grpcurl(server, proto):
    """An answer, an error with its code, and a deadline."""
    payload = {"payload": base64.b64encode(bytes(100_000)).decode()}
    common = (tool("grpcurl"), "-plaintext", "-import-path", proto.parent, "-proto", proto.name)
    echoed = run(*common, "-d", "@", server.target, "t.Test/Echo", input=json.dumps(payload))
    missing = run(*common, server.target, "t.Test/No")
    late = run(*common, "-max-time", "1", server.target, "t.Test/Hold")

    assert payload == json.loads(echoed.stdout), echoed.stderr
    assert "Unimplemented" in missing.stderr
    assert "DeadlineExceeded" in late.stderr


def test_grpcurl_over_tls(start, own_transport, credentials, proto, tmp_path):
    """Go checks ALPN."""
    grpcurl, cert = tool("grpcurl"), tmp_path / "cert.pem"
    cert.write_text(credentials.server_cert)
    with start(own_transport, ssl_context=credentials.ssl_context()) as running:
        target = f"localhost:{running.transport.port}"
        common = ("-cacert", cert, "-import-path", proto.parent, "-proto", proto.name)
        echoed = run(grpcurl, *common, "-d", '{"payload": "aGk="}', target, "t.Test/Echo")

    assert {"payload": "aGk="} == json.loads(echoed.stdout), echoed.stderr


@pytest.mark.parametrize("connections", [1, 10])
def test_ghz(server, proto, connections):
    """Two thousand calls, 50 at once, each with a deadline of its own."""
    options = ("-n", 2000, "-c", 50, "--connections", connections, "--format", "json", "-d", '{"payload": "aGk="}')
    result = run(tool("ghz"), "--insecure", "--proto", proto, "--call", "t.Test.Echo", *options, server.target)

    assert {"OK": 2000} == json.loads(result.stdout)["statusCodeDistribution"], result.stderr


def test_node(server):
    """@grpc/grpc-js: many at once, a large message, a missing method, a deadline, metadata."""
    node = tool("node")
    if run(node, "-e", "require('@grpc/grpc-js')").returncode:
        pytest.skip("@grpc/grpc-js is not installed (NODE_PATH)")
    result = run(node, "-e", NODE, server.target, 16 << 20)

    expected = {"many": True, "large": 16 << 20, "missing": 12, "late": 4, "metadata": 31}
    assert expected == json.loads(result.stdout), result.stderr
