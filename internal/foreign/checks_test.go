package foreign_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rhysd/actionlint"
	"github.com/santhosh-tekuri/jsonschema/v6"
	tekton "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"sigs.k8s.io/yaml"
)

// wantSound checks a file, and checks once more that the same check refuses it with one change.
func wantSound(t *testing.T, check func(context.Context, []byte) error, text []byte, from, to string) {
	t.Helper()
	var skip *missingSchemaError
	if err := check(t.Context(), text); errors.As(err, &skip) {
		t.Skip(err)
	} else if err != nil {
		t.Error(err)
	}
	broken := bytes.Replace(text, []byte(from), []byte(to), 1)
	if bytes.Equal(broken, text) {
		t.Fatalf("the file has no %q", from)
	}
	if check(t.Context(), broken) == nil {
		t.Errorf("the check allows %q in the place of %q, so it proves nothing", to, from)
	}
}

// checkWorkflow checks a workflow of GitHub Actions: its keys, expressions, and the inputs of well-known actions.
func checkWorkflow(_ context.Context, text []byte) error {
	l, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{Shellcheck: "", Pyflakes: ""})
	if err != nil {
		return err
	}
	found, err := l.Lint("workflow.yml", text, nil)
	for _, f := range found {
		err = errors.Join(err, f)
	}
	return err
}

// decode reads one object of Kubernetes by its API type. Unknown fields are errors.
func decode[T any](text []byte) (T, error) {
	var o T
	err := yaml.UnmarshalStrict(text, &o)
	return o, err
}

// checkKubernetes checks a file with one object of Kubernetes.
func checkKubernetes[T any](_ context.Context, text []byte) error {
	_, err := decode[T](text)
	return err
}

// yamlDocuments are the documents of a YAML file.
func yamlDocuments(text []byte) [][]byte {
	return bytes.Split(bytes.TrimPrefix(text, []byte("---\n")), []byte("\n---\n"))
}

// checkTekton checks a file with tasks, pipelines and runs by the API types of Tekton, with the rules that its webhook has for them. A
// pipeline may refer to tasks that are before it in the file.
func checkTekton(ctx context.Context, text []byte) error {
	tasks := make(map[string]bool)
	for _, document := range yamlDocuments(text) {
		var head struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal(document, &head); err != nil {
			return err
		}
		if head.APIVersion != "tekton.dev/v1" {
			return fmt.Errorf("an object is of %q, expected tekton.dev/v1", head.APIVersion)
		}
		var err error
		switch head.Kind {
		case "Task":
			err = checkTask(ctx, document, tasks)
		case "Pipeline":
			err = checkPipeline(ctx, document, tasks)
		case "TaskRun":
			var o tekton.TaskRun
			if o, err = decode[tekton.TaskRun](document); err == nil {
				err = asError(o.Validate(ctx))
			}
		case "PipelineRun":
			var o tekton.PipelineRun
			if o, err = decode[tekton.PipelineRun](document); err == nil {
				err = asError(o.Validate(ctx))
			}
		default:
			err = fmt.Errorf("its kind is %q", head.Kind)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func checkTask(ctx context.Context, text []byte, tasks map[string]bool) error {
	o, err := decode[tekton.Task](text)
	if err != nil {
		return err
	}
	tasks[o.Name] = true
	o.SetDefaults(ctx)
	return asError(o.Validate(ctx))
}

func checkPipeline(ctx context.Context, text []byte, tasks map[string]bool) error {
	o, err := decode[tekton.Pipeline](text)
	if err != nil {
		return err
	}
	for _, task := range o.Spec.Tasks {
		if task.TaskRef != nil && task.TaskRef.Resolver == "" && !tasks[task.TaskRef.Name] {
			return fmt.Errorf("%s refers to %s, which is no task before it", task.Name, task.TaskRef.Name)
		}
	}
	o.SetDefaults(ctx)
	return asError(o.Validate(ctx))
}

// asError is nil for a nil pointer of the type that Tekton has for its errors.
func asError[T any, P interface {
	*T
	error
}](err P) error {
	if err == nil {
		return nil
	}
	return err
}

// missingSchemaError says that a schema is not to be had here.
type missingSchemaError struct{ err error }

func (e *missingSchemaError) Error() string { return e.err.Error() }

// gitLabSchema is the schema of GitLab's own editor, app/assets/javascripts/editor/schema/ci.json, as a release of gitlab-ci-local on
// npm has it.
const (
	gitLabPackage   = "gitlab-ci-local@4.53.0"
	gitLabFile      = "package/src/schema/schema.json"
	gitLabSchemaSum = "a684f7967b14bd4339f961182ffc0d3394d9c208de90b341d9ae294ef382e408"
)

// gitLab compiles the schema once; a machine without npm or a network has none.
var gitLab = sync.OnceValues(func() (*jsonschema.Schema, error) {
	dir, err := os.MkdirTemp("", "pyimg-schema-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	cmd := exec.Command("npm", "pack", "--silent", gitLabPackage)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, &missingSchemaError{fmt.Errorf("fetching the schema of GitLab: %w: %s", err, out)}
	}
	text, err := exec.Command("tar", "-xzOf", filepath.Join(dir, strings.TrimSpace(string(out))), gitLabFile).Output()
	if err != nil {
		return nil, err
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(text)); sum != gitLabSchemaSum {
		return nil, fmt.Errorf("the schema of GitLab has the SHA-256 %s, expected %s", sum, gitLabSchemaSum)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("gitlab-ci.json", value); err != nil {
		return nil, err
	}
	return c.Compile("gitlab-ci.json")
})

// checkGitLab checks a .gitlab-ci.yml.
func checkGitLab(_ context.Context, text []byte) error {
	schema, err := gitLab()
	if err != nil {
		return err
	}
	var value any
	if err := yaml.UnmarshalStrict(text, &value); err != nil {
		return err
	}
	text, err = json.Marshal(value)
	if err != nil {
		return err
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(instance)
}
