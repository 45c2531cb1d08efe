package attest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/imageindex"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/sbom"
	"github.com/pyimg/pyimg/sigstore"
)

// anyProvenance begins the predicate type of SLSA's provenance in any version.
const anyProvenance = "https://slsa.dev/provenance/"

// maxAttached bounds how many artifacts of one image are read. Whoever may push can attach more.
const maxAttached = 1000

// A Signed is an index or an image that a key signed, and what else the key says of it.
type Signed struct {
	Digest     string   `json:"digest"`
	Platform   string   `json:"platform,omitempty"` // "" for an index
	Statements []string `json:"statements"`         // predicate types, sorted
}

// An UnsignedError says that an image is not signed as it should be.
type UnsignedError struct {
	Ref    string
	Reason string
}

func (e *UnsignedError) Error() string {
	return fmt.Sprintf("verifying the signature of %s: %s", e.Ref, e.Reason)
}

// ExitCode is the exit code of a failed verification.
func (e *UnsignedError) ExitCode() exit.Code { return exit.Unverified }

// A Source lists and reads what is attached to an image.
type Source interface {
	// Referrers lists what is attached to the image or index with the digest.
	Referrers(ctx context.Context, digest string) ([]v1.Descriptor, error)
	// Read returns the only file of each artifact, nil for those with several or with one above most bytes.
	Read(ctx context.Context, digest string, list []v1.Descriptor, most int64) ([][]byte, error)
}

// Verify checks that one of the keys signed the image and all that its index names, and that each statement that a key signed is
// about the image that it is attached to. A plain bill of materials needs a signed one that says the same, and plain provenance a signed
// one of the same inputs. The error is an *UnsignedError or a *sigstore.Error where something is missing, forged or damaged.
func Verify(ctx context.Context, name string, index v1.ImageIndex, from Source, keys []sigstore.PublicKey) ([]Signed, error) {
	targets, err := targetsOf(index)
	if err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxSubjects)
	for i, t := range targets {
		group.Go(func() (err error) {
			targets[i], err = verifyOne(ctx, name, t, from, keys, true)
			return err
		})
	}
	return targets, group.Wait()
}

// targetsOf lists the root of an image and the images that it names.
func targetsOf(index v1.ImageIndex) ([]Signed, error) {
	root, err := oci.Root(index)
	if err != nil {
		return nil, err
	}
	targets := []Signed{{Digest: root.Digest.String()}}
	entries, err := imageindex.Entries(index)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Digest != root.Digest {
			platform := ""
			if e.Platform != nil {
				platform = e.Platform.String()
			}
			targets = append(targets, Signed{Digest: e.Digest.String(), Platform: platform})
		}
	}
	return targets, nil
}

// verifyOne checks one target. whole says that the key must also have signed the plain bills of materials and the plain provenance that
// are attached.
func verifyOne(ctx context.Context, name string, t Signed, from Source, keys []sigstore.PublicKey, whole bool) (Signed, error) {
	fail := func(format string, args ...any) (Signed, error) {
		return t, &UnsignedError{name + "@" + t.Digest, fmt.Sprintf(format, args...)}
	}
	list, err := from.Referrers(ctx, t.Digest)
	if err != nil {
		return t, err
	}
	if len(list) > maxAttached {
		return fail("more than %d artifacts are attached to it", maxAttached)
	}
	bundles := slices.DeleteFunc(slices.Clone(list), func(d v1.Descriptor) bool { return d.ArtifactType != sigstore.MediaType })
	data, err := from.Read(ctx, t.Digest, bundles, sigstore.MaxBundle)
	if err != nil {
		return t, err
	}
	said := make(map[string][]json.RawMessage) // predicates that a key signed, by type
	var others []error
	for i, b := range data {
		s, err := signedBy(keys, b)
		switch {
		case errors.Is(err, errOtherKey):
			others = append(others, err)
			continue
		case err != nil:
			return fail("%s, attached to it: %v", bundles[i].Digest, err)
		case !s.Is(t.Digest):
			return fail("%s, attached to it, is about another image: sha256:%s", bundles[i].Digest, s.Subject[0].Digest["sha256"])
		}
		said[s.PredicateType] = append(said[s.PredicateType], s.Predicate)
	}
	if len(said[sigstore.PredicateSignature]) == 0 {
		switch {
		case len(others) > 0:
			return fail("%d signatures are attached to it, all by other keys", len(others))
		case len(said) > 0:
			return fail("the key signed statements about it, but not the image itself")
		}
		return fail("no signature is attached to it; sign it with \"pyimg sign\" or \"cosign sign --key\"")
	}
	for kind := range said {
		t.Statements = append(t.Statements, kind)
	}
	slices.Sort(t.Statements)
	if err := plainAgree(ctx, name, t, from, list, said, whole); err != nil {
		return t, err
	}
	return t, statementsAgree(ctx, name, t, from, list, said, whole)
}

var errOtherKey = errors.New("another key signed it")

