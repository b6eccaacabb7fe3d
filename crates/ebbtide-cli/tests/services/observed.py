"""The careful service, which stops without loss, with something that can be observed from outside.

    observed.py PORT [MODE...]

Each mode does what its function says before the start of careful.py, or at the signal (`...-late`). `tidy` removes every file
at the end, `lines` prints many lines then, and `cut` loses the last ones.
"""
import os, runpy, signal, socket, sys, tempfile, threading, traceback

kept = []
made = []


def mentions():
    """Prints what looks like a stack trace, and is none of the shutdown."""
    try:
        raise RuntimeError("at the start")
    except RuntimeError:
        traceback.print_exc()


def mentions_late():
    print('{"level":"info","msg":"Traceback (most recent call last):"}\npanic: the button was pressed', flush=True)


def traceback_late():
    raise RuntimeError("pool is closed")


def memory():
    kept.append(b"x" * (200 << 20))


def threads():
    for _ in range(150):
        threading.Thread(target=threading.Event().wait, daemon=True).start()


def files():
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(os.path.join(os.getcwd(), "app.sock"))
    unix.listen()
    temporary = tempfile.gettempdir()
    for path in ("app.lock", "data.db", os.path.join(temporary, "app.log"), os.path.join(temporary, "spool")):
        kept.append(open(path, "w"))
        made.append(path)
    with open("app.pid", "w") as pid:
        pid.write(str(os.getpid()))
    kept.append(unix)
    made.extend(["app.sock", "app.pid"])


BEFORE = {"mentions": mentions, "memory": memory, "threads": threads, "files": files}
LATE = {"mentions-late": mentions_late, "traceback-late": traceback_late, "memory-late": memory, "threads-late": threads}
modes = sys.argv[2:]
for mode in modes:
    BEFORE.get(mode, lambda: None)()


def at_signal():
    for mode in modes:
        if mode in LATE:
            # One after the other: lines of two would be mixed.
            thread = threading.Thread(target=LATE[mode])
            thread.start()
            thread.join()


register = signal.signal
signal.signal = lambda number, handler: register(number, lambda *given: (handler(*given), at_signal()))
runpy.run_path(os.path.join(os.path.dirname(__file__), "careful.py"))
if "tidy" in modes:
    for path in made:
        os.remove(path)
if "lines" in modes or "cut" in modes:
    lines = b"a line of fifteen\n" * 1000
    # In C, a buffer is written as a whole, and what is in the last one is lost by a crash.
    os.write(1, lines[:8192] if "cut" in modes else lines)
