package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/sigstore"
)

const releaseVersion = "v1.2.3"

// A release is a release of pyimg as .goreleaser.yaml makes it, on a server of files. What the archive holds runs the pyimg of this test.
type release struct {
	dir, url, key string
	sums          string // the list of checksums
	archive       string
	private       sigstore.PrivateKey
}

// needPrograms skips a test where a program that CI machines have is missing.
func needPrograms(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed", name)
		}
	}
}

func newRelease(t *testing.T) *release {
	t.Helper()
	needPrograms(t, "sh", "bash", "curl", "openssl", "tar", "base64")
	if runtime.GOOS == "windows" {
		t.Skip("the archive for Windows is a zip with a program of Windows")
	}
	dir := t.TempDir()
	key, err := sigstore.Generate()
	if err != nil {
		t.Fatal(err)
	}
	r := &release{dir: filepath.Join(dir, "releases"), key: filepath.Join(dir, "pyimg.pub"), private: key}
	folder := filepath.Join(r.dir, "download", releaseVersion)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	stem := "pyimg_" + strings.TrimPrefix(releaseVersion, "v") + "_"
	machine := map[string]string{"arm": "armv7"}[runtime.GOARCH]
	if machine == "" {
		machine = runtime.GOARCH
	}
	r.sums, r.archive = filepath.Join(folder, stem+"checksums.txt"), filepath.Join(folder, stem+runtime.GOOS+"_"+machine+".tar.gz")
	program, err := exec.LookPath("pyimg")
	if err != nil {
		t.Fatal(err)
	}
	writeBytes(t, r.key, key.Public().Encode())
	writeBytes(t, r.archive, packed(t, "#!/bin/sh\nexec '"+program+"' \"$@\"\n"))
	r.publish(t)
	mux := http.NewServeMux()
	mux.Handle("/download/", http.FileServer(http.Dir(r.dir)))
	mux.Handle("/latest", http.RedirectHandler("/tag/"+releaseVersion, http.StatusFound))
	mux.HandleFunc("/tag/", func(http.ResponseWriter, *http.Request) {})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// publish writes the list of checksums and signs it.
func (r *release) publish(t *testing.T) {
	t.Helper()
	archive, err := os.ReadFile(r.archive)
	if err != nil {
		t.Fatal(err)
	}
	r.sign(t, fmt.Sprintf("%064x  other.deb\n%x  %s\n", 0, sha256.Sum256(archive), filepath.Base(r.archive)))
}

func (r *release) sign(t *testing.T, sums string) {
	t.Helper()
	writeBytes(t, r.sums, []byte(sums))
	bundle, err := r.private.SignFile([]byte(sums))
	if err != nil {
		t.Fatal(err)
	}
	writeBytes(t, r.sums+".sigstore.json", append(bundle, '\n'))
}

func writeBytes(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// packed is an archive with a program named pyimg and another file.
func packed(t *testing.T, program string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, f := range []struct {
		name, text string
		mode       int64
	}{{"LICENSE", "licence", 0o644}, {"pyimg", program, 0o755}} {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// install runs ci/install.sh.
func (r *release) install(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{"../../ci/install.sh"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

func TestInstallRelease(t *testing.T) {
	t.Parallel()
	r, dir := newRelease(t), filepath.Join(t.TempDir(), "a b")
	for _, args := range [][]string{{}, {"--version", releaseVersion}} {
		out, errs, err := r.install(t, append([]string{"--key", r.key, "--from", r.url + "/", "--dir", dir}, args...)...)
		if err != nil || out != filepath.Join(dir, "pyimg")+"\n" || !strings.HasPrefix(errs, "pyimg ") {
			t.Fatalf("install.sh %q printed %q and %q, %v", args, out, errs, err)
		}
	}
}

// TestInstallRefuses has releases that somebody has changed: nothing of them may be installed.
func TestInstallRefuses(t *testing.T) {
	t.Parallel()
	evil := "#!/bin/sh\necho evil\n"
	for name, c := range map[string]struct {
		change func(t *testing.T, r *release)
		args   []string
		want   string
	}{
		"another archive": {change: func(t *testing.T, r *release) { writeBytes(t, r.archive, packed(t, evil)) }, want: "expected"},
		"an archive with another sum": {change: func(t *testing.T, r *release) {
			writeBytes(t, r.archive, packed(t, evil))
			bundle, err := os.ReadFile(r.sums + ".sigstore.json")
			if err != nil {
				t.Fatal(err)
			}
			r.publish(t)
			writeBytes(t, r.sums+".sigstore.json", bundle)
		}, want: "did not sign"},
		"another key": {change: func(t *testing.T, r *release) {
			other, err := sigstore.Generate()
			if err != nil {
				t.Fatal(err)
			}
			r.private = other
			r.publish(t)
		}, want: "did not sign"},
		"an older release by this name": {change: func(t *testing.T, r *release) {
			r.sign(t, fmt.Sprintf("%064x  %s\n", 0, strings.ReplaceAll(filepath.Base(r.archive), "1.2.3", "1.2.2")))
		}, want: "has no pyimg_1.2.3"},
		"no signature":         {change: func(t *testing.T, r *release) { writeBytes(t, r.sums+".sigstore.json", []byte("{}\n")) }, want: "no bundle"},
		"a statement":          {change: func(t *testing.T, r *release) { signStatement(t, r) }, want: "no bundle"},
		"no such version":      {args: []string{"--version", "v9.9.9"}, want: "is there a release v9.9.9"},
		"a path as a version":  {args: []string{"--version", "v1.2.3/../../x"}, want: "expected a version"},
		"no version":           {args: []string{"--version", "latest"}, want: "expected a version"},
		"a key that is absent": {args: []string{"--key", "absent.pub"}, want: "absent.pub cannot be read"},
		"an unknown option":    {args: []string{"--what", "x"}, want: "there is no option --what"},
		"an option alone":      {args: []string{"--dir"}, want: "--dir needs a value"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, dir := newRelease(t), t.TempDir()
			if c.change != nil {
				c.change(t, r)
			}
			out, errs, err := r.install(t, append([]string{"--key", r.key, "--from", r.url, "--dir", dir}, c.args...)...)
			if err == nil || !strings.Contains(errs, c.want) {
				t.Errorf("install.sh printed %q and %q, %v, want an error with %q", out, errs, err, c.want)
			}
			if _, err := os.Stat(filepath.Join(dir, "pyimg")); err == nil {
				t.Error("the program was installed")
			}
		})
	}
}

func signStatement(t *testing.T, r *release) {
	t.Helper()
	s, err := sigstore.NewStatement("x", "sha256:00", "https://example.com", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := r.private.SignStatement(s)
	if err != nil {
		t.Fatal(err)
	}
	writeBytes(t, r.sums+".sigstore.json", bundle)
}

// A gitHubAction is what the tests read of action.yml.
type gitHubAction struct {
	Inputs  map[string]struct{ Default string }
	Outputs map[string]struct{ Value string }
	Runs    struct {
		Steps []gitHubStep
	}
}

type gitHubStep struct {
	ID, If, Run, Uses string
	WorkingDirectory  string `yaml:"working-directory"`
	Env, With         map[string]string
}

// runner runs the steps of an action as GitHub's runner does, as far as this action needs it.
type runner struct {
	dir    string // of the job
	env    []string
	path   string
	values map[string]string // of expressions: "inputs.spec"
	action gitHubAction
}

func newRunner(t *testing.T, inputs map[string]string) *runner {
	t.Helper()
	text, err := os.ReadFile("../../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{dir: t.TempDir(), path: os.Getenv("PATH"), values: map[string]string{"github.action_ref": "main", "github.token": "job-token",
		"runner.os": "Linux", "hashFiles('**/pyimg.lock', '**/pyimg.yaml')": "0123"}}
	if err := yaml.UnmarshalWithOptions(text, &r.action); err != nil {
		t.Fatal(err)
	}
	for name, input := range r.action.Inputs {
		r.values["inputs."+name] = r.expand(t, input.Default)
	}
	for name, value := range inputs {
		if _, known := r.action.Inputs[name]; !known {
			t.Fatalf("action.yml has no input %q", name)
		}
		r.values["inputs."+name] = value
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	r.env = []string{"GITHUB_ACTION_PATH=" + root, "RUNNER_TEMP=" + filepath.Join(r.dir, "temp"), "GITHUB_PATH=" + filepath.Join(r.dir, "path"),
		"GITHUB_STEP_SUMMARY=" + filepath.Join(r.dir, "summary"), "HOME=" + r.dir, "CI=true"}
	return r
}

// expand fills in expressions. Of "A || B" the first that is not empty counts.
func (r *runner) expand(t *testing.T, text string) string {
	t.Helper()
	return regexp.MustCompile(`\$\{\{ (.*?) \}\}`).ReplaceAllStringFunc(text, func(m string) string {
		for name := range strings.SplitSeq(strings.Trim(m, "${} "), " || ") {
			value, known := r.values[name]
			if !known {
				t.Errorf("action.yml: this test does not know %q", name)
			}
			if value != "" {
				return value
			}
		}
		return ""
	})
}

// run runs all steps and returns the outputs of the action and what was printed.
func (r *runner) run(t *testing.T) (outputs map[string]string, printed string, err error) {
	t.Helper()
	var log bytes.Buffer
	for i, s := range r.action.Runs.Steps {
		if s.Run == "" {
			continue
		}
		file := filepath.Join(r.dir, fmt.Sprintf("output-%d", i))
		cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", s.Run)
		cmd.Dir = filepath.Join(r.dir, r.expand(t, s.WorkingDirectory))
		cmd.Env = append(slices.Clone(r.env), "PATH="+r.path, "GITHUB_OUTPUT="+file)
		for name, value := range s.Env {
			cmd.Env = append(cmd.Env, name+"="+r.expand(t, value))
		}
		cmd.Stdout, cmd.Stderr = &log, &log
		if err := cmd.Run(); err != nil {
			return nil, log.String(), fmt.Errorf("step %d: %w", i+1, err)
		}
		r.read(t, s.ID, file)
	}
	outputs = make(map[string]string)
	for name, o := range r.action.Outputs {
		outputs[name] = r.expand(t, o.Value)
	}
	return outputs, log.String(), nil
}

// read takes what a step has written for the next ones.
func (r *runner) read(t *testing.T, id, output string) {
	t.Helper()
	text, err := os.ReadFile(output)
	if err != nil && id != "" {
		t.Errorf("step %q has no outputs: %v", id, err)
	}
	lines := strings.Split(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		name, value, ok := strings.Cut(lines[i], "=")
		if heredoc, end, isLong := strings.Cut(lines[i], "<<"); isLong && !ok {
			name = heredoc
			length := slices.Index(lines[i+1:], end)
			value = strings.Join(lines[i+1:i+1+length], "\n")
			i += length + 1
		}
		if name != "" {
			r.values["steps."+id+".outputs."+name] = value
		}
	}
	if added, err := os.ReadFile(filepath.Join(r.dir, "path")); err == nil {
		r.path = strings.TrimSpace(string(added)) + string(os.PathListSeparator) + os.Getenv("PATH")
	}
}

// TestAction runs the steps of action.yml: a release is installed, and an image is assembled and pushed to a registry that wants a
// password, for an owner with capitals.
func TestAction(t *testing.T) {
	t.Parallel()
	released := newRelease(t)
	_, host := serveGuarded(t, true)
	r := newRunner(t, map[string]string{
		"key": released.key, "releases": released.url, "spec": "images/*.yaml", "push": host + "/Some-Owner/{name}:RC-1\n\n" + host + "/some-owner/{name}:two\n",
		"platforms": "linux/amd64", "args": "--metadata-file\nmeta data.json\n--annotation\nnote=two words * $HOME", "working-directory": "work", "registry": host, "username": "me", "password": rightPassword,
	})
	writeSpec(t, filepath.Join(r.dir, "work", "images", "app.yaml"))
	outputs, printed, err := r.run(t)
	if err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	digest := outputs["digest"]
	if !strings.HasPrefix(digest, "sha256:") || outputs["image"] != host+"/some-owner/app:RC-1@"+digest || outputs["version"] == "" {
		t.Errorf("the outputs are %q\n%s", outputs, printed)
	}
	if want := outputs["image"] + "\n" + host + "/some-owner/app:two@" + digest; outputs["images"] != want {
		t.Errorf("images is %q, want %q", outputs["images"], want)
	}
	summary, err := os.ReadFile(filepath.Join(r.dir, "summary"))
	if err != nil || !strings.Contains(string(summary), "linux/amd64") {
		t.Errorf("the summary is %q, %v", summary, err)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "work", "meta data.json")); err != nil {
		t.Error(err)
	}
	if strings.Contains(printed, rightPassword) {
		t.Errorf("the password is printed:\n%s", printed)
	}
	r.checkCache(t)
}

// checkCache holds the folders that the action keeps against those that are there.
func (r *runner) checkCache(t *testing.T) {
	t.Helper()
	i := slices.IndexFunc(r.action.Runs.Steps, func(s gitHubStep) bool { return strings.HasPrefix(s.Uses, "actions/cache@") })
	if i < 0 {
		t.Fatal("no step keeps the cache")
	}
	kept := strings.Fields(r.expand(t, r.action.Runs.Steps[i].With["path"]))
	if len(kept) != 3 {
		t.Errorf("the action keeps %q", kept)
	}
	for _, folder := range kept {
		if files, err := os.ReadDir(folder); err != nil || len(files) == 0 {
			t.Errorf("the action keeps %s, which has %d files: %v", folder, len(files), err)
		}
	}
	if key := r.expand(t, r.action.Runs.Steps[i].With["key"]); key != "pyimg-Linux-0123" {
		t.Errorf("the key of the cache is %q", key)
	}
}

// TestActionRefuses has inputs that cannot be right; the step that assembles says so and pushes nothing.
func TestActionRefuses(t *testing.T) {
	t.Parallel()
	released := newRelease(t)
	for name, c := range map[string]struct {
		inputs map[string]string
		want   string
	}{
		"no password":           {map[string]string{"registry": "localhost:1", "username": "me"}, "registry, username and password belong together"},
		"an address":            {map[string]string{"registry": "https://localhost:1/x", "username": "me", "password": "secret-password"}, "expected HOST or HOST:PORT"},
		"a spec that is absent": {map[string]string{"spec": "absent.yaml"}, "absent.yaml"},
		"a wrong argument":      {map[string]string{"args": "--wat"}, "--wat"},
		"no key":                {map[string]string{"key": "absent.pub"}, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inputs := map[string]string{"key": released.key, "releases": released.url}
			for k, v := range c.inputs {
				inputs[k] = v
			}
			_, printed, err := newRunner(t, inputs).run(t)
			if err == nil || !strings.Contains(printed, c.want) || strings.Contains(printed, "secret-password") {
				t.Errorf("the action printed %q, %v, want an error with %q", printed, err, c.want)
			}
		})
	}
}

func writeSpec(t *testing.T, name string) {
	t.Helper()
	mirror, err := fixture.Alpine("x86_64", "aarch64")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := mirror.Write(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	writeBytes(t, name, fmt.Appendf(nil, "alpine: {branch: v3.20, mirrors: [%q], keys: [%q]}\npackages: [busybox, alpine-release]\n", dir, filepath.Join(dir, "keys")))
}