// signedBy returns the statement of a bundle that one of the keys signed. The error is errOtherKey if the bundle does not claim to be
// by one of them.
func signedBy(keys []sigstore.PublicKey, data []byte) (sigstore.Statement, error) {
	if data == nil {
		return sigstore.Statement{}, errOtherKey
	}
	var last error
	for _, k := range keys {
		s, err := k.VerifyStatement(data)
		if err == nil {
			return s, nil
		}
		if sigstore.Claims(data, k) {
			last = err
		}
	}
	if last == nil {
		last = errOtherKey
	}
	return sigstore.Statement{}, last
}

// plainAgree checks that the plain bills of materials that are attached say what the signed ones say. With whole, a form that is
// attached must have a signed one.
func plainAgree(ctx context.Context, name string, t Signed, from Source, list []v1.Descriptor, said map[string][]json.RawMessage, whole bool) error {
	for _, e := range sbom.Encodings() {
		signed := said[e.PredicateType]
		plain := slices.DeleteFunc(slices.Clone(list), func(d v1.Descriptor) bool { return d.ArtifactType != e.MediaType })
		switch {
		case len(signed) == 0 && whole && len(plain) > 0:
			return &UnsignedError{name + "@" + t.Digest, fmt.Sprintf("the bill of materials %s, attached to it, is not signed by the key; sign it with \"pyimg sign --lock\"", plain[0].Digest)}
		case len(signed) == 0:
			continue
		}
		data, err := from.Read(ctx, t.Digest, plain, sigstore.MaxBundle)
		if err != nil {
			return err
		}
		for i, b := range data {
			if !signedSame(signed, b) {
				return &UnsignedError{name + "@" + t.Digest, fmt.Sprintf("the bill of materials %s, attached to it, is not the one that the key signed", plain[i].Digest)}
			}
		}
	}
	return nil
}

// statementsAgree checks that the plain provenance that is attached is about the image and says what a signed one says, and so a bill of
// materials in a plain statement. Of pyimg's own provenance, flags and the builder's version may differ: "pyimg sign --lock" may be
// another pyimg than the one that pushed.
func statementsAgree(ctx context.Context, name string, t Signed, from Source, list []v1.Descriptor, said map[string][]json.RawMessage, whole bool) error {
	plain := slices.DeleteFunc(slices.Clone(list), func(d v1.Descriptor) bool { return d.ArtifactType != sigstore.StatementMediaType })
	provenance, documents := whole, whole
	for kind := range said {
		_, isDocument := encodingOf(kind)
		provenance, documents = provenance || strings.HasPrefix(kind, anyProvenance), documents || isDocument
	}
	if !provenance && !documents {
		return nil
	}
	data, err := from.Read(ctx, t.Digest, plain, sigstore.MaxBundle)
	if err != nil {
		return err
	}
	for i, b := range data {
		s, read := plainStatement(b)
		encoding, isDocument := encodingOf(s.PredicateType)
		var fault string
		switch {
		case !read:
			fault = "cannot be read as one statement: it is no JSON, has a field twice, is too deep or far too long"
		case isDocument:
			fault = documentFault(t.Digest, s, encoding, said, whole)
		case provenance && (s.PredicateType == "" || strings.HasPrefix(s.PredicateType, anyProvenance)):
			fault = provenanceFault(t.Digest, s, said)
		}
		if fault != "" {
			return &UnsignedError{name + "@" + t.Digest, fmt.Sprintf("the statement %s, attached to it, %s", plain[i].Digest, fault)}
		}
	}
	return nil
}

// maxTokens bounds the names, values and brackets of a statement that nobody signed. The provenance of a thousand packages on eight
// platforms has some 100,000; a list of empty objects takes far more memory than text.
const maxTokens = 2_000_000

// maxDepth bounds the objects and arrays that are open at once, each of which takes memory. encoding/json stops at 10,000.
const maxDepth = 1000

// plainStatement reads a statement that nobody signed. Of a field that comes twice Go takes the last one, also where it is spelled
// "Predicate", and other clients take the first one or neither: such a statement would say different things to them, and is not read.
func plainStatement(data []byte) (s sigstore.Statement, ok bool) {
	return s, fieldsDiffer(json.NewDecoder(bytes.NewReader(data))) && json.Unmarshal(data, &s) == nil
}

// fieldsDiffer reports whether no object of a JSON text has two fields of one name but for upper and lower case. It does not read on
// after a fault, after maxTokens or below maxDepth.
func fieldsDiffer(d *json.Decoder) bool {
	type object struct {
		names map[string]bool // nil for an array
		value bool            // what comes next is a field's value
	}
	var open []object
	for range maxTokens {
		t, err := d.Token()
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		if t == json.Delim('}') || t == json.Delim(']') {
			open = open[:len(open)-1]
			continue
		}
		if n := len(open); n > 0 && open[n-1].names != nil {
			in := &open[n-1]
			if name, is := t.(string); is && !in.value {
				name = strings.ToLower(strings.ToUpper(name)) // encoding/json takes the long s for an s, too
				if in.names[name] {
					return false
				}
				in.names[name], in.value = true, true
				continue
			}
			in.value = false
		}
		if t == json.Delim('{') || t == json.Delim('[') {
			if len(open) == maxDepth {
				return false
			}
		}
		switch t {
		case json.Delim('{'):
			open = append(open, object{names: make(map[string]bool)})
		case json.Delim('['):
			open = append(open, object{})
		}
	}
	return false
}

