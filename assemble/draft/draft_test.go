package draft_test

import (
	"context"
	"fmt"
	"log"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pyimg/pyimg/assemble/draft"
	"github.com/pyimg/pyimg/assemble/spec"
)

// folder makes a folder of names and texts in turn.
func folder(files ...string) fstest.MapFS {
	out := make(fstest.MapFS)
	for i := 0; i < len(files); i += 2 {
		out[files[i]] = &fstest.MapFile{Data: []byte(files[i+1]), Mode: 0o644}
	}
	return out
}

// make returns the spec of a folder, and its notes, a line each.
func makeSpec(t *testing.T, f fstest.MapFS) (spec.Spec, string, string) {
	t.Helper()
	d, err := draft.Make(t.Context(), f, draft.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := spec.Parse("pyimg.yaml", d.Text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, d.Text)
	}
	var notes strings.Builder
	for _, n := range d.Notes {
		fmt.Fprintln(&notes, n)
	}
	return s, string(d.Text), notes.String()
}

// TestDockerfiles looks at what single lines become: a text in the spec, a text in the notes, or neither.
func TestDockerfiles(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, dockerfile string
		in               []string // of the spec
		notes            []string // of the notes; none: nothing is noted
	}{
		{"from", "FROM docker.io/library/python:3.12.4-slim-bookworm", []string{"base-python:3.12-alpine3.24"}, nil},
		{"from a branch", "FROM python:3.13-alpine3.22", []string{"branch: v3.22", "base-python:3.13-alpine3.22"}, nil},
		{"from an old branch", "FROM python:3.13-alpine3.19", []string{"branch: v3.22  # the project has v3.19"}, nil},
		{"from an old Python", "FROM python:3.9", []string{"base-python:3.12", "Python 3.9 is past its end"}, []string{"Dockerfile:1: Python 3.9: not taken over: nobody makes this version for musl"}},
		{"from Python 3.11", "FROM python:3.11", []string{"standalone:3.11"}, nil},
		{"from without a tag", "FROM python", []string{"base-python:3.14"}, nil},
		{"from a digest", "FROM python:3.13@sha256:" + strings.Repeat("a", 64), []string{"base-python:3.13"}, nil},
		{"from alpine", "FROM alpine:3.21\nRUN apk add python3 py3-pip py3-requests", []string{"branch: v3.21", "{source: apk}", "py3-requests"}, nil},
		{"from alpine without Python", "FROM alpine:3.22\nRUN apk add curl", []string{"branch: v3.22", "curl"}, nil},
		{"from uv", "FROM ghcr.io/astral-sh/uv:python3.12-bookworm-slim", []string{"base-python:3.12"}, nil},
		{"from another", "FROM registry.example.com/team/base:1", []string{"base-python"}, []string{"Dockerfile:1: FROM registry.example.com/team/base:1: not taken over: nobody here knows what is in it"}},
		{"from another of Alpine", "FROM registry.example.com/base:1-alpine", []string{"base: image:registry.example.com/base:1-alpine"}, nil},
		{"from a variable", "ARG TAG=3.13-slim\nFROM python:${TAG}", []string{"base-python:3.13"}, nil},
		{"from a stage", "FROM python:3.12 AS a\nENV A=1\nFROM a\nENV B=$A", []string{"base-python:3.12", "A: 1", "B: 1"}, nil},
		{"platform", "FROM --platform=linux/arm64 python:3.13", []string{"platforms: [linux/arm64]"}, nil},
		{"unknown variable", "ARG X\nFROM python:3.13\nARG Y\nENV A=$Y", nil, []string{"Dockerfile:4: ENV A=$Y: not taken over: its variable has a value only when the image is built"}},
		{"apk", "FROM python:3.13-alpine\nRUN apk add --no-cache -t .b gcc && apk add 'curl>8' libffi-dev && apk del .b", []string{`"curl>8"`}, nil},
		{"apt", "FROM python:3.13\nRUN apt-get update && apt-get install -y --no-install-recommends libpq5 gcc zlib1g && rm -rf /var/lib/apt/lists/*", []string{"libpq  # for libpq5", "zlib  # for zlib1g"}, nil},
		{"pip of a name", "FROM python:3.13\nRUN pip install --upgrade pip setuptools && pip install flask", nil, []string{"Dockerfile:2: flask: not taken over: pyimg takes Python packages from a lock"}},
		{"pip of a missing file", "FROM python:3.13\nRUN pip install -r other.txt", nil, []string{"there is no other.txt here"}},
		{"shell form", "FROM python:3.13\nCMD exec gunicorn $X app", []string{`cmd: [/bin/sh, "-c", "exec gunicorn $X app"]`}, nil},
		{"SHELL", "FROM python:3.13\nSHELL [\"/bin/ash\", \"-eo\", \"pipefail\", \"-c\"]\nCMD a", []string{`cmd: [/bin/ash, "-eo", pipefail, "-c", a]`}, nil},
		{"uv run", "FROM python:3.13\nCMD [\"uv\", \"run\", \"--frozen\", \"app\"]", []string{"cmd: [app]"}, nil},
		{"python", "FROM python:3.13\nENTRYPOINT [\"python\", \"-m\", \"app\"]\nCMD [\"x\"]", []string{`entrypoint: [python3, "-m", app]`, "cmd: [x]"}, nil},
		{"entry point resets the command", "FROM python:3.13\nCMD [\"x\"]\nENTRYPOINT [\"y\"]", []string{"entrypoint: [y]\n"}, nil},
		{"user without an account", "FROM python:3.13\nUSER app", []string{"{name: app, uid: 1000}  # the Dockerfile does not say"}, nil},
		{"user by number", "FROM python:3.13\nUSER 1000:1000", []string{"user: 1000:1000"}, nil},
		{"user of Alpine", "FROM python:3.13\nUSER nobody", []string{"user: nobody"}, nil},
		{"debian's adduser", "FROM python:3.13\nRUN adduser --disabled-password --gecos '' --uid 5 --home /srv a", []string{"{name: a, uid: 5, home: /srv}"}, nil},
		{"ports", "FROM python:3.13\nENV PORT=80\nEXPOSE $PORT 53/udp", []string{"ports: [80, 53/udp]"}, nil},
		{"a range of ports", "FROM python:3.13\nEXPOSE 80-90", nil, []string{"Dockerfile:2: EXPOSE 80-90: not taken over"}},
		{"volume, signal, label", "FROM python:3.13\nVOLUME [\"/a\", \"/b\"]\nSTOPSIGNAL SIGINT\nLABEL a.b=\"c d\"\nMAINTAINER me", []string{"volumes: [/a, /b]", "stop_signal: SIGINT", `a.b: "c d"`, "authors: me"}, nil},
		{"venv in PATH", "FROM python:3.13\nENV VIRTUAL_ENV=/opt/venv\nENV PATH=\"$VIRTUAL_ENV/bin:$PATH\"", nil, nil},
		{"PATH", "FROM python:3.13\nENV PATH=\"/srv/bin:$PATH\"", []string{"PATH: /srv/bin:/usr/local/sbin:"}, nil},
		{"copy", "FROM python:3.13\nWORKDIR /srv\nCOPY --chmod=755 run.sh .\nCOPY pkg pkg\nCOPY run.sh /bin/run", []string{"{from: run.sh, to: /srv/, mode: 0755}", "{from: pkg, to: /srv/pkg,", "{from: run.sh, to: /bin/run}"}, nil},
		{"copy of what is not there", "FROM python:3.13\nCOPY dist /srv", nil, []string{"Dockerfile:2: COPY dist /srv: not taken over: there is no dist here"}},
		{"copy from an image", "FROM python:3.13\nCOPY --from=nginx:1 /etc/nginx /etc/nginx", nil, []string{"the image nginx:1 makes it"}},
		{"copy of uv", "FROM python:3.13\nCOPY --from=ghcr.io/astral-sh/uv:latest /uv /bin/uv", nil, nil},
		{"add", "FROM python:3.13\nADD https://example.com/x /x\nADD a.tar.gz /", nil, []string{"fetches no files of an image from a URL", "there is no a.tar.gz"}},
		{"chmod", "FROM python:3.13\nCOPY run.sh /run.sh\nRUN chmod +x /run.sh", []string{"{from: run.sh, to: /run.sh, mode: 0755}"}, nil},
		{"heredoc", "FROM python:3.13\nRUN <<EOF\napk add curl\nmake all\nEOF", []string{"curl"}, []string{"Dockerfile:4: make all: not taken over"}},
		{"a condition", "FROM python:3.13\nRUN if true; then pip install x; fi", nil, []string{"Dockerfile:2: if true; then pip install x; fi: not taken over"}},
		{"onbuild", "FROM python:3.13\nONBUILD RUN x", nil, []string{"ONBUILD RUN x"}},
		{"healthcheck", "FROM python:3.13\nHEALTHCHECK --interval=5s --retries=2 CMD [\"python\", \"x\"]", []string{"test: [CMD, python3, x]", "interval: 5s", "retries: 2"}, nil},
		{"healthcheck of a shell", "FROM python:3.13\nHEALTHCHECK CMD curl -f x || exit 1", []string{"test: [CMD-SHELL, \"curl -f x || exit 1\"]"}, nil},
		{"no healthcheck", "FROM python:3.13\nHEALTHCHECK NONE", []string{"healthcheck: none"}, nil},
		{"an unknown version", "FROM python:3.13\nARG P\nRUN pip install poetry==$P && pip install flask==$P && apk add x=$P", nil, []string{"3: flask==$P: not taken over: its variable", "3: x=$P: not taken over: its variable"}},
		{"poetry's own script", "FROM python:3.13\nRUN curl -sSL https://install.python-poetry.org | python3 -", nil, nil},
		{"a virtual environment", "FROM python:3.13\nRUN python -m venv /v && . /v/bin/activate && apk add curl", []string{"curl"}, nil},
		{"another stage's files", "FROM python:3.13 AS b\nWORKDIR /w\nCOPY pkg lib/pkg\nRUN make\nFROM python:3.13\nCOPY --from=b /w /srv", []string{"{from: pkg, to: /srv/lib/pkg,"}, nil},
		{"braces", "FROM python:3.13\nRUN mkdir -p /a/{b,c} && usermod -aG x y", []string{"path: /a/b", "path: /a/c"}, []string{"usermod -aG x y"}},
		{"uv run alone", "FROM python:3.13\nENTRYPOINT [\"poetry\", \"run\"]\nCMD [\"x\"]", []string{"image:\n  cmd: [x]"}, nil},
		{"nonsense", "FROM python:3.13\nRUNN x", nil, []string{"Dockerfile:2: RUNN x: not taken over: this is no instruction"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, text, notes := makeSpec(t, folder("Dockerfile", test.dockerfile, "run.sh", "", "pkg/__init__.py", ""))
			for _, want := range test.in {
				if !strings.Contains(text, want) {
					t.Errorf("the spec has no %q:\n%s", want, text)
				}
			}
			for _, want := range test.notes {
				if !strings.Contains(notes, want) {
					t.Errorf("the notes have no %q:\n%s", want, notes)
				}
			}
			if len(test.notes) == 0 && notes != "" {
				t.Errorf("noted:\n%s", notes)
			}
		})
	}
}

