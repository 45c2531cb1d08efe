package check_test

import (
	"fmt"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/internal/fixture"
)

// install is a Python below a prefix, with some modules and their bytecode.
func install(prefix string, minor int) []fixture.File {
	v, lib := fmt.Sprintf("3.%d", minor), fmt.Sprintf("%s/lib/python3.%d/", prefix, minor)
	files := []fixture.File{run(prefix+"/bin/python"+v, program()), link(prefix+"/bin/python3", "python"+v)}
	for _, m := range []string{"os", "encodings/__init__", "runpy", "this", "http/__init__", "http/server", "json/__init__", "json/tool"} {
		files = append(files, compiled(lib+m, minor)...)
	}
	return files
}

// compiled is a module with its bytecode.
func compiled(stem string, minor int) []fixture.File {
	dir, base := "", stem
	for i := range stem {
		if stem[i] == '/' {
			dir, base = stem[:i+1], stem[i+1:]
		}
	}
	return []fixture.File{text(stem+".py", "pass\n"), text(fmt.Sprintf("%s__pycache__/%s.cpython-3%d.pyc", dir, base, minor), "x")}
}

// pythonImage runs a command in an image with Python 3.13 in /usr/local and more files.
func pythonImage(c v1.Config, more ...fixture.File) image {
	return image{layers: [][]fixture.File{install("usr/local", 13), append([]fixture.File{dir("app")}, more...)}, config: c}
}

