"""Runs one program of a suite, and prints what it took as one line of JSON. The request is the only argument, as JSON, too."""
import importlib
import json
import os
import runpy
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def cpu_time():
    """The CPU time of this process and of those that it waited for."""
    try:
        import resource
    except ImportError:
        return time.process_time()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def peak():
    """The most memory that this process had, in bytes; 0 where the kernel does not say."""
    try:
        with open("/proc/self/status") as lines:
            for line in lines:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0


class WrongResult(Exception):
    """A workload computes something else than it must."""


class Meter:
    """Measures what a request asks for: each part of a program with the loops that are known for it, else with as many as take the
    time that is asked for."""

    def __init__(self, request):
        self.request, self.parts = request, []

    def measure(self, name, call):
        """call(loops) returns the CPU time and the time that so many loops took."""
        loops = self.request["loops"].get(name, 0)
        if self.request["loops"] and not loops:
            raise RuntimeError("the program has a part %r that it did not have before" % name)
        if not loops:
            loops = self.calibrate(call)
        values = [call(loops) for _ in range(self.request["values"])]
        self.parts.append({"name": name, "loops": loops, "cpu": [cpu / loops for cpu, _ in values], "wall": [wall / loops for _, wall in values]})

    def calibrate(self, call):
        loops = 1
        while True:
            cpu, wall = call(loops)
            took = max(cpu, wall / 4)  # a busy machine makes the time long, and waiting makes the CPU time short
            if took >= self.request["seconds"] * 0.7 or loops >= 1 << 30:
                return loops
            loops = max(loops + 1, int(loops * min(self.request["seconds"] / max(took, 1e-9), 10)))


def workload(meter, name):
    """Runs a workload of pyimg's own suite."""
    sys.path.append(HERE)
    module = importlib.import_module("workloads." + name)
    data = (module.setup(),) if hasattr(module, "setup") else ()
    if hasattr(module, "measure"):
        return meter.measure(name, lambda loops: module.measure(loops, *data))
    run = module.run

    def call(loops):
        cpu, begin = time.process_time(), time.perf_counter()
        for _ in range(loops):
            run(*data)
        return time.process_time() - cpu, time.perf_counter() - begin

    for _ in range(2):  # the second time with what the interpreter learned in the first
        found = run(*data)
        if found != module.EXPECTED:
            raise WrongResult("%s: the result is %r, expected %r" % (name, found, module.EXPECTED))
    meter.measure(name, call)


def script(meter, path, args):
    """Runs a script that was written for pyperf, with the stand-in for it."""
    sys.path[0] = os.path.dirname(path)
    sys.path[1:1] = [os.path.join(HERE, "standin")]
    import pyperf
    pyperf.use(meter, cpu_time)
    sys.argv = [path] + args
    runpy.run_path(path, run_name="__main__")


def main():
    request = json.loads(sys.argv[1])
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a program prints is no answer
    if request["processor"] >= 0 and hasattr(os, "sched_setaffinity"):
        try:
            os.sched_setaffinity(0, {request["processor"]})
        except OSError:
            pass
    meter = Meter(request)
    reply = {"python": "%d.%d.%d" % sys.version_info[:3], "implementation": sys.implementation.name, "parts": meter.parts}
    try:
        if request["script"]:
            script(meter, request["script"], request["args"])
        else:
            workload(meter, request["program"])
    except WrongResult as error:
        reply["wrong"] = str(error)[:1000]
    except SystemExit as error:
        if error.code:
            reply["failed"] = "it ended with %s" % str(error)[:1000]
    except BaseException as error:
        reply["failed"] = ("%s: %s" % (type(error).__name__, error))[:1000]
    reply["peak"] = peak()
    answer.write(json.dumps(reply) + "\n")
    answer.flush()
    os._exit(0)  # threads and clean-up of a program are not waited for


main()
