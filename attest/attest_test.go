package attest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/attest"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/sbom"
	"github.com/pyimg/pyimg/sigstore"
)

// locked makes a lock of two platforms without layers.
func locked(t testing.TB) lock.Lock {
	t.Helper()
	l := lock.Lock{Version: lock.Version, Spec: "sha256:" + strings.Repeat("a", 64), Files: &lock.Files{Digest: "sha256:" + strings.Repeat("b", 64)}}
	for _, arch := range []string{"amd64", "arm64"} {
		l.Platforms = append(l.Platforms, lock.Platform{Platform: spec.Platform{OS: "linux", Architecture: arch}, Created: time.Unix(1, 0).UTC(),
			Packages: []lock.Package{{Name: "musl", Version: "1", Arch: arch, URLs: []string{"/home/me/musl-1.apk", "https://example.com/musl-1.apk"},
				Checksum: "Q1PS2iNeHDH3BF6TgqSMu/pcc3XIY=", Data: "sha256:" + strings.Repeat("c", 64)}},
			Install:    []string{"musl"},
			Runtimes:   []lock.Runtime{{URL: "/home/me/python.tar.gz", Digest: "sha256:" + strings.Repeat("d", 64)}},
			Components: []sbom.Component{{Name: "musl", Version: "1", PURL: "pkg:apk/alpine/musl@1?arch=" + arch}}})
	}
	if err := l.Seal(); err != nil {
		t.Fatal(err)
	}
	return l
}