func TestCheckPythonFile(t *testing.T) {
	t.Parallel()
	main := text("app/main.py", "print(1)\n")
	missing := []string{"error python-file /app/main.py"}
	in := func(c v1.Config, dir string) v1.Config { c.WorkingDir = dir; return c }
	judge(t, map[string]verdict{
		"there":                    {pythonImage(cmd("python3", "/app/main.py"), main), nil, ""},
		"missing":                  {pythonImage(cmd("python3", "/app/main.py")), missing, "not in the image"},
		"missing, elsewhere":       {pythonImage(cmd("python3", "/app/main.py"), text("src/main.py", "")), missing, "there is /src/main.py"},
		"relative":                 {pythonImage(in(cmd("python3", "-u", "main.py"), "/app"), main), nil, ""},
		"relative, missing":        {pythonImage(in(cmd("python3", "-u", "main.py"), "/app")), missing, ""},
		"relative, other folder":   {pythonImage(cmd("python3", "main.py"), main), []string{"error python-file /main.py"}, "there is /app/main.py"},
		"by version":               {pythonImage(cmd("python3.13", "-BOO", "/app/main.py")), missing, ""},
		"by path":                  {pythonImage(cmd("/usr/local/bin/python3", "-X", "dev", "-Wignore", "/app/main.py")), missing, ""},
		"entrypoint and cmd":       {pythonImage(v1.Config{Entrypoint: []string{"python3", "-u"}, Cmd: []string{"/app/main.py"}}), missing, "entrypoint"},
		"behind tini":              {pythonImage(cmd("/sbin/tini", "--", "python3", "/app/main.py"), run("sbin/tini", program())), missing, ""},
		"behind env":               {pythonImage(cmd("env", "A=1", "python3", "/app/main.py"), link("usr/bin/env", "/bin/busybox")), missing, ""},
		"behind a shell":           {pythonImage(cmd("sh", "-c", "exec python3 /app/main.py")), missing, "python3 is to run /app/main.py"},
		"behind a shell, there":    {pythonImage(cmd("/bin/sh", "-ec", "python3 /app/main.py"), main), nil, ""},
		"what only a shell knows":  {pythonImage(cmd("sh", "-c", "test -e /app && python3 /app/main.py")), nil, ""},
		"a shell's variable":       {pythonImage(cmd("sh", "-c", "python3 $MAIN")), nil, ""},
		"a shell's own command":    {pythonImage(cmd("sh", "-c", "wait 1")), nil, ""},
		"code":                     {pythonImage(cmd("python3", "-c", "print(1)", "/app/main.py")), nil, ""},
		"standard input":           {pythonImage(cmd("python3", "-", "/app/main.py")), nil, ""},
		"behind --":                {pythonImage(cmd("python3", "--", "/app/main.py")), missing, ""},
		"prints its version":       {pythonImage(cmd("python3", "-V", "/app/main.py")), nil, ""},
		"no such option":           {pythonImage(cmd("python3", "-Z", "/app/main.py")), []string{"error python-arguments"}, "-Z"},
		"folder":                   {pythonImage(cmd("python3", "/app"), main), []string{"error python-file /app"}, "__main__.py"},
		"folder that runs":         {pythonImage(cmd("python3", "/app"), text("app/__main__.py", "")), nil, ""},
		"zip file":                 {pythonImage(cmd("python3", "/app/x.pyz"), text("app/x.pyz", "PK")), nil, ""},
		"program":                  {pythonImage(cmd("python3", "/bin/busybox")), []string{"error python-file /bin/busybox"}, "not a script"},
		"dangling link":            {pythonImage(cmd("python3", "/app/main.py"), link("app/main.py", "other.py")), []string{"error python-file /app/main.py", "note dangling-link /app/main.py"}, ""},
		"in a volume":              {pythonImage(v1.Config{Cmd: []string{"python3", "/app/main.py"}, Volumes: map[string]struct{}{"/app/": {}}}), []string{"warning python-file /app/main.py"}, ""},
		"made later":               {pythonImage(cmd("python3", "/run/main.py")), nil, ""},
		"not readable":             {pythonImage(v1.Config{Cmd: []string{"python3", "/app/main.py"}, User: "app"}, fixture.File{Path: "app/main.py", Mode: 0o600}), missing, "may not read"},
		"in a closed folder":       {pythonImage(v1.Config{Cmd: []string{"python3", "/srv/main.py"}, User: "app"}, fixture.File{Path: "srv", Dir: true, Mode: 0o700}, text("srv/main.py", "")), []string{"error python-file /srv/main.py"}, "may not enter /srv"},
		"script's interpreter":     {pythonImage(cmd("/app/run"), script("app/run", "#!/usr/local/bin/python3.12\n")), []string{"error interpreter /usr/local/bin/python3.12"}, "/app/run"},
		"script with bad options":  {pythonImage(cmd("/app/run"), script("app/run", "#!/usr/local/bin/python3 -u -E\n")), []string{"error python-arguments /app/run"}, "- "},
		"script with good options": {pythonImage(cmd("/app/run"), script("app/run", "#!/usr/local/bin/python3 -uE\n")), nil, ""},
	})
}

