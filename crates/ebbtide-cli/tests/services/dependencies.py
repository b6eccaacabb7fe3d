"""A service with connections to one dependency, for the tests of the relays. Standard library only.

    dependencies.py PORT PROTOCOL HOST:PORT OPEN ABANDONED [shared]

It opens OPEN connections before it listens, and puts each in use as a client of PROTOCOL does. At SIGTERM it drains, ends all
but ABANDONED of them in the protocol's way, and exits. With `shared` a child process has them open as well, and ends with it.
When the connections are open, it adds its process id to the file in the variable PIDS, if that is set.
"""
import http.server, os, signal, socket, struct, sys, time

PORT, PROTOCOL, ADDRESS = int(sys.argv[1]), sys.argv[2], sys.argv[3].rsplit(":", 1)
OPEN, ABANDONED = int(sys.argv[4]), int(sys.argv[5])


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

    def method(self, channel, group, method, body):
        payload = struct.pack(">HH", group, method) + body
        self.conn.sendall(struct.pack(">BHI", 1, channel, len(payload)) + payload + b"\xce")

    def wait(self, group, method):
        while True:
            kind, _, length = struct.unpack(">BHI", read(self.conn, 7))
            payload = read(self.conn, length + 1)
            if kind == 1 and struct.unpack(">HH", payload[:4]) == (group, method):
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

    def line(self, begins):
        line = b""
        while not line.startswith(begins) or not line.endswith(b"\r\n"):
            # The server sends PING too.
            line = (b"" if line.endswith(b"\n") else line) + read(self.conn, 1)

    def end(self):
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
