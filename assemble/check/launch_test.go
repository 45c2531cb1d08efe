package check_test

import (
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/internal/fixture"
)

// A verdict is what Check is to say of an image: its findings as show lists them, and a part of a message.
type verdict struct {
	image image
	want  []string
	msg   string
}

func judge(t *testing.T, tests map[string]verdict) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := test.image.check(t)
			if !slices.Equal(show(got), test.want) {
				t.Errorf("Check = %v, want %q", got, test.want)
			}
			if !slices.ContainsFunc(got, func(f check.Finding) bool { return strings.Contains(f.String(), test.msg) }) && test.msg != "" {
				t.Errorf("Check = %v, want %q in a message", got, test.msg)
			}
		})
	}
}

// coreutils is an env of its own, which is no busybox.
func coreutils() fixture.File { return run("usr/bin/env", program()) }

func start(line string, files ...fixture.File) image {
	return image{layers: [][]fixture.File{append([]fixture.File{script("usr/bin/start", line+"\necho hi\n")}, files...)}, config: cmd("start")}
}

func TestCheckScripts(t *testing.T) {
	t.Parallel()
	busybox := link("usr/bin/env", "/bin/busybox")
	bad := []string{"error interpreter /usr/bin/start"}
	judge(t, map[string]verdict{
		"busybox env":            {start("#!/usr/bin/env sh", busybox), nil, ""},
		"busybox env -S":         {start("#!/usr/bin/env -S sh -e", busybox), bad, "does not know the option -S"},
		"busybox env, hard link": {start("#!/usr/bin/env -S sh -e", fixture.File{Path: "usr/bin/env", Mode: 0o755, Hardlink: "bin/busybox"}), bad, "busybox's"},
		"busybox env, link to another applet": {start("#!/usr/bin/env -S sh -e", run("bin/[", program()), fixture.File{Path: "bin/busybox", Mode: 0o755, Hardlink: "bin/["},
			fixture.File{Path: "usr/bin/env", Mode: 0o755, Hardlink: "bin/["}), bad, "busybox's"},
		"busybox env -i":                {start("#!/usr/bin/env -i sh", busybox), bad, "option - "},
		"busybox env with an argument":  {start("#!/usr/bin/env sh -e", busybox), bad, "as one argument"},
		"busybox env --split-string":    {start("#!/usr/bin/env --split-string=sh -e", busybox), bad, "--split-string"},
		"busybox env, assignment":       {start("#!/usr/bin/env A=1", busybox), []string{"error interpreter /usr/bin/start"}, "too many commands"},
		"env -S":                        {start("#!/usr/bin/env -S sh -e", coreutils()), nil, ""},
		"env -vS":                       {start("#!/usr/bin/env -vS sh -e", coreutils()), nil, ""},
		"env -S with settings":          {start("#!/usr/bin/env -S -i A=1 PATH=/bin sh -e", coreutils()), nil, ""},
		"env -S with another PATH":      {start("#!/usr/bin/env -S PATH=/opt sh -e", coreutils()), bad, "/opt"},
		"env -S of what is missing":     {start("#!/usr/bin/env -S -u X bash -e", coreutils()), bad, `"bash"`},
		"env -S with quotes":            {start(`#!/usr/bin/env -S sh -c "x y"`, coreutils()), nil, ""},
		"env with an argument":          {start("#!/usr/bin/env sh -e", coreutils()), bad, "as one argument"},
		"env without an argument":       {start("#!/usr/bin/env", coreutils()), bad, "too many commands"},
		"interpreter with arguments":    {start("#! /bin/sh -eu"), nil, ""},
		"shell with two arguments":      {start("#!/bin/sh -e -u"), bad, "as one argument"},
		"busybox with two arguments":    {start("#!/bin/busybox sh -e"), bad, "as one argument"},
		"busybox with one":              {start("#!/bin/busybox sh"), nil, ""},
		"spaces behind the interpreter": {start("#!/bin/sh \t "), nil, ""},
		"line longer than Linux reads":  {start("#!/" + strings.Repeat("x", 300)), []string{"error cmd /usr/bin/start"}, "256 bytes"},
		"script by a script":            {start("#!/usr/bin/other -x", script("usr/bin/other", "#!/bin/sh\n")), nil, ""},
	})
}

