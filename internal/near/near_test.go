package near_test

import (
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/near"
)

func TestName(t *testing.T) {
	t.Parallel()
	known := []string{"assemble", "lock", "resolve", "inspect", "verify", "version", "push", "cache", "mirror-id", "mirror"}
	for name, want := range map[string]string{
		"assembble": "assemble", "asemble": "assemble", "assembel": "assemble", "ASSEMBLE": "assemble", "assem": "assemble",
		"lcok": "lock", "insspect": "inspect", "verfiy": "verify", "pussh": "push", "miror": "mirror", "mirror_id": "mirror-id",
		"resol": "resolve", "ver": "", "x": "", "": "", "run": "", "deploy": "", "platform": "",
		strings.Repeat("assemble", 100): "",
	} {
		if got := near.Name(name, known); got != want {
			t.Errorf("Name(%q) = %q, want %q", name, got, want)
		}
	}
	if got := near.Name("anything", nil); got != "" {
		t.Errorf("Name without names = %q", got)
	}
}

func FuzzName(f *testing.F) {
	f.Add("lcok", "lock")
	f.Fuzz(func(t *testing.T, name, known string) {
		if got := near.Name(name, []string{known}); got != "" && got != known {
			t.Errorf("Name(%q) = %q, which is not known", name, got)
		}
	})
}