func TestCheckPythonModule(t *testing.T) {
	t.Parallel()
	const site = "usr/local/lib/python3.13/site-packages/"
	in := func(dir string, words ...string) v1.Config { return v1.Config{Cmd: words, WorkingDir: dir} }
	with := func(env string, words ...string) v1.Config { return v1.Config{Cmd: words, Env: []string{env}} }
	bad := []string{"error python-module"}
	main := text("app/shop/__main__.py", "")
	judge(t, map[string]verdict{
		"standard library":            {pythonImage(cmd("python3", "-m", "http.server", "80")), nil, ""},
		"package of it":               {pythonImage(cmd("python3", "-m", "http")), bad, "without __main__.py"},
		"attached":                    {pythonImage(cmd("python3", "-umjson.tool")), nil, ""},
		"missing":                     {pythonImage(cmd("python3", "-m", "shop")), bad, "no module of that name in /"},
		"missing below a package":     {pythonImage(cmd("python3", "-m", "http.client")), bad, ""},
		"below a module":              {pythonImage(cmd("python3", "-m", "this.x")), bad, `"this" is not a package`},
		"in the workdir":              {pythonImage(in("/app", "python3", "-m", "shop"), main, text("app/shop/__init__.py", "")), nil, ""},
		"in another folder":           {pythonImage(in("/srv", "python3", "-m", "shop"), dir("srv"), main), bad, "there is /app/shop/__main__.py"},
		"namespace package":           {pythonImage(in("/app", "python3", "-m", "shop"), main), nil, ""},
		"namespace without __main__":  {pythonImage(in("/app", "python3", "-m", "shop"), text("app/shop/cli.py", "")), bad, ""},
		"module of a namespace":       {pythonImage(in("/app", "python3", "-m", "shop.cli"), text("app/shop/cli.py", "")), nil, ""},
		"file's name":                 {pythonImage(in("/app", "python3", "-m", "shop.py"), text("app/shop.py", "")), bad, `the module's name is "shop"`},
		"bytecode alone":              {pythonImage(in("/app", "python3", "-m", "shop"), text("app/shop.pyc", "")), nil, ""},
		"isolated":                    {pythonImage(in("/app", "python3", "-Im", "shop"), main), bad, ""},
		"safe path":                   {pythonImage(v1.Config{Cmd: []string{"python3", "-m", "shop"}, WorkingDir: "/app", Env: []string{"PYTHONSAFEPATH=1"}}, main), bad, ""},
		"site-packages":               {pythonImage(cmd("python3", "-m", "shop"), compiled(site+"shop/__main__", 13)...), nil, ""},
		"without site":                {pythonImage(cmd("python3", "-S", "-m", "shop"), compiled(site+"shop/__main__", 13)...), bad, ""},
		"PYTHONPATH":                  {pythonImage(with("PYTHONPATH=/x:/app", "python3", "-m", "shop"), dir("x"), main), nil, ""},
		"PYTHONPATH not looked at":    {pythonImage(with("PYTHONPATH=/app", "python3", "-E", "-m", "shop"), main), bad, ""},
		"zip file in PYTHONPATH":      {pythonImage(with("PYTHONPATH=/app/x.zip", "python3", "-m", "shop"), text("app/x.zip", "")), []string{"warning python-module"}, "archive"},
		".pth file":                   {pythonImage(cmd("python3", "-m", "shop"), text(site+"x.pth", "# here\n/app\n"), main), nil, ""},
		".pth file, relative":         {pythonImage(cmd("python3", "-m", "shop"), text(site+"x.pth", "../../../../../app\n"), main), nil, ""},
		".pth file that runs code":    {pythonImage(cmd("python3", "-m", "shop"), text(site+"__editable__.shop.pth", "import x; x.install()\n")), []string{"warning python-module"}, "runs code"},
		".pth file of setuptools":     {pythonImage(cmd("python3", "-m", "shop"), text(site+"distutils-precedence.pth", "import os; x\n")), bad, ""},
		"user's packages":             {pythonImage(cmd("python3", "-m", "shop"), text("root/.local/lib/python3.13/site-packages/shop.py", "")), nil, ""},
		"user's packages, left out":   {pythonImage(cmd("python3", "-sm", "shop"), text("root/.local/lib/python3.13/site-packages/shop.py", "")), bad, ""},
		"extension module":            {pythonImage(in("/app", "python3", "-m", "shop"), run("app/shop.cpython-313-x86_64-linux-musl.so", library(""))), bad, "extension module"},
		"extension of another Python": {pythonImage(in("/app", "python3", "-m", "shop"), run("app/shop.cpython-312-x86_64-linux-musl.so", library(""))), bad, "no module"},
		"built in":                    {pythonImage(cmd("python3", "-m", "sys")), bad, "built into"},
		"frozen":                      {pythonImage(cmd("python3", "-m", "zipimport")), nil, ""},
		"no name":                     {pythonImage(cmd("python3", "-m", ".shop")), bad, "not a module's name"},
		"folder's name":               {pythonImage(in("/app", "python3", "-m", "shop/cli"), text("app/shop/cli.py", "")), bad, "not a module's name"},
		"volume":                      {pythonImage(v1.Config{Cmd: []string{"python3", "-m", "shop"}, WorkingDir: "/app", Volumes: map[string]struct{}{"/app": {}}}), []string{"warning python-module"}, "volume"},
		"not readable": {pythonImage(v1.Config{Cmd: []string{"python3", "-m", "shop"}, WorkingDir: "/app", User: "app"}, fixture.File{Path: "app/shop.py", Mode: 0o600}),
			[]string{"error python-module /app/shop.py"}, "may not read"},
		"env PYTHONPATH":   {pythonImage(cmd("env", "PYTHONPATH=/app", "python3", "-m", "shop"), coreutils(), main), nil, ""},
		"env -i":           {pythonImage(with("PYTHONPATH=/app", "env", "-i", "/usr/local/bin/python3", "-m", "shop"), coreutils(), main), bad, ""},
		"env -C":           {pythonImage(cmd("env", "-C", "/app", "python3", "-m", "shop"), coreutils(), main), nil, ""},
		"env --chdir":      {pythonImage(cmd("env", "--chdir", "app", "python3", "shop/__main__.py"), coreutils(), main), nil, ""},
		"PYTHONNOUSERSITE": {pythonImage(with("PYTHONNOUSERSITE=1", "python3", "-m", "shop"), text("root/.local/lib/python3.13/site-packages/shop.py", "")), bad, ""},
		"HOME":             {pythonImage(with("HOME=/srv", "python3", "-m", "shop"), text("srv/.local/lib/python3.13/site-packages/shop.py", "")), nil, ""},
		"behind tini":      {pythonImage(cmd("tini", "python3", "-m", "shop"), run("sbin/tini", program())), bad, ""},
	})
}

