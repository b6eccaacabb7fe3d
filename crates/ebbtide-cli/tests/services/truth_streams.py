"""A service with WebSockets, server-sent events and downloads that keeps its own record of how each ended. Standard library only.

    truth_streams.py PORT MODE COUNT

Each stream that is open at SIGTERM ends well, except the first COUNT, which end as MODE says. It appends a line to the file $TRUTH
for each of them: `W number` if it ended well, `L number detail` if not. The detail is the number of messages without an echo, or of
the bytes of the body that were sent.
"""
import base64, hashlib, os, select, signal, socket, ssl, struct, sys, threading, time

IP_MINTTL = 21
# With $TLS_CERT and $TLS_KEY it serves over TLS.
tls = None
if os.environ.get("TLS_CERT"):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(os.environ["TLS_CERT"], os.environ["TLS_KEY"])
    tls.set_alpn_protocols(["http/1.1"])
# The port on 127.0.0.1, or the path of a Unix socket.
PORT = int(sys.argv[1]) if sys.argv[1].isdigit() else sys.argv[1]
MODE, COUNT = sys.argv[2], int(sys.argv[3])
# QUIET: how long a connection without a request stays open after the signal.
LAME_DUCK, QUIET = 0.3, 2
DOWNLOAD = 8 << 20
truth = os.open(os.environ["TRUTH"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
stopping = threading.Event()
lock, spoiled = threading.Lock(), [0]


def note(mark, number, detail=0):
    os.write(truth, f"{mark} {number} {detail}\n".encode())


def spoils(kind):
    """Whether this stream, which was open at the signal, is one of those that do not end well."""
    if not MODE.startswith(kind):
        return False
    with lock:
        spoiled[0] += 1
        return spoiled[0] <= COUNT


class Gone(Exception):
    pass


class Conn:
    def __init__(self, sock):
        self.sock, self.read = sock, b""

    def readable(self, wait):
        return bool(self.read) or tls and self.sock.pending() or bool(select.select([self.sock], [], [], wait)[0])

    def more(self):
        chunk = self.sock.recv(65536)
        if not chunk:
            raise Gone
        self.read += chunk

    def take(self, length):
        while len(self.read) < length:
            self.more()
        taken, self.read = self.read[:length], self.read[length:]
        return taken

    def request(self):
        quiet = time.monotonic()
        while b"\r\n\r\n" not in self.read:
            if not self.read and not self.readable(0.05):
                if stopping.is_set() and time.monotonic() - max(quiet, stopped[0]) > QUIET:
                    raise Gone
                continue
            self.more()
        head, self.read = self.read.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        method, path, _ = lines[0].split(" ")
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        if "expect" not in headers:
            self.take(int(headers.get("content-length", "0")))
        return path, headers

    def close(self):
        # Lingering: a reset would destroy what is on its way.
        try:
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.settimeout(2)
            while self.sock.recv(65536):
                pass
        except OSError:
            pass
        self.sock.close()


def frame(opcode, payload):
    return bytes([0x80 | opcode, len(payload)]) + payload


def websocket(conn, headers, number):
    key = headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
    open_before = not stopping.is_set()
    conn.sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                      + f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode() + frame(9, b"are you there"))
    conn.sock.sendall(frame(1, b"welcome"))
    pongs, missed, mute, count = 0, 0, False, 0
    code, until = 1001, 0
    while True:
        if stopping.is_set() and not mute:
            if open_before and spoils("websocket"):
                if MODE == "websocket-cut":
                    # What it has read is answered, and what it has not is lost.
                    while conn.readable(0):
                        conn.take(4 + conn.take(2)[1] % 128)
                        missed += 1
                    note("L", number, missed)
                    return
                mute, until = True, time.monotonic() + 0.6
                if MODE == "websocket-1011":
                    code, until = 1011, 0
            else:
                break
        if mute and time.monotonic() >= until and (missed or code != 1001):
            break
        if not conn.readable(0.02):
            continue
        first, length = conn.take(2)
        assert length & 0x80 and length & 0x7f < 126, "a short masked frame"
        mask, payload = conn.take(4), conn.take(length & 0x7f)
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        if first & 15 == 10:
            assert payload == b"are you there"
            pongs += 1
        elif first & 15 == 1 and mute and code == 1001:
            missed += 1
            until = time.monotonic() + 0.6
        elif first & 15 == 1:
            count += 1
            assert payload == f"ebbtide {number}.{count}".encode(), payload
            # In two frames, as a server may.
            conn.sock.sendall(bytes([0x01, 7]) + payload[:7] + frame(0, payload[7:]))
        else:
            raise Gone
    assert pongs or not count, "a ping is answered"
    if missed or code != 1001:
        note("L", number, missed)
    elif open_before:
        note("W", number)
    conn.sock.sendall(frame(8, struct.pack(">H", code)))
    # Messages that cross the close frame on their way come first.
    while conn.take(1)[0] & 15 != 8:
        conn.take(4 + conn.take(1)[0] % 128)


def chunk(data):
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def events(conn, headers, number):
    assert headers["accept"] == "text/event-stream", headers
    open_before = not stopping.is_set()
    conn.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                      b"Transfer-Encoding: chunked\r\n\r\n")
    sent = 0
    while not stopping.is_set():
        sent += 1
        conn.sock.sendall(chunk(b": ping\n" if sent % 5 == 0 else f"id: {sent}\ndata: tick\n\n".encode()))
        time.sleep(0.01)
    if open_before and spoils("events"):
        note("L", number)
        if MODE == "events-cut":
            conn.sock.sendall(b"400\r\ndata: half an ev")
            return
        if MODE == "events-half":
            conn.sock.sendall(chunk(b"data: half an event\n") + b"0\r\n\r\n")
            return
        # Whole events, and no last chunk.
        conn.sock.sendall(chunk(b"data: last\n\n"))
        return
    if open_before:
        note("W", number)
    conn.sock.sendall(chunk(b"event: bye\ndata: last\n\n") + b"0\r\n\r\n")


