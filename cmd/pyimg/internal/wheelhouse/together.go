package wheelhouse

import (
	"errors"
	"syscall"
)

// Together joins errors. One that has the system's error of an earlier one as its cause is left out: a disk that is full stops all that
// is written to it, and a person need read that once.
func Together(errs ...error) error {
	var joined error
	for _, err := range errs {
		var cause syscall.Errno
		if errors.As(err, &cause) && errors.Is(joined, cause) {
			continue
		}
		joined = errors.Join(joined, err)
	}
	return joined
}
