"""Whoever keeps others from a page: a thousand that say nothing, fifty that say it slowly, five with heads of 10 MB.

In: a port on this host and for how many seconds. Out: how soon `/healthz` is answered to one who asks meanwhile, in ms.
"""

import socket
import sys
import threading
import time

PORT, SECONDS = int(sys.argv[1]), float(sys.argv[2])
END = time.time() + SECONDS


def connect():
    return socket.create_connection(("127.0.0.1", PORT), timeout=5)


def patiently(what):
    while time.time() < END:
        try:
            what()
        except OSError:
            time.sleep(0.05)


def say_nothing():
    silent = [connect() for _ in range(250)]
    time.sleep(2)
    for one in silent:
        one.close()


def speak_slowly():
    with connect() as slow:
        for byte in b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"y" * 100:
            slow.send(bytes([byte]))
            time.sleep(0.1)


def be_long_winded():
    with connect() as long:
        long.sendall(b"GET / HTTP/1.1\r\nX: " + b"z" * (10 << 20))
        long.recv(100)


for kind, number in ((say_nothing, 4), (speak_slowly, 50), (be_long_winded, 5)):
    for _ in range(number):
        threading.Thread(target=patiently, args=(kind,), daemon=True).start()
time.sleep(1)
waits, unanswered = [], 0
while time.time() < END - 1:
    begun, got = time.perf_counter(), b""
    try:
        with connect() as probe:
            probe.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            while piece := probe.recv(1_000):
                got += piece
    except OSError:
        pass
    unanswered += not got.startswith(b"HTTP/1.1 200")
    waits.append((time.perf_counter() - begun) * 1_000)
    time.sleep(0.05)
waits.sort()
print(f"{len(waits)} probes, {unanswered} unanswered; median {waits[len(waits) // 2]:.1f} ms, worst {waits[-1]:.1f} ms")
