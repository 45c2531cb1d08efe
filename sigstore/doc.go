// Package sigstore makes and verifies sigstore bundles, version 0.3, with keys that the user has: what cosign 3 attaches to
// images and what "cosign verify --key" reads. A bundle holds an in-toto statement in a DSSE envelope, or the signature of a file.
//
// It speaks with no server: there is no certificate and no transparency log. It does not know images; callers compare the
// subjects of a statement with the digest that they ask about.
//
// See the protobuf definitions of sigstore_bundle.proto, the DSSE protocol and envelope (secure-systems-lab/dsse), and the
// in-toto attestation framework, statement v1.
package sigstore
