package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// gitLabComponent is what the test reads of templates/assemble.yml: its two documents.
type gitLabComponent struct {
	inputs map[string]string // defaults
	job    struct {
		Variables   map[string]string
		Script      []string
		AfterScript []string `yaml:"after_script"`
		Cache       []struct{ Paths []string }
	}
}

// readComponent fills the inputs in as GitLab does: in the values of the second document.
func readComponent(t *testing.T, inputs map[string]string) gitLabComponent {
	t.Helper()
	text := readFile(t, "../../templates/assemble.yml")
	head, body, ok := strings.Cut(text, "\n---\n")
	if !ok {
		t.Fatal("the component has one document, expected two")
	}
	var spec struct {
		Spec struct {
			Inputs map[string]struct{ Default string }
		}
	}
	if err := yaml.Unmarshal([]byte(head), &spec); err != nil {
		t.Fatal(err)
	}
	c := gitLabComponent{inputs: make(map[string]string)}
	for name, input := range spec.Spec.Inputs {
		c.inputs[name] = input.Default
	}
	for name, value := range inputs {
		if _, known := c.inputs[name]; !known {
			t.Fatalf("the component has no input %q", name)
		}
		c.inputs[name] = value
	}
	jobs := map[string]*struct {
		Variables   map[string]string
		Script      []string
		AfterScript []string `yaml:"after_script"`
		Cache       []struct{ Paths []string }
	}{}
	if err := yaml.Unmarshal([]byte(body), &jobs); err != nil {
		t.Fatal(err)
	}
	for _, job := range jobs {
		c.job = *job
	}
	for name, value := range c.job.Variables {
		c.job.Variables[name] = regexp.MustCompile(`\$\[\[ inputs\.([a-z-]+) \]\]`).ReplaceAllStringFunc(value, func(m string) string {
			value, known := c.inputs[strings.Trim(strings.TrimPrefix(strings.Trim(m, "$[] "), "inputs."), " ")]
			if !known {
				t.Errorf("the component uses %s, which is no input", m)
			}
			return value
		})
	}
	return c
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// shell runs a script in a folder with these variables, PATH and HOME alone.
func shell(t *testing.T, dir, script string, env []string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	needPrograms(t, "sh", "base64", "tr", "head", "mktemp")
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-c", script, "script"}, args...)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GORACE=atexit_sleep_ms=0"}, env...), &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// TestGitLabComponent runs the job of the component against a registry that wants the password of the job.
func TestGitLabComponent(t *testing.T) {
	t.Parallel()
	_, host := serveGuarded(t, false)
	c, dir := readComponent(t, map[string]string{"spec": "images/*.yaml", "args": "--platform=linux/arm64\n--annotation\nnote=two words * $HOME"}), t.TempDir()
	writeSpec(t, filepath.Join(dir, "images", "app.yaml"))
	known := map[string]string{"CI_REGISTRY": host, "CI_REGISTRY_IMAGE": host + "/group/app", "CI_COMMIT_REF_SLUG": "main", "CI_PROJECT_DIR": dir,
		"CI_REGISTRY_USER": "me", "CI_REGISTRY_PASSWORD": rightPassword, "TMPDIR": t.TempDir()}
	var env []string
	for name, value := range known {
		env = append(env, name+"="+value)
	}
	for name, value := range c.job.Variables {
		if name != "INPUT_ARGS" { // it has a $ that GitLab would fill in
			value = os.Expand(value, func(n string) string { return known[n] })
		}
		env = append(env, name+"="+value)
	}
	out, errs, err := shell(t, dir, strings.Join(append(c.job.Script, c.job.AfterScript...), "\n"), env)
	if err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	image, _, _ := strings.Cut(out, "\n")
	_, digest, _ := strings.Cut(image, "@")
	if !strings.HasPrefix(image, host+"/group/app:main@sha256:") {
		t.Errorf("the job printed %q", out)
	}
	want := fmt.Sprintf("PYIMG_IMAGE=%s\nPYIMG_DIGEST=%s\nPYIMG_IMAGES=%s \n", image, digest, image)
	if got := readFile(t, filepath.Join(dir, "pyimg.env")); got != want {
		t.Errorf("later jobs read\n%s\nwant\n%s", got, want)
	}
	if strings.Contains(out+errs, rightPassword) {
		t.Error("the password is printed")
	}
	for _, folder := range c.job.Cache[0].Paths {
		if files, err := os.ReadDir(filepath.Join(dir, folder)); err != nil || len(files) == 0 {
			t.Errorf("the job keeps %s, which has %d files: %v", folder, len(files), err)
		}
	}
}

