"""Stages that hand work on: threads, queues, locks, sockets, selectors, context variables."""

import contextvars
import queue
import selectors
import socket
import threading

tag = contextvars.ContextVar("tag", default=0)


def stage(source, sink, work):
    while (item := source.get()) is not None:
        sink.put(work(item))
    sink.put(None)


def stages(n):
    first, second, third = queue.Queue(50), queue.Queue(50), queue.SimpleQueue()
    threads = [threading.Thread(target=stage, args=(first, second, lambda x: x * 3)),
               threading.Thread(target=stage, args=(second, third, lambda x: x + tag.get()))]
    for t in threads:
        t.start()
    for i in range(n):
        first.put(i)
    first.put(None)
    for t in threads:
        t.join()
    out = []
    while (item := third.get()) is not None:
        out.append(item)
    return out


def echo(n):
    left, right = socket.socketpair()
    with left, right, selectors.DefaultSelector() as watch:
        left.setblocking(False)
        right.setblocking(False)
        watch.register(right, selectors.EVENT_READ)
        received = 0
        for i in range(n):
            left.send(i.to_bytes(4, "big") * 20)
            for key, _ in watch.select(1):
                received += len(key.fileobj.recv(4096))
    return received


def main():
    assert stages(6000) == [i * 3 for i in range(6000)]
    assert echo(5000) == 5000 * 80


main()
