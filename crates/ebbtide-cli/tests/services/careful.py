"""A Python service that stops without loss: standard library only.

On SIGTERM readiness turns red and every answer says `Connection: close`; after a lame duck the kernel is told to drop
new SYNs (IP_MINTTL = 255 on the listening socket), the accept queue is emptied, and only then is the listener closed.
"""
import select, signal, socket, sys, threading, time

IP_MINTTL = 21
stopping = threading.Event()
busy = threading.Semaphore(0)
handlers = []


def serve(conn):
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    read = b""
    while True:
        while b"\r\n\r\n" not in read:
            chunk = conn.recv(65536)
            if not chunk:
                conn.close()
                return
            read += chunk
        head, read = read.split(b"\r\n\r\n", 1)
        path = head.split(b" ", 2)[1].decode()
        if path.startswith("/slow/"):
            time.sleep(int(path[6:]) / 1000)
        red = path == "/readyz" and stopping.is_set()
        close = stopping.is_set() or b"connection: close" in head.lower()
        status = "503 Service Unavailable" if red else "200 OK"
        conn.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n{'Connection: close' if close else 'X: y'}\r\n\r\nok".encode())
        if close:
            # Close lingering: a reset would destroy the answer on its way.
            conn.shutdown(socket.SHUT_WR)
            conn.settimeout(0.5)
            try:
                while conn.recv(65536):
                    pass
            except OSError:
                pass
            conn.close()
            return


def accept(listener, wait):
    if not select.select([listener], [], [], wait)[0]:
        return False
    conn, _ = listener.accept()
    conn.setsockopt(socket.IPPROTO_IP, IP_MINTTL, 0)
    handler = threading.Thread(target=serve, args=(conn,))
    handler.start()
    handlers.append(handler)
    return True


listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(1024)
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
while not stopping.is_set():
    accept(listener, 0.05)
    handlers = [handler for handler in handlers if handler.is_alive()]
end = time.monotonic() + 0.5
while time.monotonic() < end:
    accept(listener, 0.01)
listener.setsockopt(socket.IPPROTO_IP, IP_MINTTL, 255)
while accept(listener, 0.1):
    pass
listener.close()
for handler in handlers:
    handler.join()