func TestCheckVirtualEnvironment(t *testing.T) {
	t.Parallel()
	venv := func(system string, files ...fixture.File) []fixture.File {
		return append([]fixture.File{link("venv/bin/python", "/usr/local/bin/python3"), text("venv/pyvenv.cfg", "home = /usr/local/bin\ninclude-system-site-packages = "+system+"\n")}, files...)
	}
	path := func(words ...string) v1.Config {
		return v1.Config{Cmd: words, Env: []string{"PATH=/venv/bin:/usr/local/bin:/bin"}}
	}
	shop := text("venv/lib/python3.13/site-packages/shop.py", "")
	outside := compiled("usr/local/lib/python3.13/site-packages/shop", 13)
	judge(t, map[string]verdict{
		"its own module":                {pythonImage(path("python", "-m", "shop"), venv("false", shop)...), nil, ""},
		"by the interpreter outside":    {pythonImage(path("/usr/local/bin/python3", "-m", "shop"), venv("false", shop)...), []string{"error python-module"}, "there is /venv"},
		"module outside":                {pythonImage(path("python", "-m", "shop"), append(venv("false"), outside...)...), []string{"error python-module"}, ""},
		"module outside that it takes":  {pythonImage(path("python", "-m", "shop"), append(venv("true"), outside...)...), nil, ""},
		"standard library":              {pythonImage(path("python", "-m", "http.server"), venv("false")...), nil, ""},
		"copied interpreter":            {pythonImage(path("/venv/bin/python3.13", "-m", "json.tool"), venv("false", run("venv/bin/python3.13", program()))...), nil, ""},
		"script of another place":       {pythonImage(path("python"), venv("false", script("venv/bin/pip", "#!/build/venv/bin/python\n"))...), []string{"warning interpreter /venv/bin/pip"}, "/build/venv/bin/python"},
		"script that is not in PATH":    {pythonImage(cmd("python3"), venv("false", script("venv/bin/pip", "#!/build/venv/bin/python\n"))...), []string{"warning interpreter /venv/bin/pip"}, ""},
		"extension of another version":  {pythonImage(cmd("python3"), venv("false", run("venv/lib/python3.13/site-packages/a/x.cpython-312-x86_64-linux-musl.so", library("")))...), []string{"warning python-extension /venv/lib/python3.13/site-packages/a/x.cpython-312-x86_64-linux-musl.so"}, ""},
		"interpreter behind the user":   {image{layers: [][]fixture.File{install("root/py", 13), {dir("app"), link("venv/bin/python", "/root/py/bin/python3"), text("venv/pyvenv.cfg", "home = /root/py/bin\n")}}, config: v1.Config{Cmd: []string{"/venv/bin/python", "-m", "this"}, User: "app"}}, []string{"error cmd /root/py/bin/python3.13"}, "may not enter /root"},
		"command with the venv missing": {pythonImage(path("/venv/bin/gunicorn"), venv("false", script("venv/bin/gunicorn", "#!/opt/venv/bin/python\n"))...), []string{"error interpreter /opt/venv/bin/python"}, "gunicorn"},
	})
}

