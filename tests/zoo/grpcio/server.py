"""A gRPC server that echoes after 100 ms. The argument is the grace of `server.stop` in seconds; without one it is `None`."""
import os
import signal
import sys
import threading
import time
from concurrent import futures

import grpc


def echo(request, context):
    time.sleep(0.1)
    return request


stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
calls = {"Say": grpc.unary_unary_rpc_method_handler(echo)}
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("zoo.Echo", calls),))
server.add_insecure_port(f"127.0.0.1:{os.environ['PORT']}")
server.start()
stopped.wait()
server.stop(float(sys.argv[1]) if len(sys.argv) > 1 else None).wait()