// TestProjects looks at folders without a Dockerfile.
func TestProjects(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		folder fstest.MapFS
		in     []string
		notes  []string
	}{
		{"nothing", folder(), []string{"Nothing was found", "cmd: [python3]"}, nil},
		{"no Python", folder("README.md", ""), []string{"Nothing was found", "cmd: [python3]"}, nil},
		{"a module", folder("app/__init__.py", "", "app/__main__.py", ""), []string{`cmd: [python3, "-m", app]`, "Made of the modules"}, nil},
		{"several scripts", folder("a.py", "", "b.py", ""), []string{"cmd: [python3]"}, []string{"no file says how the application starts"}},
		{"FastAPI", folder("main.py", "from fastapi import FastAPI\napi = FastAPI()\n"), []string{"cmd: [uvicorn, main:api,", "ports: [8000]"}, nil},
		{"Django", folder("manage.py", "", "shop/__init__.py", "", "shop/wsgi.py", "", "requirements.txt", "Django==5.1\ngunicorn==22.0.0\n"), []string{`cmd: [gunicorn, shop.wsgi:application, "--bind", 0.0.0.0:8000]`, "ports: [8000]"}, nil},
		{"Django alone", folder("manage.py", "", "shop/__init__.py", "", "shop/wsgi.py", "", "requirements.txt", "Django==5.1\n"), []string{"cmd: [python3, /app/manage.py, runserver, 0.0.0.0:8000]"}, nil},
		{"a project's own script", folder("pyproject.toml", "[project]\nname='my-svc'\n[project.scripts]\nmy-svc='my_svc.cli:app.run'\n", "src/my_svc/__init__.py", "", "src/my_svc/cli.py", "",
			"Dockerfile", "FROM python:3.13\nWORKDIR /app\nCOPY . .\nRUN pip install .\nCMD [\"my-svc\", \"--all\"]\n"), []string{`from my_svc.cli import app; sys.exit(app.run())", "--all"]  # the script my-svc, which is not installed`}, nil},
		{"folders of projects", folder("api/Dockerfile", "FROM python\n", "web/requirements.txt", ""), []string{"Nothing was found"}, []string{"api, web: not taken over: each folder with a project has a spec of its own; \"pyimg init api\""}},
		{"another name", folder("Dockerfile.prod", "FROM python\n"), []string{"Nothing was found"}, []string{"\"pyimg init --from Dockerfile.prod\" takes this one"}},
		{"the same note twice", folder("Dockerfile", "FROM python:3.13\nEXPOSE 80-82 90-92\n"), nil, []string{"EXPOSE"}},
		{"a version", folder(".python-version", "3.12.3\n", "main.py", ""), []string{"base-python:3.12"}, nil},
		{"dependencies without a lock", folder("pyproject.toml", "[project]\nname='a'\ndependencies=['b']\n", "a/__init__.py", ""), []string{"#  lock: uv.lock"}, []string{"its dependencies (b) have no lock"}},
		{"requirements with hashes", folder("requirements.txt", "a==1 --hash=sha256:"+strings.Repeat("a", 64)+"\n", "main.py", ""), []string{"requirements: [requirements.txt]", "https://pypi.org/simple/"}, nil},
		{"requirements of an index", folder("requirements.txt", "a==1\n", "main.py", "", "pyproject.toml", "[[tool.uv.index]]\nurl='https://me:secret@i.example/simple'\n"), []string{"wheels: [https://i.example/simple, https://pypi.org/simple/]"}, []string{"~/.netrc"}},
		{"an index instead of the public one", folder("requirements.txt", "a==1\n", "main.py", "", "pyproject.toml", "[[tool.uv.index]]\nurl='https://i.example/simple'\ndefault=true\n"), []string{"wheels: [https://i.example/simple]"}, nil},
		{"indexes in requirements", folder("requirements.txt", "--index-url https://me:secret@i.example/simple\n--extra-index-url https://j.example/simple?token=secret\n-f wheels\na==1\n", "wheels/x", "", "main.py", ""),
			[]string{"wheels: [wheels, https://i.example/simple, https://j.example/simple]"}, []string{"~/.netrc", "holds no query"}},
		{"a token in an index", folder("requirements.txt", "-i https://secret@i.example/simple?secret\na==1\n", "main.py", ""), []string{"wheels: [https://i.example/simple]"}, []string{"https://i.example/simple: not taken over: a spec holds no password"}},
		{"an index that cannot be named", folder("requirements.txt", "-i https://${USER}:secret@i.example/simple\na==1\n", "main.py", ""), []string{"wheels: [https://pypi.org/simple/]"}, []string{"its URL is not a plain one"}},
		{"an option without a value", folder("Dockerfile", "FROM python:3.13\nARG INDEX=\nCOPY requirements.txt .\nRUN pip install -i \"$INDEX\" -r requirements.txt\nCMD [\"a\"]\n", "requirements.txt", "a==1\n"), []string{"wheels: [https://pypi.org/simple/]"}, nil},
		{"folders of the image alone", folder("Dockerfile", "FROM python:3.13\nCOPY vendor/wheels /wheels\nCOPY requirements.txt .\nRUN pip install --no-index --find-links=/wheels -r requirements.txt\nCMD [\"a\"]\n", "requirements.txt", "a==1\n", "vendor/wheels/a.whl", ""), []string{"wheels: [vendor/wheels]"}, nil},
		{"a folder beside the requirements", folder("requirements.txt", "-r r/base.txt\n", "r/base.txt", "--no-index\n-f wheels\na==1\n", "r/wheels/a.whl", "", "main.py", ""), []string{"wheels: [r/wheels]"}, nil},
		{"no such folder", folder("requirements.txt", "--no-index\n-f nowhere\na==1\n", "main.py", ""), []string{"wheels: [https://pypi.org/simple/]"}, []string{"the folder of packages: nowhere: not taken over: there is no such folder here"}},
		{"a page of links", folder("requirements.txt", "-f https://secret@h.example/torch.html\na==1\n", "main.py", ""), []string{"wheels: [https://pypi.org/simple/]"}, []string{"https://h.example/torch.html: not taken over: it is no index"}},
		{"no place at all", folder("requirements.txt", "--no-index\na==1\n", "main.py", ""), []string{"wheels: [https://pypi.org/simple/]"}, []string{"--no-index: not taken over: no folder of wheels is named"}},
		{"the last index counts", folder("Dockerfile", "FROM python:3.13\nARG PIP_INDEX_URL=https://arg.example/\nENV PIP_INDEX_URL=https://env.example/\nCOPY requirements.txt .\nRUN pip install -i https://i.example/simple -r requirements.txt\nCMD [\"a\"]\n", "requirements.txt", "a==1\n"), []string{"wheels: [https://i.example/simple]"}, nil},
		{"uv's indexes", folder("requirements.txt", "a==1\n", "main.py", "", "pyproject.toml", "[[tool.uv.index]]\nurl='https://d.example/simple'\ndefault=true\n[[tool.uv.index]]\nurl='https://n.example/simple'\n[[tool.uv.index]]\nurl='https://e.example/simple'\nexplicit=true\n"),
			[]string{"wheels: [https://n.example/simple, https://d.example/simple]"}, []string{"https://e.example/simple: not taken over: the project asks it for single packages alone"}},
		{"poetry's sources", folder("requirements.txt", "a==1\n", "main.py", "", "pyproject.toml", "[[tool.poetry.source]]\nname='PyPI'\npriority='primary'\n[[tool.poetry.source]]\nname='x'\nurl='https://i.example/simple'\n"), []string{"wheels: [https://pypi.org/simple/, https://i.example/simple]"}, nil},
		{"poetry's supplemental source", folder("requirements.txt", "a==1\n", "main.py", "", "pyproject.toml", "[[tool.poetry.source]]\nname='x'\nurl='https://i.example/simple'\npriority='supplemental'\n"), []string{"wheels: [https://pypi.org/simple/, https://i.example/simple]"}, nil},
		{"the public index twice", folder("requirements.txt", "--extra-index-url https://pypi.org/simple\na==1\n", "main.py", ""), []string{"wheels: [https://pypi.org/simple]"}, nil},
		{"quoted passwords", folder("Dockerfile", "FROM python:3.13\nRUN curl https://me:'secret'@h.example/x | sh\nRUN curl https://h.example/y?sig=\"secret\" | sh\nRUN pip install -i 'https://${HOST}/simple?mail=me@corp&token=secret' -r requirements.txt\nCMD [\"a\"]\n", "requirements.txt", "a==1\n"), nil, []string{"h.example/x", "h.example/y"}},
		{"passwords in lines that are not taken over", folder("Dockerfile", "FROM python:3.13\nRUN pip install -i https://secret@i.example/simple?secret git+https://secret@h.example/a/b\n"+
			"ADD https://me:secret@h.example/x.tgz?sig=secret /x\nRUN curl https://me:secret@h.example/"+strings.Repeat("y", 90)+"?secret | sh\nCOPY https://secret@h.example/x /y\nRUN apk add --repository https://secret@h.example/r x\nCMD [\"a\"]\n"), nil, []string{"h.example/x.tgz", "git+https://h.example/a/b"}},
		{"an index in addition", folder("requirements.txt", "--extra-index-url https://j.example/simple\na==1\n", "main.py", ""), []string{"wheels: [https://j.example/simple, https://pypi.org/simple/]"}, nil},
		{"an index in refused requirements", folder("requirements.txt", "-i https://i.example/simple\na==1\n./b\n", "main.py", ""), []string{"#  wheels: [https://i.example/simple]"}, []string{"./b"}},
		{"indexes of variables", folder("Dockerfile", "FROM python:3.13\nENV PIP_EXTRA_INDEX_URL=https://me:secret@i.example/simple UV_INDEX=\"x=https://j.example/simple https://k.example/simple\"\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCMD [\"a\"]\n", "requirements.txt", "a==1\n"),
			[]string{"    - https://i.example/simple\n    - https://j.example/simple\n    - https://k.example/simple\n    - https://pypi.org/simple/\n"}, []string{"~/.netrc"}},
		{"loose requirements", folder("requirements.txt", "a==1\nb>=1\n", "main.py", ""), []string{"#  requirements: [requirements.lock.txt]"}, []string{"requirements.txt:2: not taken over: b>=1 names no version"}},
		{"a constraint", folder("requirements.txt", "-c c.txt\nb>=1\n", "c.txt", "b==2\n", "main.py", ""), []string{"\n  requirements: [requirements.txt]"}, nil},
		{"broken requirements", folder("requirements.txt", "-r nowhere.txt\n", "main.py", ""), []string{"#python"}, []string{"nowhere.txt"}},
		{"compose", folder("compose.yaml", "", "main.py", ""), nil, []string{"compose.yaml: not taken over"}},
		{"a broken lock", folder("pylock.toml", "x", "main.py", ""), []string{"#  lock: pylock.toml"}, []string{"pylock.toml"}},
		{"a named lock", folder("pylock.prod.toml", "lock-version = \"1.0\"\ncreated-by = \"x\"\npackages = []\n", "main.py", ""), []string{"lock: pylock.prod.toml"}, nil},
		{"a Home Assistant app", folder("Dockerfile", "ARG BUILD_FROM\nFROM $BUILD_FROM\nRUN apk add --no-cache python3\nCOPY rootfs /\n", "rootfs/a", "",
			"config.yaml", "name: Example\nversion: '1.2'\nslug: example\narch: [amd64, aarch64]\n", "build.yaml", "build_from:\n  amd64: ghcr.io/x/base:1\n  aarch64: ghcr.io/x/base:2\n"),
			[]string{"linux/amd64: image:ghcr.io/x/base:1", "linux/arm64: image:ghcr.io/x/base:2", "io.hass.version: 1.2", "{source: apk}"}, []string{"io.hass.arch"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, text, notes := makeSpec(t, test.folder)
			for _, want := range test.in {
				if !strings.Contains(text, want) {
					t.Errorf("the spec has no %q:\n%s", want, text)
				}
			}
			for _, want := range test.notes {
				if !strings.Contains(notes, want) {
					t.Errorf("the notes have no %q:\n%s", want, notes)
				}
			}
			if len(test.notes) == 0 && notes != "" {
				t.Errorf("noted:\n%s", notes)
			}
			if strings.Count(notes, "EXPOSE 80-82") > 1 {
				t.Errorf("a note is there twice:\n%s", notes)
			}
			if strings.Contains(text+notes, "secret") {
				t.Error("a password was written")
			}
		})
	}
}

