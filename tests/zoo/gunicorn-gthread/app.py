"""A WSGI application without a framework."""
import time


def app(environ, start_response):
    environ["wsgi.input"].read()
    path = environ["PATH_INFO"]
    if path.startswith("/slow/"):
        time.sleep(int(path[6:]) / 1000)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