func TestCheckEnvCommand(t *testing.T) {
	t.Parallel()
	with := func(env fixture.File, words ...string) image {
		return image{layers: [][]fixture.File{{env}}, config: cmd(words...)}
	}
	busybox := link("usr/bin/env", "/bin/busybox")
	judge(t, map[string]verdict{
		"settings":            {with(busybox, "env", "-i", "A=1", "-", "sh"), []string{"error cmd"}, `"-"`},
		"settings and shell":  {with(busybox, "env", "-u", "B", "A=1", "sh", "-c", "x"), nil, ""},
		"nothing to start":    {with(busybox, "env"), nil, ""},
		"busybox -S":          {with(busybox, "env", "-S", "sh -c x"), []string{"error cmd"}, "-S"},
		"busybox applet":      {with(busybox, "busybox", "env", "none"), []string{"error cmd"}, `"none"`},
		"coreutils -S":        {with(coreutils(), "env", "-S", "sh -c x"), nil, ""},
		"coreutils --chdir":   {with(coreutils(), "env", "--chdir=/tmp", "none"), []string{"error cmd"}, `"none"`},
		"coreutils -u":        {with(coreutils(), "env", "--unset", "A", "--", "A=1", "sh"), nil, ""},
		"no option":           {with(coreutils(), "env", "-z", "sh"), []string{"error cmd"}, "-z"},
		"program is missing":  {with(coreutils(), "env", "A=1", "none"), []string{"error cmd"}, `"none"`},
		"cleared environment": {with(coreutils(), "/usr/bin/env", "-i", "sh"), nil, ""},
	})
}

func TestCheckReadsScripts(t *testing.T) {
	t.Parallel()
	with := func(user string, f fixture.File, more ...fixture.File) image {
		f.Body = []byte("#!/bin/sh\n")
		return image{layers: [][]fixture.File{append([]fixture.File{dir("app"), f}, more...)}, config: v1.Config{Cmd: []string{"/app/run"}, User: user}}
	}
	bad := []string{"error cmd /app/run"}
	judge(t, map[string]verdict{
		"not for others":           {with("app", fixture.File{Path: "app/run", Mode: 0o711}), bad, "not read it"},
		"root":                     {with("", fixture.File{Path: "app/run", Mode: 0o711, UID: 5}), nil, ""},
		"owner":                    {with("app", fixture.File{Path: "app/run", Mode: 0o500, UID: 1000}), nil, ""},
		"owner who may not":        {with("app", fixture.File{Path: "app/run", Mode: 0o155, UID: 1000}), bad, "not read it"},
		"group":                    {with("app", fixture.File{Path: "app/run", Mode: 0o750, GID: 1000}), nil, ""},
		"supplementary group":      {with("app", fixture.File{Path: "app/run", Mode: 0o750, GID: 2000}), nil, ""},
		"supplementary, by number": {with("1000", fixture.File{Path: "app/run", Mode: 0o750, GID: 2000}), nil, ""},
		"group that is given":      {with("app:0", fixture.File{Path: "app/run", Mode: 0o711, GID: 2000}), bad, "not read it"},
		"group without reading":    {with("app", fixture.File{Path: "app/run", Mode: 0o715, GID: 1000}), bad, "not read it"},
		"through a closed folder's link": {image{layers: [][]fixture.File{{dir("app"), {Path: "srv", Dir: true, Mode: 0o700}, script("app/real", "#!/bin/sh\n"), link("srv/run", "/app/real")}},
			config: v1.Config{Cmd: []string{"/srv/run"}, User: "app"}}, []string{"error cmd /app/real"}, "may not enter /srv"},
		"link to the script": {image{layers: [][]fixture.File{{dir("app"), script("app/real", "#!/bin/sh\n"), link("app/run", "../app/./real")}},
			config: v1.Config{Cmd: []string{"/app/run"}, User: "app"}}, nil, ""},
	})
}