// TestIgnoredFilesStayOut carries .dockerignore over, also for a folder below.
func TestIgnoredFilesStayOut(t *testing.T) {
	t.Parallel()
	s, text, _ := makeSpec(t, folder("Dockerfile", "FROM python:3.13\nCOPY . /a\nCOPY src /b\n", ".dockerignore", "# x\n/docs/\n*.md\n!src/keep.md\nsrc/*.tmp\n**/*.log\n", "src/x.py", "", ".env", ""))
	if got := strings.Join(s.Files[0].Exclude, " "); !strings.HasPrefix(got, "docs *.md !src/keep.md src/*.tmp **/*.log pyimg.yaml pyimg.lock") || !strings.Contains(got, ".env") {
		t.Errorf("the first entry excludes %s in\n%s", got, text)
	}
	if got := strings.Join(s.Files[1].Exclude, " "); got != "**/__pycache__ **/*.pyc !keep.md *.tmp **/*.log" {
		t.Errorf("the second entry excludes %s in\n%s", got, text)
	}
}

// TestNoPathTwice takes files over that a later instruction copies again: a spec has each path once.
func TestNoPathTwice(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ dockerfile, want string }{
		{"COPY a.py /w/\nCOPY . /w", ". -> /w"},
		{"COPY . /w\nCOPY a.py /w/", ". -> /w"},
		{"COPY . /w\nCOPY a.py /w/b.py", ". -> /w without b.py; a.py -> /w/b.py"},
		{"COPY b.py /w/b.py\nCOPY a.py /w/b.py", "a.py -> /w/b.py"},
		{"COPY src /w/src\nCOPY . /w", ". -> /w"},
		{"COPY . /w\nCOPY src /w/src", ". -> /w"},
		{"COPY . /w\nCOPY --chown=5:5 src /w/src", ". -> /w without src; src -> /w/src"},
		{"COPY src /w\nCOPY other /w", "src -> /w without both.py; other -> /w"},
		{"COPY src /w/x\nCOPY other /w", "src -> /w/x; other -> /w"},
		{"COPY a.py /x/\nCOPY a.py /y/", "a.py -> /x/; a.py -> /y/"},
	} {
		s, text, _ := makeSpec(t, folder("Dockerfile", "FROM python:3.13\n"+test.dockerfile, "a.py", "", "b.py", "", "src/both.py", "", "src/one.py", "", "other/both.py", ""))
		var got []string
		for _, f := range s.Files {
			line := f.From + " -> " + f.To
			if last := f.Exclude; len(last) > 0 && !strings.Contains(last[len(last)-1], "Dockerfile") && !strings.HasPrefix(last[len(last)-1], "**") {
				line += " without " + last[len(last)-1]
			}
			got = append(got, line)
		}
		if strings.Join(got, "; ") != test.want {
			t.Errorf("%q became %q, want %q\n%s", test.dockerfile, strings.Join(got, "; "), test.want, text)
		}
	}
}

