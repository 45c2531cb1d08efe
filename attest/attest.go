// Package attest says who made an image and what is in it, and checks what others say: signatures, bills of materials and
// provenance, attached to the image in its registry. What is signed is a sigstore bundle that cosign reads.
//
// See sigstore's bundle format 0.3, SLSA 1.0 "Provenance", and the OCI distribution-spec, "Listing Referrers".
package attest

import (
	"bytes"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/sbom"
	"github.com/pyimg/pyimg/sigstore"
)

// The annotations by which cosign finds bundles without reading them.
const (
	contentKey       = "dev.sigstore.bundle.content"
	contentEnvelope  = "dsse-envelope"
	predicateTypeKey = "dev.sigstore.bundle.predicateType"
)

// Signature returns the artifact that says "I signed this" of the image or index with the digest.
func Signature(key sigstore.PrivateKey, digest string) (push.Artifact, error) {
	return signed(key, digest, sigstore.PredicateSignature, []byte("{}"))
}

// signed returns a signed statement as an artifact.
func signed(key sigstore.PrivateKey, digest, predicateType string, predicate []byte) (push.Artifact, error) {
	s, err := sigstore.NewStatement("", digest, predicateType, predicate)
	if err != nil {
		return push.Artifact{}, err
	}
	bundle, err := key.SignStatement(s)
	if err != nil {
		return push.Artifact{}, err
	}
	return push.Artifact{Type: sigstore.MediaType, Files: []push.File{file("bundle.sigstore.json", bundle)},
		Annotations: map[string]string{contentKey: contentEnvelope, predicateTypeKey: predicateType}}, nil
}

func file(name string, content []byte) push.File {
	return push.File{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }}
}

// Image returns what is attached to the image of a lock: bills of materials in all forms to each platform, provenance to each
// platform and to the index. With a key all of it is signed, too, and so are index and platforms.
func Image(l lock.Lock, b Builder, key *sigstore.PrivateKey) (push.Attachments, error) {
	out := push.Attachments{To: make(map[v1.Hash][]push.Artifact), Required: key != nil}
	for _, p := range l.Platforms {
		var said []statement
		if len(p.Components) > 0 {
			for _, e := range sbom.Encodings() {
				data, err := e.Encode(p.Document(l.Annotations))
				if err != nil {
					return out, fmt.Errorf("writing the bill of materials of %s: %w", p.Platform, err)
				}
				said = append(said, statement{e.PredicateType, data, push.Artifact{Type: e.MediaType, Files: []push.File{file(e.File, data)}}})
			}
		}
		if err := addTo(out, key, p.Manifest, said, l, b, []lock.Platform{p}); err != nil {
			return out, err
		}
	}
	return out, addTo(out, key, l.Digest, nil, l, b, l.Platforms)
}

// A statement is something that is said of an image, and the artifact that says it without a signature.
type statement struct {
	predicateType string
	predicate     []byte
	artifact      push.Artifact
}

// addTo adds what is said of the image or index with the digest, and its provenance.
func addTo(out push.Attachments, key *sigstore.PrivateKey, digest string, said []statement, l lock.Lock, b Builder, platforms []lock.Platform) error {
	hash, err := v1.NewHash(digest)
	if err != nil {
		return err
	}
	provenance, err := b.provenance(l, platforms)
	if err != nil {
		return err
	}
	unsigned, err := sigstore.NewStatement("", digest, sigstore.PredicateProvenance, provenance)
	if err != nil {
		return err
	}
	text, err := unsigned.Encode()
	if err != nil {
		return err
	}
	said = append(said, statement{sigstore.PredicateProvenance, provenance, push.Artifact{Type: sigstore.StatementMediaType,
		Files: []push.File{file("provenance.json", text)}, Annotations: map[string]string{"in-toto.io/predicate-type": sigstore.PredicateProvenance}}})
	for _, s := range said {
		out.To[hash] = append(out.To[hash], s.artifact)
		if key != nil {
			a, err := signed(*key, digest, s.predicateType, s.predicate)
			if err != nil {
				return err
			}
			out.To[hash] = append(out.To[hash], a)
		}
	}
	if key != nil {
		a, err := Signature(*key, digest)
		if err != nil {
			return err
		}
		out.To[hash] = append(out.To[hash], a)
	}
	return nil
}
