"""Peers that speak as much HTTP/2 as a load takes, by hand: they are to be fast, and to fail on command.

In: a role and its numbers on the command line. Out: `ready`, then traffic.

    hold-server KILL        accepts, never answers; closes every KILL-th connection once it reads a line
    hold-client N CALLS     N connections with CALLS calls in flight each, and a PING on each every second
    answer-server STATUS    answers each call at once with this gRPC status
    call-client RATE SECONDS JUNK   calls a second on one connection after another, first of JUNK paths that no one has
    churn-client RATE SECONDS HANG  connections a second with 1 to 7 calls each; every HANG-th closes on them
"""

import os
import resource
import selectors
import socket
import struct
import sys
import time

SERVER = ("10.88.0.2", 50051)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PATH = b"/shop.Orders/Get"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


SETTINGS, ACK = frame(4, 0, 0), frame(4, 1, 0)
HELLO = PREFACE + SETTINGS + ACK


def request(stream, path=PATH):
    block = b"\x83\x86\x44" + bytes([len(path)]) + path + b"\x41\x09" + b"10.88.0.2" + b"\x5f\x10application/grpc"
    return frame(1, 5, stream, block)


def answer(stream, status):
    block = b"\x88\x5f\x10application/grpc" + literal(b"grpc-status", status) + literal(b"grpc-message", b"as asked")
    return frame(1, 5, stream, block)


def frames(data):
    """The frames that `data` begins with, as (kind, stream), and the rest."""
    if data.startswith(PREFACE):
        data = data[len(PREFACE):]
    found, at = [], 0
    while len(data) - at >= 9:
        length = int.from_bytes(data[at:at + 3], "big")
        if len(data) - at < 9 + length:
            break
        found.append((data[at + 3], int.from_bytes(data[at + 5:at + 9], "big")))
        at += 9 + length
    return found, data[at:]


def serve(on_data, on_line=lambda connections: None):
    listener = socket.create_server(SERVER, backlog=20_000)
    listener.setblocking(False)
    os.set_blocking(0, False)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(0, selectors.EVENT_READ)
    connections = []

    def drop(connection):
        selector.unregister(connection)
        connection.close()

    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                try:
                    while True:
                        connection, _ = listener.accept()
                        connection.setblocking(False)
                        connection.send(SETTINGS + ACK)
                        selector.register(connection, selectors.EVENT_READ, [b""])
                        connections.append(connection)
                except BlockingIOError:
                    continue
            elif key.fileobj == 0:
                if not os.read(0, 100):
                    return
                for connection in on_line(connections) or []:
                    drop(connection)
                print("closed", flush=True)
            else:
                try:
                    data = key.fileobj.recv(1 << 20)
                    if data:
                        on_data(key, data)
                        continue
                except OSError:
                    pass
                drop(key.fileobj)


def hold_server(kill):
    serve(lambda key, data: None, lambda connections: connections[::kill])


def hold_client(count, calls):
    connections = []
    for _ in range(count):
        connection = socket.create_connection(SERVER)
        connection.send(HELLO + b"".join(request(1 + 2 * call) for call in range(calls)))
        connections.append(connection)
    print("ready", flush=True)
    turn = 0
    while True:
        for connection in connections[turn % 10::10]:
            try:
                connection.send(frame(6, 0, 0, b"12345678"))
            except OSError:
                pass
        turn += 1
        time.sleep(0.1)


def answer_server(status):
    def on_data(key, data):
        found, key.data[0] = frames(key.data[0] + data)
        answers = b"".join(answer(stream, status) for kind, stream in found if kind == 1)
        if answers:
            key.fileobj.setblocking(True)
            key.fileobj.sendall(answers)
            key.fileobj.setblocking(False)

    serve(on_data)


def call_client(rate, seconds, junk):
    print("ready", flush=True)
    paths = [b"/wp/junk%d.php" % number for number in range(junk)]
    begun, sent, stream, connection = time.time(), 0, 1, None
    while time.time() - begun < seconds:
        if connection is None or stream > 200_000:
            if connection:
                connection.close()
            connection, stream = socket.create_connection(SERVER), 1
            connection.sendall(HELLO)
        due = min(max(int((time.time() - begun) * rate) - sent, 0), 500)
        if due == 0:
            time.sleep(0.01)
        calls = []
        for _ in range(due):
            calls.append(request(stream, paths.pop() if paths else PATH))
            stream += 2
        connection.sendall(b"".join(calls))
        sent += due
        connection.setblocking(False)
        try:
            while connection.recv(1 << 20):
                pass
        except BlockingIOError:
            pass
        connection.setblocking(True)
    time.sleep(1)
    print(sent, flush=True)


def churn_client(rate, seconds, hang):
    print("ready", flush=True)
    begun, opened, called = time.time(), 0, 0
    while time.time() - begun < seconds:
        due = min(int((time.time() - begun) * rate) - opened, 20)
        if due <= 0:
            time.sleep(0.002)
        for _ in range(due):
            calls = 1 + opened % 7
            with socket.create_connection(SERVER) as connection:
                path = b"/shop.Orders/M%d" % (opened % 40)
                connection.sendall(HELLO + b"".join(request(1 + 2 * call, path) for call in range(calls)))
                got = b""
                while opened % hang and got.count(b"grpc-status") < calls:
                    got += connection.recv(65_536)
            opened, called = opened + 1, called + calls
    print(f"{opened} connections, {called} calls", flush=True)


ROLES = {
    "hold-server": (hold_server, int),
    "hold-client": (hold_client, int, int),
    "answer-server": (answer_server, str.encode),
    "call-client": (call_client, float, float, int),
    "churn-client": (churn_client, float, float, int),
}

if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    role, *kinds = ROLES[sys.argv[1]]
    role(*(kind(argument) for kind, argument in zip(kinds, sys.argv[2:], strict=True)))
