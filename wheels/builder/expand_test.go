package builder

import (
	"testing"

	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/wheel/target"
	"github.com/pyimg/pyimg/wheels/plan"
)

// TestExpand fills in what variables name of a target. It is in the package, since New resolves packages.
func TestExpand(t *testing.T) {
	t.Parallel()
	var b Builder
	for platform, machine := range map[string]string{"linux/amd64": "x86_64", "linux/arm64": "aarch64", "linux/arm/v7": "armv7l"} {
		p, err := spec.ParsePlatform(platform)
		if err != nil {
			t.Fatal(err)
		}
		made, err := target.New(platform, target.Python{Version: "3.13.5", Musl: "1.2.5", Machine: machine})
		if err != nil {
			t.Fatal(err)
		}
		b.targets = append(b.targets, buildTarget{Target: plan.Target{Platform: platform, Target: made}, platform: p})
	}
	want := map[string]string{"linux/amd64": "cc x86_64 x86_64-linux-musl x86_64 {other} $x", "linux/arm64": "cc aarch64 aarch64-linux-musl aarch64 {other} $x",
		"linux/arm/v7": "cc armv7l arm-linux-musleabihf armv7 {other} $x"}
	for n, made := range b.targets {
		if got := b.Expand(n, "cc {machine} {triplet} {alpine_arch} {other} $x"); got != want[made.Platform] {
			t.Errorf("for %s it is %q, want %q", made.Platform, got, want[made.Platform])
		}
	}
}