func TestCheckStarters(t *testing.T) {
	t.Parallel()
	with := func(words ...string) image {
		return image{layers: [][]fixture.File{{run("sbin/tini", program()), run("usr/bin/dumb-init", program()), run("sbin/su-exec", program()), dir("app"),
			{Path: "app/own", Mode: 0o700, UID: 1000, Body: program().Bytes()}}}, config: v1.Config{Entrypoint: words[:1], Cmd: words[1:]}}
	}
	judge(t, map[string]verdict{
		"tini":                    {with("tini", "--", "sh"), nil, ""},
		"tini with options":       {with("/sbin/tini", "-vg", "-p", "SIGTERM", "-e", "143", "sh"), nil, ""},
		"tini of what is missing": {with("/sbin/tini", "--", "none"), []string{"error entrypoint"}, `"none"`},
		"tini alone":              {with("/sbin/tini", "--"), nil, ""},
		"dumb-init":               {with("dumb-init", "-r", "15:3", "none"), []string{"error entrypoint"}, `"none"`},
		"su-exec":                 {with("su-exec", "app:app", "/app/own"), nil, ""},
		"su-exec to another":      {with("su-exec", "4711", "/app/own"), []string{"error entrypoint /app/own"}, "4711 may not run"},
		"starters of starters":    {with("tini", "tini", "su-exec", "app", "none"), []string{"error entrypoint"}, `"none"`},
		"sh with a script":        {with("sh", "-e", "/app/none.sh"), []string{"error shell-file /app/none.sh"}, "not in the image"},
		"sh with a script in run": {with("sh", "/run/x.sh"), nil, ""},
		"sh -c":                   {with("sh", "-ec", "/app/none.sh"), nil, ""},
		"sh -o":                   {with("sh", "-o", "pipefail", "+x", "--", "/app/own"), nil, ""},
		"sh with a bare word":     {with("sh", "start.sh"), nil, ""},
	})
}

func TestCheckPATH(t *testing.T) {
	t.Parallel()
	with := func(dir, command string, env ...string) image {
		return image{config: v1.Config{Cmd: []string{command}, Env: env, WorkingDir: dir}}
	}
	judge(t, map[string]verdict{
		"empty":                 {with("", "sh", "PATH="), []string{"error cmd"}, "empty"},
		"empty, and a path":     {with("", "/bin/sh", "PATH="), nil, ""},
		"empty, relative path":  {with("/bin", "./sh", "PATH="), nil, ""},
		"the last one counts":   {with("", "sh", "PATH=/bin", "PATH="), []string{"error cmd"}, "empty"},
		"unset":                 {with("", "sh"), nil, ""},
		"only the workdir":      {with("/bin", "sh", "PATH=."), []string{"error cmd"}, ""},
		"an empty folder in it": {with("/bin", "sh", "PATH=:/usr/bin"), []string{"error cmd"}, ""},
		"and one that has it":   {with("", "sh", "PATH=:/bin"), nil, ""},
		"not filled in":         {with("", "sh", "PATH=$PATH"), []string{"error cmd"}, ""},
	})
}

func TestCheckUsers(t *testing.T) {
	t.Parallel()
	bad := []string{"error user"}
	tests := map[string]verdict{}
	for user, want := range map[string][]string{
		"2147483647": nil, "2147483648": bad, "4294967295": bad, "-1": bad, "0:2147483648": bad, "0:-1": bad, "0:": nil, ":0": nil, "": nil,
		"2147483648:2147483648": {"error user", "error user"}, "1:2147483647": nil, "99999999999999999999": {"error user /etc/passwd"}, "0x10": {"error user /etc/passwd"},
	} {
		tests[user] = verdict{image: image{config: v1.Config{User: user}}, want: want}
	}
	judge(t, tests)
}

