package sigstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/internal/exit"
)

const (
	// MediaType is the media type of a bundle, also as the type of an artifact in a registry.
	MediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"
	// olderMediaType is how the first tools wrote the same version.
	olderMediaType = "application/vnd.dev.sigstore.bundle+json;version=0.3"

	// StatementMediaType is the media type of an in-toto statement.
	StatementMediaType = "application/vnd.in-toto+json"
	statementType      = "https://in-toto.io/Statement/v1"
	olderStatementType = "https://in-toto.io/Statement/v0.1"

	// MaxBundle bounds a bundle, in bytes. The SBOM of a thousand packages has some 2 MiB.
	MaxBundle = 64 << 20
	// maxSignatures bounds the signatures of one envelope that are tried.
	maxSignatures = 16
)

// Predicate types: what a statement says of its subjects.
const (
	PredicateSignature  = "https://sigstore.dev/cosign/sign/v1" // "I signed this", and nothing more
	PredicateCycloneDX  = "https://cyclonedx.org/bom"
	PredicateSPDX       = "https://spdx.dev/Document"
	PredicateProvenance = "https://slsa.dev/provenance/v1"
)

// A Statement says something of its subjects. See in-toto's attestation framework, statement v1.
type Statement struct {
	Type          string          `json:"_type"`
	Subject       []Subject       `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

// A Subject is what a statement is about.
type Subject struct {
	Name   string            `json:"name,omitempty"`
	Digest map[string]string `json:"digest"` // hexadecimal, by algorithm
}

// NewStatement returns a statement of one subject. Digest is "sha256:" and hexadecimal; predicate is JSON.
func NewStatement(name, digest, predicateType string, predicate []byte) (Statement, error) {
	algorithm, hexadecimal, ok := strings.Cut(digest, ":")
	if !ok {
		return Statement{}, fmt.Errorf("the digest %q has no algorithm", digest)
	}
	return Statement{Type: statementType, Subject: []Subject{{name, map[string]string{algorithm: hexadecimal}}},
		PredicateType: predicateType, Predicate: predicate}, nil
}

// Is reports whether the statement is about the digest, which is "sha256:" and hexadecimal.
func (s Statement) Is(digest string) bool {
	algorithm, hexadecimal, _ := strings.Cut(digest, ":")
	for _, subject := range s.Subject {
		if hexadecimal != "" && subject.Digest[algorithm] == hexadecimal {
			return true
		}
	}
	return false
}

// Encode returns the statement as it is signed.
func (s Statement) Encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // the predicate stays as it was written
	err := e.Encode(s)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// bundle is what pyimg reads and writes of sigstore_bundle.proto, in protobuf's JSON form.
type bundle struct {
	MediaType            string            `json:"mediaType"`
	VerificationMaterial material          `json:"verificationMaterial"`
	Envelope             *envelope         `json:"dsseEnvelope,omitempty"`
	Message              *messageSignature `json:"messageSignature,omitempty"`
}

type material struct {
	PublicKey *publicKeyHint `json:"publicKey,omitempty"`
}

type publicKeyHint struct {
	Hint string `json:"hint"`
}

type envelope struct {
	Payload     []byte     `json:"payload"`
	PayloadType string     `json:"payloadType"`
	Signatures  signatures `json:"signatures"`
}

// signatures are at most maxSignatures.
type signatures []signature

// UnmarshalJSON stops at the first signature that is too many: a bundle that anybody may have attached can list millions of empty
// ones, and each takes more memory than text.
func (s *signatures) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return errors.Join(errors.New("signatures must be a list"), err)
	}
	for *s = nil; d.More(); {
		if len(*s) == maxSignatures {
			return fmt.Errorf("the envelope has more than %d signatures", maxSignatures)
		}
		var one signature
		if err := d.Decode(&one); err != nil {
			return err
		}
		*s = append(*s, one)
	}
	return nil
}

type signature struct {
	Sig []byte `json:"sig"`
}

type messageSignature struct {
	MessageDigest messageDigest `json:"messageDigest"`
	Signature     []byte        `json:"signature"`
}

type messageDigest struct {
	Algorithm string `json:"algorithm"`
	Digest    []byte `json:"digest"`
}

const sha2256 = "SHA2_256" // of sigstore_common.proto

// An Error says why a bundle proves nothing.
type Error struct{ Reason string }

func (e *Error) Error() string { return e.Reason }

// ExitCode is the exit code of a failed verification.
func (e *Error) ExitCode() exit.Code { return exit.Unverified }

func unverified(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// SignStatement returns the bundle of a signed statement.
func (k PrivateKey) SignStatement(s Statement) ([]byte, error) {
	payload, err := s.Encode()
	if err != nil {
		return nil, err
	}
	sig, err := k.sign(preAuthenticated(StatementMediaType, payload))
	if err != nil {
		return nil, fmt.Errorf("signing a statement: %w", err)
	}
	return json.Marshal(bundle{MediaType, k.material(), &envelope{payload, StatementMediaType, signatures{{sig}}}, nil})
}

// SignFile returns the bundle of a file's signature, which "cosign verify-blob --bundle" reads.
func (k PrivateKey) SignFile(content []byte) ([]byte, error) {
	sig, err := k.sign(content)
	if err != nil {
		return nil, fmt.Errorf("signing a file: %w", err)
	}
	sum := sha256.Sum256(content)
	return json.Marshal(bundle{MediaType, k.material(), nil, &messageSignature{messageDigest{sha2256, sum[:]}, sig}})
}

func (k PrivateKey) material() material { return material{&publicKeyHint{k.public.Hint()}} }

// VerifyStatement returns the statement of a bundle if the key signed it. The caller compares its subjects and predicate type with
// what it asks about. The error is an *Error.
func (k PublicKey) VerifyStatement(data []byte) (Statement, error) {
	b, err := parseBundle(data)
	if err != nil {
		return Statement{}, err
	}
	e := b.Envelope
	if e == nil {
		return Statement{}, unverified("the bundle signs a file, not a statement")
	}
	if e.PayloadType != StatementMediaType {
		return Statement{}, unverified("the envelope holds %q, expected %q", e.PayloadType, StatementMediaType)
	}
	message := preAuthenticated(e.PayloadType, e.Payload)
	for _, s := range e.Signatures {
		if k.verifies(message, s.Sig) {
			return parseStatement(e.Payload)
		}
	}
	return Statement{}, b.otherKey(k)
}

// VerifyFile returns an *Error unless the key signed the content.
func (k PublicKey) VerifyFile(data, content []byte) error {
	b, err := parseBundle(data)
	if err != nil {
		return err
	}
	if b.Message == nil {
		return unverified("the bundle signs a statement, not a file")
	}
	sum := sha256.Sum256(content)
	if d := b.Message.MessageDigest; d.Algorithm == sha2256 && !bytes.Equal(d.Digest, sum[:]) {
		return unverified("the signature is for sha256:%s, but the file is sha256:%s: one of them was changed",
			hex.EncodeToString(d.Digest), hex.EncodeToString(sum[:]))
	}
	if !k.verifies(content, b.Message.Signature) {
		return b.otherKey(k)
	}
	return nil
}

// otherKey says why a signature is not the key's, as far as the bundle's hint shows it.
func (b bundle) otherKey(k PublicKey) error {
	if m := b.VerificationMaterial.PublicKey; m != nil && m.Hint != "" && m.Hint != k.Hint() {
		return unverified("another key signed it: the bundle names the key %q, this one is %q", m.Hint, k.Hint())
	}
	return unverified("the signature is not this key's, or what it signs was changed")
}

func parseBundle(data []byte) (bundle, error) {
	var b bundle
	if len(data) > MaxBundle {
		return b, unverified("the bundle has more than %d bytes", MaxBundle)
	}
	if err := json.Unmarshal(data, &b); err != nil {
		return b, unverified("it is not a sigstore bundle that pyimg reads: %v", err)
	}
	if b.MediaType != MediaType && b.MediaType != olderMediaType {
		return b, unverified("the bundle's media type is %q, expected %q", b.MediaType, MediaType)
	}
	if (b.Envelope == nil) == (b.Message == nil) {
		return b, unverified("the bundle must have either dsseEnvelope or messageSignature")
	}
	return b, nil
}

func parseStatement(payload []byte) (Statement, error) {
	var s Statement
	if err := json.Unmarshal(payload, &s); err != nil {
		return s, unverified("what is signed is not an in-toto statement: %v", err)
	}
	if s.Type != statementType && s.Type != olderStatementType {
		return s, unverified("what is signed has the type %q, expected %q", s.Type, statementType)
	}
	if len(s.Subject) == 0 || s.PredicateType == "" {
		return s, unverified("the statement has no subject or no predicate type")
	}
	return s, nil
}

// preAuthenticated returns the bytes that DSSE signs: PAE(type, body). See the DSSE protocol.
func preAuthenticated(payloadType string, payload []byte) []byte {
	var b bytes.Buffer
	b.WriteString("DSSEv1 " + strconv.Itoa(len(payloadType)) + " " + payloadType + " " + strconv.Itoa(len(payload)) + " ")
	b.Write(payload)
	return b.Bytes()
}

// Claims reports whether a bundle names the key. That is no proof: see [PublicKey.VerifyStatement].
func Claims(data []byte, k PublicKey) bool {
	b, err := parseBundle(data)
	return err == nil && b.VerificationMaterial.PublicKey != nil && b.VerificationMaterial.PublicKey.Hint == k.Hint()
}
