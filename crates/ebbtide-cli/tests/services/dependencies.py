"""A service with connections to one dependency, for the tests of the relays. Standard library only.

    dependencies.py PORT PROTOCOL HOST:PORT OPEN ABANDONED [shared] [deliver=COUNT:ACKNOWLEDGED]

It opens OPEN connections before it listens, and puts each in use as a client of PROTOCOL does. At SIGTERM it drains, ends all
but ABANDONED of them in the protocol's way, and exits. With `shared` a child process has them open as well, and ends with it.
With `deliver` each connection to RabbitMQ or NATS gets COUNT messages from a queue of its own, and acknowledges the first ACKNOWLEDGED.
When the connections are open, it adds its process id to the file in the variable PIDS, if that is set.
"""
import http.server, json, os, signal, socket, struct, sys, time

PORT, PROTOCOL, ADDRESS = int(sys.argv[1]), sys.argv[2], sys.argv[3].rsplit(":", 1)
OPEN, ABANDONED = int(sys.argv[4]), int(sys.argv[5])
DELIVER = [[int(number) for number in word[8:].split(":")] for word in sys.argv[6:] if word.startswith("deliver=")]


def read(conn, length):
    data = b""
    while len(data) < length:
        part = conn.recv(length - len(data))
        if not part:
            raise EOFError
        data += part
    return data


class Postgres:
    def __init__(self, conn):
        self.conn = conn
        body = struct.pack(">I", 196608) + b"user\0postgres\0database\0postgres\0\0"
        conn.sendall(struct.pack(">I", len(body) + 4) + body)
        self.until(b"Z")
        conn.sendall(b"Q" + struct.pack(">I", 13) + b"SELECT 1\0")
        self.until(b"Z")

    def until(self, wanted):
        while True:
            kind, length = struct.unpack(">cI", read(self.conn, 5))
            body = read(self.conn, length - 4)
            assert kind != b"E", body
            if kind == wanted:
                return

    def end(self):
        self.conn.sendall(b"X" + struct.pack(">I", 4))


class Mysql:
    def __init__(self, conn):
        self.conn = conn
        self.packet()
        # PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH; no password.
        flags = 0x0200 | 0x8000 | 0x80000
        hello = struct.pack("<IIB", flags, 1 << 24, 45) + bytes(23) + b"root\0" + b"\0" + b"mysql_native_password\0"
        self.send(1, hello)
        while (answer := self.packet())[0] == 0xFE:
            self.send(3, b"")
        assert answer[0] == 0, answer
        self.send(0, b"\x0e")
        assert self.packet()[0] == 0

    def send(self, number, body):
        self.conn.sendall(struct.pack("<I", len(body))[:3] + bytes([number]) + body)

    def packet(self):
        head = read(self.conn, 4)
        return read(self.conn, struct.unpack("<I", head[:3] + b"\0")[0])

    def end(self):
        self.send(0, b"\x01")


class Redis:
    def __init__(self, conn):
        self.conn = conn
        conn.sendall(b"*1\r\n$4\r\nPING\r\n")
        assert read(conn, 7) == b"+PONG\r\n"

    def end(self):
        pass

    def leave(self):
        # A read that waits for a job when the process ends.
        self.conn.sendall(b"*3\r\n$5\r\nBLPOP\r\n$14\r\nebbtide-absent\r\n$1\r\n0\r\n")


