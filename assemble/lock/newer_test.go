package lock_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
)

func TestNewer(t *testing.T) {
	t.Parallel()
	amd64, arm64 := spec.Platform{OS: "linux", Architecture: "amd64"}, spec.Platform{OS: "linux", Architecture: "arm64"}
	locked := func(p spec.Platform) lock.Platform {
		return lock.Platform{Platform: p, Base: &lock.Base{URL: "image:base:1", Digest: "sha256:7"},
			Packages: []lock.Package{{Name: "a", Version: "1", Checksum: "x"}, {Name: "gone", Version: "1"}, {Name: "same", Version: "3", Checksum: "s"}},
			Runtimes: []lock.Runtime{{URL: "image:python", Digest: "sha256:1"}, {URL: "https://example.com/r-1.tar.gz", Digest: "sha256:2"}},
			Wheels:   []lock.Wheel{{Name: "flask", Version: "1.0", SHA256: "f"}}}
	}
	now := locked(amd64)
	now.Packages = []lock.Package{{Name: "a", Version: "2", Checksum: "y"}, {Name: "new", Version: "1"}, {Name: "same", Version: "3", Checksum: "s"}}
	now.Runtimes = []lock.Runtime{{URL: "image:python", Digest: "sha256:3"}, {URL: "https://example.com/r-2.tar.gz", Digest: "sha256:2"}}
	now.Wheels = []lock.Wheel{{Name: "flask", Version: "1.0", SHA256: "g"}}
	now.Base = &lock.Base{URL: "image:base:1", Digest: "sha256:8"}
	nowArm := locked(arm64)
	nowArm.Packages[0] = now.Packages[0]
	both, one := []spec.Platform{amd64, arm64}, []spec.Platform{amd64}
	want := []lock.Change{
		{Kind: lock.KindBase, Name: "image:base:1", Locked: "sha256:7", Now: "sha256:8", Platforms: one},
		{Kind: lock.KindPackage, Name: "a", Locked: "1", Now: "2", Platforms: both},
		{Kind: lock.KindPackage, Name: "gone", Locked: "1", Platforms: one},
		{Kind: lock.KindPackage, Name: "new", Now: "1", Platforms: one},
		{Kind: lock.KindRuntime, Name: "https://example.com/r-2.tar.gz", Locked: "https://example.com/r-1.tar.gz", Now: "https://example.com/r-2.tar.gz", Platforms: one},
		{Kind: lock.KindRuntime, Name: "image:python", Locked: "sha256:1", Now: "sha256:3", Platforms: one},
		{Kind: lock.KindWheel, Name: "flask", Locked: "1.0", Now: "1.0", Rebuilt: true, Platforms: one},
	}
	l := lock.Lock{Platforms: []lock.Platform{locked(amd64), locked(arm64)}}
	got := l.Newer([]lock.Platform{now, nowArm, {Platform: spec.Platform{OS: "linux", Architecture: "s390x"}}})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Newer (-want +got):\n%s", diff)
	}
	if same := l.Newer([]lock.Platform{locked(amd64)}); len(same) > 0 {
		t.Errorf("Newer = %+v of the same parts, want none", same)
	}
}