// FuzzMake: whatever a Dockerfile says, the result is a spec.
func FuzzMake(f *testing.F) {
	f.Add("FROM python:3.13 AS a\nRUN apk add x && useradd -u 1 u\nFROM alpine\nCOPY --from=a --chown=u /x y/\nENV A=\"b: \n\" PATH=$PATH:x\nLABEL a b\nUSER u:v\nWORKDIR ../x\nCMD [\"a\", \"\\u0000\"]", "a\n!b/**")
	f.Fuzz(func(t *testing.T, text, ignore string) {
		d, err := draft.Make(t.Context(), folder("Dockerfile", text, ".dockerignore", ignore, "x/a", ""), draft.Options{})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "reading Dockerfile: ") {
				t.Fatal(err)
			}
			return
		}
		if _, err := spec.Parse("x", d.Text); err != nil {
			t.Errorf("%v in\n%s", err, d.Text)
		}
	})
}

// A Dockerfile becomes a spec; what a spec cannot hold is a note.
func Example() {
	project := fstest.MapFS{
		"Dockerfile": {Data: []byte("FROM alpine:3.22\nRUN apk add nginx && make\nEXPOSE 80\nCMD [\"nginx\"]\n")},
	}
	d, err := draft.Make(context.Background(), project, draft.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, n := range d.Notes {
		fmt.Println(n.At, n.What)
	}
	s, err := spec.Parse("pyimg.yaml", d.Text)
	fmt.Println(s.Alpine.Branch, s.Image.Ports, s.Image.Cmd, err)
	// Output:
	// Dockerfile:2 make
	// v3.22 [80] [nginx] <nil>
}
