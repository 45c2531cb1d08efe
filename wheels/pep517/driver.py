"""Runs in the builder: unpacks an sdist, calls the hooks of its backend, and writes the result to stdout.

The first line of the result is JSON: {"wheel": NAME, "size": N}, and then the wheel's N bytes; {"requires": [...]}, or {"error": TEXT}.
What the hooks print goes to stderr. Where only bytecode is asked for, the result is a tar of it.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

WORK = "/tmp/build"
BYTECODE = "/tmp/bytecode"
HOOK = "/build/in/hook.py"


def unpack(sdist):
    os.makedirs(WORK)
    if sdist.endswith(".zip"):
        with zipfile.ZipFile(sdist) as z:
            z.extractall(WORK)
    else:
        with tarfile.open(sdist) as t:
            t.extractall(WORK, filter="data")


def patch(source, patches):
    if patches and not shutil.which("patch"):
        raise SystemExit("its patches need the program patch, which the builder does not have: add the package patch to builder.packages")
    for p in patches:
        with open(p, "rb") as text:
            done = subprocess.run(["patch", "-p1", "-N"], stdin=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=source)
        said = done.stdout.decode(errors="replace")
        sys.stderr.write(said)
        if done.returncode:
            raise SystemExit("the patch " + os.path.basename(p).partition("-")[2] + " does not apply" + where(said))


def where(said):
    """The first place of the sdist at which a patch does not apply, from what GNU's or busybox's patch said."""
    file = ""
    for line in said.splitlines():
        if found := re.match(r"(?:checking|patching) file (?:'([^']+)'|(\S+))", line):
            file = found[1] or found[2]
        if found := re.search(r"[Hh]unk #?(\d+) (?:FAILED|ignored)(?: at (\d+))?", line):
            return ": " + file + (":" + found[2] if found[2] else "") + ": its hunk " + found[1] + " finds other lines there"
        if "can't find file to patch" in line or "No such file" in line:
            return ": it is for a file that the sdist does not have; the names in it begin with one folder, as in a/setup.py"
    return ""


def call(request, hook, *arguments):
    """Calls one hook in a process of its own, as pypa/build does: backends may name the parameters as they like."""
    result = "/tmp/result-" + hook
    task = {"hook": hook, "arguments": arguments, "result": result, "backend": request["backend"],
            "path": [os.path.join(request["source"], p) for p in request.get("backend_path") or []]}
    code = subprocess.run([request["python"], HOOK, json.dumps(task)], cwd=request["source"], stdin=subprocess.DEVNULL).returncode
    if code:
        raise SystemExit("the hook " + hook + " of " + request["backend"] + " ended with code " + str(code))
    with open(result) as f:
        return json.load(f)


def bytecode(request, out):
    """Builds a project of nothing but a name, so that Python compiles what builds import, and writes that to BYTECODE."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE")
    os.environ["PYTHONPYCACHEPREFIX"] = BYTECODE
    subprocess.run([sys.executable, "-S", "-c", "import sys; sys.path.append('/build/in'); import driver"])
    request["source"] = WORK
    os.makedirs(WORK + "/nothing")
    with open(WORK + "/pyproject.toml", "w") as f:
        f.write('[project]\nname = "nothing"\nversion = "0"\ndescription = "nothing"\n')
    with open(WORK + "/nothing/__init__.py", "w") as f:
        f.write('"""Nothing."""\n')
    try:
        os.mkdir("/tmp/wheel")
        call(request, "get_requires_for_build_wheel", None)
        call(request, "build_wheel", "/tmp/wheel", None, None)
    except SystemExit as e:
        print(e, file=sys.stderr)  # it has compiled something, and what is left takes longer
    with tarfile.open(fileobj=out, mode="w|") as t:
        for folder, folders, files in os.walk(BYTECODE):
            folders.sort()
            for name in sorted(files):
                t.add(os.path.join(folder, name), os.path.relpath(os.path.join(folder, "__pycache__", name), BYTECODE))


def main(out):
    with open("/build/in/request.json") as f:
        request = json.load(f)
    os.makedirs(os.environ["HOME"], exist_ok=True)
    if request.get("bytecode"):
        bytecode(request, out)
        return
    unpack(request["sdist"])
    request["source"] = os.path.join(WORK, request["folder"])
    patch(request["source"], request.get("patches") or [])
    settings = request.get("settings") or None
    wanted = call(request, "get_requires_for_build_wheel", settings)
    if request.get("ask_only") or not set(wanted) <= set(request.get("granted") or []):
        out.write(json.dumps({"requires": wanted}).encode() + b"\n")
        return
    folder = "/tmp/wheel"
    os.mkdir(folder)
    name = call(request, "build_wheel", folder, settings, None)
    found = [n for n in os.listdir(folder) if n.endswith(".whl")]
    if found != [name]:
        raise SystemExit("the backend says that it made %r, and made %r: expected exactly one wheel" % (name, found))
    path = os.path.join(folder, name)
    if os.path.islink(path) or not os.path.isfile(path):
        raise SystemExit("the backend made no file but something else, " + repr(name))
    out.write(json.dumps({"wheel": name, "size": os.path.getsize(path)}).encode() + b"\n")
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            out.write(block)


if __name__ == "__main__":
    result = os.fdopen(os.dup(1), "wb")  # hooks do not inherit it
    os.dup2(2, 1)
    try:
        main(result)
    except SystemExit as e:
        result.write(json.dumps({"error": str(e.code)}).encode() + b"\n")
    except Exception as e:
        result.write(json.dumps({"error": type(e).__name__ + ": " + str(e)}).encode() + b"\n")
    result.flush()
