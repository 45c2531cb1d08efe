"""Stands in for pyperf, so that scripts written for it run unchanged: it measures where pyperf would start processes, and hands
what it measured to the worker. It has what such scripts use, and is written for pyimg."""
import argparse
import sys
import time

_meter, _cpu_time = None, time.process_time


def use(meter, cpu_time):
    """Says who gets what is measured, and how CPU time is read."""
    global _meter, _cpu_time
    _meter, _cpu_time = meter, cpu_time


class _Span(float):
    """A number of seconds that knows the CPU time of the same span."""

    def __new__(cls, seconds, cpu):
        self = super().__new__(cls, seconds)
        self.cpu = cpu
        return self

    def __add__(self, other):
        return _Span(float(self) + float(other), self.cpu + getattr(other, "cpu", 0.0))

    __radd__ = __add__

    def __sub__(self, other):
        return _Span(float(self) - float(other), self.cpu - getattr(other, "cpu", 0.0))


def perf_counter():
    return _Span(time.perf_counter(), _cpu_time())


def python_implementation():
    return sys.implementation.name



class Runner:
    def __init__(self, values=None, processes=None, loops=0, min_time=0.1, metadata=None, show_name=True, program_args=None,
                 add_cmdline_args=None, _argparser=None, warmups=1, hooks=None):
        self.metadata, self.args = dict(metadata or {}), None
        self.argparser = _argparser or argparse.ArgumentParser()

    def parse_args(self, args=None):
        if self.args is None or args is not None:
            self.args = self.argparser.parse_args(args)
        return self.args

    def _measure(self, name, call, inner_loops=None):
        """call(loops) returns the seconds that so many loops took."""
        self.parse_args()
        if inner_loops is None:
            inner_loops = 1

        def measured(loops):
            begin = perf_counter()
            took = call(loops)
            whole = perf_counter() - begin
            cpu = getattr(took, "cpu", None)
            if cpu is None:  # the script read another clock: its part of the whole call
                cpu = whole.cpu * min(float(took) / float(whole), 1.0)
            return cpu / inner_loops, float(took) / inner_loops

        measured(1)  # what runs for the first time is slower
        _meter.measure(name, measured)

    def bench_time_func(self, name, time_func, *args, inner_loops=None, metadata=None):
        self._measure(name, lambda loops: time_func(loops, *args), inner_loops)

    def bench_func(self, name, func, *args, inner_loops=None, metadata=None):
        def call(loops):
            begin = perf_counter()
            for _ in range(loops):
                func(*args)
            return perf_counter() - begin

        self._measure(name, call, inner_loops)

    def bench_async_func(self, name, func, *args, inner_loops=None, metadata=None, loop_factory=None):
        import asyncio

        async def main(loops):
            begin = perf_counter()
            for _ in range(loops):
                await func(*args)
            return perf_counter() - begin

        def call(loops):
            loop = (loop_factory or asyncio.new_event_loop)()
            try:
                asyncio.set_event_loop(loop)
                return loop.run_until_complete(main(loops))
            finally:
                asyncio.set_event_loop(None)
                loop.close()

        self._measure(name, call, inner_loops)

    def bench_command(self, name, command):
        import subprocess

        def call(loops):
            begin = perf_counter()
            for _ in range(loops):
                subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
            return perf_counter() - begin

        self._measure(name, call)

    def timeit(self, name, stmt=None, setup="pass", teardown="pass", inner_loops=None, duplicate=None, metadata=None, globals=None):
        space = dict(globals or {})
        exec(setup, space)
        code = compile(name if stmt is None else stmt, "<timeit>", "exec")

        def call(loops):
            begin = perf_counter()
            for _ in range(loops):
                exec(code, space)
            return perf_counter() - begin

        self._measure(name, call, inner_loops)
