package e2e_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPackagesAreLayersVerbatim asks that every package of the mirror is a
// layer whose digest is the datahash that the distribution signed.
func TestPackagesAreLayersVerbatim(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	layout := layoutDir(filepath.Join(openDir(t), "layout"))
	world := append(referenceWorld(), "alpine-release")
	spec := s.spec(t, s.mainRepo(), 2, allPlatforms(), world)
	pyimg(t).must(t, "assemble", spec, "--cache-dir", t.TempDir(), "--output", layout.output())
	forPlatforms(t, allPlatforms(), func(t *testing.T, p platform) {
		args := append([]string{"resolve", "--repository", s.mainRepo(), "--keyring", s.testKeys(), "--platform", p.oci}, world...)
		packages := strings.Fields(pyimg(t).must(t, args...))
		files, err := filepath.Glob(filepath.Join(s.mainRepo(), p.alpine, "*.apk"))
		if err != nil {
			t.Fatal(err)
		}
		if len(packages) != len(files) {
			t.Errorf("the image has %d packages, the mirror %d: this test should see all of them", len(packages), len(files))
		}
		layers := layerDigests(t, layout.image(t, p))
		for _, nameVersion := range packages {
			a := readAPK(t, s.packageFile(p, nameVersion))
			if signed := "sha256:" + a.info(t, "datahash"); signed != a.dataDigest() {
				t.Errorf("%s: the mirror's own datahash is %s, its data is %s", nameVersion, signed, a.dataDigest())
			}
			if a.info(t, "size") != "0" && !slices.Contains(layers, a.dataDigest()) {
				t.Errorf("%s: no layer has its datahash %s as digest", nameVersion, a.dataDigest())
			}
		}
	})
}
