"""A server that ends its connections while requests are on their way, and its client: HTTP/2 by hand, over TLS or not.

    race.py server ADDRESS PORT [CERTIFICATE KEY]
    race.py client ADDRESS PORT [CERTIFICATE]

The client sends requests that are answered, and then some more, which the server does not read before it says GOAWAY: of
each connection the same streams are lost, whether it is encrypted or not. The server closes at once, or after two
seconds, in turn; it says `ready` on standard error, and ends after all connections. SSLKEYLOGFILE is heeded by the client.
"""

import os, socket, ssl, sys, time

ANSWERED, LOST, CONNECTIONS = 20, 10, 4


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def read_exactly(stream, count):
    data = b""
    while len(data) < count:
        more = stream.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def read_frame(stream):
    header = read_exactly(stream, 9)
    return header[3], header[4], int.from_bytes(header[5:], "big"), read_exactly(stream, int.from_bytes(header[:3], "big"))


def request(number):
    path = b"/lab.Echo/Call"
    # POST, http, the path and an authority, neither indexed.
    return bytes([0x83, 0x86, 0x04, len(path)]) + path + bytes([0x01, 4]) + b"a.ex"


def serve(connection, closes_at_once):
    connection.sendall(frame(4, 0, 0))
    read_exactly(connection, 24)
    answered = 0
    while answered < ANSWERED:
        kind, flags, stream, _ = read_frame(connection)
        if kind == 4 and not flags & 1:
            connection.sendall(frame(4, 1, 0))
        if kind == 1:
            connection.sendall(frame(1, 5, stream, b"\x88"))
            answered += 1
    # Busy: what comes now is not read.
    time.sleep(0.15)
    connection.sendall(frame(7, 0, 0, (2 * ANSWERED - 1).to_bytes(4, "big") + bytes(4)))
    if not closes_at_once:
        time.sleep(2)
    # With unread requests a close would discard the GOAWAY.
    connection.settimeout(0.05)
    try:
        while connection.recv(4096):
            pass
    except (TimeoutError, ssl.SSLError, OSError):
        pass
    connection.close()


def ask(connection):
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0))
    for number in range(ANSWERED):
        connection.sendall(frame(1, 5, 2 * number + 1, request(number)))
    answered = 0
    while answered < ANSWERED:
        kind, flags, _, _ = read_frame(connection)
        if kind == 4 and not flags & 1:
            connection.sendall(frame(4, 1, 0))
        answered += kind == 1
    for number in range(ANSWERED, ANSWERED + LOST):
        connection.sendall(frame(1, 5, 2 * number + 1, request(number)))
        time.sleep(0.001)
    try:
        while True:
            read_frame(connection)
    except (EOFError, ssl.SSLError, OSError):
        connection.close()


def main(role, address, port, *files):
    if role == "server":
        context = None
        if files:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*files)
            context.set_alpn_protocols(["h2"])
        listener = socket.create_server((address, int(port)))
        print("ready", file=sys.stderr, flush=True)
        for number in range(CONNECTIONS):
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context:
                connection = context.wrap_socket(connection, server_side=True)
            serve(connection, number % 2 == 1)
        return
    for _ in range(CONNECTIONS):
        connection = socket.create_connection((address, int(port)))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if files:
            context = ssl.create_default_context(cafile=files[0])
            context.check_hostname = False
            context.set_alpn_protocols(["h2"])
            context.keylog_filename = os.environ["SSLKEYLOGFILE"]
            connection = context.wrap_socket(connection)
        ask(connection)


main(*sys.argv[1:])
