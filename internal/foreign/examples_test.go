package foreign_test

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/rhysd/actionlint"
	batch "k8s.io/api/batch/v1"
	"sigs.k8s.io/yaml"
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("../../examples/wheels/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestGitHubWorkflow(t *testing.T) {
	t.Parallel()
	l, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{Shellcheck: "", Pyflakes: ""})
	if err != nil {
		t.Fatal(err)
	}
	found, err := l.Lint("github-actions.yml", read(t, "github-actions.yml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Error(f)
	}
}

func TestKubernetesJob(t *testing.T) {
	t.Parallel()
	var job batch.Job
	if err := yaml.UnmarshalStrict(read(t, "kubernetes-job.yaml"), &job); err != nil {
		t.Fatal(err)
	}
	if *job.Spec.CompletionMode != batch.IndexedCompletion || *job.Spec.Completions != *job.Spec.Parallelism {
		t.Errorf("it is no Indexed Job: %+v", job.Spec)
	}
}

// tektonObject has the fields of tekton.dev/v1 that the example uses: the project's own types are no module of their own.
type tektonObject struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Params     []struct{ Name, Type string }        `json:"params"`
		Workspaces []struct{ Name, Description string } `json:"workspaces"`
		Steps      []struct {
			Name, Image, WorkingDir, Script string
			Env                             []struct{ Name, Value string }
		} `json:"steps"`
		Tasks []struct {
			Name     string
			TaskRef  struct{ Name string }
			RunAfter []string
			Matrix   struct {
				Params []struct {
					Name  string
					Value []string
				}
			}
			Workspaces []struct{ Name, Workspace string }
		} `json:"tasks"`
	} `json:"spec"`
}

func TestTektonPipeline(t *testing.T) {
	t.Parallel()
	tasks := make(map[string]bool)
	used := 0
	for text := range bytes.SplitSeq(read(t, "tekton.yaml"), []byte("\n---\n")) {
		var o tektonObject
		if err := yaml.UnmarshalStrict(text, &o); err != nil {
			t.Fatal(err)
		}
		if o.APIVersion != "tekton.dev/v1" {
			t.Errorf("%s is of %s", o.Metadata.Name, o.APIVersion)
		}
		tasks[o.Metadata.Name] = o.Kind == "Task"
		for _, task := range o.Spec.Tasks {
			used++
			if !tasks[task.TaskRef.Name] {
				t.Errorf("%s refers to %s, which is no task before it", task.Name, task.TaskRef.Name)
			}
		}
	}
	if used != 2 {
		t.Errorf("the pipeline has %d tasks", used)
	}
}

// gitLabJob has the keywords of a job that the example uses.
type gitLabJob struct {
	Stage        string           `json:"stage"`
	When         string           `json:"when"`
	Parallel     int              `json:"parallel"`
	Image        string           `json:"image"`
	BeforeScript []string         `json:"before_script"`
	Script       []string         `json:"script"`
	AfterScript  []string         `json:"after_script"`
	Cache        []map[string]any `json:"cache"`
	AllowFailure struct {
		ExitCodes int `json:"exit_codes"`
	} `json:"allow_failure"`
	Artifacts struct {
		When     string   `json:"when"`
		Paths    []string `json:"paths"`
		ExpireIn string   `json:"expire_in"`
	} `json:"artifacts"`
}

func TestGitLabPipeline(t *testing.T) {
	t.Parallel()
	var file struct {
		Stages    []string          `json:"stages"`
		Default   gitLabJob         `json:"default"`
		Variables map[string]string `json:"variables"`
		Build     gitLabJob         `json:"build"`
		Join      gitLabJob         `json:"join"`
	}
	if err := yaml.UnmarshalStrict(read(t, "gitlab-ci.yml"), &file); err != nil {
		t.Fatal(err)
	}
	if file.Build.Stage != file.Stages[0] || file.Join.Stage != file.Stages[1] || file.Build.Parallel < 2 || len(file.Join.Script) == 0 {
		t.Errorf("the pipeline is %+v", file)
	}
}
