package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/attest"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/sigstore"
)

// signedImages are images of which some must be signed. An image that a bundle brings is vouched for by the bundle.
type signedImages struct {
	input.Images
	registry push.Registry
	all      []sigstore.PublicKey            // by one of which every image must be signed; none: not asked for
	keys     map[string][]sigstore.PublicKey // of one repository, by its name
	missing  map[string]error                // what is wrong with a repository's keys; of no importance where a bundle brings its images
	named    []string                        // what the spec names, by tag or index; a lock asks by the digest of one platform's image
}

// requireSignatures has images be signed as --require-signature and the spec ask for it.
func (run *Session) requireSignatures(s spec.Spec, images input.Images) (input.Images, error) {
	all, err := run.PublicKeys("require-signature")
	if err != nil {
		return nil, err
	}
	keys, missing := make(map[string][]sigstore.PublicKey), make(map[string]error)
	for ref, files := range s.SignedImages() {
		repository := attest.Repository(ref)
		for _, file := range files {
			k, err := readImageKey(ref, file)
			if errors.Is(err, fs.ErrNotExist) && run.flags.String("bundle") != "" {
				missing[repository] = err
				continue
			}
			if err != nil {
				return nil, err
			}
			keys[repository] = append(keys[repository], k)
		}
	}
	if len(all)+len(keys)+len(missing) == 0 {
		return images, nil
	}
	return signedImages{images, run.Registry(), all, keys, missing, s.Images()}, nil
}

// readImageKey reads a key that must have signed the image of a reference.
func readImageKey(ref, file string) (sigstore.PublicKey, error) {
	text, err := regular.Read(file, maxKeyFile)
	if err != nil {
		return sigstore.PublicKey{}, exit.WrongUse(fmt.Errorf("require_signature of %s: %w", ref, err))
	}
	k, err := sigstore.ParsePublicKey(text)
	if err != nil {
		return sigstore.PublicKey{}, exit.WrongUse(fmt.Errorf("require_signature of %s: reading %q: %w", ref, file, err))
	}
	return k, nil
}

func (s signedImages) Image(ctx context.Context, ref, platform string) (v1.Image, error) {
	img, err := s.Images.Image(ctx, ref, platform)
	if err != nil {
		return nil, err
	}
	repository := attest.Repository(ref)
	if err := s.missing[repository]; err != nil {
		return nil, err
	}
	refs := []string{ref}
	for _, other := range s.named {
		if other != ref && attest.Repository(other) == repository {
			refs = append(refs, other)
		}
	}
	for _, keys := range [][]sigstore.PublicKey{s.all, s.keys[repository]} {
		if len(keys) == 0 {
			continue
		}
		if _, here := push.OnDisk(ref); here {
			return nil, exit.Usagef("%s is to be signed, and only images in a registry have signatures", ref)
		}
		digest, err := img.Digest()
		if err != nil {
			return nil, err
		}
		if err := (attest.Registry{Registry: s.registry, Repository: repository}).VerifyPart(ctx, refs, digest, keys); err != nil {
			return nil, err
		}
	}
	return img, nil
}
