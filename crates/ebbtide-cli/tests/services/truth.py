"""A service that keeps its own record of what it did, for the tests of the verdict. Standard library only.

    truth.py PORT MODE [SECOND_PORT]

It appends a line to the file $TRUTH for each request that has a number: `R number` when the request was read whole,
`A number` when its answer was written whole (or its connection's upgrade). What it does badly, MODE says; `perfect` stops
without loss: on SIGTERM readiness turns red, every answer says `Connection: close`, and after a lame duck the kernel is told
to drop new SYNs (IP_MINTTL on the listening socket; a Unix socket is removed), the accept queue is emptied, and only then is the
listener closed. PORT is a port on 127.0.0.1, or the path of a Unix socket.
"""
import contextlib, os, select, signal, socket, ssl, subprocess, sys, threading, time

IP_MINTTL = 21
# With $TLS_CERT and $TLS_KEY it serves over TLS.
tls = None
if os.environ.get("TLS_CERT"):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(os.environ["TLS_CERT"], os.environ["TLS_KEY"])
    tls.set_alpn_protocols(["http/1.1"])
# The port on 127.0.0.1, or the path of a Unix socket.
PORT = int(sys.argv[1]) if sys.argv[1].isdigit() else sys.argv[1]
MODE = sys.argv[2]
SECOND = int(sys.argv[3]) if len(sys.argv) > 3 else None
# A poll of liveness that began before the signal is none after it: the next one has to find the listener open.
LAME_DUCK, QUIET = 1.5 if MODE == "liveness-hangs" else 0.3, 0.5
truth = os.open(os.environ["TRUTH"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
stopping = threading.Event()
# Held while an answer's last bytes and its line in the record are written: the process ends between two answers, not within.
writing = threading.Lock()
counter, looks, waits = [0], [0], [0]
slots = threading.Lock()


def is_(*modes):
    return MODE in modes


def end(code):
    with writing:
        os._exit(code)


class Gone(Exception):
    pass


def crosses():
    """Whether the close of an idle connection crosses the next request on its way, as it does to one in sixteen."""
    with slots:
        waits[0] += 1
        return waits[0] % 16 == 4


class Conn:
    def __init__(self, sock):
        self.sock, self.read, self.served = sock, b"", 0

    def more(self):
        # A kept connection that stays quiet long after the signal is closed; nothing is on its way then.
        while True:
            if tls and self.sock.pending() or select.select([self.sock], [], [], 0.05)[0]:
                break
            if not self.read and stopping.is_set() and time.monotonic() - max(self.since, stopped[0]) > QUIET:
                raise Gone
            if is_("closes-halves") and self.read and not stopping.is_set() and time.monotonic() - self.since > 0.1:
                raise Gone
        if is_("idle-timeout") and self.served > 1 and not self.read and crosses():
            raise Gone
        chunk = self.sock.recv(65536)
        if not chunk:
            raise Gone
        self.read += chunk

    def request(self):
        self.since = time.monotonic()
        while b"\r\n\r\n" not in self.read:
            self.more()
        head, self.read = self.read.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        method, path, version = lines[0].split(" ")
        if version == "HTTP/2.0" and is_("answers-the-preface"):
            self.sock.sendall(b"HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Length: 0\r\n\r\n")
        if version != "HTTP/1.1":
            raise Gone
        headers = {}
        for name, value in (line.split(":", 1) for line in lines[1:]):
            earlier = headers.get(name.lower())
            headers[name.lower()] = f"{earlier}, {value.strip()}" if earlier else value.strip()
        length = int(headers.get("content-length", "0"))
        while len(self.read) < length:
            self.more()
        self.body, self.read = self.read[:length], self.read[length:]
        self.served += 1
        number = headers.get("x-ebbtide-request")
        if number:
            os.write(truth, f"R {number}\n".encode())
        return method, path, headers, number

    def send(self, data):
        self.sock.sendall(data)

    def finish(self, data, number):
        """The last bytes of an answer."""
        with writing:
            self.sock.sendall(data)
            if number:
                os.write(truth, f"A {number}\n".encode())

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


stopped = [0.0]


def as_wanted(method, headers, body):
    """Whether a request is as the clients of a particular service send it: its readiness probe has no body."""
    if (headers.get("host"), headers.get("x-tenant")) != ("shop.example.org", "a, b"):
        return False
    sent = (headers.get("content-type"), body)
    return sent == ("application/json", b'{"name": "pen"}') if method != "GET" else sent == (None, b"")


def twice(path):
    """Whether a response after the signal is one of the first that are sent twice, on a connection that is kept."""
    with slots:
        waits[0] += is_("answers-twice-late") and path == "/"
        return 0 < waits[0] <= 3 and path == "/"


def answer(conn, method, path, headers, number):
    """Answers one request; returns whether the connection is kept."""
    stop = stopping.is_set()
    close = headers.get("connection", "").lower() == "close" or (stop and not is_("keeps-connections") and not twice(path))
    status, body, more = "200 OK", b"ok", ""
    if is_("particular") and not as_wanted(method, headers, conn.body):
        conn.finish(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", number)
        return True
    if is_("gets-only") and method != "GET":
        conn.finish(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n", number)
        return not close
    # Readiness.
    if path == "/readyz" or is_("health-aliases") and path in ("/health", "/healthz"):
        looks[0] += 1
        if is_("hints", "hints-then-cut"):
            conn.send(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")
        if is_("open-readiness"):
            conn.finish(b"HTTP/1.1 200 OK\r\n\r\nready", number)
            time.sleep(2)
            return False
        if is_("redirecting-readiness") and not stop:
            status, more = "301 Moved Permanently", "Location: /elsewhere\r\n"
        elif is_("flaps") and stop and time.monotonic() - stopped[0] > 0.1:
            # Green again, long before the listener closes.
            pass
        elif (stop and not is_("stays-green")) or (is_("red-before") and looks[0] > 2):
            fails = is_("readiness-500")
            status, body = "500 Internal Server Error" if fails else "503 Service Unavailable", b"stopping"
    elif path == "/livez" and stop and is_("liveness-red"):
        status, body = "503 Service Unavailable", b"stopping"
    elif path == "/livez" and stop and is_("liveness-hangs"):
        # The process waits for the handler.
        time.sleep(2.5)
        raise Gone
    elif path == "/livez" and stop and is_("liveness-dropped"):
        raise Gone
    elif path == "/livez" and is_("liveness-missing"):
        status, body = "404 Not Found", b"no such page"
    else:
        # The handlers of a runtime with one thread: what one blocks, all wait for.
        with slots if is_("blocks") else contextlib.nullcontext():
            if path.startswith("/slow/"):
                wait = int(path[6:].split("?")[0]) / 1000
                if is_("cancels-slow"):
                    stopping.wait(wait)
                else:
                    time.sleep(wait)
                stop = stopping.is_set()
                if is_("cancels-slow") and stop:
                    body = b'{"error": "cancelled"}'
        if is_("hundred-a-second"):
            with slots:
                time.sleep(0.01)
        if path.startswith("/status/"):
            status = path[8:] + " As Asked"
        if is_("status-page") and path == "/status":
            # The state of the service, which the shutdown changes.
            body = b"draining" if stop else b"ok"
        elif is_("status-page") and not path.startswith("/slow/"):
            status, body = "404 Not Found", b"no such page"
        if path == "/" and is_("no-root", "only-readiness"):
            status, body = "404 Not Found", b"no such page"
        if is_("only-readiness") or is_("health-aliases") and path in ("/", "/ping"):
            status, body = "404 Not Found", b"no such page"
        if is_("broken") and counter[0] % 2 == 0:
            status, body = "500 Internal Server Error", b"oops"
        if is_("some-errors", "some-errors-then-all") and counter[0] % 20 == 0:
            status, body = "500 Internal Server Error", b"oops"
        if stop and is_("some-errors-then-all"):
            status, body = "500 Internal Server Error", b"oops"
        if stop and is_("all-404"):
            status, body = "404 Not Found", b"no route"
        if stop and is_("all-429"):
            status, body = "429 Too Many Requests", b"slow down"
        if stop and is_("all-302"):
            status, body, more = "302 Found", b"", "Location: /maintenance\r\n"
        if stop and is_("all-empty"):
            body = b""
        if stop and is_("other-page"):
            body = b"<h1>maintenance</h1>"
        if stop and is_("other-word"):
            body = b"no"
        if stop and is_("refuses-503"):
            status, body, more = "503 Service Unavailable", b"stopping", "Retry-After: 1\r\n"
        if is_("dynamic", "dynamic-json", "other-type"):
            body = f'{{"count": {counter[0]}, "now": {time.time()}}}'.encode()
        if is_("dynamic-json", "other-type"):
            more = f"Content-Type: {'text/html' if stop and is_('other-type') else 'application/json'}\r\n"
        if stop and (is_("unanswered") or is_("drops-posts") and method == "POST"):
            raise Gone
        if stop and is_("reset"):
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            conn.sock.close()
            raise Gone
        if is_("drops-some") and number and path == "/":
            # One in twenty, whatever the state of the service and of the connection.
            with slots:
                waits[0] += 1
                if waits[0] % 20 == 0:
                    raise Gone
        if not number and is_("misses-some"):
            pass
        elif not stop and is_("misses-some") and path == "/" and waits[0] < 2:
            # Two requests before the signal, whatever it is that they miss.
            waits[0] += 1
            raise Gone
        if stop and is_("half-head"):
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Le")
            raise Gone
        if stop and is_("half-body"):
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf")
            raise Gone
        if stop and is_("garbage"):
            conn.send(b"\x15\x03\x01\x00\x02\x02\x16")
            raise Gone
        if is_("hints", "hints-then-cut"):
            conn.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")
            if stop and is_("hints-then-cut"):
                raise Gone
        counter[0] += 1
        if is_("trailers", "chunks-cut"):
            conn.send(f"HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n"
                      f"{'Connection: close' if close else 'X: y'}\r\n\r\n2\r\nok\r\n".encode())
            if stop and is_("chunks-cut"):
                raise Gone
            conn.finish(b"0\r\nChecksum: 1\r\n\r\n", number)
            return not close
        if is_("close-delimited", "close-delimited-cut", "close-delimited-varying"):
            body = b"0123456789" * (counter[0] % 7 + 3 if is_("close-delimited-varying") else 10)
            conn.send(b"HTTP/1.1 200 OK\r\n\r\n" + body[:15])
            time.sleep(0.01)
            if stop and is_("close-delimited-cut"):
                raise Gone
            conn.finish(body[15:], number)
            return False
    if is_("grpc") or is_("grpc-routes") and path != "/readyz":
        # As a gRPC server answers any path over HTTP/1.
        status, body, more = "200 OK", b"", "Content-Type: application/grpc\r\nGrpc-Status: 12\r\n"
    if method == "HEAD":
        conn.finish(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n"
                    f"{'Connection: close' if close else 'X: y'}\r\n{more}\r\n".encode(), number)
        return not close
    conn.finish(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n"
                f"{'Connection: close' if close else 'X: y'}\r\n{more}\r\n".encode() + body, number)
    if is_("answers-twice", "answers-twice-late") and not close and (stop or is_("answers-twice")):
        conn.send(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    return not close


def serve(sock, on_second=False):
    if is_tcp(sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls:
        try:
            sock = tls.wrap_socket(sock, server_side=True)
        except OSError:
            return sock.close()
    conn = Conn(sock)
    try:
        if stopping.is_set() and is_("accepts-and-closes") and not on_second:
            raise Gone
        while True:
            if not answer(conn, *conn.request()):
                break
    except (Gone, OSError, ValueError):
        pass
    conn.close()


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


handlers = []

PARENT, stalls = os.getppid(), []


def stall(listener):
    """Stops the process of the clients, as a machine does that has no time for it, between the handshake of a connection and its first byte.
    After a while the connection is closed. It does so to several: one may be that of the readiness probe."""
    deadline = time.monotonic() + 4
    while len(stalls) < 4 and time.monotonic() < deadline:
        if not select.select([listener], [], [], 0.01)[0]:
            continue
        os.kill(PARENT, signal.SIGSTOP)
        try:
            sock, _ = listener.accept()
            if not select.select([sock], [], [], 0.2)[0]:
                stalls.append(sock.close())
                continue
        finally:
            os.kill(PARENT, signal.SIGCONT)
        handlers.append(threading.Thread(target=serve, args=(sock,), daemon=True))
        handlers[-1].start()


def accept(listener, wait, on_second=False):
    if not select.select([listener], [], [], wait)[0]:
        return False
    sock, _ = listener.accept()
    if is_tcp(sock):
        sock.setsockopt(socket.IPPROTO_IP, IP_MINTTL, 0)
    if is_("one-at-a-time", "one-at-a-time-cut"):
        serve(sock)
        return True
    handler = threading.Thread(target=serve, args=(sock, on_second), daemon=True)
    handler.start()
    handlers.append(handler)
    return True


def on_signal(*_):
    stopped[0] = time.monotonic()
    stopping.set()


def raise_again(*_):
    """As Node does in a program that has no handler of its own."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)


def wait_for_the_signal():
    """As `tini -s` and its like: neither caught nor blocked in /proc while it waits."""
    while not stopping.is_set():
        if signal.sigtimedwait([signal.SIGTERM], 0.05):
            on_signal()


def accept_all(listener, on_second=False):
    while not stopping.is_set():
        accept(listener, 0.05, on_second)


def close_well(listener):
    refuse_new(listener)
    while accept(listener, 0.1):
        pass
    listener.close()


if is_("stdin"):
    sys.stdin.read()
    sys.exit(0)
if is_("daemon"):
    if os.fork():
        os._exit(0)
    time.sleep(30)
if is_("on-ipv6"):
    listener = socket.socket(socket.AF_INET6)
    listener.bind(("::1", PORT))
    listener.listen(8)
    time.sleep(30)
if is_("on-unix"):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.environ["TRUTH"] + ".sock")
    listener.listen(8)
    time.sleep(30)
if is_("tls"):
    listener = listen(PORT)
    while True:
        sock, _ = listener.accept()
        sock.recv(65536)
        sock.sendall(b"\x15\x03\x01\x00\x02\x02\x16")
        sock.close()
if is_("http2"):
    listener = listen(PORT)
    while True:
        sock, _ = listener.accept()
        sock.recv(65536)
        sock.sendall(b"\0\0\0\4\0\0\0\0\0")
        sock.close()
if is_("grandchildren"):
    subprocess.Popen(["sleep", "61.9"], start_new_session=True)
    subprocess.Popen(["sh", "-c", "sleep 61.9"])
if is_("worker-outlives"):
    # The parent ends at the signal; its child goes on serving.
    child = os.fork()
    if child:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        while True:
            time.sleep(1)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
elif is_("worker-drains"):
    # The parent ends at the signal, which its child gets too and stops well at, later.
    LAME_DUCK = 2.5
    if os.fork():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        while True:
            time.sleep(1)
    signal.signal(signal.SIGTERM, on_signal)
elif is_("worker-lingers"):
    # The parent ends at the signal; its child goes on serving for a moment.
    parent = os.getpid()
    if os.fork():
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        while True:
            time.sleep(1)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def linger():
        while os.getppid() == parent:
            time.sleep(0.001)
        time.sleep(0.06)
        end(0)

    threading.Thread(target=linger, daemon=True).start()
elif is_("ignores"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
elif is_("no-handler"):
    pass
elif is_("ends-at-the-second"):
    def first(*_):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        on_signal()

    signal.signal(signal.SIGTERM, first)
elif is_("starts-slowly"):
    time.sleep(61)
elif is_("ignores-at-start"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(61)
elif is_("fails-at-start"):
    signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
    time.sleep(61)
elif is_("worker-obeys"):
    # The parent ends at the signal; its child serves, and ends at a signal of its own.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if os.fork():
        while True:
            time.sleep(1)
elif is_("raises-at-once"):
    signal.signal(signal.SIGTERM, raise_again)
elif is_("exits-143-at-once"):
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
elif is_("sigwait"):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
else:
    signal.signal(signal.SIGTERM, on_signal)

listener = listen(PORT)
if SECOND:
    second = listen(SECOND)
    threading.Thread(target=accept_all, args=(second, True), daemon=True).start()
if is_("sigwait"):
    threading.Thread(target=accept_all, args=(listener,), daemon=True).start()
    wait_for_the_signal()
else:
    accept_all(listener)
if is_("exits-at-once"):
    end(0)
if is_("misses-some"):
    time.sleep(0.2)
    end(0)
if is_("one-at-a-time-cut"):
    # What it had not accepted yet is lost.
    time.sleep(1)
    end(0)
if is_("closes-at-once"):
    time.sleep(0.2)
    listener.close()
    # What was accepted is served; what the kernel had accepted alone is not.
    for handler in handlers:
        handler.join()
    end(0)
if is_("closes-first"):
    # The listener first, and in order; what is open is served to its end.
    close_well(listener)
    for handler in handlers:
        handler.join()
    end(0)
if is_("health-closes-first"):
    second.close()
if is_("stops-its-client"):
    stall(listener)
end_of_duck = time.monotonic() + LAME_DUCK
while time.monotonic() < end_of_duck:
    accept(listener, 0.01)
if is_("stuck"):
    while True:
        accept(listener, 0.05)
if is_("reopens"):
    close_well(listener)
    time.sleep(0.1)
    listener = listen(PORT)
    again = time.monotonic() + 0.4
    while time.monotonic() < again:
        accept(listener, 0.01)
close_well(listener)
for handler in handlers:
    handler.join()
if is_("exits-143"):
    end(143)
if is_("raises-again"):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)
end(0)