func TestCheckTimezone(t *testing.T) {
	t.Parallel()
	with := func(tz string, files ...fixture.File) image {
		return image{layers: [][]fixture.File{files}, config: env("TZ=" + tz)}
	}
	bad := []string{"warning timezone"}
	zone := text("usr/share/zoneinfo/Europe/Berlin", "TZif2")
	tests := map[string]verdict{
		"zone":                   {with("Europe/Berlin", zone), nil, ""},
		"zone with a colon":      {with(":Europe/Berlin", zone), nil, ""},
		"zone by its path":       {with("/usr/share/zoneinfo/Europe/Berlin", zone), nil, ""},
		"folder of zones":        {with("Europe", zone), bad, "tzdata"},
		"missing":                {with("Europe/Berlin"), bad, "tzdata"},
		"missing with a colon":   {with(":Europe/Berlin"), bad, "tzdata"},
		"missing path":           {with("/usr/share/zoneinfo/Europe/Berlin"), bad, "tzdata"},
		"name without an offset": {with("EST"), bad, "tzdata"},
		"file in a volume": {image{config: v1.Config{Env: []string{"TZ=/zones/x"}, Volumes: map[string]struct{}{"/zones": {}}}},
			nil, ""},
	}
	for _, tz := range []string{"", "UTC", "UTC0", "GMT", "Etc/UTC", ":UTC", "CET-1CEST,M3.5.0,M10.5.0/3", "<+03>-3", "EST5EDT", "/etc/localtime", ":/etc/localtime"} {
		tests["fine: "+tz] = verdict{image: with(tz)}
	}
	judge(t, tests)
}

func TestCheckStatic(t *testing.T) {
	t.Parallel()
	static := fixture.ELF{Arch: arch, Static: true}
	preload := []fixture.File{run("usr/lib/libjemalloc.so.2", withELF(library("libjemalloc.so.2"), func(e *fixture.ELF) { e.Exports = []string{"malloc"} }))}
	with := func(command []string, files ...fixture.File) image {
		return image{layers: [][]fixture.File{append(files, preload...)}, config: v1.Config{Cmd: command, Env: []string{"LD_PRELOAD=/usr/lib/libjemalloc.so.2"}}}
	}
	module := run("usr/lib/python3.13/lib-dynload/_x.cpython-313-x86_64-linux-musl.so", library(""))
	py := []fixture.File{run("usr/bin/python3.13", static), link("usr/bin/python3", "python3.13"), dir("usr/lib/python3.13/encodings")}
	judge(t, map[string]verdict{
		"program":              {with([]string{"/app"}, run("app", static)), []string{"warning preload /app"}, "linked statically"},
		"starts a program":     {with([]string{"/app", "-x", "sh"}, run("app", static)), nil, ""},
		"shell":                {with([]string{"/usr/bin/ash", "-c", "x"}, run("usr/bin/ash", static)), nil, ""},
		"script's interpreter": {with([]string{"/init"}, script("init", "#!/execline -S0\n"), run("execline", static)), nil, ""},
		"preload by env":       {image{layers: [][]fixture.File{{run("app", static), coreutils()}}, config: cmd("env", "LD_PRELOAD=/usr/lib/x.so", "/app")}, []string{"warning preload /app"}, ""},
		"preload taken away":   {with([]string{"env", "-i", "/app"}, run("app", static), coreutils()), nil, ""},
		"behind a starter":     {with([]string{"/tini", "--", "sh"}, run("tini", static)), nil, ""},
		"dynamic":              {with([]string{"sh"}), nil, ""},
		"loader as program":    {with([]string{"/lib/ld-musl-x86_64.so.1", "/bin/sh"}), nil, ""},
		"Python":               {with([]string{"python3"}, py...), []string{"warning preload /usr/bin/python3.13"}, "no allocator is loaded"},
		"Python not started":   {with([]string{"sh"}, py...), []string{"warning preload /usr/bin/python3.13"}, ""},
		"Python and a module":  {with([]string{"python3"}, append(py, module)...), []string{"warning preload /usr/bin/python3.13", "warning python-static /usr/bin/python3.13"}, "cannot import the 1"},
		"static, nothing else": {image{layers: [][]fixture.File{{run("app", static)}}, config: cmd("/app")}, nil, ""},
	})
}
