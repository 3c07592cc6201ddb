"""Clients in Go, Node and Java get their answers; skipped where the tools are not installed.

go install github.com/fullstorydev/grpcurl/cmd/grpcurl@latest
go install github.com/bojand/ghz/cmd/ghz@latest
npm install @grpc/grpc-js
mvn dependency:copy-dependencies -DoutputDirectory=$GRPC_JAVA_JARS, of io.grpc's grpc-netty-shaded and grpc-stub
"""

import base64
import json
import os
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
JAVA = """
import static io.grpc.stub.ClientCalls.blockingUnaryCall;

import io.grpc.*;
import io.grpc.stub.*;
import java.io.*;
import java.util.*;
import java.util.concurrent.TimeUnit;

public class Client {
  static final MethodDescriptor.Marshaller<byte[]> BYTES = new MethodDescriptor.Marshaller<>() {
    public InputStream stream(byte[] value) { return new ByteArrayInputStream(value); }
    public byte[] parse(InputStream stream) {
      try { return stream.readAllBytes(); } catch (IOException error) { throw new RuntimeException(error); }
    }
  };

  static MethodDescriptor<byte[], byte[]> method(String name) {
    return MethodDescriptor.newBuilder(BYTES, BYTES).setType(MethodDescriptor.MethodType.UNARY)
        .setFullMethodName("t.Test/" + name).build();
  }

  static String ask(Channel channel, String name, int size, long milliseconds) {
    CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(milliseconds, TimeUnit.MILLISECONDS);
    try {
      return "" + blockingUnaryCall(channel, method(name), options, new byte[size]).length;
    } catch (StatusRuntimeException error) {
      return error.getStatus().getCode().toString();
    }
  }

  public static void main(String[] arguments) throws Exception {
    ManagedChannel channel = ManagedChannelBuilder.forTarget(arguments[0]).usePlaintext()
        .maxInboundMessageSize(1 << 30).build();
    List<com.google.common.util.concurrent.ListenableFuture<byte[]>> many = new ArrayList<>();
    for (int size = 0; size < 300; size++)
      many.add(ClientCalls.futureUnaryCall(channel.newCall(method("Echo"), CallOptions.DEFAULT), new byte[size]));
    boolean same = true;
    for (int size = 0; size < 300; size++)
      same &= many.get(size).get(60, TimeUnit.SECONDS).length == size;
    Metadata extra = new Metadata();
    extra.put(Metadata.Key.of("x-large", Metadata.ASCII_STRING_MARSHALLER), "y".repeat(100_000));
    Channel large = ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(extra));
    System.out.println(String.join(" ", "" + same, ask(channel, "Echo", 16 << 20, 60000),
        ask(channel, "No", 1, 20000), ask(channel, "Hold", 1, 300), ask(large, "Echo", 1, 20000),
        ask(channel, "Echo", 5, 20000)));
    channel.shutdownNow();
  }
}
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


def test_java(server, tmp_path):
    """grpc-java: many at once, a large message, a missing method, a deadline, too much metadata, and what follows."""
    java, jars = tool("java"), os.environ.get("GRPC_JAVA_JARS")
    if not jars:
        pytest.skip("grpc-java's jars are not there (GRPC_JAVA_JARS)")
    program = tmp_path / "Client.java"
    program.write_text(JAVA)
    result = run(java, "-cp", f"{jars}/*", program, server.target)

    # INTERNAL: by itself it sends no more metadata than the server's settings allow.
    expected = ["true", str(16 << 20), "UNIMPLEMENTED", "DEADLINE_EXCEEDED", "INTERNAL", "5"]
    assert expected == result.stdout.split(), result.stderr