func TestCheckConsoleScripts(t *testing.T) {
	t.Parallel()
	judge(t, map[string]verdict{
		"of another version":    {pythonImage(cmd("python3"), script("usr/local/bin/flask", "#!/usr/local/bin/python3.12\n")), []string{"warning interpreter /usr/local/bin/flask"}, "python3.12"},
		"of this version":       {pythonImage(cmd("python3"), script("usr/local/bin/flask", "#!/usr/local/bin/python3.13\n")), nil, ""},
		"through env":           {pythonImage(cmd("python3"), script("usr/local/bin/flask", "#!/usr/bin/env python3.12\n")), []string{"warning interpreter /usr/local/bin/flask"}, ""},
		"env -S of busybox":     {pythonImage(cmd("python3"), link("usr/bin/env", "/bin/busybox"), script("usr/local/bin/x", "#!/usr/bin/env -S python3 -u\n")), []string{"warning interpreter /usr/local/bin/x"}, "-S"},
		"env -S of coreutils":   {pythonImage(cmd("python3"), coreutils(), script("usr/local/bin/x", "#!/usr/bin/env -S python3 -u\n")), nil, ""},
		"where no Python is":    {image{layers: [][]fixture.File{{script("usr/bin/flask", "#!/usr/bin/python3\n")}}, config: cmd("sh")}, []string{"note interpreter /usr/bin/flask"}, ""},
		"of another language":   {pythonImage(cmd("python3"), script("usr/local/bin/x", "#!/usr/bin/perl\n")), nil, ""},
		"once where it is run":  {pythonImage(cmd("flask"), script("usr/local/bin/flask", "#!/usr/local/bin/python3.12\n")), []string{"error interpreter /usr/local/bin/python3.12"}, ""},
		"outside of all bins":   {pythonImage(cmd("python3"), script("srv/x", "#!/usr/local/bin/python3.12\n")), nil, ""},
		"written by pip, longs": {pythonImage(cmd("python3"), script("usr/local/bin/flask", "#!/bin/sh\n'''exec' x\n")), nil, ""},
	})
}

