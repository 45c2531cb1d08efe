package push

import "errors"

// CheckRefs reports all references that could not be pushed to, before anything is done for them.
func (r Registry) CheckRefs(refs []string) error {
	var faults []error
	for _, s := range refs {
		if _, err := r.parse(s); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}
