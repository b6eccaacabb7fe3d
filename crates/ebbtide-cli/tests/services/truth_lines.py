"""A service that answers lines over TCP and keeps its own record of each. Standard library only.

    truth_lines.py PORT MODE COUNT

It echoes each line; with the mode `plain` it answers `OK`. A line is `WORD NUMBER` or, for `plain`, any. It appends to the file $TRUTH
`A number` for a line that was answered, and `L number` for one of the first COUNT lines that were read after SIGTERM, which end as MODE
says. The others are answered together with the end of their connection, so that no line is on its way when it ends. PORT is a port on
127.0.0.1, or the path of a Unix socket.
"""
import os, select, signal, socket, ssl, struct, sys, threading, time

# With $TLS_CERT and $TLS_KEY it serves over TLS.
tls = None
if os.environ.get("TLS_CERT"):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(os.environ["TLS_CERT"], os.environ["TLS_KEY"])

IP_MINTTL, LAME_DUCK = 21, 0.4
PORT = int(sys.argv[1]) if sys.argv[1].isdigit() else sys.argv[1]
MODE, COUNT = sys.argv[2], int(sys.argv[3])
truth = os.open(os.environ["TRUTH"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
stopping = threading.Event()
lock, spoiled, handlers = threading.Lock(), [0], []


def spoils():
    if not stopping.is_set():
        return False
    with lock:
        spoiled[0] += 1
        return spoiled[0] <= COUNT


def note(mark, line):
    number = line.split(b" ")[-1].strip().decode()
    if number.isdigit():
        os.write(truth, f"{mark} {int(number)}\n".encode())


def serve(sock):
    if is_tcp(sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if MODE.startswith("turns-away") and spoils():
        if MODE == "turns-away-telling":
            sock.sendall(b"ERR stopping\n")
        return sock.close()
    if tls:
        sock = tls.wrap_socket(sock, server_side=True)
    if MODE == "greets":
        sock.sendall(b"220 ready\r\n")
    read = b""
    while True:
        while b"\n" not in read:
            if MODE == "drops-halves" and read and stopping.is_set():
                with lock:
                    spoiled[0] += 1
                note("H", b" ")
                return sock.close()
            if not (tls and sock.pending()) and not select.select([sock], [], [], 0.02)[0]:
                continue
            chunk = sock.recv(65536)
            if not chunk:
                return sock.close()
            read += chunk
        line, read = read.split(b"\n", 1)
        if MODE == "ignores-others" and not line.split(b" ")[-1].strip().isdigit():
            continue
        answer = (b"OK" if MODE.startswith("plain") else line) + b"\n"
        if MODE == "broadcasts":
            sock.sendall(b"news for all\n" + b"and more")
            answer = b" news\n" + answer
        if MODE not in ("turns-away", "turns-away-telling", "drops-halves") and spoils():
            note("L", line)
            if MODE in ("half", "plain-half"):
                sock.sendall(answer[:-1])
            if MODE in ("error", "plain-error", "error-stays"):
                sock.sendall(b"ERR stopping\n")
            if MODE == "error-stays":
                while sock.recv(65536):
                    pass
            if MODE == "mute":
                while sock.recv(65536):
                    pass
            if MODE == "reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return sock.close()
        note("A", line)
        if not stopping.is_set():
            sock.sendall(answer)
            continue
        if tls or not is_tcp(sock) or MODE == "closes-behind":
            sock.sendall(answer)
            return sock.close()
        # One segment has the answer and the end.
        sock.send(answer, socket.MSG_MORE)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass
        return sock.close()


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

    def run():
        try:
            serve(sock)
        except OSError:
            sock.close()

    handlers.append(threading.Thread(target=run, daemon=True))
    handlers[-1].start()
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
