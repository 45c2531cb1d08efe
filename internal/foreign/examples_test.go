package foreign_test

import (
	"bytes"
	"os"
	"testing"

	batch "k8s.io/api/batch/v1"
)

func example(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("../../examples/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestGitHubWorkflow(t *testing.T) {
	t.Parallel()
	wantSound(t, checkWorkflow, example(t, "wheels/github-actions.yml"), "runs-on:", "run-on:")
}

func TestGitHubWorkflowOfRuntimes(t *testing.T) {
	t.Parallel()
	wantSound(t, checkWorkflow, example(t, "runtimes/github-actions.yml"), "needs: build", "needs: bild")
}

func TestKubernetesJob(t *testing.T) {
	t.Parallel()
	text := example(t, "wheels/kubernetes-job.yaml")
	wantSound(t, checkKubernetes[batch.Job], text, "restartPolicy:", "restart:")
	job, err := decode[batch.Job](text)
	if err != nil {
		t.Fatal(err)
	}
	if *job.Spec.CompletionMode != batch.IndexedCompletion || *job.Spec.Completions != *job.Spec.Parallelism {
		t.Errorf("it is no Indexed Job: %+v", job.Spec)
	}
}

func TestTektonPipeline(t *testing.T) {
	t.Parallel()
	text := example(t, "wheels/tekton.yaml")
	wantSound(t, checkTekton, text, "workingDir:", "directory:")
	wantSound(t, checkTekton, text, "taskRef: {name: wheels-build}", "taskRef: {name: wheels-bild}")
	if n := bytes.Count(text, []byte("\nkind: Pipeline\n")); n != 1 {
		t.Errorf("it has %d pipelines", n)
	}
}

func TestGitLabPipeline(t *testing.T) {
	t.Parallel()
	wantSound(t, checkGitLab, example(t, "wheels/gitlab-ci.yml"), "parallel: 4", "parallel: {four: 4}")
}
