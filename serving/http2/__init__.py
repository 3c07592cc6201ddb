"""HTTP/2 on asyncio: frames, flow control, connections (RFC 9113) with hpack (RFC 7541). Knows no gRPC and no model."""
