"""HTTP/2 for servers: frames, header compression, flow control and connection state; nothing of what travels in it.

Source: RFC 9113 (HTTP/2) and RFC 7541 (HPACK).
"""
