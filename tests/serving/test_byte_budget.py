"""One limit for what all transports hold."""

import asyncio

import grpc
import httpx

from serving import event_loop
from serving.byte_budget import ByteBudget
from serving.exchange import HttpResponse
from serving.grpc.grpc_transport import GrpcTransport
from serving.rest.http_transport import HttpTransport


def test_what_one_transport_holds_the_other_has_not():
    """REST is refused while a call of gRPC is in flight, and gets in after it."""
    held, budget = [], ByteBudget(1000)

    async def run():
        arrived = asyncio.Event()

        def hold(call):
            held.append(call)
            arrived.set()

        rpc = GrpcTransport({"/t/Hold": hold}.get, budget=budget)
        rest = HttpTransport(lambda _, answer: answer(HttpResponse(200, (), b"")), budget=budget)
        await rpc.start("127.0.0.1", 0)
        await rest.start("127.0.0.1", 0)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{rpc.port}") as channel, httpx.AsyncClient() as client:
            waiting = asyncio.ensure_future(channel.unary_unary("/t/Hold")(bytes(800)))
            await arrived.wait()
            assert 503 == (await client.post(f"http://127.0.0.1:{rest.port}/", content=bytes(300))).status_code
            held[0].reply(b"answer")
            assert b"answer" == await waiting
            assert 200 == (await client.post(f"http://127.0.0.1:{rest.port}/", content=bytes(300))).status_code
        await asyncio.gather(rpc.stop(1), rest.stop(1))

    event_loop.run(run())
    assert 0 == budget.held
