package foreign_test

import (
	"context"
	"errors"
	"io"
	"os"
	"regexp"
	"testing"

	"github.com/rhysd/actionlint"
	batch "k8s.io/api/batch/v1"
	"sigs.k8s.io/yaml"
)

func fileOf(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// checkWithAction checks a workflow in which the action of this repository is a local one, so that its inputs and outputs are known.
func checkWithAction(_ context.Context, text []byte) error {
	l, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{Shellcheck: "", Pyflakes: ""})
	if err != nil {
		return err
	}
	project, err := actionlint.NewProject("../..")
	if err != nil {
		return err
	}
	text = regexp.MustCompile(`uses: pyimg/pyimg@v\d+`).ReplaceAll(text, []byte("uses: ./"))
	found, err := l.Lint("../../.github/workflows/image.yml", text, project)
	for _, f := range found {
		err = errors.Join(err, f)
	}
	return err
}

func TestGitHubWorkflowWithAction(t *testing.T) {
	t.Parallel()
	text := fileOf(t, "examples/ci/github-actions.yml")
	wantSound(t, checkWithAction, text, "push: ${{", "pusch: ${{")
	wantSound(t, checkWithAction, text, "steps.image.outputs.digest", "steps.image.outputs.digst")
}

// checkActionSteps checks the steps of a composite action as those of a workflow with the same inputs.
func checkActionSteps(ctx context.Context, text []byte) error {
	var action struct {
		Name        string                       `json:"name"`
		Description string                       `json:"description"`
		Author      string                       `json:"author"`
		Branding    map[string]string            `json:"branding"`
		Inputs      map[string]map[string]string `json:"inputs"`
		Outputs     map[string]map[string]string `json:"outputs"`
		Runs        struct {
			Using string           `json:"using"`
			Steps []map[string]any `json:"steps"`
		} `json:"runs"`
	}
	if err := yaml.UnmarshalStrict(text, &action); err != nil {
		return err
	}
	inputs := make(map[string]any)
	for name, input := range action.Inputs {
		inputs[name] = map[string]string{"type": "string", "description": input["description"]}
	}
	outputs := make(map[string]any)
	for name, output := range action.Outputs {
		outputs[name] = output["value"]
	}
	workflow, err := yaml.Marshal(map[string]any{
		"on":   map[string]any{"workflow_call": map[string]any{"inputs": inputs}},
		"jobs": map[string]any{"action": map[string]any{"runs-on": "ubuntu-24.04", "outputs": outputs, "steps": action.Runs.Steps}},
	})
	if err != nil {
		return err
	}
	return checkWorkflow(ctx, workflow)
}

func TestAction(t *testing.T) {
	t.Parallel()
	text := fileOf(t, "action.yml")
	wantSound(t, checkActionSteps, text, "inputs.cache-size }}", "inputs.cache-sise }}")
	wantSound(t, checkActionSteps, text, "steps.install.outputs.cache }}", "stps.install.outputs.cache }}")
	wantSound(t, checkActionSteps, text, "  using: composite", "  using: composite\n  shell: bash")
}

// checkComponent checks a component of GitLab: its inputs, and its jobs with the inputs' defaults filled in.
func checkComponent(ctx context.Context, text []byte) error {
	parts := yamlDocuments(text)
	if len(parts) != 2 {
		return errors.New("expected two documents")
	}
	var head struct {
		Spec struct {
			Inputs map[string]struct {
				Default     *string  `json:"default"`
				Description string   `json:"description"`
				Type        string   `json:"type"`
				Options     []string `json:"options"`
				Regex       string   `json:"regex"`
			} `json:"inputs"`
		} `json:"spec"`
	}
	if err := yaml.UnmarshalStrict(parts[0], &head); err != nil {
		return err
	}
	var unknown error
	jobs := regexp.MustCompile(`\$\[\[ (?:inputs\.)?([^ ]+) \]\]`).ReplaceAllFunc(parts[1], func(m []byte) []byte {
		name := string(m[len("$[[ inputs.") : len(m)-len(" ]]")])
		input, known := head.Spec.Inputs[name]
		if !known {
			unknown = errors.Join(unknown, errors.New("there is no input "+name))
			return m
		}
		if input.Default == nil || *input.Default == "" {
			return []byte(`""`)
		}
		return []byte(*input.Default)
	})
	if unknown != nil {
		return unknown
	}
	return checkGitLab(ctx, jobs)
}

func TestGitLabComponent(t *testing.T) {
	t.Parallel()
	text := fileOf(t, "templates/assemble.yml")
	wantSound(t, checkComponent, text, "$[[ inputs.push ]]", "$[[ inputs.pusch ]]")
	wantSound(t, checkComponent, text, "after_script:\n", "after_skript: {x: 1}\n  after_script: {x: 1}\n")
	wantSound(t, checkComponent, text, "      default: build", "      defult: build")
	wantSound(t, checkGitLab, fileOf(t, "examples/ci/gitlab-ci.yml"), "stages: [build, deploy]", "stages: 1")
}

func TestImagesInClusters(t *testing.T) {
	t.Parallel()
	wantSound(t, checkTekton, fileOf(t, "examples/ci/tekton-task.yaml"), "$(params.push[*])", "$(params.pusch[*])")
	wantSound(t, checkTekton, fileOf(t, "examples/ci/tekton-task.yaml"), "optional: true", "optinal: true")
	text := fileOf(t, "examples/ci/kubernetes-job.yaml")
	wantSound(t, checkKubernetes[batch.Job], text, "readOnlyRootFilesystem:", "readOnlyRoot:")
	job, err := decode[batch.Job](text)
	if err != nil {
		t.Fatal(err)
	}
	if *job.Spec.CompletionMode != batch.IndexedCompletion || *job.Spec.Completions != *job.Spec.Parallelism {
		t.Errorf("it is no Indexed Job: %+v", job.Spec)
	}
}
