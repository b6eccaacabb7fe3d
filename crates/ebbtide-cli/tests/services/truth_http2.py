"""A service over HTTP/2 with prior knowledge that keeps its own record of what it did. Standard library only.

    truth_http2.py PORT MODE [COUNT]

It appends a line to the file $TRUTH for each request that has a number: `R number` when it was read whole, `A number` when it was
answered whole, `U number` when it was declared unprocessed, `L number` when it was lost. Fields are read as the rehearsal sends
them: literals that are never indexed. On SIGTERM readiness turns red, and each connection gets what MODE says.
"""
import os, queue, select, signal, socket, ssl, struct, sys, threading, time

IP_MINTTL = 21
# With $TLS_CERT and $TLS_KEY it serves over TLS.
tls = None
if os.environ.get("TLS_CERT"):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(os.environ["TLS_CERT"], os.environ["TLS_KEY"])
    tls.set_alpn_protocols(["h2"])
# The port on 127.0.0.1, or the path of a Unix socket.
PORT = int(sys.argv[1]) if sys.argv[1].isdigit() else sys.argv[1]
MODE = sys.argv[2]
# How many of the calls of /grpc/Import and /grpc/Sync that are open at the signal end as MODE says; the others end well.
COUNT = int(sys.argv[3]) if len(sys.argv) > 3 else 0
spoiled, spoiling = [0], threading.Lock()
LAME_DUCK = 0.4
truth = os.open(os.environ["TRUTH"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
stopping = threading.Event()
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Gone(Exception):
    pass


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def integer(block, at):
    value, at = block[at] & 127, at + 1
    if value == 127:
        shift = 0
        while True:
            value, shift, at = value + ((block[at] & 127) << shift), shift + 7, at + 1
            if block[at - 1] < 128:
                break
    return value, at


def fields(block):
    at, found = 0, {}
    while at < len(block):
        assert block[at] == 0x10, "a literal that is never indexed"
        length, at = integer(block, at + 1)
        name, at = block[at:at + length], at + length
        length, at = integer(block, at)
        found[name.decode()], at = block[at:at + length].decode(), at + length
    return found


def message(body):
    """Waits as long as field 1 of the message says, in milliseconds. Calls by header have a body that is no message."""
    if body[:1] != b"\0":
        return
    assert body[:5] == struct.pack(">BI", 0, len(body) - 5), body
    ms, at = 0, 6
    while at < len(body):
        ms, at = ms + ((body[at] & 127) << 7 * (at - 6)), at + 1
    time.sleep(ms / 1000)


class Conn:
    def __init__(self, sock):
        self.sock, self.read, self.lock = sock, b"", threading.Lock()
        self.streams, self.in_flight, self.highest, self.served = {}, {}, 0, 0
        self.goaway, self.after_stop = None, stopping.is_set()
        self.calls = {}

    def note(self, kind, number):
        if number:
            os.write(truth, f"{kind} {number}\n".encode())

    def more(self):
        while not (tls and self.sock.pending()) and not select.select([self.sock], [], [], 0.01)[0]:
            self.tick()
        self.tick()
        if tls:
            # A session may not be read and written at once.
            with self.lock:
                chunk = self.sock.recv(65536)
        else:
            chunk = self.sock.recv(65536)
        if not chunk:
            raise Gone
        self.read += chunk

    def take(self, length):
        while len(self.read) < length:
            self.more()
        taken, self.read = self.read[:length], self.read[length:]
        return taken

    def tick(self):
        """What becomes of the connection after the signal."""
        with self.lock:
            if not stopping.is_set() or self.goaway is not None:
                # A request that is half read is below the last stream as well.
                half = [stream for stream in self.streams if self.goaway is not None and stream <= self.goaway]
                if self.goaway is not None and not self.in_flight and not half:
                    raise Gone
                return
            if self.after_stop and not self.served:
                return
            in_flight = dict(self.in_flight)
            last = self.highest
            if MODE == "goaway-early":
                last = min([last + 1, *in_flight, *self.streams]) - 1
            self.goaway = last
            for stream in self.streams if MODE == "refuses" else ():
                self.sock.sendall(frame(RST, 0, stream, struct.pack(">I", 7)))
            # The others forget what they have read in part.
            if MODE != "perfect" and not MODE.startswith(("grpc", "calls")):
                self.streams.clear()
            if MODE in ("resets", "refuses"):
                for stream, number in in_flight.items():
                    self.sock.sendall(frame(RST, 0, stream, struct.pack(">I", 7 if MODE == "refuses" else 2)))
                    self.end(stream, "U" if MODE == "refuses" else "L", number)
            if MODE == "half-answers":
                for stream, number in in_flight.items():
                    self.sock.sendall(frame(HEADERS, 4, stream, b"\x88") + frame(DATA, 0, stream, b"o"))
                    self.end(stream, "L", number)
            if MODE != "closes":
                self.sock.sendall(frame(GOAWAY, 0, 0, struct.pack(">II", last, 0)))
            if MODE == "goaway-early":
                for stream, number in in_flight.items():
                    if stream > last:
                        self.end(stream, "U", number)
            if MODE in ("closes", "goaway-cut"):
                for stream, number in in_flight.items():
                    self.end(stream, "L", number)

    def end(self, stream, kind, number):
        if self.in_flight.pop(stream, self) is not self:
            self.note(kind, number)

    def answer(self, stream, headers, body):
        path, number = headers[":path"], headers.get("x-ebbtide-request")
        if path.startswith("/slow/"):
            time.sleep(int(path[6:]) / 1000)
        if path.startswith("/grpc/"):
            message(body)
            return self.call(stream, path, number)
        red = path == "/readyz" and stopping.is_set()
        status = b"\x08\x03503" if red else b"\x88"
        with self.lock:
            if stream not in self.in_flight:
                return
            try:
                self.sock.sendall(frame(HEADERS, 4, stream, status) + frame(DATA, 1, stream, b"ok"))
            except OSError:
                return
            self.served += 1
            self.end(stream, "A", number)

    def call(self, stream, path, number):
        """A call of gRPC: /grpc/Watch streams messages until the signal, /grpc/Say has one message. With `grpc-half` those of /grpc/Say that
        end after the signal, on a connection from before it, have no status."""
        literal = lambda name, value: b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
        head = b"\x88" + literal(b"content-type", b"application/grpc")
        message = frame(DATA, 0, stream, b"\0\0\0\0\2ok")
        stopped = stopping.is_set()
        code, mark = b"0", "A"
        with self.lock:
            if stopped and MODE == "grpc-unavailable":
                # Trailers alone.
                self.sock.sendall(frame(HEADERS, 5, stream, head + literal(b"grpc-status", b"14")))
                return self.end(stream, "E", number)
            self.sock.sendall(frame(HEADERS, 4, stream, head) + message)
        while path == "/grpc/Watch" and not stopping.is_set():
            time.sleep(0.02)
            with self.lock:
                self.sock.sendall(message)
        with self.lock:
            cut = path == "/grpc/Say" and stopping.is_set() and not self.after_stop and MODE == "grpc-half"
            if cut or path == "/grpc/Watch" and not stopped and MODE == "grpc-no-status":
                self.sock.sendall(frame(DATA, 1, stream))
                return self.end(stream, "L", number)
            if path == "/grpc/Watch" and not stopped and MODE == "grpc-unavailable":
                code, mark = b"14", "E"
            self.sock.sendall(frame(HEADERS, 5, stream, literal(b"grpc-status", code)))
            self.served += 1
            self.end(stream, mark, number)

    def stream(self, stream, headers, messages):
        """A call that streams messages: /grpc/Import answers the last one, /grpc/Sync each."""
        path, number = headers[":path"], headers.get("x-ebbtide-request")
        answers, was_open, mute = path == "/grpc/Sync", False, False
        literal = lambda name, value: b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
        head = frame(HEADERS, 4, stream, b"\x88" + literal(b"content-type", b"application/grpc"))
        message = frame(DATA, 0, stream, b"\0\0\0\0\2ok")
        begun = stopping.is_set()
        with self.lock:
            if answers:
                self.sock.sendall(head)
        while True:
            ended, payload = messages.get()
            if stopping.is_set() and not begun and not was_open:
                was_open = True
                with spoiling:
                    spoiled[0] += 1
                    mute = spoiled[0] <= COUNT
            with self.lock:
                if mute and MODE == "calls-reset":
                    self.sock.sendall(frame(RST, 0, stream, struct.pack(">I", 2)))
                    return self.end(stream, "L", number)
                if mute and MODE == "calls-cut":
                    self.end(stream, "L", number)
                    # Within a message.
                    self.sock.sendall(message[:-1] if answers else head[:-2])
                    return self.sock.shutdown(socket.SHUT_RDWR)
                if payload and answers and not (mute and MODE == "calls-mute"):
                    self.sock.sendall(message)
                # A service that ends its calls at the signal.
                over = ended or MODE == "calls-ended" and was_open
                over = over or mute
                if not over:
                    continue
            if mute and MODE == "calls-mute":
                time.sleep(0.6)
            with self.lock:
                if not answers:
                    self.sock.sendall(head + message)
                if mute and MODE == "calls-no-status":
                    self.sock.sendall(frame(DATA, 1, stream))
                    return self.end(stream, "L", number)
                self.sock.sendall(frame(HEADERS, 5, stream, literal(b"grpc-status", b"0")))
                self.served += 1
                return self.end(stream, "L" if mute and MODE == "calls-mute" else "A", number)

    def request(self, stream, headers, body):
        with self.lock:
            number = headers.get("x-ebbtide-request")
            if self.goaway is not None and stream > self.goaway:
                return self.note("U", number)
            self.note("R", number)
            self.in_flight[stream] = number
        threading.Thread(target=self.answer, args=(stream, headers, body), daemon=True).start()

    def serve(self):
        self.sock.sendall(frame(SETTINGS, 0, 0))
        if self.take(len(PREFACE)) != PREFACE:
            raise Gone
        while True:
            head = self.take(9)
            payload = self.take(int.from_bytes(head[:3], "big"))
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
            if kind == HEADERS:
                self.highest = max(self.highest, stream)
                self.streams[stream] = [flags & 1, payload, b""]
            elif kind == CONTINUATION and stream in self.streams:
                self.streams[stream][1] += payload
            elif kind == DATA and payload:
                with self.lock:
                    more = struct.pack(">I", len(payload))
                    self.sock.sendall(frame(UPDATE, 0, 0, more) + (b"" if flags & 1 else frame(UPDATE, 0, stream, more)))
            elif kind == SETTINGS and not flags & 1:
                with self.lock:
                    self.sock.sendall(frame(SETTINGS, 1, 0))
            elif kind == RST:
                with self.lock:
                    self.in_flight.pop(stream, None)
            elif kind == GOAWAY and not self.in_flight and not self.streams:
                raise Gone
            calls = self.calls
            if stream in calls and kind == DATA:
                calls[stream].put((flags & 1, payload))
                continue
            if kind in (HEADERS, CONTINUATION) and flags & 4:
                block = self.streams[stream][1]
                path = fields(block)[":path"]
                if path in ("/grpc/Import", "/grpc/Sync"):
                    headers, calls[stream] = fields(self.streams.pop(stream)[1]), queue.Queue()
                    assert headers["te"] == "trailers" and headers["content-type"] == "application/grpc", headers
                    with self.lock:
                        if self.goaway is not None and stream > self.goaway:
                            self.note("U", headers.get("x-ebbtide-request"))
                            continue
                        self.note("R", headers.get("x-ebbtide-request"))
                        self.in_flight[stream] = headers.get("x-ebbtide-request")
                    run = lambda s=stream, h=headers: self.stream(s, h, calls[s])
                    threading.Thread(target=run, daemon=True).start()
                    continue
            known = self.streams.get(stream)
            if known and kind in (HEADERS, CONTINUATION, DATA):
                known[0] = known[0] or flags & 1 if kind == DATA else known[0]
                known[2] += payload if kind == DATA else b""
                if kind in (HEADERS, CONTINUATION) and flags & 4:
                    known[1] = fields(known[1])
                if known[0] and isinstance(known[1], dict):
                    self.request(stream, *self.streams.pop(stream)[1:])

    def close(self):
        # Lingering: a reset would destroy an answer on its way.
        try:
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.settimeout(0.3)
            while self.sock.recv(65536):
                pass
        except OSError:
            pass
        self.sock.close()


def serve(sock):
    if is_tcp(sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls:
        try:
            sock = tls.wrap_socket(sock, server_side=True)
        except OSError:
            return sock.close()
    conn = Conn(sock)
    try:
        conn.serve()
    except (Gone, OSError):
        pass
    conn.close()


handlers = []


def is_tcp(sock):
    return sock.family == socket.AF_INET


def listen(port):
    listener = socket.socket(socket.AF_INET if isinstance(port, int) else socket.AF_UNIX)
    if is_tcp(listener):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port = ("127.0.0.1", port)
    listener.bind(port)
    listener.listen(1024)
    return listener


def refuse_new(listener):
    """From now on new connections are refused; those in the queue are still accepted."""
    if is_tcp(listener):
        listener.setsockopt(socket.IPPROTO_IP, IP_MINTTL, 255)
    else:
        os.unlink(listener.getsockname())


def accept(wait):
    if not select.select([listener], [], [], wait)[0]:
        return False
    sock, _ = listener.accept()
    if is_tcp(sock):
        sock.setsockopt(socket.IPPROTO_IP, IP_MINTTL, 0)
    handler = threading.Thread(target=serve, args=(sock,), daemon=True)
    handler.start()
    handlers.append(handler)
    return True


signal.signal(signal.SIGTERM, lambda *_: stopping.set())
listener = listen(PORT)
while not stopping.is_set():
    accept(0.05)
end_of_duck = time.monotonic() + LAME_DUCK
while time.monotonic() < end_of_duck:
    accept(0.01)
refuse_new(listener)
while accept(0.1):
    pass
listener.close()
for handler in handlers:
    handler.join()
os._exit(0)
