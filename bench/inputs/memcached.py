# SPDX-License-Identifier: MIT
"""The client of the row memcached of bench/compare: memcached.py SOCKET WORK

Values live in memcached's own slabs; what malloc sees are connections, their buffers, and the lists
of an answer to a request for many keys. So connections come and go, and requests come in batches.
Every answer is checked, to the byte.
"""

import socket
import sys

KEYS = 30000


class Numbers:
    def __init__(self):
        self.state = 1

    def below(self, limit):
        self.state = self.state * 1103515245 + 12345 & 0x7FFFFFFF
        return (self.state >> 8) % limit


class Connection:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(500):
            try:
                self.socket.connect(path)
                break
            except (ConnectionRefusedError, BlockingIOError):
                continue

    def ask(self, request, answer):
        """Sends a batch, while it reads: neither side may wait for the other's full buffer."""
        got = 0
        view = memoryview(request)
        pieces = []
        while view or got < len(answer):
            if view:
                view = view[self.socket.send(view[:32768]) :]
            while got < len(answer):
                try:
                    flags = socket.MSG_DONTWAIT if view else 0
                    piece = self.socket.recv(1 << 18, flags)
                except BlockingIOError:
                    break
                if not piece:
                    sys.exit("the server closed the connection")
                pieces.append(piece)
                got += len(piece)
        if b"".join(pieces) != answer:
            sys.exit(f"a wrong answer to {request[:60]}")

    def close(self):
        self.socket.close()


def value(key, size):
    return (key * (size // len(key) + 1))[:size]


def main():
    path, work = sys.argv[1], int(sys.argv[2])
    numbers = Numbers()
    sizes = {}

    def store(count):
        request = []
        for _ in range(count):
            key = b"key:%d" % numbers.below(KEYS)
            # Most are small, some are not.
            sizes[key] = size = 8000 // (1 + numbers.below(400)) + numbers.below(60)
            request.append(b"set %b 0 0 %d\r\n%b\r\n" % (key, size, value(key, size)))
        return b"".join(request), b"STORED\r\n" * count

    def lookup(count):
        keys = [b"key:%d" % numbers.below(KEYS) for _ in range(count)]
        answer = [
            b"VALUE %b 0 %d\r\n%b\r\n" % (key, sizes[key], value(key, sizes[key]))
            for key in keys
            if key in sizes
        ]
        return b"get " + b" ".join(keys) + b"\r\n", b"".join(answer) + b"END\r\n"

    connections = [Connection(path) for _ in range(64)]
    for turn in range(max(4, 11 * work)):
        connection = connections[turn % len(connections)]
        connection.ask(*store(200))
        connection.ask(*lookup(100))
        batch = [lookup(1 + numbers.below(3)) for _ in range(100)]
        connection.ask(b"".join(ask for ask, _ in batch), b"".join(answer for _, answer in batch))
        if turn % 4 == 3:
            # A crowd that says hello and leaves.
            crowd = [Connection(path) for _ in range(32)]
            for visitor in crowd:
                visitor.ask(b"mn\r\n", b"MN\r\n")
            for visitor in crowd:
                visitor.close()
    connections[0].ask(b"flush_all\r\n", b"OK\r\n")
    connections[0].socket.sendall(b"shutdown\r\n")


main()