// TestTektonTask runs the step of the task.
func TestTektonTask(t *testing.T) {
	t.Parallel()
	_, host := serveGuarded(t, true)
	var task struct {
		Spec struct {
			Steps []struct {
				Args   []string
				Script string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(readFile(t, "../../examples/ci/tekton-task.yaml")), &task); err != nil {
		t.Fatal(err)
	}
	params := map[string][]string{"spec": {"one.yaml"}, "push": {host + "/app:1", host + "/app:2"}, "args": {"--platform", "linux/amd64", "--annotation", "note=--push -- two words"}}
	var args []string
	for _, a := range task.Spec.Steps[0].Args {
		if name, isParam := strings.CutPrefix(a, "$(params."); isParam {
			args = append(args, params[strings.TrimSuffix(name, "[*])")]...)
		} else {
			args = append(args, a)
		}
	}
	dir, secret, results, cache := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	writeSpec(t, filepath.Join(dir, "one.yaml"))
	writeBytes(t, filepath.Join(secret, "config.json"), []byte(authConfig(host, rightPassword)))
	out, errs, err := shell(t, dir, task.Spec.Steps[0].Script, []string{"CACHE=" + cache, "REGISTRY=" + secret, "RESULTS=" + results}, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	digest := readFile(t, filepath.Join(results, "IMAGE_DIGEST"))
	if got, want := readFile(t, filepath.Join(results, "IMAGES")), host+"/app:1@"+digest+","+host+"/app:2@"+digest; got != want || !strings.HasPrefix(digest, "sha256:") {
		t.Errorf("IMAGES is %q, want %q\n%s", got, want, out)
	}
	if files, err := os.ReadDir(filepath.Join(cache, "pyimg")); err != nil || len(files) == 0 {
		t.Errorf("the cache has %d files, %v", len(files), err)
	}
	// Neither workspaces nor specs nor arguments are needed.
	_, errs, err = shell(t, dir, task.Spec.Steps[0].Script, []string{"CACHE=", "REGISTRY=", "RESULTS=" + results, "PYIMG_CACHE_DIR=" + cache}, "--push", host+"/app:3", "--", "one.yaml")
	if err == nil || !strings.Contains(errs, "credentials") && !strings.Contains(errs, "401") && !strings.Contains(errs, "log in") {
		t.Errorf("without a login the task printed %q, %v", errs, err)
	}
}

// TestKubernetesJob runs all pods of the job: together they make each image once.
func TestKubernetesJob(t *testing.T) {
	t.Parallel()
	registry, host := serveGuarded(t, true)
	var job struct {
		Spec struct {
			Completions int
			Template    struct {
				Spec struct {
					Containers []struct {
						Args []string
						Env  []struct{ Name, Value string }
					}
				}
			}
		}
	}
	if err := yaml.Unmarshal([]byte(readFile(t, "../../examples/ci/kubernetes-job.yaml")), &job); err != nil {
		t.Fatal(err)
	}
	container := job.Spec.Template.Spec.Containers[0]
	shards := slices.IndexFunc(container.Env, func(v struct{ Name, Value string }) bool { return v.Name == "SHARDS" })
	if container.Env[shards].Value != fmt.Sprint(job.Spec.Completions) {
		t.Errorf("SHARDS is %s, and the job has %d completions", container.Env[shards].Value, job.Spec.Completions)
	}
	// A config map is a folder of symlinks.
	dir, secret, cache := t.TempDir(), t.TempDir(), t.TempDir()
	writeSpec(t, filepath.Join(dir, "..data", "a.yaml"))
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		if err := os.Symlink(filepath.Join("..data", "a.yaml"), filepath.Join(dir, name+".yaml")); err != nil {
			t.Fatal(err)
		}
	}
	writeBytes(t, filepath.Join(secret, "config.json"), []byte(authConfig(host, rightPassword)))
	var made []string
	for index := range job.Spec.Completions + 1 { // one pod has nothing to do
		env := []string{fmt.Sprintf("JOB_COMPLETION_INDEX=%d", index), "SHARDS=" + container.Env[shards].Value, "REPOSITORY=" + host + "/team", "TAG=1",
			"DOCKER_CONFIG=" + secret, "PYIMG_CACHE_DIR=" + cache}
		out, errs, err := shell(t, dir, container.Args[0], env)
		if err != nil {
			t.Fatalf("pod %d: %v\n%s", index, err, errs)
		}
		if index == job.Spec.Completions && !strings.Contains(out, "no spec is left") {
			t.Errorf("pod %d printed %q", index, out)
		}
		for line := range strings.Lines(out) {
			if name, _, isRef := strings.Cut(strings.TrimPrefix(line, host+"/team/"), ":1@"); isRef {
				made = append(made, name)
			}
		}
	}
	slices.Sort(made)
	if want := []string{"a", "b", "c", "d", "e"}; !slices.Equal(made, want) {
		t.Errorf("the pods made %q, want %q", made, want)
	}
	for _, name := range made {
		if registry.Tag("team/"+name, "1") == "" {
			t.Errorf("the registry has no %s", name)
		}
	}
}
