package push

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/pyimg/pyimg/push/oci"
)

// CheckRefs returns the faults of all references and options. It sends no request.
func (r Registry) CheckRefs(refs []string, o Options) error {
	var faults []error
	if err := r.Check(); err != nil {
		faults = append(faults, err)
	}
	if len(refs) == 0 && (o.ByDigest || len(o.MountFrom) > 0) {
		faults = append(faults, errors.New("pushing by digest or mounting blobs: no reference to push to is given"))
	}
	if len(refs) > 0 {
		_, err := r.parseTargets(refs, o)
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// A targetRef is a reference that the caller asked to push to.
type targetRef struct {
	repo   name.Repository
	tag    string // "" where the image is pushed by digest alone
	digest string // the digest that the caller expects, or ""
}

// String returns the reference as results print it, given the root's digest.
func (w targetRef) String(digest string) string {
	s := w.repo.String()
	if w.tag != "" {
		s += ":" + w.tag
	}
	return s + "@" + digest
}

// parseTargets parses all references and returns all faults. Without a tag the tag is "latest".
func (r Registry) parseTargets(refs []string, o Options) ([]targetRef, error) {
	var out []targetRef
	var faults []error
	for _, s := range refs {
		w, err := r.parseTarget(s, o.ByDigest)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	for _, s := range o.MountFrom {
		if err := r.checkMount(s, out); err != nil && len(faults) == 0 {
			faults = append(faults, err)
		}
	}
	return out, errors.Join(faults...)
}

func (r Registry) parseTarget(s string, byDigest bool) (targetRef, error) {
	ref, err := r.parse(s)
	if err != nil {
		return targetRef{}, err
	}
	w := targetRef{repo: ref.Context()}
	switch ref := ref.(type) {
	case name.Digest:
		w.digest = ref.DigestStr()
	case name.Tag:
		w.tag = ref.TagStr()
	}
	if !byDigest {
		return w, nil
	}
	if last := s[strings.LastIndexByte(s, '/')+1:]; strings.ContainsAny(last, ":@") {
		return targetRef{}, fmt.Errorf("reference %q: to push by digest, write HOST/REPOSITORY without a tag", s)
	}
	w.tag = ""
	return w, nil
}

// checkMount returns an error where a repository to mount from is in another registry than all targets.
func (r Registry) checkMount(s string, targets []targetRef) error {
	from, err := r.parseRepository(s)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(targets, func(w targetRef) bool { return w.repo.RegistryStr() == from.RegistryStr() }) {
		return fmt.Errorf("mounting from %q: a registry mounts blobs from its own repositories only, and no reference is of %s", s, from.RegistryStr())
	}
	return nil
}

func (r Registry) parseRepository(s string) (name.Repository, error) {
	repo, err := name.NewRepository(s)
	if err != nil && !strings.ContainsAny(s, ":@") {
		return name.Repository{}, fmt.Errorf("a repository to mount from is of the form HOST/REPOSITORY: %w", oci.ExplainReference(s, err))
	}
	if err != nil || strings.Contains(s, "://") {
		return name.Repository{}, errors.New("a repository to mount from is of the form HOST/REPOSITORY, without a tag") // the error does not repeat s, which may hold a password
	}
	return repo, nil
}

func (r Registry) parse(s string) (name.Reference, error) {
	if strings.Contains(s, "://") {
		return nil, errors.New("a reference is HOST/REPOSITORY:TAG, not a URL") // the error does not repeat s, which may hold a password
	}
	if host, _, _ := strings.Cut(s, "/"); strings.Contains(host, "@") && !strings.Contains(host, "@sha256:") {
		return nil, errors.New("a reference must not contain a user and a password; log in instead") // the error does not repeat s
	}
	ref, err := name.ParseReference(s)
	if err == nil && r.PlainHTTP(ref.Context().RegistryStr()) {
		ref, err = name.ParseReference(s, name.Insecure)
	}
	if err != nil {
		return nil, fmt.Errorf("reference %q is not of the form HOST/REPOSITORY:TAG: %w", s, oci.ExplainReference(s, err))
	}
	return ref, nil
}

// identifier returns the tag or the digest of a reference.
func identifier(ref name.Reference) string {
	if tag, ok := ref.(name.Tag); ok {
		return tag.TagStr()
	}
	return ref.Identifier()
}
