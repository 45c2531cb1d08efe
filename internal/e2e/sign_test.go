package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/pyimg/pyimg/assemble/lock"
)

// signedSpec describes the real Python image with wheels and bills of materials inside.
func (s shared) signedSpec(t testing.TB) string {
	t.Helper()
	spec := s.wheelsSpec(t)
	text, err := os.ReadFile(spec)
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, spec, string(text)+"sbom: [cyclonedx, spdx]\n")
}

// TestCosignVerifies has cosign check what pyimg signs, with no server but the registry: one that has the referrers API, and one
// that has not.
func TestCosignVerifies(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	needTools(t, "cosign", "docker-registry")
	cli := pyimg(t)
	cli.env = append(cli.env, "PYIMG_KEY_PASSWORD=secret")
	dir := t.TempDir()
	cli.must(t, "key", "generate", "--output-prefix", filepath.Join(dir, "team"))
	cli.must(t, "key", "generate", "--output-prefix", filepath.Join(dir, "other"))
	key, public := filepath.Join(dir, "team.key"), filepath.Join(dir, "team.pub")
	spec, cache := s.signedSpec(t), t.TempDir()
	cli.must(t, "lock", spec, "--cache-dir", cache)
	l, err := lock.Read(lock.FileFor(spec))
	if err != nil {
		t.Fatal(err)
	}
	modern := httptest.NewServer(registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(modern.Close)
	for name, at := range map[string]string{"with referrers": strings.TrimPrefix(modern.URL, "http://"), "docker-registry": startRegistry(t)} {
		ref := at + "/team/app:1"
		cli.must(t, "assemble", spec, "--cache-dir", cache, "--push", ref, "--sign-key", key)
		cosign := func(args ...string) string {
			return client().must(t, append(append([]string{"cosign"}, args...), "--key", public, "--insecure-ignore-tlog", "--allow-insecure-registry")...)
		}
		for _, digest := range []string{l.Digest, l.Platforms[0].Manifest, l.Platforms[1].Manifest} {
			if out := cosign("verify", at+"/team/app@"+digest); !strings.Contains(out, digest) {
				t.Errorf("%s: cosign verify of %s says %s", name, digest, out)
			}
		}
		for kind, want := range map[string]string{"cyclonedx": "pkg:pypi/jinja2@3.1.6", "spdxjson": "SPDX-2.3", "slsaprovenance1": l.Spec} {
			var envelope struct{ Payload []byte }
			out := cosign("verify-attestation", "--type", kind, at+"/team/app@"+l.Platforms[1].Manifest)
			if err := json.Unmarshal([]byte(strings.TrimSpace(out)), &envelope); err != nil || !strings.Contains(string(envelope.Payload), want) {
				t.Errorf("%s: cosign verify-attestation --type %s: %v, no %q in its statement", name, kind, err, want)
			}
			if strings.Contains(string(envelope.Payload), "cache-dir") || strings.Contains(string(envelope.Payload), cache) {
				t.Errorf("%s: the statement of --type %s names the cache of this machine", name, kind)
			}
		}
		cli.must(t, "verify", "--cache-dir", cache, "--key", public, ref)
		if r := cli.run(t, "verify", "--cache-dir", cache, "--key", filepath.Join(dir, "other.pub"), ref); r.code != 6 {
			t.Errorf("%s: verify with another key ends with %d, want 6:\n%s", name, r.code, r.stderr)
		}
	}
}

// TestBillOfMaterialsIsWhole holds the packages of apk's database against the bill of materials, on each architecture.
func TestBillOfMaterialsIsWhole(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	cli := pyimg(t)
	dir, cache := openDir(t), t.TempDir()
	spec := writeFile(t, filepath.Join(dir, "pyimg.yaml"), fmt.Sprintf("alpine: {branch: v3.20, mirrors: [%q], keys: [%q]}\n"+
		"platforms: [x86_64, aarch64, armv7, armhf, x86, ppc64le, s390x, riscv64]\npackages: [alpine-baselayout, alpine-release, busybox, ca-certificates-bundle]\nsbom: cyclonedx\n",
		s.mirror(), s.testKeys()))
	layout := layoutDir(filepath.Join(dir, "layout"))
	cli.must(t, "assemble", spec, "--cache-dir", cache, "--output", layout.output())
	again := cli.must(t, "sbom", spec, "--cache-dir", t.TempDir(), "--output", filepath.Join(dir, "again"))
	cli.must(t, "sbom", spec, "--cache-dir", cache, "--output", filepath.Join(dir, "sboms"))
	var report struct {
		Platforms []struct {
			Platform string
			Packages []string
		}
	}
	if err := json.Unmarshal([]byte(cli.must(t, "inspect", "--cache-dir", cache, "--json", "oci:"+layout.ref())), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Platforms) != 8 || len(strings.Fields(again)) != 16 {
		t.Fatalf("%d platforms, documents %q", len(report.Platforms), again)
	}
	for _, p := range report.Platforms {
		name := "sbom-" + strings.ReplaceAll(p.Platform, "/", "-") + ".cdx.json"
		data, err := os.ReadFile(filepath.Join(dir, "sboms", name))
		if err != nil {
			t.Error(err)
			continue
		}
		if other, err := os.ReadFile(filepath.Join(dir, "again", name)); err != nil || string(other) != string(data) {
			t.Errorf("%s: another cache gives other bytes (%v)", p.Platform, err)
		}
		var bom struct {
			Components []struct{ Name, Version, PURL string }
		}
		if err := json.Unmarshal(data, &bom); err != nil {
			t.Fatal(err)
		}
		listed := map[string]bool{}
		for _, c := range bom.Components {
			if strings.HasPrefix(c.PURL, "pkg:apk/") {
				listed[c.Name+"="+c.Version] = true
			}
		}
		for _, q := range p.Packages {
			if !listed[q] {
				t.Errorf("%s: %s is in apk's database and not in the bill of materials", p.Platform, q)
			}
			delete(listed, q)
		}
		for q := range listed {
			t.Errorf("%s: %s is in the bill of materials and not in apk's database", p.Platform, q)
		}
	}
}
