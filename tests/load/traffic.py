"""A capture of calls to replay, at one rate for as long as it lasts.

In: how many connections, and how many calls on each. Out: a pcap in which the connections take turns. A call is four
packets, as most are with delayed acknowledgements: request, ACK, answer, ACK.
"""

import struct

HEADER = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 1)
ETHERNET = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0"
CLIENT, SERVER = bytes([10, 9, 0, 1]), bytes([10, 9, 0, 2])
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SYN, ACK, SYN_ACK, PUSH, FIN = 0x02, 0x10, 0x12, 0x18, 0x11

#: Of the first call, which fills the tables, and of the others, which point into them.
REQUESTS = (b"\x83\x86\x44\x10/shop.Orders/Get\x41\x08shop:443\x5f\x10application/grpc\x40\x02te\x08trailers"
            b"\x40\x0agrpc-trace\x04abcd", b"\x83\x86\xc2\xc1\xc0\xbf\xbe")
ANSWERS = b"\x88\x5f\x10application/grpc", b"\x88\xbf"
TRAILERS = b"\x40\x0bgrpc-status\x010", b"\xbe"
REQUEST_BODY, ANSWER_BODY = b"\0\0\0\0\x40" + b"q" * 64, b"\0\0\0\0\x80" + b"r" * 128


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def checksum(header):
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Connection:
    def __init__(self, capture, number):
        self.capture, self.port = capture, 10_000 + number
        self.sent = [1_000 + number * 7_919, 5_000 + number * 104_729]

    def packet(self, side, flags, payload=b""):
        ports = (self.port, 50_051) if side == 0 else (50_051, self.port)
        addresses = (CLIENT, SERVER) if side == 0 else (SERVER, CLIENT)
        acknowledged = self.sent[1 - side] if flags & ACK else 0
        tcp = struct.pack(">HHIIBBHHH", *ports, self.sent[side] & 0xFFFFFFFF, acknowledged & 0xFFFFFFFF, 0x50, flags,
                          0xFFFF, 0, 0)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 0, 0x4000, 64, 6, 0, *addresses)
        ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
        self.capture.add(ETHERNET + ip + tcp + payload)
        self.sent[side] += len(payload) + (1 if flags & 3 else 0)


class Capture:
    def __init__(self, file):
        self.file, self.packets = file, 0
        file.write(HEADER)

    def add(self, packet):
        seconds, rest = divmod(self.packets * 10_000, 10**9)
        self.file.write(struct.pack("<IIII", seconds, rest, len(packet), len(packet)) + packet)
        self.packets += 1


def write(path, connections, calls):
    """Gives how many packets there are."""
    with open(path, "wb", buffering=1 << 20) as file:
        capture = Capture(file)
        everyone = [Connection(capture, number) for number in range(connections)]
        settings = frame(4, 0, 0) + frame(8, 0, 0, b"\x40\0\0\0")
        for one in everyone:
            one.packet(0, SYN)
            one.packet(1, SYN_ACK)
            one.packet(0, ACK)
            one.packet(0, PUSH, PREFACE + settings)
            one.packet(1, PUSH, settings + frame(4, 1, 0))
            one.packet(0, PUSH, frame(4, 1, 0))
        for call in range(calls):
            stream, later = 1 + 2 * call, min(call, 1)
            request = frame(1, 4, stream, REQUESTS[later]) + frame(0, 1, stream, REQUEST_BODY)
            answer = (frame(1, 4, stream, ANSWERS[later]) + frame(0, 0, stream, ANSWER_BODY) +
                      frame(1, 5, stream, TRAILERS[later]))
            for one in everyone:
                one.packet(0, PUSH, request)
                one.packet(1, ACK)
                one.packet(1, PUSH, answer)
                one.packet(0, ACK)
        for one in everyone:
            one.packet(0, FIN)
            one.packet(1, FIN)
            one.packet(0, ACK)
        return capture.packets