func index(t testing.TB, l lock.Lock) v1.ImageIndex {
	t.Helper()
	idx, err := l.Index(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return idx
}

func key(t testing.TB) sigstore.PrivateKey {
	t.Helper()
	k, err := sigstore.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// attached is a Source in memory: artifacts by the digest of their subject.
type attached map[string][]artifact

type artifact struct {
	kind string
	data []byte
}

func (a attached) Referrers(_ context.Context, digest string) ([]v1.Descriptor, error) {
	var list []v1.Descriptor
	for _, x := range a[digest] {
		h, _, err := v1.SHA256(bytes.NewReader(x.data))
		if err != nil {
			return nil, err
		}
		list = append(list, v1.Descriptor{ArtifactType: x.kind, Digest: h})
	}
	return list, nil
}

func (a attached) Read(_ context.Context, digest string, list []v1.Descriptor, _ int64) ([][]byte, error) {
	var out [][]byte
	for _, d := range list {
		for _, x := range a[digest] {
			if h, _, _ := v1.SHA256(bytes.NewReader(x.data)); h == d.Digest {
				out = append(out, x.data)
				break
			}
		}
	}
	return out, nil
}

// of holds what a push would attach.
func of(t testing.TB, all push.Attachments) attached {
	t.Helper()
	out := attached{}
	for digest, artifacts := range all.To {
		for _, a := range artifacts {
			out[digest.String()] = append(out[digest.String()], artifact{a.Type, content(t, a)})
		}
	}
	return out
}

func content(t testing.TB, a push.Artifact) []byte {
	t.Helper()
	rc, err := a.Files[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(rc)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestVerify(t *testing.T) {
	t.Parallel()
	l, k := locked(t), key(t)
	all, err := attest.Image(l, attest.Builder{Version: "v1"}, &k)
	if err != nil {
		t.Fatal(err)
	}
	got, err := attest.Verify(t.Context(), "example.com/app", index(t, l), of(t, all), []sigstore.PublicKey{k.Public()})
	if err != nil || len(got) != 3 {
		t.Fatalf("Verify = %+v, %v", got, err)
	}
	want := []string{sigstore.PredicateCycloneDX, sigstore.PredicateSignature, sigstore.PredicateProvenance, sigstore.PredicateSPDX}
	if !slices.Equal(got[1].Statements, want) || got[0].Digest != l.Digest || len(got[0].Statements) != 2 {
		t.Errorf("Verify = %+v, want %q for each platform", got, want)
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	l, k, other := locked(t), key(t), key(t)
	platform := l.Platforms[0].Manifest
	is := func(kind string) func(artifact) bool {
		return func(a artifact) bool {
			return a.kind == sigstore.MediaType && bytes.Contains(payload(a.data), []byte(kind))
		}
	}
	for name, c := range map[string]struct {
		change func(attached)
		want   string
	}{
		"nothing attached":    {func(a attached) { delete(a, platform) }, "no signature is attached"},
		"index without":       {func(a attached) { delete(a, l.Digest) }, "no signature is attached"},
		"no signature":        {func(a attached) { a[platform] = slices.DeleteFunc(a[platform], is(sigstore.PredicateSignature)) }, "but not the image itself"},
		"of another platform": {func(a attached) { a[platform] = a[l.Platforms[1].Manifest] }, "is about another image"},
		"one of another":      {func(a attached) { a[platform] = append(a[platform], a[l.Digest][1]) }, "is about another image"},
		"a changed byte":      {func(a attached) { a[platform][1].data = flip(a[platform][1].data) }, "was changed"},
		"too many":            {func(a attached) { a[platform] = append(a[platform], make([]artifact, 1001)...) }, "more than 1000"},
		"another plain SBOM": {func(a attached) {
			a[platform] = append(a[platform], plain(a[l.Platforms[1].Manifest], "application/spdx+json"))
		}, "not the one that the key signed"},
		"plain provenance of another image": {func(a attached) {
			a[platform] = append(a[platform], plain(a[l.Platforms[1].Manifest], sigstore.StatementMediaType))
		}, "is about another image"},
		"plain provenance of other inputs": {func(a attached) {
			forged := plain(a[platform], sigstore.StatementMediaType)
			forged.data = bytes.ReplaceAll(forged.data, []byte("dddd"), []byte("eeee"))
			a[platform] = append(a[platform], forged)
		}, "other inputs"},
		"plain provenance of another builder": {func(a attached) {
			forged := plain(a[platform], sigstore.StatementMediaType)
			forged.data = bytes.ReplaceAll(forged.data, []byte(`"builder":{"id":"https://github.com/`), []byte(`"builder":{"id":"https://example.com/`))
			a[platform] = append(a[platform], forged)
		}, "names another builder"},
		"plain provenance with flags of another form": {func(a attached) {
			forged := plain(a[platform], sigstore.StatementMediaType)
			forged.data = bytes.ReplaceAll(forged.data, []byte(`"externalParameters":{`), []byte(`"externalParameters":{"flags":[{}],`))
			a[platform] = append(a[platform], forged)
		}, "other inputs"},
		"plain provenance that says more": {func(a attached) {
			forged := plain(a[platform], sigstore.StatementMediaType)
			forged.data = bytes.ReplaceAll(forged.data, []byte(`"runDetails":{`), []byte(`"runDetails":{"byproducts":[],`))
			a[platform] = append(a[platform], forged)
		}, "names another builder"},
		"plain provenance that says it twice": {func(a attached) {
			forged := plain(a[platform], sigstore.StatementMediaType)
			forged.data = bytes.ReplaceAll(forged.data, []byte(`"builder":{`), []byte(`"builder":{"id":"x"},"builder":{`))
			a[platform] = append(a[platform], forged)
		}, "cannot be read as one statement"},
		"plain provenance with a field in two cases": {func(a attached) {
			forged := plain(a[platform], sigstore.StatementMediaType)
			forged.data = bytes.ReplaceAll(forged.data, []byte(`"predicate":{`), []byte(`"predicate":{},"Predicate":{`))
			a[platform] = append(a[platform], forged)
		}, "cannot be read as one statement"},
		"plain provenance with two predicates": {func(a attached) {
			forged := plain(a[platform], sigstore.StatementMediaType)
			forged.data = bytes.ReplaceAll(forged.data, []byte(`"predicate":{`), []byte(`"predicate":{"x":[1,{"y":"z"}]},"predicate":{`))
			a[platform] = append(a[platform], forged)
		}, "cannot be read as one statement"},
		"plain provenance with two subjects": {func(a attached) {
			forged := plain(a[platform], sigstore.StatementMediaType)
			forged.data = bytes.ReplaceAll(forged.data, []byte(`"subject":`), []byte(`"subject":[],"subject":`))
			a[platform] = append(a[platform], forged)
		}, "cannot be read as one statement"},
		"plain provenance with a long s": {func(a attached) {
			forged := plain(a[platform], sigstore.StatementMediaType)
			forged.data = bytes.ReplaceAll(forged.data, []byte(`"subject":`), []byte(`"ſubject":[],"subject":`))
			a[platform] = append(a[platform], forged)
		}, "cannot be read as one statement"},
		"plain provenance with two types": {func(a attached) {
			forged := plain(a[platform], sigstore.StatementMediaType)
			forged.data = append(bytes.TrimSuffix(bytes.TrimSpace(forged.data), []byte("}")), `,"predicateType":"https://example.com/scan"}`...)
			a[platform] = append(a[platform], forged)
		}, "cannot be read as one statement"},
		"plain provenance of an older form": {func(a attached) {
			forged := plain(a[platform], sigstore.StatementMediaType)
			forged.data = bytes.ReplaceAll(forged.data, []byte(`slsa.dev/provenance/v1`), []byte(`slsa.dev/provenance/v0.2`))
			a[platform] = append(a[platform], forged)
		}, "is not signed by the key"},
		"plain provenance that is no JSON": {func(a attached) {
			a[platform] = append(a[platform], artifact{sigstore.StatementMediaType, []byte("x")})
		}, "cannot be read as one statement"},
		"plain provenance that is long": {func(a attached) {
			forged := plain(a[platform], sigstore.StatementMediaType)
			forged.data = bytes.ReplaceAll(forged.data, []byte(`"subject":[`), append([]byte(`"subject":[`), bytes.Repeat([]byte("{},"), 1_000_000)...))
			a[platform] = append(a[platform], forged)
		}, "far too long"},
		"a plain statement that is deep": {func(a attached) {
			a[platform] = append(a[platform], artifact{sigstore.StatementMediaType, []byte(strings.Repeat(`{"":`, 100_000))})
		}, "is too deep"},
		"a plain statement with another SBOM": {func(a attached) {
			forged := plain(a[platform], sigstore.StatementMediaType)
			forged.data = bytes.ReplaceAll(forged.data, []byte(sigstore.PredicateProvenance), []byte(sigstore.PredicateSPDX+"/v2.3"))
			a[platform] = append(a[platform], forged)
		}, "a bill of materials that the key has not signed"},
		"provenance that nobody signed": {func(a attached) {
			a[l.Digest] = slices.DeleteFunc(a[l.Digest], is(sigstore.PredicateProvenance))
		}, "is not signed by the key"},
		"signed by another":   {func(a attached) { clear(a); fill(t, a, l, &other) }, "all by other keys"},
		"signed by nobody":    {func(a attached) { clear(a); fill(t, a, l, nil) }, "no signature is attached"},
		"no sigstore bundles": {func(a attached) { a[platform] = []artifact{{sigstore.MediaType, []byte("{}")}} }, "all by other keys"},
	} {
		all := attached{}
		fill(t, all, l, &k)
		c.change(all)
		got, err := attest.Verify(t.Context(), "example.com/app", index(t, l), all, []sigstore.PublicKey{k.Public()})
		if err == nil || !strings.Contains(err.Error(), c.want) || exit.Of(err) != exit.Unverified {
			t.Errorf("%s: Verify = %+v, %v, want an error with %q and code 6", name, got, err, c.want)
		}
	}
}

// TestVerifyTakesLaterProvenance: who signs later may be another pyimg, which was called with other flags; and others attach statements of
// their own.
func TestVerifyTakesLaterProvenance(t *testing.T) {
	t.Parallel()
	l, k := locked(t), key(t)
	all := attached{}
	fill(t, all, l, &k)
	pushed, err := attest.Image(l, attest.Builder{Version: "v0", Flags: []string{"platform"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for digest, artifacts := range of(t, pushed) {
		all[digest] = append(all[digest], artifacts...)
		var anew map[string]any // in another order of fields
		if err := json.Unmarshal(plain(artifacts, sigstore.StatementMediaType).data, &anew); err != nil {
			t.Fatal(err)
		}
		text, err := json.MarshalIndent(anew, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		all[digest] = append(all[digest], artifact{sigstore.StatementMediaType, text})
		all[digest] = append(all[digest], artifact{sigstore.StatementMediaType, []byte(`{"predicateType":"https://example.com/scan"}`)})
		if digest == l.Digest {
			continue
		}
		same, err := sigstore.NewStatement("", digest, sigstore.PredicateSPDX, plain(artifacts, "application/spdx+json").data)
		if err != nil {
			t.Fatal(err)
		}
		if text, err = same.Encode(); err != nil {
			t.Fatal(err)
		}
		all[digest] = append(all[digest], artifact{sigstore.StatementMediaType, text})
	}
	if _, err := attest.Verify(t.Context(), "example.com/app", index(t, l), all, []sigstore.PublicKey{k.Public()}); err != nil {
		t.Error(err)
	}
}

func fill(t testing.TB, a attached, l lock.Lock, k *sigstore.PrivateKey) {
	t.Helper()
	all, err := attest.Image(l, attest.Builder{}, k)
	if err != nil {
		t.Fatal(err)
	}
	for digest, artifacts := range of(t, all) {
		a[digest] = artifacts
	}
}

func payload(data []byte) []byte {
	var b struct{ DSSEEnvelope struct{ Payload []byte } }
	if json.Unmarshal(data, &b) != nil {
		return nil
	}
	return b.DSSEEnvelope.Payload
}

func flip(data []byte) []byte {
	data = bytes.Clone(data)
	i := bytes.Index(data, []byte(`"payload":"`)) + 200
	if data[i]++; data[i] == '"' || data[i] == '\\' {
		data[i] = 'A'
	}
	return data
}

func plain(of []artifact, kind string) artifact {
	for _, a := range of {
		if a.kind == kind {
			return a
		}
	}
	return artifact{}
}

// TestProvenance: it names inputs by digest, and nothing of the machine.
func TestProvenance(t *testing.T) {
	t.Parallel()
	l := locked(t)
	all, err := attest.Image(l, attest.Builder{Version: "v1.2.3", Flags: []string{"platform", "bytecode"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var text []byte
	for _, a := range of(t, all)[l.Digest] {
		if a.kind == sigstore.StatementMediaType {
			text = a.data
		}
	}
	for _, want := range []string{`"predicateType":"https://slsa.dev/provenance/v1"`, `"spec":"` + l.Spec, `"flags":["bytecode","platform"]`, `"pyimg":"v1.2.3"`,
		`"uri":"https://example.com/musl-1.apk"`, `"apk-control-sha1":"3d2da235`, `"name":"python.tar.gz"`, strings.Repeat("d", 64), strings.TrimPrefix(l.Digest, "sha256:")} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if bytes.Contains(text, []byte("/home/me")) {
		t.Errorf("it names a folder of the machine: %s", text)
	}
}

// TestProvenanceHidesSecrets: a lock may come from anywhere, and what a push attaches is public.
func TestProvenanceHidesSecrets(t *testing.T) {
	t.Parallel()
	l := locked(t)
	secret := "https://user:hidden@example.com/a.whl?signature=hidden"
	for i := range l.Platforms {
		p := &l.Platforms[i]
		p.Packages[0].URLs[1], p.Runtimes[0].URL = secret, secret
		p.Wheels = []lock.Wheel{{Name: "a", Version: "1", File: "a.whl", URL: secret}, {Name: "b", Version: "1", File: "b.whl", URL: "/hidden/b.whl"}}
		p.Runtimes = append(p.Runtimes, lock.Runtime{URL: "image:oci:/hidden/shown", Digest: "sha256:" + strings.Repeat("e", 64)})
		p.Base = &lock.Base{URL: "image:oci:hidden/shown:tag", Digest: "sha256:" + strings.Repeat("f", 64)}
	}
	all, err := attest.Image(l, attest.Builder{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, artifacts := range all.To {
		for _, a := range artifacts {
			if text := content(t, a); bytes.Contains(text, []byte("hidden")) {
				t.Errorf("an artifact of type %s has a secret or a local path: %s", a.Type, text)
			} else if a.Type == sigstore.StatementMediaType && (!bytes.Contains(text, []byte(`"name":"shown"`)) || !bytes.Contains(text, []byte(`"name":"shown:tag"`))) {
				t.Errorf("the provenance does not name the layouts: %s", text)
			}
		}
	}
}

// TestVerifyPart: a signed index vouches for its images, also where a lock asks for one of them by its digest.
func TestVerifyPart(t *testing.T) {
	t.Parallel()
	url, err := fixture.NewRegistry().Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l, k, registry := locked(t), key(t), push.Registry{}
	repository := strings.TrimPrefix(url, "http://") + "/app"
	if _, err := registry.Push(t.Context(), index(t, l), []string{repository + ":1"}, push.Options{}); err != nil {
		t.Fatal(err)
	}
	signature, err := attest.Signature(k, l.Digest)
	if err != nil {
		t.Fatal(err)
	}
	part, err := v1.NewHash(l.Platforms[0].Manifest)
	if err != nil {
		t.Fatal(err)
	}
	from, keys := attest.Registry{Registry: registry, Repository: repository}, []sigstore.PublicKey{k.Public()}
	byDigest := repository + "@" + part.String()
	verify := func(refs ...string) error { return from.VerifyPart(t.Context(), refs, part, keys) }
	if err := verify(byDigest, repository+":1"); exit.Of(err) != exit.Unverified {
		t.Errorf("of an unsigned index: VerifyPart = %v, want an error with code 6", err)
	}
	if _, err := registry.Attach(t.Context(), repository+":1", signature, push.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := verify(byDigest, repository+":1"); err != nil {
		t.Errorf("by digest, and the tag of a signed index: VerifyPart = %v", err)
	}
	if err := verify(byDigest); exit.Of(err) != exit.Unverified {
		t.Errorf("by digest alone: VerifyPart = %v, want an error with code 6", err)
	}
}

// TestSignAgain: what the key has signed stays, and a bill of materials that has changed since is signed, too.
func TestSignAgain(t *testing.T) {
	t.Parallel()
	registry := fixture.NewRegistry()
	at, err := registry.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l, k, ref := locked(t), key(t), strings.TrimPrefix(at, "http://")+"/team/app:1"
	idx := index(t, l)
	if _, err := (push.Registry{}).Push(t.Context(), idx, []string{ref}, push.Options{}); err != nil {
		t.Fatal(err)
	}
	sign := func() int {
		also, err := attest.Image(l, attest.Builder{Version: "v1"}, &k)
		if err != nil {
			t.Fatal(err)
		}
		done, err := attest.Sign(t.Context(), push.Registry{}, ref, idx, k, also, push.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return len(done)
	}
	first, again := sign(), sign()
	l.Platforms[0].Components[0].License = "MIT" // as another version of pyimg might find it
	if other := sign(); first != 17 || again != 0 || other != 4 {
		t.Errorf("%d artifacts at first, %d when nothing has changed, %d with another licence; want 17, 0 and 4", first, again, other)
	}
	from := attest.Registry{Registry: push.Registry{}, Repository: attest.Repository(ref)}
	if _, err := attest.Verify(t.Context(), ref, idx, from, []sigstore.PublicKey{k.Public()}); err != nil {
		t.Error(err)
	}
}