func TestCheckExtensions(t *testing.T) {
	t.Parallel()
	const std, site = "usr/local/lib/python3.13/", "usr/local/lib/python3.13/site-packages/"
	with := func(paths ...string) image {
		var files []fixture.File
		for _, p := range paths {
			files = append(files, run(p, library("")))
		}
		return pythonImage(cmd("python3"), files...)
	}
	warn := func(p string) []string { return []string{"warning python-extension /" + p} }
	for name, test := range map[string]struct {
		path string
		bad  bool
	}{
		"its own": {site + "x.cpython-313-x86_64-linux-musl.so", false}, "plain": {site + "x.so", false}, "stable ABI": {site + "x.abi3.so", false},
		"another version": {site + "x.cpython-312-x86_64-linux-musl.so", true}, "another machine": {site + "x.cpython-313-aarch64-linux-musl.so", true},
		"another C library": {site + "x.cpython-313-x86_64-linux-gnu.so", true}, "32 bits": {site + "x.cpython-313-i386-linux-musl.so", true},
		"without the global lock": {site + "x.cpython-313t-x86_64-linux-musl.so", true}, "PyPy": {site + "p/x.pypy310-pp73-x86_64-linux-musl.so", true},
		"standard library": {std + "lib-dynload/_x.cpython-312-x86_64-linux-musl.so", true}, "dist-packages": {"usr/local/lib/python3/dist-packages/x.cpython-312-x86_64-linux-musl.so", true},
		"macOS": {site + "x.cpython-313-darwin.so", true}, "library of a wheel": {site + "x.libs/libfoo-1234.so", false},
		"of another Python's folder": {"usr/lib/python3/dist-packages/x.cpython-312-x86_64-linux-musl.so", false},
		"test data":                  {site + "a/tests/x.cpython-312-x86_64-linux-musl.so", false}, "another folder": {"srv/x.cpython-312-x86_64-linux-musl.so", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := verdict{image: with(test.path)}
			if test.bad {
				v.want = warn(test.path)
			}
			judge(t, map[string]verdict{"": v})
		})
	}
	old, own := site+"x.cpython-312-x86_64-linux-musl.so", site+"x.cpython-313-x86_64-linux-musl.so"
	onPath := with("srv/lib/x.cpython-312-x86_64-linux-musl.so")
	onPath.config.Env = []string{"PYTHONPATH=/srv/lib"}
	configured := pythonImage(cmd("python3"), run(site+"x.cpython-313-x86_64-linux-gnu.so", library("")),
		text(std+"_sysconfigdata__linux_x86_64-linux-gnu.py", "build_time_vars = {'SOABI': 'cpython-313-x86_64-linux-gnu'}\n"))
	configured.layers[1] = append(configured.layers[1], compiled(std+"_sysconfigdata__linux_x86_64-linux-gnu", 13)[1:]...)
	judge(t, map[string]verdict{
		"one for each version":      {with(old, own), nil, ""},
		"the source, too":           {pythonImage(cmd("python3"), append(compiled(site+"x", 13), run(old, library("")))...), nil, ""},
		"folder of another Python":  {with("usr/local/lib/python3.12/site-packages/a/x.cpython-312-x86_64-linux-musl.so"), []string{"warning python-packages /usr/local/lib/python3.12/site-packages"}, "1 modules"},
		"folder without modules":    {pythonImage(cmd("python3"), text("usr/local/lib/python3.12/site-packages/README.txt", "")), nil, ""},
		"PYTHONPATH":                {onPath, warn("srv/lib/x.cpython-312-x86_64-linux-musl.so"), ""},
		"as sysconfig has the name": {configured, nil, ""},
	})
}

func TestCheckExtensionsOfTwoPythons(t *testing.T) {
	t.Parallel()
	const packages = "usr/lib/python3/dist-packages/"
	with := func(paths ...string) image {
		files := []fixture.File{dir("app")}
		for _, p := range paths {
			files = append(files, run(p, library("")))
		}
		return image{layers: [][]fixture.File{install("usr/local", 13), install("usr", 11), install("usr", 12), files}, config: cmd("/usr/local/bin/python3")}
	}
	bad := packages + "x.cpython-313-x86_64-linux-musl.so"
	judge(t, map[string]verdict{
		"for both":            {with(packages+"x.cpython-311-x86_64-linux-musl.so", packages+"x.cpython-312-x86_64-linux-musl.so"), nil, ""},
		"for one":             {with(packages + "x.cpython-311-x86_64-linux-musl.so"), nil, ""},
		"for the one outside": {with(bad), []string{"warning python-extension /" + bad}, ""},
	})
}

