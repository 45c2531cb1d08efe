package layers_test

import (
	"encoding/base64"
	"errors"
	"testing"

	"github.com/pyimg/pyimg/layers"
)

// A tar of python/bin/tool, as xz and bzip2 write it; the last has a dictionary of a gibibyte.
const (
	tarXZ    = "/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4Cf/AIBdADgeStB875Aw3E5of4xm/RsvxqEydgFZMJSrV742AfuGvgkIStWZ5+U8qq9BgpUDwK745sESiZcCqa1AQOYYKmin4wLtSokVOuGLInhQ61lJZb0usV7jj1Y+j5zC68SMQOine4bIG8vj/MGjSp3c98ZSRa4u01Kf+6Oc21GhweUAAKCz+x4B1/4nAAGcAYBQAADes3QVscRn+wIAAAAABFla"
	tarBzip2 = "QlpoOTFBWSZTWcsnv+AAALRbgMqSaAD7gCIgcmXeYAgIIACUhtSI1NGQGnqbFBptTIIqUZGmEPRMAQDNs6CnuQZEA6ckFO0T082caSMGdmUSCPly0ZY7ZkWI3ISaA5ASpSxI4sWp3ZynKifwWI8jDdBbxLqSMqvPhrWrDJpluc1oX6l15sWfj/sxRDcXckU4UJDLJ7/g"
	tarHugeX = "/Td6WFoAAATm1rRGAgAhASQAAABeH8f54Cf/AIJdADgeStB875Aw3E5of4xm/RsvxqEydgFZMJSrV742AfuGvgkIStWZ5+U8qq9BgpUEaseUTJwryJpLEx3rQrveUBeihaAZqnNktginrC1WZNjJHCKj3cKe8LDFtaf287ijBWexo3xaZ47S/qpbfKA20S/AU58Eq/att+MM8ygSBiZPtwAAAACgs/seAdf+JwABngGAUAAA1RK8WLHEZ/sCAAAAAARZWg=="
)

func unbase64(t testing.TB, text string) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// asTarball is a source that may be in a compression that no layer has.
func asTarball(raw []byte) layers.Source {
	src := source("x.tar", raw)
	src.Tarball = true
	return src
}

func TestTarballsOfOtherCompressions(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"xz": tarXZ, "bzip2": tarBzip2} {
		dir := t.TempDir()
		s, raw := openStoreIn(t, dir), unbase64(t, text)
		if b, err := s.Ingest(t.Context(), source("x.tar", raw)); err == nil {
			t.Errorf("Ingest of %s as a layer = %+v, want an error", name, b)
		}
		b, err := s.Ingest(t.Context(), asTarball(raw))
		if err != nil {
			t.Fatal(err)
		}
		again := openStoreIn(t, dir)
		faults, err := again.Faults(b.Digest)
		if err != nil || len(faults) != 1 || faults[0].Code != layers.FaultCompression {
			t.Errorf("the faults of %s are %v, %v, want its compression", name, faults, err)
		}
		made, err := again.Rewrite(t.Context(), "recipe", layers.MakeOptions{}, []string{b.Digest}, keepEach)
		if err != nil || made.MediaType != layers.MediaTypeGzip || made.DiffID == "" {
			t.Fatalf("Rewrite of %s = %+v, %v, want a layer", name, made, err)
		}
		equalLines(t, name, list(t, again, made), "python/", "python/bin/", "python/bin/tool = #!/bin/sh\nexit 0\n")
	}
}

func TestTarballsThatAreDamaged(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	var damage *layers.DamageError
	for name, text := range map[string]string{"xz": tarXZ, "bzip2": tarBzip2} {
		raw := unbase64(t, text)
		for i := range raw {
			flipped := append([]byte{}, raw...)
			flipped[i] ^= 16
			for _, bad := range [][]byte{flipped, raw[:i]} {
				if _, err := s.Ingest(t.Context(), asTarball(bad)); err != nil && !errors.As(err, &damage) {
					t.Errorf("Ingest of %s with a fault at byte %d = %v, want a DamageError", name, i, err)
				}
			}
		}
	}
	if _, err := s.Ingest(t.Context(), asTarball(unbase64(t, tarHugeX))); !errors.As(err, &damage) {
		t.Errorf("Ingest of a dictionary of a gibibyte = %v, want a DamageError", err)
	}
}

func FuzzTarball(f *testing.F) {
	for _, text := range []string{tarXZ, tarBzip2, tarHugeX} {
		f.Add(unbase64(f, text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := openStore(t)
		if b, err := s.Ingest(t.Context(), asTarball(raw)); err == nil {
			if _, err := s.Faults(b.Digest); err != nil {
				t.Errorf("Faults of what was stored: %v", err)
			}
		}
	})
}
