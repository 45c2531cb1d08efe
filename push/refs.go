package push

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/pyimg/pyimg/push/oci"
)

// CheckRefs reports all references that could not be pushed to with these options, before anything is done for them.
func (r Registry) CheckRefs(refs []string, o Options) error {
	var faults []error
	if err := r.Check(); err != nil {
		faults = append(faults, err)
	}
	if len(refs) == 0 && (o.ByDigest || len(o.MountFrom) > 0) {
		faults = append(faults, errors.New("pushing by digest or with blobs mounted: no reference to push to is given"))
	}
	if len(refs) > 0 {
		_, err := r.parseTargets(refs, o)
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// A wanted reference is one that a push was asked for.
type wanted struct {
	repo   name.Repository
	tag    string // "" where the image is pushed by its digest alone
	digest string // that the caller expects; "" where any will do
}

// String is the reference as results name it, given the root's digest.
func (w wanted) String(digest string) string {
	s := w.repo.String()
	if w.tag != "" {
		s += ":" + w.tag
	}
	return s + "@" + digest
}

// parseTargets reads all references and reports all faults. A tag may be left out; it is then "latest".
func (r Registry) parseTargets(refs []string, o Options) ([]wanted, error) {
	var out []wanted
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

func (r Registry) parseTarget(s string, byDigest bool) (wanted, error) {
	ref, err := r.parse(s)
	if err != nil {
		return wanted{}, err
	}
	w := wanted{repo: ref.Context()}
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
		return wanted{}, fmt.Errorf("reference %q: what is pushed by digest alone goes to HOST/REPOSITORY, without a tag", s)
	}
	w.tag = ""
	return w, nil
}

// checkMount refuses a repository to mount from that no target shares its registry with.
func (r Registry) checkMount(s string, targets []wanted) error {
	from, err := r.parseRepository(s)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(targets, func(w wanted) bool { return w.repo.RegistryStr() == from.RegistryStr() }) {
		return fmt.Errorf("mounting from %q: blobs can be mounted within one registry only, and nothing is pushed to %s", s, from.RegistryStr())
	}
	return nil
}

func (r Registry) parseRepository(s string) (name.Repository, error) {
	repo, err := name.NewRepository(s)
	if err != nil && !strings.ContainsAny(s, ":@") {
		return name.Repository{}, fmt.Errorf("a repository to mount from is of the form HOST/REPOSITORY: %w", oci.ExplainReference(s, err))
	}
	if err != nil || strings.Contains(s, "://") {
		return name.Repository{}, errors.New("a repository to mount from is of the form HOST/REPOSITORY, without a tag") // not repeated: it may hold a password
	}
	return repo, nil
}

func (r Registry) parse(s string) (name.Reference, error) {
	if strings.Contains(s, "://") {
		return nil, errors.New("a reference is HOST/REPOSITORY:TAG, not a URL") // which may hold a password
	}
	if host, _, _ := strings.Cut(s, "/"); strings.Contains(host, "@") && !strings.Contains(host, "@sha256:") {
		return nil, errors.New("a reference holds no user and password (log in instead)") // and is not repeated here
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