func TestCheckOptionalModules(t *testing.T) {
	t.Parallel()
	const dynload = "usr/local/lib/python3.13/lib-dynload/"
	with := func(p string) image {
		return pythonImage(cmd("python3"), run(p, library("", "libx.so.1")))
	}
	tests := map[string]verdict{}
	for _, m := range []string{"_tkinter", "_gdbm", "_dbm", "nis", "readline", "_curses", "_curses_panel", "_crypt"} {
		p := dynload + m + ".cpython-313-x86_64-linux-musl.so"
		tests[m] = verdict{with(p), []string{"warning elf-needed /" + p}, "optional module"}
	}
	for _, m := range []string{"_ssl", "_sqlite3", "zlib", "_ctypes", "_bz2", "_lzma", "_hashlib", "pyexpat", "_decimal"} {
		p := dynload + m + ".cpython-313-x86_64-linux-musl.so"
		want := []string{"error elf-needed /" + p}
		if m == "_ssl" {
			want = append(want, "warning ca-bundle /"+p)
		}
		tests[m] = verdict{with(p), want, "libx.so.1"}
	}
	p := "usr/local/lib/python3.13/site-packages/_tkinter.abi3.so"
	tests["in site-packages"] = verdict{with(p), []string{"error elf-needed /" + p}, ""}
	judge(t, tests)
}

func TestCheckBytecode(t *testing.T) {
	t.Parallel()
	const std = "usr/local/lib/python3.13"
	sources := func(c v1.Config, more ...fixture.File) image {
		files := []fixture.File{run("usr/local/bin/python3.13", program()), dir("app")}
		for _, m := range []string{"os", "encodings/__init__", "json/__init__"} {
			files = append(files, text(std+"/"+m+".py", ""))
		}
		return image{layers: [][]fixture.File{append(files, more...)}, config: c}
	}
	warn := []string{"warning python-bytecode /" + std}
	pyc := func(format string) []fixture.File {
		return []fixture.File{text(fmt.Sprintf(format, "", "os"), ""), text(fmt.Sprintf(format, "encodings/", "__init__"), ""), text(fmt.Sprintf(format, "json/", "__init__"), "")}
	}
	judge(t, map[string]verdict{
		"none":                {sources(v1.Config{}), warn, "3 of the 3 modules"},
		"for root":            {sources(v1.Config{}), warn, "the first start in each container"},
		"for another user":    {sources(v1.Config{User: "app"}), warn, "the user app may not write there, and each start"},
		"never written":       {sources(env("PYTHONDONTWRITEBYTECODE=1")), warn, "PYTHONDONTWRITEBYTECODE is set"},
		"all":                 {sources(v1.Config{}, pyc(std+"/%s__pycache__/%s.cpython-313.pyc")...), nil, ""},
		"most":                {sources(v1.Config{}, pyc(std + "/%s__pycache__/%s.cpython-313.pyc")[1:]...), nil, ""},
		"of another version":  {sources(v1.Config{}, pyc(std+"/%s__pycache__/%s.cpython-312.pyc")...), warn, ""},
		"optimized alone":     {sources(v1.Config{}, pyc(std+"/%s__pycache__/%s.cpython-313.opt-2.pyc")...), warn, ""},
		"elsewhere":           {sources(env("PYTHONPYCACHEPREFIX=/var/pyc"), pyc("var/pyc/"+std+"/%s%s.cpython-313.pyc")...), nil, ""},
		"no program for them": {image{layers: [][]fixture.File{{text(std+"/os.py", ""), text(std+"/encodings/__init__.py", "")}}}, nil, ""},
		"packages without": {sources(v1.Config{}, append(pyc(std+"/%s__pycache__/%s.cpython-313.pyc"), text(std+"/site-packages/a.py", ""), text(std+"/site-packages/b.py", ""),
			text(std+"/site-packages/c.py", ""), text(std+"/site-packages/d.py", ""))...), warn, "4 of the 7"},
	})
}

// TestFindingIsOneLine: a line break in a name of the image begins no message of its own.
func TestFindingIsOneLine(t *testing.T) {
	t.Parallel()
	f := check.Finding{Msg: "/a\npyimg: all is well is missing", Fix: "add b\nc"}
	if got, want := f.String(), `/a\npyimg: all is well is missing; add b\nc`; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}