def download(conn, headers, number):
    open_before = not stopping.is_set()
    conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    conn.sock.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {DOWNLOAD}\r\n\r\n".encode())
    sent, part, was_asked = 0, b"x" * 16384, False
    while sent < DOWNLOAD:
        conn.sock.sendall(part)
        sent += len(part)
        if stopping.is_set() and open_before and not was_asked:
            was_asked = True
            if sent < DOWNLOAD and spoils("download"):
                return note("L", number, sent)
    if was_asked:
        note("W", number)


def upload(conn, headers, number):
    open_before = not stopping.is_set()
    time.sleep(0.02)
    assert not conn.read, "a body that was not asked for"
    if MODE != "upload-unasked":
        conn.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    length, taken, was_asked = int(headers["content-length"]), 0, False
    while taken < length:
        if conn.readable(0.01):
            conn.more()
            taken, conn.read = taken + len(conn.read), b""
        if stopping.is_set() and open_before and not was_asked and taken < length:
            was_asked = True
            if spoils("upload-cut"):
                return note("L", number, taken)
    if was_asked:
        note("W", number)
    conn.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")


def serve(sock):
    if is_tcp(sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls:
        try:
            sock = tls.wrap_socket(sock, server_side=True)
        except OSError:
            return sock.close()
    conn = Conn(sock)
    kinds = {"/chat": websocket, "/events": events, "/download": download, "/upload": upload}
    try:
        while True:
            path, headers = conn.request()
            # A phase is held on /upload as well, without the announcement.
            if path in kinds and (path != "/upload" or "expect" in headers):
                kinds[path](conn, headers, headers["x-ebbtide-request"])
                break
            stop = stopping.is_set()
            status = "503 Service Unavailable" if stop and path == "/readyz" else "200 OK"
            close = stop or headers.get("connection", "") == "close"
            conn.sock.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n"
                              f"Connection: {'close' if close else 'keep-alive'}\r\n\r\nok".encode())
            if close:
                break
    except (Gone, OSError):
        pass
    conn.close()


stopped, handlers = [0.0], []


def on_signal(*_):
    stopped[0] = time.monotonic()
    stopping.set()


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


signal.signal(signal.SIGTERM, on_signal)
listener = listen(PORT)
while not stopping.is_set():
    accept(0.05)
end_of_duck = time.monotonic() + LAME_DUCK
while time.monotonic() < end_of_duck:
    accept(0.01)
# New connections are refused before the queue is emptied.
refuse_new(listener)
while accept(0.1):
    pass
listener.close()
for handler in handlers:
    handler.join()
os._exit(0)
