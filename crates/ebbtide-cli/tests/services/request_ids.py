"""A service that stops well but for a fixed number of requests, and logs the x-request-id of those that it reads.

    request_ids.py PORT logs|logs-at-the-end|silent DROPPED UNREAD

After the signal it closes the connections of DROPPED requests that it has read, and of UNREAD new connections on which a request has arrived that
it does not read. It appends a line to the file $TRUTH for each: `D number` or `U number`.
"""
import os, re, signal, socket, sys, threading

PORT, MODE = int(sys.argv[1]), sys.argv[2]
left = {"D": int(sys.argv[3]), "U": int(sys.argv[4])}
truth = os.open(os.environ["TRUTH"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
stopping, lock = threading.Event(), threading.Lock()
handlers = []


def takes(mark, head):
    """Whether the request is one of those that are lost: a plain one of the load, which has a number."""
    number = re.search(rb"\r\nx-ebbtide-request: (\d+)\r\n", head)
    with lock:
        if not stopping.is_set() or not number or not head.startswith(b"GET / ") or not left[mark]:
            return False
        left[mark] -= 1
        os.write(truth, mark.encode() + b" " + number[1] + b"\n")
        return True


def log(head):
    found = re.search(rb"\r\nx-request-id: (\S+)\r\n", head)
    if found and MODE != "silent":
        os.write(1, b'{"level":"info","request_id":"' + found[1] + b'"}\n')


def serve(conn):
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peeked = b""
    while stopping.is_set() and b"\r\n\r\n" not in peeked:
        more = conn.recv(65536, socket.MSG_PEEK)
        if not more:
            return conn.close()
        peeked = more
    if takes("U", peeked):
        return conn.close()
    read = b""
    while True:
        while b"\r\n\r\n" not in read:
            chunk = conn.recv(65536)
            if not chunk:
                return conn.close()
            read += chunk
        head, read = read.split(b"\r\n\r\n", 1)
        head += b"\r\n"
        if MODE == "logs":
            log(head)
        if takes("D", head):
            return conn.close()
        path = head.split(b" ", 2)[1]
        status = b"503 Service Unavailable" if path == b"/readyz" and stopping.is_set() else b"200 OK"
        close = stopping.is_set() or b"connection: close" in head.lower()
        if MODE != "logs":
            log(head)
        conn.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n" + (b"Connection: close" if close else b"X: y") + b"\r\n\r\nok")
        if close:
            # A reset would destroy the answer on its way.
            conn.shutdown(socket.SHUT_WR)
            conn.settimeout(0.5)
            try:
                while conn.recv(65536):
                    pass
            except OSError:
                pass
            return conn.close()


def served(conn):
    try:
        serve(conn)
    except OSError:
        conn.close()


def accept(listener, wait):
    listener.settimeout(wait)
    try:
        conn, _ = listener.accept()
    except OSError:
        return False
    conn.settimeout(None)
    conn.setsockopt(socket.IPPROTO_IP, 21, 0)
    handlers.append(threading.Thread(target=served, args=(conn,)))
    handlers[-1].start()
    return True


listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", PORT))
listener.listen(1024)
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
while not stopping.is_set():
    accept(listener, 0.05)
# Until every loss has happened; the clients go on sending.
while any(left.values()):
    accept(listener, 0.05)
# As careful.py: no new SYN (IP_MINTTL), the accept queue, and then the listener.
listener.setsockopt(socket.IPPROTO_IP, 21, 255)
while accept(listener, 0.1):
    pass
listener.close()
for handler in handlers:
    handler.join()
