package bundle_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle/create"
	"github.com/pyimg/pyimg/assemble/spec"
)

// TestMergeSharesWhatIsTheSame makes one bundle of two locks of one site, which is larger for the second by lock, spec and its files.
func TestMergeSharesWhatIsTheSame(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	one := s.options(t, filepath.Join(t.TempDir(), "one"))
	one.Store = s.store
	mustCreate(t, one)
	two := s.options(t, filepath.Join(t.TempDir(), "two"))
	two.Store = s.store
	in, err := create.Merge(two.Inputs, s.options(t, "").Inputs)
	if err != nil {
		t.Fatal(err)
	}
	second := two.Images[0]
	second.Name = "second"
	two.Inputs, two.Images = in, append(two.Images, second)
	mustCreate(t, two)
	if err := verify(t, two.Output); err != nil {
		t.Error(err)
	}
	if got, want := len(files(t, two.Output)), len(files(t, one.Output))+3; got != want {
		t.Errorf("with a second lock the bundle has %d files, want %d", got, want)
	}
}

// TestMergeRefusesTwoPlacesOfOneName cannot tell apart which directory a relative path means.
func TestMergeRefusesTwoPlacesOfOneName(t *testing.T) {
	t.Parallel()
	var inputs []assemble.Inputs
	for _, dir := range []string{"a", "b"} {
		spec, err := spec.Parse("t.yaml", fmt.Append(nil, "alpine: {branch: v3.20, mirrors: [./here]}"))
		if err != nil {
			t.Fatal(err)
		}
		spec.Dir = dir
		in, err := assemble.SpecInputs(spec)
		if err != nil {
			t.Fatal(err)
		}
		inputs = append(inputs, in)
	}
	if _, err := create.Merge(inputs[0], inputs[0]); err != nil {
		t.Error(err)
	}
	if _, err := create.Merge(inputs...); err == nil {
		t.Error("./here of two folders is taken for one place")
	}
}
