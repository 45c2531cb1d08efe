package spec_test

import (
	"path/filepath"
	"testing"

	"github.com/pyimg/pyimg/assemble/spec"
)

// TestExamplesAreSpecs reads the specs that people are to start from.
func TestExamplesAreSpecs(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("../../examples/*/pyimg.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("there are no examples: %v", err)
	}
	for _, name := range names {
		if _, err := spec.Read(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