class Rabbitmq:
    queue = b""

    def __init__(self, conn):
        self.conn = conn
        conn.sendall(b"AMQP\0\0\x09\x01")
        self.wait(10, 10)
        plain = b"\0guest\0guest"
        self.method(0, 10, 11, struct.pack(">I", 0) + b"\x05PLAIN" + struct.pack(">I", len(plain)) + plain + b"\x05en_US")
        self.wait(10, 30)
        self.method(0, 10, 31, struct.pack(">HIH", 100, 131072, 0))
        self.method(0, 10, 40, b"\x01/\0\0")
        self.wait(10, 41)
        for count, acknowledged in DELIVER:
            self.deliver(count, acknowledged)

    def deliver(self, count, acknowledged):
        self.method(1, 20, 10, b"\0")
        self.wait(20, 11)
        # Exclusive: it ends with the connection. Without a name the last queue of the channel is meant.
        self.method(1, 50, 10, b"\0\0\0\x04" + struct.pack(">I", 0))
        self.wait(50, 11)
        self.method(1, 60, 20, b"\0\0\0\x01c\0" + struct.pack(">I", 0))
        self.wait(60, 21)
        for _ in range(count):
            self.method(1, 60, 40, b"\0\0\0" + self.queue + b"\0")
            self.frame(2, 1, struct.pack(">HHQH", 60, 0, 4, 0))
            self.frame(3, 1, b"work")
        for tag in range(1, count + 1):
            self.wait(60, 60)
            if tag <= acknowledged:
                self.method(1, 60, 80, struct.pack(">QB", tag, 0))

    def frame(self, kind, channel, payload):
        self.conn.sendall(struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce")

    def method(self, channel, group, method, body):
        self.frame(1, channel, struct.pack(">HH", group, method) + body)

    def wait(self, group, method):
        while True:
            kind, _, length = struct.unpack(">BHI", read(self.conn, 7))
            payload = read(self.conn, length + 1)
            if kind == 1 and struct.unpack(">HH", payload[:4]) == (group, method):
                # Of queue.declare-ok: the name.
                self.queue = payload[4 : 5 + payload[4]] if (group, method) == (50, 11) else self.queue
                return

    def end(self):
        self.method(0, 10, 50, struct.pack(">H", 200) + b"\x03bye" + struct.pack(">HH", 0, 0))
        self.wait(10, 51)


class Nats:
    def __init__(self, conn):
        self.conn = conn
        self.line(b"INFO")
        conn.sendall(b'CONNECT {"verbose":false}\r\nSUB ebbtide.%d 1\r\nPING\r\n' % os.getpid())
        self.line(b"PONG")
        for count, acknowledged in DELIVER:
            self.deliver(count, acknowledged)

    def deliver(self, count, acknowledged):
        self.stream = "ebbtide-%d-%d" % (os.getpid(), self.conn.getsockname()[1])
        self.conn.sendall(b"SUB _INBOX.%s 2\r\n" % self.stream.encode())
        self.ask("STREAM.CREATE." + self.stream, {"name": self.stream, "subjects": [self.stream], "storage": "memory"})
        config = {"durable_name": "worker", "ack_policy": "explicit"}
        self.ask(f"CONSUMER.DURABLE.CREATE.{self.stream}.worker", {"stream_name": self.stream, "config": config})
        for _ in range(count):
            self.conn.sendall(b"PUB %s 4\r\nwork\r\n" % self.stream.encode())
        self.send(f"CONSUMER.MSG.NEXT.{self.stream}.worker", {"batch": count})
        for number in range(count):
            _, _, _, reply, size = self.line(b"MSG").split()
            read(self.conn, int(size) + 2)
            if number < acknowledged:
                self.conn.sendall(b"PUB %s 4\r\n+ACK\r\n" % reply)

    def send(self, subject, request):
        body = json.dumps(request).encode()
        head = "PUB $JS.API.%s _INBOX.%s %d\r\n" % (subject, self.stream, len(body))
        self.conn.sendall(head.encode() + body + b"\r\n")

    def ask(self, subject, request):
        self.send(subject, request)
        answer = read(self.conn, int(self.line(b"MSG").split()[-1]) + 2)
        assert b"error" not in answer, answer

    def line(self, begins):
        line = b""
        while not line.startswith(begins) or not line.endswith(b"\r\n"):
            # The server sends PING too.
            line = (b"" if line.endswith(b"\n") else line) + read(self.conn, 1)
        return line

    def end(self):
        if DELIVER:
            self.ask("STREAM.DELETE." + self.stream, {})
        self.conn.sendall(b"UNSUB 1\r\nPING\r\n")
        self.line(b"PONG")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


def stop(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for client in clients[:ABANDONED]:
        if PROTOCOL == "redis":
            client.leave()
    # Bounded: a dependency that does not answer must not keep the service.
    for client in clients[ABANDONED:]:
        client.conn.settimeout(2)
        try:
            client.end()
        except OSError:
            pass
        client.conn.close()
    time.sleep(1)
    os._exit(0)


kind = {"postgres": Postgres, "mysql": Mysql, "redis": Redis, "rabbitmq": Rabbitmq, "nats": Nats}[PROTOCOL]
clients = [kind(socket.create_connection(ADDRESS)) for _ in range(OPEN)]
if "shared" in sys.argv:
    # The relays have looked for the owner by then.
    time.sleep(0.3)
    ended, _parent = os.pipe()
    if os.fork() == 0:
        os.close(_parent)
        os.read(ended, 1)
        os._exit(0)
signal.signal(signal.SIGTERM, stop)
if "PIDS" in os.environ:
    with open(os.environ["PIDS"], "a") as pids:
        pids.write(f"{os.getpid()}\n")
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