// encodingOf returns the encoding of a bill of materials that a predicate type names, with a version after it or without.
func encodingOf(predicateType string) (sbom.Encoding, bool) {
	for _, e := range sbom.Encodings() {
		if predicateType == e.PredicateType || strings.HasPrefix(predicateType, e.PredicateType+"/") {
			return e, true
		}
	}
	return sbom.Encoding{}, false
}

// documentFault says what is wrong with a bill of materials in a plain statement, attached to the image with the digest; "" if nothing is.
// Without whole, one of a kind that nobody signed passes, as it does without a statement around it.
func documentFault(digest string, s sigstore.Statement, e sbom.Encoding, said map[string][]json.RawMessage, whole bool) string {
	signed := said[s.PredicateType]
	if s.PredicateType != e.PredicateType {
		signed = slices.Concat(signed, said[e.PredicateType])
	}
	if len(signed) == 0 && !whole || s.Is(digest) && signedSame(signed, s.Predicate) {
		return ""
	}
	return "is a bill of materials that the key has not signed for this image"
}

// provenanceFault says what is wrong with provenance in a plain statement, attached to the image with the digest; "" if nothing is.
func provenanceFault(digest string, s sigstore.Statement, said map[string][]json.RawMessage) string {
	signed := said[cmp.Or(s.PredicateType, sigstore.PredicateProvenance)]
	switch {
	case len(signed) == 0:
		return "is not signed by the key; sign it with \"pyimg sign --lock\""
	case !s.Is(digest):
		return "is about another image"
	case !slices.ContainsFunc(signed, func(p json.RawMessage) bool { return sameInputs(p, s.Predicate) }):
		return "names another builder or other inputs than the one that the key signed"
	}
	return ""
}

// signedSame reports whether one of the signed predicates is the same.
func signedSame(signed []json.RawMessage, plain []byte) bool {
	return slices.ContainsFunc(signed, func(s json.RawMessage) bool { return sameJSON(s, plain) })
}

func sameJSON(a, b []byte) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

// Registry is the Source of a repository, HOST/NAME.
type Registry struct {
	Registry   push.Registry
	Repository string
}

// VerifyPart checks that one of the keys signed an image of the repository, or an index that one of refs names and that has the image:
// cosign signs an index alone where nobody asks for more.
func (r Registry) VerifyPart(ctx context.Context, refs []string, digest v1.Hash, keys []sigstore.PublicKey) error {
	_, unsigned := verifyOne(ctx, r.Repository, Signed{Digest: digest.String()}, r, keys, false)
	if unsigned == nil || !errors.As(unsigned, new(*UnsignedError)) {
		return unsigned
	}
	for _, ref := range refs {
		signed, err := r.indexVouches(ctx, ref, digest, keys)
		if err != nil {
			unsigned = errors.Join(unsigned, err)
		}
		if signed {
			return nil
		}
	}
	return unsigned
}

// indexVouches reports whether ref names an index that has the image and that one of the keys signed.
func (r Registry) indexVouches(ctx context.Context, ref string, digest v1.Hash, keys []sigstore.PublicKey) (bool, error) {
	index, err := r.Registry.Get(ctx, ref)
	if err != nil {
		return false, err
	}
	root, err := oci.Root(index)
	if err != nil || root.Digest == digest {
		return false, err
	}
	entries, err := imageindex.Entries(index)
	if err != nil || !slices.ContainsFunc(entries, func(e imageindex.Entry) bool { return e.Digest == digest }) {
		return false, err
	}
	_, err = verifyOne(ctx, r.Repository, Signed{Digest: root.Digest.String()}, r, keys, false)
	return err == nil, nil //nolint:nilerr // what the image lacks is said
}

// Referrers lists what the registry has attached.
func (r Registry) Referrers(ctx context.Context, digest string) ([]v1.Descriptor, error) {
	_, list, err := r.Registry.Referrers(ctx, r.Repository+"@"+digest, "")
	return list, err
}

// Read reads artifacts of the registry.
func (r Registry) Read(ctx context.Context, digest string, list []v1.Descriptor, most int64) ([][]byte, error) {
	if len(list) == 0 {
		return nil, nil
	}
	return r.Registry.ReadAttached(ctx, r.Repository+"@"+digest, list, most)
}

// Repository returns the repository of a reference, without tag and digest.
func Repository(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		ref = ref[:i]
	}
	return ref
}
